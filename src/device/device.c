// SPDX-License-Identifier: GPL-2.0-or-later
/* device.c - the list of device models, and what callers of the door go through. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "device/ops.h"

static const struct facet_device_ops *const devices[] = {
	&facet_virtio_gpu_device,
	&facet_null_device,
};

int facet_device_create(const char *name, const struct facet_device_config *cfg,
			struct facet_port *port, struct facet_device **ret, struct facet_error *err)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(devices); i++) {
		if (!strcmp(devices[i]->name, name))
			return devices[i]->create(cfg, port, ret, err);
	}
	return facet_error_set(err, -EINVAL,
			       "device '%s' is not known; use \"virtio-gpu\" or \"null\"", name);
}

void facet_device_destroy(struct facet_device *device)
{
	if (device)
		device->ops->destroy(device);
}

const struct facet_virtio_info *facet_device_virtio(const struct facet_device *device)
{
	return &device->virtio;
}

void facet_device_set_features(struct facet_device *device, uint64_t features)
{
	device->ops->set_features(device, features);
}

void facet_device_reset(struct facet_device *device)
{
	device->ops->reset(device);
}

void facet_device_resume(struct facet_device *device)
{
	if (device->ops->resume)
		device->ops->resume(device);
}

/* Clips [offset, offset + size) to the configuration space; 0 when nothing is left. */
static size_t config_clip(const struct facet_device *device, size_t offset, size_t size)
{
	size_t end = device->virtio.config_size;

	if (offset >= end)
		return 0;
	return size < end - offset ? size : end - offset;
}

void facet_device_config_read(struct facet_device *device, size_t offset, void *buf, size_t size)
{
	size_t inside = config_clip(device, offset, size);

	memset(buf, 0, size);
	if (inside)
		device->ops->config_read(device, offset, buf, inside);
}

void facet_device_config_write(struct facet_device *device, size_t offset, const void *buf,
			       size_t size)
{
	size_t inside = config_clip(device, offset, size);

	if (inside)
		device->ops->config_write(device, offset, buf, inside);
}

bool facet_device_kick(struct facet_device *device, unsigned int index, struct facet_queue *queue)
{
	assert(index < device->virtio.queue_count);
	return device->ops->kick(device, index, queue);
}
