/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio_pci.h - what the files of virtio's PCI face share. Not for outsiders. */
#ifndef FACET_DEVICE_VIRTIO_PCI_VIRTIO_PCI_H
#define FACET_DEVICE_VIRTIO_PCI_VIRTIO_PCI_H

#include "device/device.h"
#include "wire/virtio_pci.h"
#include "wire/virtio_ring.h"

/*
 * DOC: Theory of Operation
 *
 * A driver finds four areas of BAR 0 by capabilities: registers common to all virtio devices, an
 * interrupt status, the device's own configuration space, and a place a queue to say "look there".
 * MSI-X has a BAR for itself, for QEMU lays its own table over that page. There is no pin: drivers
 * that have no MSI-X (firmware) look into the rings by themselves.
 *
 * All of it happens on the loop thread and waits for nothing. Answers are pushed into the rings by
 * any thread, which then writes into the vector's eventfd itself.
 */

enum {
	VPCI_MAX_QUEUES = 8,

	VPCI_BAR = 0,
	VPCI_BAR_SIZE = 0x4000,
	VPCI_COMMON = 0x0000,
	VPCI_ISR = 0x1000,
	VPCI_CONFIG = 0x2000,
	VPCI_NOTIFY = 0x3000,
	VPCI_AREA = 0x1000, /* bytes from one to the next */
	VPCI_NOTIFY_STEP = 4,

	VPCI_MSIX_BAR = 1,
	VPCI_MSIX_PBA = 0x800,
	VPCI_MSIX_BAR_SIZE = 0x1000,
};

struct vpci_queue {
	struct facet_queue *queue;
	uint16_t size, vector;
	bool enabled;
	bool deaf; /* it may have interrupted while nobody listened */
	bool busy; /* it had more than one kick takes */
	uint32_t desc[2], driver[2], device[2];
};

struct vpci {
	struct facet_pci pci;
	struct facet_port port;
	struct facet_device *device;
	unsigned int access; /* offset of the ACCESS capability in configuration space */
	int again_fd;        /* readable: some queue is busy */

	uint32_t device_select, driver_select;
	uint64_t driver_features;
	uint8_t status, generation, isr;
	uint16_t config_vector, queue_select;
	unsigned int queue_count;
	struct vpci_queue queues[VPCI_MAX_QUEUES];
};

static inline struct vpci *vpci_of(struct facet_pci *pci)
{
	return facet_container_of(pci, struct vpci, pci);
}

/* --- common.c --- */

void vpci_common_read(struct vpci *vpci, uint64_t offset, void *buf, size_t size);
void vpci_common_write(struct vpci *vpci, uint64_t offset, const void *buf, size_t size);

/* --- rings.c --- */

int vpci_rings_create(struct vpci *vpci);
void vpci_rings_destroy(struct vpci *vpci);
void vpci_rings_reset(struct vpci *vpci);
/* The driver is ready: start what it has enabled. */
void vpci_rings_start(struct vpci *vpci);
void vpci_ring_enable(struct vpci *vpci, struct vpci_queue *q);
void vpci_ring_reset(struct vpci *vpci, struct vpci_queue *q);
void vpci_ring_kick(struct vpci *vpci, unsigned int index);
void vpci_ring_set_vector(struct vpci *vpci, struct vpci_queue *q, uint16_t vector);
/* Memory, or the eventfds of vectors, are not what they were. */
void vpci_rings_refresh(struct vpci *vpci);
void vpci_rings_rewire(struct vpci *vpci);

/* --- virtio_pci.c --- */

/* As after power-on, but what belongs to PCI. */
void vpci_reset(struct vpci *vpci);
void vpci_interrupt_config(struct vpci *vpci);
/* The driver made no sense: nothing goes on until it has reset us. */
void vpci_fail(struct vpci *vpci, const char *why);

#endif
