// SPDX-License-Identifier: GPL-2.0-or-later
/* output.c - tells the guest what its screens should look like, and when that changes. */
#include <string.h>

#include "device/virtio_gpu/virtio_gpu.h"

static void wanted(void *owner, unsigned int output, const struct facet_output *state);

void facet_gpu_output_init(struct gpu *gpu)
{
	struct facet_display_listener listener = { .wanted = wanted, .owner = gpu };

	facet_list_init(&gpu->queries);
	gpu->output_count = facet_display_output_count(gpu->display);
	for (unsigned int i = 0; i < gpu->output_count; i++)
		gpu->outputs[i].wanted = *facet_display_output(gpu->display, i);
	facet_display_listen(gpu->display, &listener);
}

void facet_gpu_output_fini(struct gpu *gpu)
{
	facet_display_listen(gpu->display, NULL);
}

static struct gpu_command *query_of(struct facet_list *link)
{
	return facet_container_of(link, struct gpu_command, query_link);
}

void facet_gpu_output_reset(struct gpu *gpu)
{
	struct facet_list *link;

	while ((link = facet_list_pop(&gpu->queries)))
		facet_gpu_command_drop(query_of(link));
	gpu->query_count = 0;
}

static uint32_t fill_display_info(struct gpu_command *cmd)
{
	struct gpu *gpu = cmd->gpu;
	struct wire_gpu_display_one *modes = facet_gpu_command_payload(
		cmd, sizeof(struct wire_gpu_resp_display_info) - sizeof(struct wire_gpu_ctrl_hdr));

	if (!modes)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	for (unsigned int i = 0; i < gpu->output_count; i++) {
		const struct facet_output *out = &gpu->outputs[i].wanted;

		modes[i].r.x = le32_of(out->x);
		modes[i].r.y = le32_of(out->y);
		modes[i].r.width = le32_of(out->width);
		modes[i].r.height = le32_of(out->height);
		modes[i].enabled = le32_of(out->connected && out->width && out->height);
	}
	return WIRE_GPU_RESP_OK_DISPLAY_INFO;
}

static uint32_t fill_edid(struct gpu_command *cmd)
{
	size_t head = offsetof(struct wire_gpu_resp_edid, edid) - sizeof(struct wire_gpu_ctrl_hdr);
	unsigned int output = le32_get(cmd->request.get_edid.scanout);
	const struct facet_output *out = &cmd->gpu->outputs[output].wanted;
	uint8_t *payload = facet_gpu_command_payload(cmd, head + WIRE_GPU_MAX_EDID);
	size_t size = out->edid_size;
	le32 le_size;

	if (!payload)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (size && size <= WIRE_GPU_MAX_EDID)
		memcpy(payload + head, out->edid, size);
	else
		size = facet_gpu_edid(payload + head, output, out->width, out->height);
	le_size = le32_of((uint32_t)size);
	memcpy(payload, &le_size, sizeof(le_size));
	return WIRE_GPU_RESP_OK_EDID;
}

static void answer_query(struct gpu_command *cmd)
{
	if (le32_get(cmd->request.hdr.type) == WIRE_GPU_CMD_GET_EDID)
		facet_gpu_command_finish(cmd, fill_edid(cmd));
	else
		facet_gpu_command_finish(cmd, fill_display_info(cmd));
}

/* The display has answered for @output. True: the guest hears its size by that. */
static bool answer_queries(struct gpu *gpu, unsigned int output)
{
	struct facet_list *link, *next, ready;
	bool told = false;

	facet_list_init(&ready);
	facet_list_for_each_safe(link, next, &gpu->queries)
	{
		struct gpu_command *cmd = query_of(link);

		if (!(cmd->waits_for & 1U << output))
			continue;
		told |= le32_get(cmd->request.hdr.type) == WIRE_GPU_CMD_GET_DISPLAY_INFO;
		cmd->waits_for &= ~(1U << output);
		if (cmd->waits_for)
			continue;
		facet_list_remove(link);
		facet_list_append(&ready, link);
		gpu->query_count--;
	}
	while ((link = facet_list_pop(&ready)))
		answer_query(query_of(link));
	return told;
}

static bool same(const struct facet_output *a, const struct facet_output *b)
{
	return a->connected == b->connected && a->x == b->x && a->y == b->y &&
	       a->width == b->width && a->height == b->height && a->edid_size == b->edid_size &&
	       !memcmp(a->edid, b->edid, sizeof(a->edid));
}

/* Thread: loop. Also called from inside facet_display_query(). */
static void wanted(void *owner, unsigned int output, const struct facet_output *state)
{
	struct gpu *gpu = owner;
	struct gpu_output *out = &gpu->outputs[output];
	bool changed = !same(&out->wanted, state);

	out->wanted = *state;
	out->asked = false;
	if (answer_queries(gpu, output) || !changed)
		return;
	gpu->events |= WIRE_GPU_EVENT_DISPLAY;
	gpu->port->config_changed(gpu->port);
}

/* The command waits until the display has answered for the outputs of @mask. */
static uint32_t query(struct gpu_command *cmd, uint32_t mask)
{
	struct gpu *gpu = cmd->gpu;

	if (gpu->query_count >= GPU_MAX_QUERIES) {
		answer_query(cmd); /* from memory */
		return GPU_LATER;
	}
	cmd->waits_for = mask;
	facet_list_append(&gpu->queries, &cmd->query_link);
	gpu->query_count++;
	/* The last answer ends the command, perhaps in here. */
	for (unsigned int i = 0; i < gpu->output_count; i++) {
		if (!(mask & 1U << i) || gpu->outputs[i].asked)
			continue;
		gpu->outputs[i].asked = true;
		facet_display_query(gpu->display, i);
	}
	return GPU_LATER;
}

uint32_t facet_gpu_get_display_info(struct gpu_command *cmd)
{
	return query(cmd, (1U << cmd->gpu->output_count) - 1);
}

uint32_t facet_gpu_get_edid(struct gpu_command *cmd)
{
	uint32_t output = le32_get(cmd->request.get_edid.scanout);

	if (output >= cmd->gpu->output_count)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	return query(cmd, 1U << output);
}
