// SPDX-License-Identifier: GPL-2.0-or-later
/* cursor.c - the cursor queue: pictures go through the engine, moves straight to the display. */
#include "device/virtio_gpu/virtio_gpu.h"

/*
 * A move does not wait for the GPU, so it may overtake an update under way, which would then put
 * the cursor back to where it was. So the last update to end repeats the move.
 */
void facet_gpu_cursor_done(struct gpu *gpu, unsigned int output)
{
	struct gpu_output *out = &gpu->outputs[output];

	pthread_mutex_lock(&gpu->cursor_lock);
	out->cursor_updates--;
	if (!out->cursor_updates && out->cursor_moved) {
		out->cursor_moved = false;
		facet_display_move_cursor(gpu->display, output, out->cursor_x, out->cursor_y,
					  out->cursor_visible);
	}
	pthread_mutex_unlock(&gpu->cursor_lock);
}

void facet_gpu_cursor_reset(struct gpu *gpu)
{
	pthread_mutex_lock(&gpu->cursor_lock);
	for (unsigned int i = 0; i < gpu->output_count; i++)
		gpu->outputs[i].cursor_moved = false;
	pthread_mutex_unlock(&gpu->cursor_lock);
}

uint32_t facet_gpu_move_cursor(struct gpu_command *cmd)
{
	const struct wire_gpu_update_cursor *req = &cmd->request.cursor;
	struct gpu *gpu = cmd->gpu;
	uint32_t output = le32_get(req->pos.scanout_id);
	struct gpu_output *out;

	if (output >= gpu->output_count)
		return WIRE_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	out = &gpu->outputs[output];
	pthread_mutex_lock(&gpu->cursor_lock);
	out->cursor_x = (int32_t)le32_get(req->pos.x);
	out->cursor_y = (int32_t)le32_get(req->pos.y);
	out->cursor_visible = le32_get(req->resource_id);
	out->cursor_moved = out->cursor_updates;
	facet_display_move_cursor(gpu->display, output, out->cursor_x, out->cursor_y,
				  out->cursor_visible);
	pthread_mutex_unlock(&gpu->cursor_lock);
	return WIRE_GPU_RESP_OK_NODATA;
}

/* The hot spot is a pixel of the picture, whatever the guest says. */
static uint32_t hot_spot(le32 v)
{
	uint32_t hot = le32_get(v);

	return hot < WIRE_GPU_CURSOR_SIZE ? hot : WIRE_GPU_CURSOR_SIZE - 1;
}

/* A blob has no shape: 64 lines of 64 pixels from its first byte on, as QEMU takes it. */
static bool is_cursor_picture(const struct gpu_resource *res)
{
	if (res->blob_size)
		return res->blob_size >= WIRE_GPU_CURSOR_SIZE * WIRE_GPU_CURSOR_SIZE * 4;
	return (res->target == WIRE_GPU_TARGET_2D || res->target == WIRE_GPU_TARGET_RECT) &&
	       res->width == WIRE_GPU_CURSOR_SIZE && res->height == WIRE_GPU_CURSOR_SIZE;
}

static void count_update(struct gpu *gpu, unsigned int output)
{
	pthread_mutex_lock(&gpu->cursor_lock);
	gpu->outputs[output].cursor_updates++;
	gpu->outputs[output].cursor_moved = false;
	pthread_mutex_unlock(&gpu->cursor_lock);
}

uint32_t facet_gpu_update_cursor(struct gpu_command *cmd)
{
	const struct wire_gpu_update_cursor *req = &cmd->request.cursor;
	struct gpu *gpu = cmd->gpu;
	uint32_t output = le32_get(req->pos.scanout_id), id = le32_get(req->resource_id);
	struct gpu_resource *res = facet_gpu_resource_find(gpu, id);
	uint32_t error;

	if (output >= gpu->output_count)
		return WIRE_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (id && !res)
		return WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (id && !is_cursor_picture(res))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	cmd->job.resource_id = id;
	cmd->job.cursor.output = output;
	cmd->job.cursor.x = (int32_t)le32_get(req->pos.x);
	cmd->job.cursor.y = (int32_t)le32_get(req->pos.y);
	cmd->job.cursor.hot_x = hot_spot(req->hot_x);
	cmd->job.cursor.hot_y = hot_spot(req->hot_y);
	count_update(gpu, output);
	error = facet_gpu_command_submit(cmd, FACET_JOB_CURSOR);
	if (error)
		facet_gpu_cursor_done(gpu, output);
	return error;
}
