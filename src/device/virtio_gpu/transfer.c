// SPDX-License-Identifier: GPL-2.0-or-later
/* transfer.c - moves boxes of pixels between the guest's pages and its resources. */
#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

enum {
	BYTES_PER_PIXEL = 4, /* of every 2D format */
};

/*
 * A blob's pages are looked at where they lie: there is nothing to move, and no shape to move by.
 * Linux asks for it all the same, for the cursor. 0, or the error that says why nothing can be
 * moved.
 */
static uint32_t check_resource(const struct gpu_resource *res)
{
	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return res->has_backing ? 0 : WIRE_GPU_RESP_ERR_UNSPEC;
}

/* Do lines as long as the resource's, from @offset on, end inside the backing? */
static bool lines_fit(const struct gpu_resource *res, uint64_t offset, uint32_t width,
		      uint32_t height)
{
	uint64_t stride = (uint64_t)res->width * BYTES_PER_PIXEL;
	uint64_t last = (uint64_t)width * BYTES_PER_PIXEL;

	if (!facet_gpu_format_is_2d(res->format)) /* the engine knows its pixels */
		return offset <= res->backing_size;
	if (!width || !height)
		return offset <= res->backing_size;
	return facet_inside(offset, (height - 1) * stride + last, res->backing_size);
}

uint32_t facet_gpu_transfer_to_host_2d(struct gpu_command *cmd)
{
	const struct wire_gpu_transfer_to_host_2d *req = &cmd->request.transfer_2d;
	struct gpu_resource *res = facet_gpu_resource_find(cmd->gpu, le32_get(req->resource_id));
	uint32_t x = le32_get(req->r.x), y = le32_get(req->r.y);
	uint32_t width = le32_get(req->r.width), height = le32_get(req->r.height);
	uint64_t offset = le64_get(req->offset);
	uint32_t error = check_resource(res);

	if (error)
		return error;
	if (res->blob_size)
		return facet_gpu_command_submit(cmd, FACET_JOB_FENCE);
	if (!facet_inside(x, width, res->width) || !facet_inside(y, height, res->height) ||
	    !lines_fit(res, offset, width, height))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!width || !height)
		return facet_gpu_command_submit(cmd, FACET_JOB_FENCE);
	cmd->job.resource_id = res->object.id;
	cmd->job.transfer.is_2d = true;
	cmd->job.transfer.offset = offset;
	cmd->job.transfer.box =
		(struct facet_box){ .x = x, .y = y, .width = width, .height = height, .depth = 1 };
	return facet_gpu_command_submit(cmd, FACET_JOB_TRANSFER_TO_HOST);
}

static uint32_t level_size(uint32_t size, uint32_t level)
{
	return size >> level ? size >> level : 1;
}

static bool box_fits(const struct gpu_resource *res, uint32_t level, const struct facet_box *box)
{
	uint32_t layers = res->array_size;

	if (level > res->last_level)
		return false;
	if (res->target == WIRE_GPU_TARGET_3D)
		layers = level_size(res->depth, level);
	return facet_inside(box->x, box->width, level_size(res->width, level)) &&
	       facet_inside(box->y, box->height, level_size(res->height, level)) &&
	       facet_inside(box->z, box->depth, layers);
}

/*
 * A renderer copies a box by way of memory of its own, as large once more. Of what is small the
 * process has some to spare. 0, or the error to answer.
 */
static uint32_t pay_for_copy(struct gpu_command *cmd, const struct gpu_resource *res,
			     const struct facet_box *box)
{
	uint64_t bytes = facet_gpu_box_bytes(res, box);

	if (bytes <= GPU_FREE_TRANSFER)
		return 0;
	if (facet_sched_charge(cmd->gpu->sched, bytes))
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	cmd->transfer_bytes = bytes; /* command.c gives it back */
	return 0;
}

static uint32_t transfer_3d(struct gpu_command *cmd, enum facet_job_kind kind)
{
	const struct wire_gpu_transfer_host_3d *req = &cmd->request.transfer_3d;
	struct gpu_resource *res = facet_gpu_resource_find(cmd->gpu, le32_get(req->resource_id));
	uint32_t context_id = le32_get(req->hdr.ctx_id);
	uint32_t level = le32_get(req->level);
	uint64_t offset = le64_get(req->offset);
	struct facet_box box = {
		.x = le32_get(req->box.x),
		.y = le32_get(req->box.y),
		.z = le32_get(req->box.z),
		.width = le32_get(req->box.w),
		.height = le32_get(req->box.h),
		.depth = le32_get(req->box.d),
	};
	uint32_t error = check_resource(res);

	/* Without a context: the device's own, as for the guest's framebuffers. */
	if (context_id && !facet_gpu_table_find(&cmd->gpu->contexts, context_id))
		return WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (error)
		return error;
	if (res->blob_size)
		return facet_gpu_command_submit(cmd, FACET_JOB_FENCE);
	if (!box_fits(res, level, &box) || offset > res->backing_size)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!box.width || !box.height || !box.depth)
		return facet_gpu_command_submit(cmd, FACET_JOB_FENCE);
	error = pay_for_copy(cmd, res, &box);
	if (error)
		return error;
	cmd->job.context_id = context_id;
	cmd->job.resource_id = res->object.id;
	cmd->job.transfer.box = box;
	cmd->job.transfer.offset = offset;
	cmd->job.transfer.level = level;
	cmd->job.transfer.stride = le32_get(req->stride);
	cmd->job.transfer.layer_stride = le32_get(req->layer_stride);
	return facet_gpu_command_submit(cmd, kind);
}

uint32_t facet_gpu_transfer_to_host_3d(struct gpu_command *cmd)
{
	return transfer_3d(cmd, FACET_JOB_TRANSFER_TO_HOST);
}

uint32_t facet_gpu_transfer_from_host_3d(struct gpu_command *cmd)
{
	return transfer_3d(cmd, FACET_JOB_TRANSFER_FROM_HOST);
}
