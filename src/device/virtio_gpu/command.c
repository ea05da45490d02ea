// SPDX-License-Identifier: GPL-2.0-or-later
/* command.c - the life of one request: from its pop, through the engine, to its answer. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "device/virtio_gpu/virtio_gpu.h"

#define LOG_AREA "virtio-gpu"

void facet_gpu_unref(struct gpu *gpu)
{
	if (atomic_fetch_sub(&gpu->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&gpu->cursor_lock);
	free(gpu);
}

struct gpu_command *facet_gpu_command_create(struct gpu *gpu, unsigned int queue,
					     struct facet_chain *chain)
{
	struct gpu_command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd) {
		facet_queue_push(chain, 0);
		return NULL;
	}
	atomic_fetch_add(&gpu->refs, 1);
	cmd->pieces = chain->out_count + chain->in_count;
	atomic_fetch_add(&gpu->pieces, cmd->pieces);
	cmd->gpu = gpu;
	cmd->chain = chain;
	cmd->queue = queue;
	cmd->response = WIRE_GPU_RESP_OK_NODATA;
	cmd->request_size = facet_chain_read(chain, 0, &cmd->request, sizeof(cmd->request));
	return cmd;
}

struct gpu_command *facet_gpu_command_own(struct gpu *gpu)
{
	struct gpu_command *cmd = calloc(1, sizeof(*cmd));

	if (!cmd)
		return NULL;
	atomic_fetch_add(&gpu->refs, 1);
	cmd->gpu = gpu;
	cmd->queue = WIRE_GPU_QUEUE_CONTROL;
	cmd->response = WIRE_GPU_RESP_OK_NODATA;
	return cmd;
}

/* Everything but the chain. */
static void command_free(struct gpu_command *cmd)
{
	struct gpu *gpu = cmd->gpu;

	if (cmd->object)
		facet_gpu_object_unref(cmd->object);
	facet_gpu_backing_drop(cmd->backing);
	atomic_fetch_sub(&gpu->submit_bytes, cmd->submit_size);
	atomic_fetch_sub(&gpu->pieces, cmd->pieces);
	if (cmd->transfer_bytes)
		facet_sched_uncharge(gpu->sched, cmd->transfer_bytes);
	free(cmd->submit);
	free(cmd->payload);
	free(cmd);
	facet_gpu_unref(gpu);
}

void facet_gpu_command_drop(struct gpu_command *cmd)
{
	if (cmd->chain)
		facet_chain_drop(cmd->chain);
	command_free(cmd);
}

void *facet_gpu_command_payload(struct gpu_command *cmd, size_t size)
{
	cmd->payload = calloc(1, size);
	if (cmd->payload)
		cmd->payload_size = size;
	return cmd->payload;
}

/* A fence is named in the answer as it was in the request. */
static struct wire_gpu_ctrl_hdr response_header(const struct gpu_command *cmd, uint32_t type)
{
	const struct wire_gpu_ctrl_hdr *request = &cmd->request.hdr;
	uint32_t flags = le32_get(request->flags);
	struct wire_gpu_ctrl_hdr hdr = { .type = le32_of(type) };

	if (!(flags & WIRE_GPU_FLAG_FENCE))
		return hdr;
	hdr.fence_id = request->fence_id;
	hdr.ctx_id = request->ctx_id;
	if (flags & WIRE_GPU_FLAG_INFO_RING_IDX)
		hdr.ring_idx = request->ring_idx;
	hdr.flags = le32_of(flags & (WIRE_GPU_FLAG_FENCE | WIRE_GPU_FLAG_INFO_RING_IDX));
	return hdr;
}

static void push_answer(struct gpu_command *cmd, uint32_t type)
{
	struct wire_gpu_ctrl_hdr hdr = response_header(cmd, type);
	size_t written = 0;

	/* The cursor queue has no answers. */
	if (cmd->queue == WIRE_GPU_QUEUE_CONTROL && cmd->chain->in_size >= sizeof(hdr)) {
		written = facet_chain_write(cmd->chain, 0, &hdr, sizeof(hdr));
		if (type == cmd->response)
			written += facet_chain_write(cmd->chain, sizeof(hdr), cmd->payload,
						     cmd->payload_size);
	}
	facet_queue_push(cmd->chain, (uint32_t)written);
}

void facet_gpu_command_answer(struct gpu_command *cmd, uint32_t type)
{
	if (type >= WIRE_GPU_RESP_ERR_UNSPEC)
		log_guest("command 0x%x of the guest ends in error 0x%x",
			  le32_get(cmd->request.hdr.type), type);
	if (cmd->chain)
		push_answer(cmd, type);
	command_free(cmd);
}

void facet_gpu_command_finish(struct gpu_command *cmd, uint32_t type)
{
	bool fenced = le32_get(cmd->request.hdr.flags) & WIRE_GPU_FLAG_FENCE;

	cmd->response = type;
	if (fenced && cmd->queue == WIRE_GPU_QUEUE_CONTROL &&
	    facet_gpu_command_submit(cmd, FACET_JOB_FENCE) == GPU_LATER)
		return;
	facet_gpu_command_answer(cmd, type);
}

static uint32_t response_of(const struct facet_job *job, int status)
{
	switch (status) {
	case -ENOENT:
		return job->resource_id ? WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID
					: WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	case -ENOMEM:
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	case -EINVAL:
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	default:
		return WIRE_GPU_RESP_ERR_UNSPEC;
	}
}

/* Thread: any. */
static void command_done(struct facet_job *job, int status)
{
	struct gpu_command *cmd = job->owner;

	if (job->kind == FACET_JOB_CURSOR)
		facet_gpu_cursor_done(cmd->gpu, job->cursor.output);
	if ((job->kind == FACET_JOB_ATTACH_BACKING || job->kind == FACET_JOB_BLOB_CREATE) &&
	    !status)
		cmd->backing = NULL; /* the engine's now */
	if (status && cmd->object)
		facet_gpu_object_settle(cmd->object);
	facet_gpu_command_answer(cmd, status ? response_of(job, status) : cmd->response);
}

static void reset_done(struct facet_job *job, int status)
{
	free(job);
}

uint32_t facet_gpu_command_submit(struct gpu_command *cmd, enum facet_job_kind kind)
{
	struct gpu *gpu = cmd->gpu;

	if (!gpu->reset_job) {
		gpu->reset_job = calloc(1, sizeof(*gpu->reset_job));
		if (!gpu->reset_job)
			return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
		gpu->reset_job->kind = FACET_JOB_RESET;
		gpu->reset_job->done = reset_done;
	}
	cmd->job.kind = kind;
	cmd->job.fenced = le32_get(cmd->request.hdr.flags) & WIRE_GPU_FLAG_FENCE;
	cmd->job.done = command_done;
	cmd->job.owner = cmd;
	if (facet_sched_submit(gpu->sched, &cmd->job))
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	return GPU_LATER;
}
