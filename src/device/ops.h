/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what a device model provides. Only device/ includes this. */
#ifndef FACET_DEVICE_OPS_H
#define FACET_DEVICE_OPS_H

#include "device/device.h"

struct facet_device_ops {
	const char *name;
	int (*create)(const struct facet_device_config *cfg, struct facet_port *port,
		      struct facet_device **ret, struct facet_error *err);
	void (*destroy)(struct facet_device *device);
	void (*reset)(struct facet_device *device);
	void (*set_features)(struct facet_device *device, uint64_t features);
	void (*resume)(struct facet_device *device); /* optional */
	void (*config_read)(struct facet_device *device, size_t offset, void *buf, size_t size);
	void (*config_write)(struct facet_device *device, size_t offset, const void *buf,
			     size_t size);
	bool (*kick)(struct facet_device *device, unsigned int index, struct facet_queue *queue);
};

/* First member of every device. */
struct facet_device {
	const struct facet_device_ops *ops;
	struct facet_virtio_info virtio;
};

extern const struct facet_device_ops facet_virtio_gpu_device, facet_null_device;

#endif
