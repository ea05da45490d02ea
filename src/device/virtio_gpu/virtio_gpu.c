// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_gpu.c - the virtio-gpu device: its birth, reset, configuration space and queues. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/virtio_gpu/virtio_gpu.h"

/* Before others are served; a long request counts as many. */
enum {
	KICK_BUDGET = 64,
	KICK_BYTES = 4096, /* of a request, as dear as one more command */
};

static struct gpu *gpu_of(struct facet_device *device)
{
	return facet_container_of(device, struct gpu, device);
}

static void describe(struct gpu *gpu)
{
	struct facet_virtio_info *virtio = &gpu->device.virtio;

	virtio->device_id = WIRE_GPU_DEVICE_ID;
	virtio->queue_count = WIRE_GPU_QUEUES;
	virtio->queue_size = FACET_QUEUE_MAX_SIZE;
	virtio->config_size = sizeof(struct wire_gpu_config);
	virtio->keep_size = facet_gpu_keep_size();
	virtio->features = 1ULL << WIRE_GPU_F_EDID | 1ULL << WIRE_GPU_F_RESOURCE_UUID;
	virtio->features |= gpu->port->carries & 1ULL << WIRE_GPU_F_RESOURCE_BLOB;
	if (facet_sched_caps(gpu->sched)->has_3d)
		virtio->features |= 1ULL << WIRE_GPU_F_VIRGL |
				    (gpu->port->carries & 1ULL << WIRE_GPU_F_CONTEXT_INIT);
}

static int gpu_create(const struct facet_device_config *cfg, struct facet_port *port,
		      struct facet_device **ret, struct facet_error *err)
{
	struct gpu *gpu = calloc(1, sizeof(*gpu));

	if (!gpu)
		return facet_error_set(err, -ENOMEM, "no memory for a virtio-gpu device");
	gpu->device.ops = &facet_virtio_gpu_device;
	gpu->port = port;
	gpu->sched = cfg->sched;
	gpu->display = cfg->display;
	gpu->max_resources = cfg->max_resources ? cfg->max_resources : GPU_MAX_RESOURCES;
	atomic_init(&gpu->refs, 1);
	atomic_init(&gpu->submit_bytes, 0);
	atomic_init(&gpu->pieces, 0);
	pthread_mutex_init(&gpu->cursor_lock, NULL);
	describe(gpu);
	facet_gpu_output_init(gpu);
	*ret = &gpu->device;
	return 0;
}

static void gpu_reset(struct facet_device *device)
{
	struct gpu *gpu = gpu_of(device);

	for (unsigned int i = 0; i < WIRE_GPU_QUEUES; i++) {
		if (gpu->stalled[i])
			facet_gpu_command_drop(gpu->stalled[i]);
		gpu->stalled[i] = NULL;
	}
	facet_gpu_output_reset(gpu);
	/* First, so that what is uncharged below is not used by a job before it. */
	if (gpu->reset_job)
		facet_sched_submit(gpu->sched, gpu->reset_job); /* a reset is never refused */
	gpu->reset_job = NULL;

	for (unsigned int i = 0; i < gpu->output_count; i++)
		facet_gpu_scanout_forget(gpu, i);
	facet_gpu_cursor_reset(gpu);
	facet_gpu_keep_clear(gpu);
	facet_gpu_table_clear(&gpu->resources);
	facet_gpu_table_clear(&gpu->contexts);
	gpu->features = 0;
	gpu->events = 0;
}

static void gpu_destroy(struct facet_device *device)
{
	struct gpu *gpu = gpu_of(device);

	gpu_reset(device);
	facet_gpu_output_fini(gpu);
	facet_gpu_unref(gpu);
}

static void gpu_set_features(struct facet_device *device, uint64_t features)
{
	gpu_of(device)->features = features & device->virtio.features;
}

static void gpu_resume(struct facet_device *device)
{
	facet_gpu_keep_resume(gpu_of(device));
}

static void gpu_config_read(struct facet_device *device, size_t offset, void *buf, size_t size)
{
	struct gpu *gpu = gpu_of(device);
	struct wire_gpu_config config = {
		.events_read = le32_of(gpu->events),
		.num_scanouts = le32_of(gpu->output_count),
		.num_capsets = le32_of(facet_sched_caps(gpu->sched)->capset_count),
	};

	memcpy(buf, (const char *)&config + offset, size);
}

/* Only events_clear can be written, by whole or by parts. */
static void gpu_config_write(struct facet_device *device, size_t offset, const void *buf,
			     size_t size)
{
	struct wire_gpu_config config = { 0 };

	memcpy((char *)&config + offset, buf, size);
	gpu_of(device)->events &= ~le32_get(config.events_clear);
}

/* False: the command has to wait, and with it its queue. */
static bool start(struct gpu *gpu, struct gpu_command *cmd)
{
	unsigned int queue = cmd->queue;

	/* Nobody knows how far it got; and it may be what killed the process that had it. */
	if (cmd->chain->lost) {
		facet_gpu_command_answer(cmd, WIRE_GPU_RESP_ERR_UNSPEC);
		return true;
	}
	if (facet_gpu_decode(cmd))
		return true;
	gpu->stalled[queue] = cmd;
	return false;
}

static bool gpu_kick(struct facet_device *device, unsigned int index, struct facet_queue *queue)
{
	struct gpu *gpu = gpu_of(device);
	struct gpu_command *cmd = gpu->stalled[index];
	struct facet_chain *chain;
	size_t cost = 0;

	gpu->stalled[index] = NULL;
	if (cmd && !start(gpu, cmd))
		return false;
	while (cost < KICK_BUDGET) {
		if (facet_queue_pop(queue, &chain) != 1)
			return false;
		cost += 1 + chain->out_size / KICK_BYTES;
		cmd = facet_gpu_command_create(gpu, index, chain);
		if (cmd && !start(gpu, cmd))
			return false;
	}
	return true;
}

const struct facet_device_ops facet_virtio_gpu_device = {
	.name = "virtio-gpu",
	.create = gpu_create,
	.destroy = gpu_destroy,
	.reset = gpu_reset,
	.set_features = gpu_set_features,
	.resume = gpu_resume,
	.config_read = gpu_config_read,
	.config_write = gpu_config_write,
	.kick = gpu_kick,
};
