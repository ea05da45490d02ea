// SPDX-License-Identifier: GPL-2.0-or-later
/* rings.c - the queues of a virtio PCI function: enabled, kicked, interrupting, and reset. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "device/virtio_pci/virtio_pci.h"

/* #syscalls fcntl write close */

static bool is_live(const struct vpci *vpci)
{
	return (vpci->status & (WIRE_VPCI_DRIVER_OK | WIRE_VPCI_NEEDS_RESET | WIRE_VPCI_FAILED)) ==
	       WIRE_VPCI_DRIVER_OK;
}

static void forget(struct vpci *vpci, struct vpci_queue *q)
{
	*q = (struct vpci_queue){
		.queue = q->queue,
		.size = facet_device_virtio(vpci->device)->queue_size,
		.vector = WIRE_VPCI_NO_VECTOR,
	};
}

int vpci_rings_create(struct vpci *vpci)
{
	const struct facet_virtio_info *virtio = facet_device_virtio(vpci->device);
	int r;

	if (virtio->queue_count > VPCI_MAX_QUEUES)
		return -E2BIG;
	while (vpci->queue_count < virtio->queue_count) {
		struct vpci_queue *q = &vpci->queues[vpci->queue_count];

		r = facet_queue_create(vpci->port.memory, virtio->queue_size, &q->queue);
		if (r < 0)
			return r;
		forget(vpci, q);
		vpci->queue_count++;
	}
	return 0;
}

void vpci_rings_destroy(struct vpci *vpci)
{
	for (unsigned int i = 0; i < vpci->queue_count; i++)
		facet_queue_destroy(vpci->queues[i].queue);
}

void vpci_rings_reset(struct vpci *vpci)
{
	for (unsigned int i = 0; i < vpci->queue_count; i++) {
		facet_queue_reset(vpci->queues[i].queue);
		facet_queue_set_call(vpci->queues[i].queue, -1);
		forget(vpci, &vpci->queues[i]);
	}
}

static uint64_t address(const uint32_t halves[2])
{
	return halves[0] | (uint64_t)halves[1] << 32;
}

static int set_up(struct vpci *vpci, struct vpci_queue *q)
{
	const struct facet_queue_rings rings = {
		.space = FACET_QUEUE_GUEST,
		.desc = address(q->desc),
		.avail = address(q->driver),
		.used = address(q->device),
	};
	int r = facet_queue_set_size(q->queue, q->size);

	if (!r)
		r = facet_queue_set_rings(q->queue, &rings);
	if (!r)
		r = facet_queue_set_base(q->queue, 0);
	facet_queue_set_features(q->queue, vpci->driver_features);
	return r;
}

static void start(struct vpci *vpci, struct vpci_queue *q)
{
	if (facet_queue_start(q->queue) < 0) {
		vpci_fail(vpci, "a queue cannot be started");
		return;
	}
	if (!facet_queue_reachable(q->queue)) {
		vpci_fail(vpci, "its queues are in no memory that we share: QEMU needs a memory "
				"backend with share=on (see facet qemu-args)");
		return;
	}
	vpci_ring_kick(vpci, (unsigned int)(q - vpci->queues));
}

void vpci_rings_start(struct vpci *vpci)
{
	for (unsigned int i = 0; i < vpci->queue_count; i++) {
		if (vpci->queues[i].enabled)
			start(vpci, &vpci->queues[i]);
	}
}

void vpci_ring_enable(struct vpci *vpci, struct vpci_queue *q)
{
	if (set_up(vpci, q) < 0) {
		vpci_fail(vpci, "a queue lies where none can be");
		return;
	}
	q->enabled = true;
	if (is_live(vpci))
		start(vpci, q);
}

/* What is under way in the device ends there; its answers are of a past epoch. */
void vpci_ring_reset(struct vpci *vpci, struct vpci_queue *q)
{
	facet_queue_reset(q->queue);
	facet_queue_set_call(q->queue, -1);
	forget(vpci, q);
}

void vpci_ring_kick(struct vpci *vpci, unsigned int index)
{
	struct vpci_queue *q;
	uint64_t one = 1;

	if (index >= vpci->queue_count || !is_live(vpci))
		return;
	q = &vpci->queues[index];
	if (!facet_queue_running(q->queue))
		return;
	q->busy = facet_device_kick(vpci->device, index, q->queue);
	/* Only fails when it is readable already. */
	if (q->busy && write(vpci->again_fd, &one, sizeof(one)) < 0)
		return;
	if (facet_queue_broken(q->queue))
		vpci_fail(vpci, "a queue is broken");
}

/* --- interrupts --- */

static void wire(struct vpci *vpci, struct vpci_queue *q)
{
	int fd = -1;

	if (q->vector != WIRE_VPCI_NO_VECTOR)
		fd = facet_pci_vector_fd(&vpci->pci, q->vector);
	if (fd >= 0)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	facet_queue_set_call(q->queue, fd);
	/* The client changes vectors by taking all away first: what came meanwhile is made good. */
	if (fd >= 0 && q->deaf && facet_queue_running(q->queue))
		facet_pci_interrupt(&vpci->pci, q->vector);
	q->deaf = fd < 0;
}

void vpci_ring_set_vector(struct vpci *vpci, struct vpci_queue *q, uint16_t vector)
{
	q->vector = vector;
	wire(vpci, q);
}

void vpci_rings_rewire(struct vpci *vpci)
{
	for (unsigned int i = 0; i < vpci->queue_count; i++)
		wire(vpci, &vpci->queues[i]);
}

void vpci_rings_refresh(struct vpci *vpci)
{
	for (unsigned int i = 0; i < vpci->queue_count; i++) {
		struct vpci_queue *q = &vpci->queues[i];

		if (!facet_queue_running(q->queue))
			continue;
		facet_queue_refresh(q->queue);
		vpci_ring_kick(vpci, i);
	}
}
