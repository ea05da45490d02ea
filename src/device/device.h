/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device.h - the door to the device models a guest can see. */
#ifndef FACET_DEVICE_DEVICE_H
#define FACET_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "guest/memory.h"
#include "guest/queue.h"
#include "pci/pci.h"
#include "sched/sched.h"

struct facet_device;

/* What a transport lends a device: the guest's memory, and the one way back to the guest. */
struct facet_port {
	struct facet_guest_memory *memory;
	/* The configuration space changed. Thread: loop. Queues interrupt by facet_queue_push(). */
	void (*config_changed)(struct facet_port *port);
	/*
	 * Features of a device that not every transport lets through: a device has them where they
	 * are in here (QEMU's vhost-user-gpu masks blobs and typed contexts).
	 */
	uint64_t carries;
	/* virtio->keep_size bytes that a successor will find should we die. NULL: none. */
	void *keep;
};

struct facet_device_config {
	struct facet_sched *sched; /* borrowed, as is the display */
	struct facet_display *display;
	unsigned int max_resources; /* 0: a default */
};

/* What a virtio transport has to know (virtio 1.3, 4.1 and 5.7). */
struct facet_virtio_info {
	uint16_t device_id;
	uint16_t queue_count;
	uint16_t queue_size; /* largest */
	uint64_t features;   /* of the device, without the transport's */
	size_t config_size;
	size_t keep_size; /* of what it wants to keep over the death of a process */
};

/**
 * facet_device_create() - make a device model.
 * @name: "virtio-gpu" or "null"
 * @port: borrowed, fixed for the device's life
 */
int facet_device_create(const char *name, const struct facet_device_config *cfg,
			struct facet_port *port, struct facet_device **ret,
			struct facet_error *err);
void facet_device_destroy(struct facet_device *device);

/* All below: loop thread. */
const struct facet_virtio_info *facet_device_virtio(const struct facet_device *device);

/* The driver accepted these bits, of the device's and the transport's. */
void facet_device_set_features(struct facet_device *device, uint64_t features);

/*
 * As after power-on. Answers to jobs under way are dropped (their chains belong to a past epoch);
 * the engine forgets this guest's objects in its own time, in order.
 */
void facet_device_reset(struct facet_device *device);

/*
 * The driver goes on with what a dead process was to it: make what can be made from port->keep,
 * where that one wrote it, perhaps with a guest's hand. After set_features, before any kick.
 */
void facet_device_resume(struct facet_device *device);

/* Outside the space: reads give 0, writes are dropped; never more than @size bytes. */
void facet_device_config_read(struct facet_device *device, size_t offset, void *buf, size_t size);
void facet_device_config_write(struct facet_device *device, size_t offset, const void *buf,
			       size_t size);

/*
 * The guest has put something into queue @index; also after -EAGAIN was resolved. Takes all there
 * is, up to a bound; true when there may be more: call again, after serving others.
 */
bool facet_device_kick(struct facet_device *device, unsigned int index, struct facet_queue *queue);

/* --- a device as a PCI function, for transports that carry accesses and not rings --- */

struct facet_virtio_pci_config {
	const char *device; /* name of the model */
	struct facet_device_config device_config;
};

/* Any of the models by virtio 1.x; its config is a struct facet_virtio_pci_config. */
extern const struct facet_pci_ops facet_virtio_pci;

/* Of a function with these ops: does a driver run it, and with which features? */
void facet_virtio_pci_state(struct facet_pci *pci, bool *ret_running, uint64_t *ret_features);

#endif
