// SPDX-License-Identifier: GPL-2.0-or-later
/* backing.c - lends the guest's pages to its resources. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

/* A step of translation: never more pieces than pages. */
enum {
	PAGE_BYTES = 4096,
	STEP_BYTES = 64 * PAGE_BYTES,
	STEP_PIECES = 64 + 1,
};

/*
 * The pieces are charged while they live: a guest may back many resources with the same pages, and
 * would pay with none of its memory for ours.
 */
struct gpu_backing {
	struct facet_backing base;
	struct facet_guest_view *view; /* keeps the pages mapped */
	struct facet_sched *sched;
	unsigned int capacity; /* of base.iov, charged */
};

static uint64_t pieces_bytes(unsigned int pieces)
{
	return (uint64_t)pieces * sizeof(struct iovec);
}

void facet_gpu_backing_drop(struct gpu_backing *backing)
{
	if (!backing)
		return;
	facet_guest_view_unref(backing->view);
	facet_sched_uncharge(backing->sched, pieces_bytes(backing->capacity));
	free(backing->base.iov);
	free(backing);
}

struct facet_backing *facet_gpu_backing_base(struct gpu_backing *backing)
{
	return &backing->base;
}

/* Thread: any. */
static void backing_release(struct facet_backing *base)
{
	facet_gpu_backing_drop(facet_container_of(base, struct gpu_backing, base));
}

static struct gpu_backing *backing_create(struct gpu *gpu)
{
	struct gpu_backing *backing = calloc(1, sizeof(*backing));

	if (!backing)
		return NULL;
	backing->base.release = backing_release;
	backing->view = facet_guest_view_ref(gpu->port->memory);
	backing->sched = gpu->sched;
	return backing;
}

static int set_capacity(struct gpu_backing *backing, unsigned int capacity)
{
	struct iovec *iov;

	if (capacity > backing->capacity &&
	    facet_sched_charge(backing->sched, pieces_bytes(capacity - backing->capacity)))
		return -ENOMEM;
	iov = reallocarray(backing->base.iov, capacity, sizeof(*iov));
	if (!iov) {
		if (capacity > backing->capacity)
			facet_sched_uncharge(backing->sched,
					     pieces_bytes(capacity - backing->capacity));
		return -ENOMEM;
	}
	if (capacity < backing->capacity)
		facet_sched_uncharge(backing->sched, pieces_bytes(backing->capacity - capacity));
	backing->base.iov = iov;
	backing->capacity = capacity;
	return 0;
}

/* Neighbours become one piece: guests back big resources with few runs of pages. */
static int append(struct gpu_backing *backing, const struct iovec *piece)
{
	struct facet_backing *base = &backing->base;
	struct iovec *last = base->count ? &base->iov[base->count - 1] : NULL;

	base->size += piece->iov_len;
	if (last && (char *)last->iov_base + last->iov_len == piece->iov_base) {
		last->iov_len += piece->iov_len;
		return 0;
	}
	if (base->count == backing->capacity &&
	    set_capacity(backing, backing->capacity ? backing->capacity * 2 : 16))
		return -ENOMEM;
	base->iov[base->count++] = *piece;
	return 0;
}

/*
 * Translated for reading only, though the engine also writes (TRANSFER_FROM_HOST): Linux maps
 * these pages for reading when there is an IOMMU, and expects what it always got.
 */
static int append_range(struct gpu *gpu, struct gpu_backing *backing, uint64_t addr, uint64_t size)
{
	struct iovec iov[STEP_PIECES];

	while (size) {
		uint64_t step = size < STEP_BYTES ? size : STEP_BYTES;
		int n = facet_guest_translate(gpu->port->memory, (gpa_t){ addr }, step,
					      FACET_GUEST_READ, iov, STEP_PIECES);

		if (n < 0)
			return n;
		for (int i = 0; i < n; i++) {
			if (append(backing, &iov[i]))
				return -ENOMEM;
		}
		addr += step;
		size -= step;
	}
	return 0;
}

/* One whole entry, or nothing of it. */
static int append_entry(struct gpu *gpu, struct gpu_backing *backing,
			const struct wire_gpu_mem_entry *entry)
{
	struct facet_backing *base = &backing->base;
	uint64_t addr = le64_get(entry->addr), size = le32_get(entry->length), end;
	unsigned int count = base->count;
	size_t last_len = count ? base->iov[count - 1].iov_len : 0;
	uint64_t total = base->size;
	int r;

	if (!size || !facet_add(addr, size, &end) || total + size > GPU_MAX_BACKING_BYTES)
		return -EINVAL;
	r = append_range(gpu, backing, addr, size);
	if (!r)
		return 0;
	base->count = count;
	base->size = total;
	if (count)
		base->iov[count - 1].iov_len = last_len;
	return r;
}

