// SPDX-License-Identifier: GPL-2.0-or-later
/* null.c - a device that gives every request back as its answer; for tests of transports. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/ops.h"

enum {
	NULL_DEVICE_ID = 0, /* reserved: no driver will want it */
	NULL_QUEUES = 2,
	NULL_BATCH = 64, /* requests per kick, before others are served */
};

struct null_device {
	struct facet_device device;
	struct facet_port *port;
	uint8_t config[16]; /* what the driver wrote */
};

static struct null_device *null_device(struct facet_device *device)
{
	return facet_container_of(device, struct null_device, device);
}

static int null_create(const struct facet_device_config *cfg, struct facet_port *port,
		       struct facet_device **ret, struct facet_error *err)
{
	struct null_device *null = calloc(1, sizeof(*null));

	if (!null)
		return facet_error_set(err, -ENOMEM, "no memory for a null device");
	null->port = port;
	null->device = (struct facet_device){
		.ops = &facet_null_device,
		.virtio = {
			.device_id = NULL_DEVICE_ID,
			.queue_count = NULL_QUEUES,
			.queue_size = FACET_QUEUE_MAX_SIZE,
			.config_size = sizeof(null->config),
		},
	};
	*ret = &null->device;
	return 0;
}

static void null_destroy(struct facet_device *device)
{
	free(null_device(device));
}

static void null_reset(struct facet_device *device)
{
	struct null_device *null = null_device(device);

	memset(null->config, 0, sizeof(null->config));
}

static void null_set_features(struct facet_device *device, uint64_t features)
{
}

static void null_config_read(struct facet_device *device, size_t offset, void *buf, size_t size)
{
	memcpy(buf, null_device(device)->config + offset, size);
}

/* A write is answered by the interrupt that a test of the transport waits for. */
static void null_config_write(struct facet_device *device, size_t offset, const void *buf,
			      size_t size)
{
	struct null_device *null = null_device(device);

	memcpy(null->config + offset, buf, size);
	null->port->config_changed(null->port);
}

static void echo(struct facet_chain *chain)
{
	uint8_t buf[4096];
	size_t done = 0, n;

	do {
		n = facet_chain_read(chain, done, buf, sizeof(buf));
		n = facet_chain_write(chain, done, buf, n);
		done += n;
	} while (n == sizeof(buf));
	facet_queue_push(chain, (uint32_t)done);
}

static bool null_kick(struct facet_device *device, unsigned int index, struct facet_queue *queue)
{
	struct facet_chain *chain;

	for (unsigned int i = 0; i < NULL_BATCH; i++) {
		if (facet_queue_pop(queue, &chain) != 1)
			return false;
		if (chain->lost)
			facet_queue_push(chain, 0);
		else
			echo(chain);
	}
	return true;
}

const struct facet_device_ops facet_null_device = {
	.name = "null",
	.create = null_create,
	.destroy = null_destroy,
	.reset = null_reset,
	.set_features = null_set_features,
	.config_read = null_config_read,
	.config_write = null_config_write,
	.kick = null_kick,
};
