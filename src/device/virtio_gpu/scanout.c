// SPDX-License-Identifier: GPL-2.0-or-later
/* scanout.c - which resource each output shows, and when its picture is complete. */
#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

void facet_gpu_scanout_forget(struct gpu *gpu, unsigned int output)
{
	facet_sched_uncharge(gpu->sched, gpu->outputs[output].bytes);
	gpu->outputs[output].bytes = 0;
	gpu->outputs[output].resource_id = 0;
	facet_gpu_keep_scanout(gpu, output, 0, &(struct facet_rect){ 0 });
}

uint32_t facet_gpu_turn_off(struct gpu_command *cmd, unsigned int output)
{
	struct gpu *gpu = cmd->gpu;
	uint32_t error;

	cmd->job.scanout.output = output;
	error = facet_gpu_command_submit(cmd, FACET_JOB_SET_SCANOUT);
	if (!error)
		facet_gpu_scanout_forget(gpu, output);
	return error;
}

/*
 * Whoever watches keeps a copy of the picture; one resource on every output would cost sixteen of
 * them, so the guest pays for each.
 */
uint32_t facet_gpu_show(struct gpu_command *cmd, unsigned int output, const struct facet_rect *rect)
{
	struct gpu *gpu = cmd->gpu;
	uint32_t id = cmd->job.resource_id;
	uint64_t bytes = (uint64_t)rect->width * rect->height * 4;
	uint64_t before = gpu->outputs[output].bytes;
	uint32_t error;

	if (bytes > before && facet_sched_charge(gpu->sched, bytes - before))
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	cmd->job.scanout.output = output;
	cmd->job.scanout.rect = *rect;
	error = facet_gpu_command_submit(cmd, FACET_JOB_SET_SCANOUT);
	if (error) {
		if (bytes > before)
			facet_sched_uncharge(gpu->sched, bytes - before);
		return error;
	}
	if (bytes < before)
		facet_sched_uncharge(gpu->sched, before - bytes);
	gpu->outputs[output].bytes = bytes;
	gpu->outputs[output].resource_id = id;
	facet_gpu_keep_scanout(gpu, output, id, rect);
	return GPU_LATER;
}

/* Can it be seen: flat, and one sample a pixel? */
static bool is_picture(const struct gpu_resource *res)
{
	return !res->blob_size && res->nr_samples <= 1 &&
	       (res->target == WIRE_GPU_TARGET_2D || res->target == WIRE_GPU_TARGET_RECT);
}

struct facet_rect facet_gpu_rect_get(const struct wire_gpu_rect *r)
{
	return (struct facet_rect){
		.x = le32_get(r->x),
		.y = le32_get(r->y),
		.width = le32_get(r->width),
		.height = le32_get(r->height),
	};
}

static bool rect_inside(const struct facet_rect *rect, const struct gpu_resource *res)
{
	return facet_inside(rect->x, rect->width, res->width) &&
	       facet_inside(rect->y, rect->height, res->height);
}

uint32_t facet_gpu_set_scanout(struct gpu_command *cmd)
{
	const struct wire_gpu_set_scanout *req = &cmd->request.set_scanout;
	uint32_t output = le32_get(req->scanout_id), id = le32_get(req->resource_id);
	struct facet_rect rect = facet_gpu_rect_get(&req->r);
	struct gpu_resource *res;

	if (output >= cmd->gpu->output_count)
		return WIRE_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (!id)
		return facet_gpu_turn_off(cmd, output);
	res = facet_gpu_resource_find(cmd->gpu, id);
	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!is_picture(res) || !rect.width || !rect.height || !rect_inside(&rect, res))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.resource_id = id;
	return facet_gpu_show(cmd, output, &rect);
}

uint32_t facet_gpu_flush(struct gpu_command *cmd)
{
	const struct wire_gpu_resource_flush *req = &cmd->request.flush;
	struct gpu_resource *res = facet_gpu_resource_find(cmd->gpu, le32_get(req->resource_id));

	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	cmd->job.flush = facet_gpu_rect_get(&req->r);
	/* A blob has no size but where it is shown. */
	if (!res->blob_size && !rect_inside(&cmd->job.flush, res))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!cmd->job.flush.width || !cmd->job.flush.height)
		return facet_gpu_command_submit(cmd, FACET_JOB_FENCE);
	cmd->job.resource_id = res->object.id;
	return facet_gpu_command_submit(cmd, FACET_JOB_FLUSH);
}
