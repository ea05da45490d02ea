// SPDX-License-Identifier: GPL-2.0-or-later
/* facet-ivshmem.c - exchanges blocks with a host program through an ivshmem device, by VFIO.
 *
 * usage: facet-ivshmem ADDRESS GROUP PEER ROUNDS
 * The device is bound to vfio-pci, which hands its MSI-X vectors to us as eventfds; GROUP is its
 * file below /dev/vfio. Prints what it sent and received.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exchange.h"

enum {
	REG_POSITION = 8,
	REG_DOORBELL = 12,
	VECTORS = 2,
	PATIENCE_MS = 120000,
};

struct device {
	int fd, vector_fds[VECTORS];
	uint64_t registers; /* where they are in fd */
	uint8_t *memory;
	uint64_t size;
};

static void fail(const char *what)
{
	printf("facet-ivshmem: %s: %m\n", what);
	exit(1);
}

static void open_device(struct device *device, const char *address, const char *group_name)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int container = open("/dev/vfio/vfio", O_RDWR), group;
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%s", group_name);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0)
		fail(path);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &status) < 0 ||
	    !(status.flags & VFIO_GROUP_FLAGS_VIABLE) ||
	    ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) < 0)
		fail("the group");
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) < 0)
		fail("the IOMMU");
	device->fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (device->fd < 0)
		fail(address);
}

static struct vfio_region_info region(const struct device *device, unsigned int index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device->fd, VFIO_DEVICE_GET_REGION_INFO, &info) < 0 || !info.size)
		fail("a region");
	return info;
}

static void map_device(struct device *device)
{
	struct vfio_region_info memory = region(device, VFIO_PCI_BAR2_REGION_INDEX);
	struct vfio_region_info config = region(device, VFIO_PCI_CONFIG_REGION_INDEX);
	uint16_t command;

	device->registers = region(device, VFIO_PCI_BAR0_REGION_INDEX).offset;
	device->size = memory.size;
	device->memory = mmap(NULL, memory.size, PROT_READ | PROT_WRITE, MAP_SHARED, device->fd,
			      (off_t)memory.offset);
	if (device->memory == MAP_FAILED)
		fail("BAR 2");
	/* MSI-X messages are writes of the device's own. */
	if (pread(device->fd, &command, 2, (off_t)config.offset + 4) != 2)
		fail("the command register");
	command |= 6;
	if (pwrite(device->fd, &command, 2, (off_t)config.offset + 4) != 2)
		fail("the command register");
}

static void take_vectors(struct device *device)
{
	struct {
		struct vfio_irq_set set;
		int fds[VECTORS];
	} irqs = { .set = { .argsz = sizeof(irqs),
			    .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			    .index = VFIO_PCI_MSIX_IRQ_INDEX,
			    .count = VECTORS } };

	for (int v = 0; v < VECTORS; v++)
		irqs.fds[v] = device->vector_fds[v] = eventfd(0, 0);
	if (ioctl(device->fd, VFIO_DEVICE_SET_IRQS, &irqs) < 0)
		fail("MSI-X");
}

static void ring(const struct device *device, unsigned int peer, unsigned int vector)
{
	uint32_t value = peer << 16 | vector;

	if (pwrite(device->fd, &value, 4, (off_t)device->registers + REG_DOORBELL) != 4)
		fail("the doorbell");
}

static void wait_for_ring(const struct device *device, unsigned int vector)
{
	struct pollfd p = { .fd = device->vector_fds[vector], .events = POLLIN };
	uint64_t count;

	if (poll(&p, 1, PATIENCE_MS) != 1)
		fail("no interrupt came");
	if (read(p.fd, &count, sizeof(count)) != sizeof(count))
		fail("the interrupt");
}

static void exchange(const struct device *device, unsigned int peer, uint64_t rounds,
		     struct totals *totals)
{
	volatile struct letters *letters = (void *)device->memory;

	for (uint64_t round = 1; round <= rounds; round++) {
		uint64_t at = exchange_offset(round, device->size, 0), sum;

		letters->guest.sum = sum = exchange_write((void *)(device->memory + at), round);
		totals->sent = exchange_add(totals->sent, sum);
		atomic_thread_fence(memory_order_seq_cst);
		letters->guest.round = round;
		ring(device, peer, HOST_VECTOR);
		while (letters->host.round != round)
			wait_for_ring(device, GUEST_VECTOR);
		atomic_thread_fence(memory_order_seq_cst);
		at = exchange_offset(round, device->size, 1);
		sum = exchange_sum((void *)(device->memory + at));
		if (sum != letters->host.sum) {
			printf("round %llu: the host's block is damaged\n",
			       (unsigned long long)round);
			exit(2);
		}
		totals->received = exchange_add(totals->received, sum);
	}
}

int main(int argc, char **argv)
{
	struct device device;
	struct totals totals = { 0 };
	uint32_t position;

	if (argc != 5) {
		puts("usage: facet-ivshmem ADDRESS GROUP PEER ROUNDS");
		return 2;
	}
	open_device(&device, argv[1], argv[2]);
	map_device(&device);
	take_vectors(&device);
	if (pread(device.fd, &position, 4, (off_t)device.registers + REG_POSITION) != 4)
		fail("the position");
	exchange(&device, (unsigned int)atoi(argv[3]), strtoull(argv[4], NULL, 10), &totals);
	printf("position=%u size=%llu sent=%016llx received=%016llx\n", position,
	       (unsigned long long)device.size, (unsigned long long)totals.sent,
	       (unsigned long long)totals.received);
	return 0;
}