bool facet_gpu_backing_entries(const struct gpu_command *cmd, uint32_t first,
			       struct wire_gpu_mem_entry *to, uint32_t count)
{
	size_t offset = cmd->entries_at + first * sizeof(*to);

	if (cmd->chain)
		return facet_chain_read(cmd->chain, offset, to, count * sizeof(*to)) ==
		       count * sizeof(*to);
	memcpy(to, cmd->entries + first, count * sizeof(*to));
	return true;
}

static int append_entries(struct gpu_command *cmd, uint32_t count)
{
	struct wire_gpu_mem_entry entries[64];

	while (cmd->backing_entry < count) {
		uint32_t left = count - cmd->backing_entry;
		uint32_t n = left < FACET_ARRAY_SIZE(entries) ? left : FACET_ARRAY_SIZE(entries);

		if (!facet_gpu_backing_entries(cmd, cmd->backing_entry, entries, n))
			return -EINVAL;
		for (size_t i = 0; i < n; i++, cmd->backing_entry++) {
			int r = append_entry(cmd->gpu, cmd->backing, &entries[i]);

			if (r)
				return r;
		}
	}
	return 0;
}

/* From the start when memory has changed since. */
static int build(struct gpu_command *cmd, uint32_t count)
{
	struct facet_guest_view *view;
	int r;

	if (cmd->backing) {
		view = facet_guest_view_ref(cmd->gpu->port->memory);
		facet_guest_view_unref(view);
		if (view != cmd->backing->view) {
			facet_gpu_backing_drop(cmd->backing);
			cmd->backing = NULL;
		}
	}
	if (!cmd->backing) {
		cmd->backing_entry = 0;
		cmd->backing = backing_create(cmd->gpu);
		if (!cmd->backing)
			return -ENOMEM;
	}
	r = append_entries(cmd, count);
	if (r)
		return r;
	return set_capacity(cmd->backing, cmd->backing->base.count);
}

uint32_t facet_gpu_backing_build(struct gpu_command *cmd, uint32_t count)
{
	if (!count || count > GPU_MAX_BACKING_ENTRIES)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	switch (build(cmd, count)) {
	case 0:
		return 0;
	case -EAGAIN:
		return GPU_RETRY;
	case -ENOMEM:
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	default:
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	}
}

static uint32_t submit_backing(struct gpu_command *cmd, struct gpu_resource *res, uint32_t count)
{
	uint64_t size = cmd->backing->base.size;
	struct gpu *gpu = cmd->gpu;
	uint32_t error;

	if (size < res->blob_size)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.resource_id = res->object.id;
	cmd->job.backing = &cmd->backing->base;
	facet_gpu_keep_attach(cmd, count);
	error = facet_gpu_command_submit(cmd, FACET_JOB_ATTACH_BACKING);
	if (error) {
		facet_gpu_keep_detach(gpu, res->object.id);
		return error;
	}
	res->has_backing = true;
	res->backing_size = size;
	return GPU_LATER;
}

uint32_t facet_gpu_attach_backing(struct gpu_command *cmd)
{
	const struct wire_gpu_resource_attach_backing *req = &cmd->request.attach_backing;
	struct gpu_resource *res = facet_gpu_resource_find(cmd->gpu, le32_get(req->resource_id));
	uint32_t count = le32_get(req->nr_entries), error;

	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (res->has_backing)
		return WIRE_GPU_RESP_ERR_UNSPEC;
	cmd->entries_at = sizeof(*req);
	error = facet_gpu_backing_build(cmd, count);
	return error ? error : submit_backing(cmd, res, count);
}

uint32_t facet_gpu_detach_backing(struct gpu_command *cmd)
{
	struct gpu_resource *res =
		facet_gpu_resource_find(cmd->gpu, le32_get(cmd->request.resource.resource_id));
	struct gpu *gpu = cmd->gpu;
	uint32_t error;

	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!res->has_backing)
		return WIRE_GPU_RESP_ERR_UNSPEC;
	cmd->job.resource_id = res->object.id;
	error = facet_gpu_command_submit(cmd, FACET_JOB_DETACH_BACKING);
	if (error)
		return error;
	facet_gpu_keep_detach(gpu, res->object.id);
	res->has_backing = false;
	res->backing_size = 0;
	return GPU_LATER;
}
