// SPDX-License-Identifier: GPL-2.0-or-later
/* keep.c - plain pictures outlive the process: they are the guest's own memory, but for a few
 * words.
 *
 * A 2D resource is what Linux' console and every desktop without OpenGL shows, for as long as they
 * run. All that is in it came from its backing, so it can be made again from where that lies.
 */
#include <stdlib.h>
#include <string.h>

#include "device/virtio_gpu/virtio_gpu.h"

enum {
	VERSION = 1,
	SLOTS = 32,     /* two buffers and a cursor for each of ten outputs */
	ENTRIES = 8192, /* 4096 x 2048 pixels in scattered pages of 4 KiB */
};

struct kept_2d {
	uint32_t used;
	uint32_t entry_count; /* of its backing; 0: none */
	struct wire_gpu_resource_create_2d create;
	struct wire_gpu_mem_entry entries[ENTRIES];
};

/* Shared memory; a successor believes it as little as a guest. Most of it is never touched. */
struct gpu_keep {
	uint32_t version;
	struct wire_gpu_set_scanout scanouts[FACET_MAX_OUTPUTS];
	struct kept_2d slots[SLOTS];
};

size_t facet_gpu_keep_size(void)
{
	return sizeof(struct gpu_keep);
}

static struct gpu_keep *keep_of(const struct gpu *gpu)
{
	return gpu->port->keep;
}

static struct kept_2d *find(const struct gpu *gpu, uint32_t id)
{
	struct gpu_keep *keep = keep_of(gpu);

	for (unsigned int i = 0; keep && i < SLOTS; i++) {
		if (keep->slots[i].used && le32_get(keep->slots[i].create.resource_id) == id)
			return &keep->slots[i];
	}
	return NULL;
}

static struct kept_2d *find_room(const struct gpu *gpu)
{
	struct gpu_keep *keep = keep_of(gpu);

	for (unsigned int i = 0; keep && i < SLOTS; i++) {
		if (!keep->slots[i].used)
			return &keep->slots[i];
	}
	return NULL;
}

/* A death in between must not leave a half of it. */
static void set_used(struct kept_2d *slot, bool used)
{
	__atomic_store_n(&slot->used, used, __ATOMIC_SEQ_CST);
}

void facet_gpu_keep_create(const struct gpu_command *cmd)
{
	const struct wire_gpu_resource_create_2d *req = &cmd->request.create_2d;
	struct kept_2d *slot = find(cmd->gpu, le32_get(req->resource_id));

	if (!slot)
		slot = find_room(cmd->gpu);
	if (!slot)
		return;
	set_used(slot, false);
	slot->entry_count = 0;
	slot->create = *req;
	keep_of(cmd->gpu)->version = VERSION;
	set_used(slot, true);
}

void facet_gpu_keep_attach(const struct gpu_command *cmd, uint32_t count)
{
	struct kept_2d *slot = find(cmd->gpu, le32_get(cmd->request.attach_backing.resource_id));

	if (slot && count <= ENTRIES && facet_gpu_backing_entries(cmd, 0, slot->entries, count))
		__atomic_store_n(&slot->entry_count, count, __ATOMIC_SEQ_CST);
}

void facet_gpu_keep_detach(struct gpu *gpu, uint32_t id)
{
	struct kept_2d *slot = find(gpu, id);

	if (slot)
		__atomic_store_n(&slot->entry_count, 0, __ATOMIC_SEQ_CST);
}

void facet_gpu_keep_remove(struct gpu *gpu, uint32_t id)
{
	struct kept_2d *slot = find(gpu, id);

	if (slot)
		set_used(slot, false);
}

void facet_gpu_keep_scanout(struct gpu *gpu, unsigned int output, uint32_t id,
			    const struct facet_rect *rect)
{
	if (!keep_of(gpu))
		return;
	keep_of(gpu)->scanouts[output] = (struct wire_gpu_set_scanout){
		.r = { le32_of(rect->x), le32_of(rect->y), le32_of(rect->width),
		       le32_of(rect->height) },
		.scanout_id = le32_of(output),
		.resource_id = le32_of(id),
	};
}

void facet_gpu_keep_clear(struct gpu *gpu)
{
	struct gpu_keep *keep = keep_of(gpu);

	if (!keep || !keep->version)
		return;
	for (unsigned int i = 0; i < SLOTS; i++)
		set_used(&keep->slots[i], false);
	memset(keep->scanouts, 0, sizeof(keep->scanouts));
	keep->version = 0;
}

/* --- a successor --- */

/* As if the guest had sent it, but nobody is answered. */
static void execute(struct gpu *gpu, uint32_t type, const void *request, size_t size,
		    const struct wire_gpu_mem_entry *entries)
{
	struct gpu_command *cmd = facet_gpu_command_own(gpu);

	if (!cmd)
		return;
	memcpy(&cmd->request, request, size);
	cmd->request.hdr = (struct wire_gpu_ctrl_hdr){ .type = le32_of(type) };
	cmd->request_size = size;
	cmd->entries = entries;
	if (!facet_gpu_decode(cmd))
		facet_gpu_command_drop(cmd);
}

#define EXECUTE(gpu, name, request, entries) \
	execute(gpu, WIRE_GPU_CMD_##name, &(request), sizeof(request), entries)

static void make_again(struct gpu *gpu, const struct kept_2d *old)
{
	const struct wire_gpu_resource_create_2d *create = &old->create;
	const struct wire_gpu_resource_attach_backing attach = {
		.resource_id = create->resource_id,
		.nr_entries = le32_of(old->entry_count),
	};
	const struct wire_gpu_transfer_to_host_2d fill = {
		.r = { .width = create->width, .height = create->height },
		.resource_id = create->resource_id,
	};

	EXECUTE(gpu, RESOURCE_CREATE_2D, *create, NULL);
	if (!old->entry_count || old->entry_count > ENTRIES)
		return;
	EXECUTE(gpu, RESOURCE_ATTACH_BACKING, attach, old->entries);
	EXECUTE(gpu, TRANSFER_TO_HOST_2D, fill, NULL);
}

static void show_again(struct gpu *gpu, const struct wire_gpu_set_scanout *scanout)
{
	const struct wire_gpu_resource_flush flush = {
		.r = scanout->r,
		.resource_id = scanout->resource_id,
	};

	if (!le32_get(scanout->resource_id))
		return;
	EXECUTE(gpu, SET_SCANOUT, *scanout, NULL);
	EXECUTE(gpu, RESOURCE_FLUSH, flush, NULL);
}

/*
 * What is read is copied first, and forgotten until it was done again: should it be what killed
 * the process before, it kills one more and not all that come.
 */
void facet_gpu_keep_resume(struct gpu *gpu)
{
	struct wire_gpu_set_scanout scanouts[FACET_MAX_OUTPUTS];
	struct gpu_keep *keep = keep_of(gpu);
	struct kept_2d *old = malloc(sizeof(*old));

	if (!keep || keep->version != VERSION || !old) {
		free(old);
		facet_gpu_keep_clear(gpu);
		return;
	}
	memcpy(scanouts, keep->scanouts, sizeof(scanouts));
	memset(keep->scanouts, 0, sizeof(keep->scanouts));
	for (unsigned int i = 0; i < SLOTS; i++) {
		if (!keep->slots[i].used)
			continue;
		memcpy(old, &keep->slots[i], sizeof(*old));
		set_used(&keep->slots[i], false);
		make_again(gpu, old);
	}
	for (unsigned int i = 0; i < gpu->output_count; i++)
		show_again(gpu, &scanouts[i]);
	free(old);
}
