// SPDX-License-Identifier: GPL-2.0-or-later
/* resource.c - makes, names and ends the guest's resources. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "device/virtio_gpu/virtio_gpu.h"

enum {
	MAX_LEVELS = 15, /* of a texture of GPU_MAX_DIMENSION */
	MAX_SAMPLES = 32,
};

struct gpu_resource *facet_gpu_resource_find(struct gpu *gpu, uint32_t id)
{
	struct gpu_object *object = facet_gpu_table_find(&gpu->resources, id);

	return object ? facet_container_of(object, struct gpu_resource, object) : NULL;
}

uint32_t facet_gpu_check_new_id(struct gpu *gpu, uint32_t id)
{
	if (!id || facet_gpu_resource_find(gpu, id))
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (gpu->resources.count >= gpu->max_resources)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	return 0;
}

uint32_t facet_gpu_enter_resource(struct gpu_command *cmd, enum facet_job_kind kind, uint32_t id,
				  const struct gpu_resource *model)
{
	struct gpu *gpu = cmd->gpu;
	uint64_t bytes = facet_gpu_resource_bytes(model);
	struct gpu_resource *res;
	uint32_t error;

	if (facet_sched_charge(gpu->sched, bytes))
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	res = malloc(sizeof(*res));
	if (!res) {
		facet_sched_uncharge(gpu->sched, bytes);
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	*res = *model;
	facet_gpu_object_init(&res->object, id, gpu->sched, bytes, false);
	cmd->object = &res->object;
	cmd->job.resource_id = id;
	if (facet_gpu_table_add(&gpu->resources, &res->object)) {
		facet_gpu_object_settle(&res->object);
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	error = facet_gpu_command_submit(cmd, kind);
	if (error)
		facet_gpu_table_remove(&gpu->resources, &res->object);
	return error;
}

uint32_t facet_gpu_create_2d(struct gpu_command *cmd)
{
	const struct wire_gpu_resource_create_2d *req = &cmd->request.create_2d;
	struct gpu *gpu = cmd->gpu;
	uint32_t id = le32_get(req->resource_id);
	uint32_t error = facet_gpu_check_new_id(cmd->gpu, id);
	struct gpu_resource model = {
		.is_2d = true,
		.target = WIRE_GPU_TARGET_2D,
		.format = le32_get(req->format),
		.width = le32_get(req->width),
		.height = le32_get(req->height),
		.depth = 1,
		.array_size = 1,
	};

	if (error)
		return error;
	if (!facet_gpu_format_is_2d(model.format) || !model.width || !model.height ||
	    model.width > GPU_MAX_DIMENSION || model.height > GPU_MAX_DIMENSION)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.create.is_2d = true;
	cmd->job.create.target = model.target;
	cmd->job.create.format = model.format;
	cmd->job.create.bind = WIRE_GPU_BIND_RENDER_TARGET;
	cmd->job.create.width = model.width;
	cmd->job.create.height = model.height;
	cmd->job.create.depth = 1;
	cmd->job.create.array_size = 1;
	cmd->job.create.flags = WIRE_GPU_RESOURCE_FLAG_Y_0_TOP;
	facet_gpu_keep_create(cmd);
	error = facet_gpu_enter_resource(cmd, FACET_JOB_RESOURCE_CREATE, id, &model);
	if (error)
		facet_gpu_keep_remove(gpu, id);
	return error;
}

/* Mesa leaves the depth or array size of what has none at 0. */
static uint32_t at_least_1(uint32_t n)
{
	return n ? n : 1;
}

static bool shape_is_sane(const struct gpu_resource *res)
{
	bool is_buffer = res->target == WIRE_GPU_TARGET_BUFFER;

	return res->target < WIRE_GPU_TARGETS && res->width &&
	       (is_buffer || res->width <= GPU_MAX_DIMENSION) && res->height <= GPU_MAX_DIMENSION &&
	       res->depth <= GPU_MAX_DIMENSION && res->array_size <= GPU_MAX_DIMENSION &&
	       res->last_level < MAX_LEVELS && res->nr_samples <= MAX_SAMPLES &&
	       (!is_buffer || (res->height == 1 && res->depth == 1 && res->array_size == 1));
}

uint32_t facet_gpu_create_3d(struct gpu_command *cmd)
{
	const struct wire_gpu_resource_create_3d *req = &cmd->request.create_3d;
	uint32_t id = le32_get(req->resource_id);
	uint32_t error = facet_gpu_check_new_id(cmd->gpu, id);
	struct gpu_resource model = {
		.target = le32_get(req->target),
		.format = le32_get(req->format),
		.width = le32_get(req->width),
		.height = at_least_1(le32_get(req->height)),
		.depth = at_least_1(le32_get(req->depth)),
		.array_size = at_least_1(le32_get(req->array_size)),
		.last_level = le32_get(req->last_level),
		.nr_samples = le32_get(req->nr_samples),
	};

	if (error)
		return error;
	if (!shape_is_sane(&model))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.create.target = model.target;
	cmd->job.create.format = model.format;
	cmd->job.create.bind = le32_get(req->bind);
	cmd->job.create.width = model.width;
	cmd->job.create.height = le32_get(req->height);
	cmd->job.create.depth = le32_get(req->depth);
	cmd->job.create.array_size = le32_get(req->array_size);
	cmd->job.create.last_level = model.last_level;
	cmd->job.create.nr_samples = model.nr_samples;
	cmd->job.create.flags = le32_get(req->flags);
	return facet_gpu_enter_resource(cmd, FACET_JOB_RESOURCE_CREATE, id, &model);
}

uint32_t facet_gpu_unref_resource(struct gpu_command *cmd)
{
	struct gpu *gpu = cmd->gpu;
	struct gpu_resource *res =
		facet_gpu_resource_find(gpu, le32_get(cmd->request.resource.resource_id));
	uint32_t id, error;

	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	id = res->object.id;
	cmd->job.resource_id = id;
	error = facet_gpu_command_submit(cmd, FACET_JOB_RESOURCE_UNREF);
	if (error)
		return error;
	for (unsigned int i = 0; i < gpu->output_count; i++) {
		if (gpu->outputs[i].resource_id == id)
			facet_gpu_scanout_forget(gpu, i);
	}
	facet_gpu_keep_remove(gpu, id);
	facet_gpu_table_remove(&gpu->resources, &res->object);
	return GPU_LATER;
}

/* A random one (RFC 4122, version 4): it must differ from those of all other devices. */
static bool make_uuid(uint8_t *uuid)
{
	if (getrandom(uuid, 16, 0) != 16) /* #syscalls getrandom */
		return false;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return true;
}

uint32_t facet_gpu_assign_uuid(struct gpu_command *cmd)
{
	struct gpu_resource *res =
		facet_gpu_resource_find(cmd->gpu, le32_get(cmd->request.resource.resource_id));
	uint8_t *payload;

	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!res->has_uuid && !make_uuid(res->uuid))
		return WIRE_GPU_RESP_ERR_UNSPEC;
	res->has_uuid = true;
	payload = facet_gpu_command_payload(cmd, sizeof(res->uuid));
	if (!payload)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	memcpy(payload, res->uuid, sizeof(res->uuid));
	return WIRE_GPU_RESP_OK_RESOURCE_UUID;
}
