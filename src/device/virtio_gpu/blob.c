// SPDX-License-Identifier: GPL-2.0-or-later
/* blob.c - resources that are nothing but pages of the guest's, and how they are shown. */
#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

enum {
	BYTES_PER_PIXEL = 4,
	BLOB_FLAGS = WIRE_GPU_BLOB_FLAG_MAPPABLE | WIRE_GPU_BLOB_FLAG_SHAREABLE |
		     WIRE_GPU_BLOB_FLAG_CROSS_DEVICE,
};

/*
 * Blobs in the host's memory (HOST3D) are of use only where the guest can map them. Their pages
 * are a renderer's, made as it likes; and neither QEMU's vfio-user nor cloud-hypervisor's can be
 * told to put other pages into a BAR that it has mapped. Guests that find no window of that kind
 * do not ask for such blobs.
 */
uint32_t facet_gpu_create_blob(struct gpu_command *cmd)
{
	const struct wire_gpu_resource_create_blob *req = &cmd->request.create_blob;
	struct gpu_resource model = { .blob_size = le64_get(req->size), .has_backing = true };
	uint32_t id = le32_get(req->resource_id);
	uint32_t error = facet_gpu_check_new_id(cmd->gpu, id);
	struct facet_backing *backing;

	if (error)
		return error;
	if (le32_get(req->blob_mem) != WIRE_GPU_BLOB_MEM_GUEST ||
	    le32_get(req->blob_flags) & ~(uint32_t)BLOB_FLAGS || !model.blob_size ||
	    model.blob_size > GPU_MAX_BACKING_BYTES)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->entries_at = sizeof(*req);
	error = facet_gpu_backing_build(cmd, le32_get(req->nr_entries));
	if (error)
		return error;
	backing = facet_gpu_backing_base(cmd->backing);
	model.backing_size = backing->size;
	if (model.backing_size < model.blob_size)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.backing = backing;
	cmd->job.blob_size = model.blob_size;
	return facet_gpu_enter_resource(cmd, FACET_JOB_BLOB_CREATE, id, &model);
}

static bool layout_fits(const struct facet_layout *layout, uint64_t blob_size)
{
	uint64_t line = (uint64_t)layout->width * BYTES_PER_PIXEL;

	return facet_gpu_format_is_2d(layout->format) && layout->width && layout->height &&
	       layout->width <= GPU_MAX_DIMENSION && layout->height <= GPU_MAX_DIMENSION &&
	       layout->stride >= line &&
	       facet_inside(layout->offset, (layout->height - 1) * (uint64_t)layout->stride + line,
			    blob_size);
}

uint32_t facet_gpu_set_scanout_blob(struct gpu_command *cmd)
{
	const struct wire_gpu_set_scanout_blob *req = &cmd->request.scanout_blob;
	uint32_t output = le32_get(req->scanout_id), id = le32_get(req->resource_id);
	struct facet_rect rect = facet_gpu_rect_get(&req->r);
	struct facet_layout layout = {
		.format = le32_get(req->format),
		.width = le32_get(req->width),
		.height = le32_get(req->height),
		.stride = le32_get(req->strides[0]),
		.offset = le32_get(req->offsets[0]),
	};
	struct gpu_resource *res;

	if (output >= cmd->gpu->output_count)
		return WIRE_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (!id)
		return facet_gpu_turn_off(cmd, output);
	res = facet_gpu_resource_find(cmd->gpu, id);
	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!layout_fits(&layout, res->blob_size) || !rect.width || !rect.height ||
	    !facet_inside(rect.x, rect.width, layout.width) ||
	    !facet_inside(rect.y, rect.height, layout.height))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.resource_id = id;
	cmd->job.scanout.layout = layout;
	return facet_gpu_show(cmd, output, &rect);
}
