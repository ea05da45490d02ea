// SPDX-License-Identifier: GPL-2.0-or-later
/* context.c - the guest's rendering contexts, what they may do, and what they may see. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/virtio_gpu/virtio_gpu.h"

static struct gpu_object *find_context(struct gpu_command *cmd)
{
	return facet_gpu_table_find(&cmd->gpu->contexts, le32_get(cmd->request.hdr.ctx_id));
}

/* Names are for people's logs: printable, and ended. */
static void copy_name(char *to, const char *from, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < size && i < WIRE_GPU_CONTEXT_NAME - 1 && from[i]; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

static uint32_t create_context(struct gpu_command *cmd, uint32_t id)
{
	struct gpu *gpu = cmd->gpu;
	struct gpu_object *context;
	uint32_t error;

	if (facet_sched_charge_context(gpu->sched))
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	context = malloc(sizeof(*context));
	if (!context) {
		facet_sched_uncharge_context(gpu->sched);
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	facet_gpu_object_init(context, id, gpu->sched, 0, true);
	cmd->object = context;
	cmd->job.context_id = id;
	if (facet_gpu_table_add(&gpu->contexts, context)) {
		facet_gpu_object_settle(context);
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	error = facet_gpu_command_submit(cmd, FACET_JOB_CONTEXT_CREATE);
	if (error)
		facet_gpu_table_remove(&gpu->contexts, context);
	return error;
}

/* 0: the engine's own choice. */
static bool protocol_is_known(const struct gpu *gpu, uint32_t init)
{
	return !init || (!(init & ~(uint32_t)GPU_CAPSET_MASK) && facet_gpu_capset_find(gpu, init));
}

uint32_t facet_gpu_create_context(struct gpu_command *cmd)
{
	const struct wire_gpu_ctx_create *req = &cmd->request.ctx_create;
	uint32_t id = le32_get(req->hdr.ctx_id), name_size = le32_get(req->nlen);
	uint32_t init = le32_get(req->context_init);

	if (!id || find_context(cmd))
		return WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (name_size > WIRE_GPU_CONTEXT_NAME)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	if (cmd->gpu->contexts.count >= GPU_MAX_CONTEXTS)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (cmd->gpu->features & 1ULL << WIRE_GPU_F_CONTEXT_INIT) {
		if (!protocol_is_known(cmd->gpu, init))
			return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
		cmd->job.context.init = init;
	}
	copy_name(cmd->job.context.name, req->debug_name, name_size);
	return create_context(cmd, id);
}

uint32_t facet_gpu_destroy_context(struct gpu_command *cmd)
{
	struct gpu *gpu = cmd->gpu;
	struct gpu_object *context = find_context(cmd);
	uint32_t error;

	if (!context)
		return WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	cmd->job.context_id = context->id;
	error = facet_gpu_command_submit(cmd, FACET_JOB_CONTEXT_DESTROY);
	if (!error)
		facet_gpu_table_remove(&gpu->contexts, context);
	return error;
}

static uint32_t change_attachment(struct gpu_command *cmd, enum facet_job_kind kind)
{
	struct gpu_object *context = find_context(cmd);
	struct gpu_resource *res =
		facet_gpu_resource_find(cmd->gpu, le32_get(cmd->request.resource.resource_id));

	if (!context)
		return WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	cmd->job.context_id = context->id;
	cmd->job.resource_id = res->object.id;
	return facet_gpu_command_submit(cmd, kind);
}

uint32_t facet_gpu_attach_resource(struct gpu_command *cmd)
{
	return change_attachment(cmd, FACET_JOB_CONTEXT_ATTACH);
}

uint32_t facet_gpu_detach_resource(struct gpu_command *cmd)
{
	return change_attachment(cmd, FACET_JOB_CONTEXT_DETACH);
}

/* Copies the stream that follows the request. 0, or the error to answer. */
static uint32_t copy_stream(struct gpu_command *cmd, size_t size)
{
	struct gpu *gpu = cmd->gpu;

	if (atomic_fetch_add(&gpu->submit_bytes, size) > GPU_MAX_SUBMITTED - size) {
		atomic_fetch_sub(&gpu->submit_bytes, size);
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	cmd->submit_size = size; /* command.c takes it back with the command */
	cmd->submit = malloc(size);
	if (!cmd->submit)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (facet_chain_read(cmd->chain, sizeof(struct wire_gpu_submit_3d), cmd->submit, size) !=
	    size)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	return 0;
}

uint32_t facet_gpu_submit_3d(struct gpu_command *cmd)
{
	struct gpu_object *context = find_context(cmd);
	uint32_t size = le32_get(cmd->request.submit_3d.size);
	uint32_t error;

	if (!context)
		return WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (size > GPU_MAX_SUBMIT || size % sizeof(uint32_t) ||
	    size > cmd->chain->out_size - sizeof(struct wire_gpu_submit_3d))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.context_id = context->id;
	if (!size) /* Linux marks a place in the order like this */
		return facet_gpu_command_submit(cmd, FACET_JOB_FENCE);
	error = copy_stream(cmd, size);
	if (error)
		return error;
	cmd->job.submit.data = cmd->submit;
	cmd->job.submit.size = size;
	return facet_gpu_command_submit(cmd, FACET_JOB_SUBMIT);
}
