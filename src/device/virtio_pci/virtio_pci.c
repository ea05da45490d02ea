// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_pci.c - a virtio device as a PCI function: its birth, its BAR and its capabilities. */
#include "device/virtio_pci/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"

#define LOG_AREA "virtio-pci"

/* #syscalls eventfd2 read write close */

enum {
	CLASS_DISPLAY_OTHER = 0x038000,
	CLASS_OTHER = 0xff0000,
	WIRE_GPU = 16,
	ACCESS_BAR = 4, /* offsets in the capability: of registers that the driver writes */
	ACCESS_OFFSET = 8,
	ACCESS_LENGTH = 12,
	ACCESS_DATA = 16,
};

void vpci_interrupt_config(struct vpci *vpci)
{
	vpci->isr |= WIRE_VPCI_ISR_CONFIG;
	if (vpci->config_vector != WIRE_VPCI_NO_VECTOR)
		facet_pci_interrupt(&vpci->pci, vpci->config_vector);
}

static void config_changed(struct facet_port *port)
{
	struct vpci *vpci = facet_container_of(port, struct vpci, port);

	vpci->generation++;
	if (vpci->status & WIRE_VPCI_DRIVER_OK)
		vpci_interrupt_config(vpci);
}

void vpci_fail(struct vpci *vpci, const char *why)
{
	if (vpci->status & WIRE_VPCI_NEEDS_RESET)
		return;
	log_guest("the driver has to reset the device: %s", why);
	vpci->status |= WIRE_VPCI_NEEDS_RESET;
	if (vpci->status & WIRE_VPCI_DRIVER_OK)
		vpci_interrupt_config(vpci);
}

void vpci_reset(struct vpci *vpci)
{
	vpci_rings_reset(vpci);
	facet_device_reset(vpci->device);
	vpci->device_select = vpci->driver_select = 0;
	vpci->driver_features = 0;
	vpci->status = vpci->isr = 0;
	vpci->config_vector = WIRE_VPCI_NO_VECTOR;
	vpci->queue_select = 0;
}

static void pci_reset(struct facet_pci *pci)
{
	vpci_reset(vpci_of(pci));
}

/* --- the BAR --- */

/*
 * There is no pin to tell an interrupt by: who asks here looks into the rings because of the
 * answer, so that is always yes.
 */
static uint8_t take_isr(struct vpci *vpci)
{
	uint8_t isr = vpci->isr;

	vpci->isr = 0;
	if (vpci->status & WIRE_VPCI_DRIVER_OK)
		isr |= WIRE_VPCI_ISR_QUEUE;
	return isr;
}

static void bar_read(struct facet_pci *pci, unsigned int bar, uint64_t offset, void *buf,
		     size_t size)
{
	struct vpci *vpci = vpci_of(pci);
	uint64_t inside = offset % VPCI_AREA;

	memset(buf, 0, size);
	if (bar != VPCI_BAR || size > VPCI_AREA - inside)
		return;
	switch (offset - inside) {
	case VPCI_COMMON:
		vpci_common_read(vpci, inside, buf, size);
		break;
	case VPCI_ISR:
		if (!inside)
			*(uint8_t *)buf = take_isr(vpci);
		break;
	case VPCI_CONFIG:
		facet_device_config_read(vpci->device, inside, buf, size);
		break;
	default:
		break;
	}
}

static void bar_write(struct facet_pci *pci, unsigned int bar, uint64_t offset, const void *buf,
		      size_t size)
{
	struct vpci *vpci = vpci_of(pci);
	uint64_t inside = offset % VPCI_AREA;

	if (bar != VPCI_BAR || size > VPCI_AREA - inside)
		return;
	switch (offset - inside) {
	case VPCI_COMMON:
		vpci_common_write(vpci, inside, buf, size);
		break;
	case VPCI_CONFIG:
		facet_device_config_write(vpci->device, inside, buf, size);
		break;
	case VPCI_NOTIFY:
		/* What is written (the queue, perhaps how far it is) says no more than the place.
		 */
		if (inside % VPCI_NOTIFY_STEP == 0)
			vpci_ring_kick(vpci, (unsigned int)(inside / VPCI_NOTIFY_STEP));
		break;
	default:
		break;
	}
}

/* --- capabilities --- */

static uint32_t get32(const uint8_t *from)
{
	return from[0] | from[1] << 8 | from[2] << 16 | (uint32_t)from[3] << 24;
}

static void put32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static int add(struct vpci *vpci, uint8_t type, uint32_t offset, uint32_t length, uint32_t extra)
{
	struct wire_vpci_capability cap = { .cfg_type = type, .bar = VPCI_BAR };
	struct wire_vpci_capability mask = { 0 };
	size_t size = sizeof(cap);

	put32(cap.offset, offset);
	put32(cap.length, length);
	put32(cap.extra, extra);
	if (type != WIRE_VPCI_NOTIFY && type != WIRE_VPCI_ACCESS)
		size -= sizeof(cap.extra);
	cap.cap_len = (uint8_t)(size + 2);
	if (type == WIRE_VPCI_ACCESS) {
		mask.bar = 0xff;
		memset(mask.offset, 0xff, sizeof(mask.offset));
		memset(mask.length, 0xff, sizeof(mask.length));
		memset(mask.extra, 0xff, sizeof(mask.extra));
	}
	return facet_pci_add_capability(&vpci->pci, WIRE_VPCI_CAPABILITY, &cap, &mask,
					(unsigned int)size);
}

static int add_capabilities(struct vpci *vpci)
{
	const struct facet_virtio_info *virtio = facet_device_virtio(vpci->device);
	int r = add(vpci, WIRE_VPCI_COMMON, VPCI_COMMON, sizeof(struct wire_vpci_common), 0);

	if (r >= 0)
		r = add(vpci, WIRE_VPCI_ISR, VPCI_ISR, 1, 0);
	if (r >= 0)
		r = add(vpci, WIRE_VPCI_CONFIG, VPCI_CONFIG, (uint32_t)virtio->config_size, 0);
	if (r >= 0)
		r = add(vpci, WIRE_VPCI_NOTIFY, VPCI_NOTIFY, vpci->queue_count * VPCI_NOTIFY_STEP,
			VPCI_NOTIFY_STEP);
	if (r >= 0)
		r = add(vpci, WIRE_VPCI_ACCESS, 0, 0, 0);
	if (r < 0)
		return r;
	vpci->access = (unsigned int)r;
	return 0;
}

/* The way to the BAR for those who cannot map it. 0: what is there makes no sense. */
static uint32_t access_length(struct vpci *vpci, uint32_t *ret_offset)
{
	const uint8_t *cap = vpci->pci.config.value + vpci->access;
	uint32_t length = get32(cap + ACCESS_LENGTH);

	*ret_offset = get32(cap + ACCESS_OFFSET);
	if (cap[ACCESS_BAR] != VPCI_BAR || (length != 1 && length != 2 && length != 4) ||
	    *ret_offset % length || !facet_inside(*ret_offset, length, VPCI_BAR_SIZE))
		return 0;
	return length;
}

static bool is_access_data(const struct vpci *vpci, unsigned int offset, unsigned int size)
{
	unsigned int data = vpci->access + ACCESS_DATA;

	return offset < data + 4 && offset + size > data;
}

static void config_read(struct facet_pci *pci, unsigned int offset, unsigned int size)
{
	struct vpci *vpci = vpci_of(pci);
	uint32_t at, length;

	if (!is_access_data(vpci, offset, size))
		return;
	length = access_length(vpci, &at);
	if (length)
		bar_read(pci, VPCI_BAR, at, pci->config.value + vpci->access + ACCESS_DATA, length);
}

static void config_written(struct facet_pci *pci, unsigned int offset, unsigned int size)
{
	struct vpci *vpci = vpci_of(pci);
	uint32_t at, length;
	uint8_t data[4];

	if (!is_access_data(vpci, offset, size))
		return;
	length = access_length(vpci, &at);
	memcpy(data, pci->config.value + vpci->access + ACCESS_DATA, sizeof(data));
	if (length)
		bar_write(pci, VPCI_BAR, at, data, length);
}

/* --- birth and death --- */

static void destroy(struct facet_pci *pci)
{
	struct vpci *vpci = vpci_of(pci);

	vpci_rings_destroy(vpci);
	facet_device_destroy(vpci->device);
	if (vpci->again_fd >= 0)
		close(vpci->again_fd);
	free(vpci);
}

static int describe(struct vpci *vpci, struct facet_pci_host *host, struct facet_error *err)
{
	const struct facet_virtio_info *virtio = facet_device_virtio(vpci->device);
	struct facet_pci_info info = {
		.vendor = WIRE_VPCI_VENDOR,
		.device = (uint16_t)(WIRE_VPCI_DEVICE + virtio->device_id),
		.subsystem_vendor = WIRE_VPCI_VENDOR,
		.subsystem = WIRE_VPCI_SUBSYSTEM,
		.revision = WIRE_VPCI_REVISION,
		/*
		 * Not VGA (0x030000): we have none of its registers, and firmware and Linux would
		 * wait for them. A display of another kind they take as it is.
		 */
		.class_code = virtio->device_id == WIRE_GPU ? CLASS_DISPLAY_OTHER : CLASS_OTHER,
		.bars[VPCI_BAR] = { .size = VPCI_BAR_SIZE, .fd = -1 },
		.bars[VPCI_MSIX_BAR] = { .size = VPCI_MSIX_BAR_SIZE, .fd = -1 },
		.msix_vectors = (uint16_t)(virtio->queue_count + 1),
		.msix_bar = VPCI_MSIX_BAR,
		.msix_pba = VPCI_MSIX_PBA,
		.express = true,
	};
	int r = facet_pci_init(&vpci->pci, &facet_virtio_pci, host, &info, err);

	return r < 0 ? r : add_capabilities(vpci);
}

static int build(struct vpci *vpci, const struct facet_virtio_pci_config *cfg,
		 struct facet_pci_host *host, struct facet_error *err)
{
	int r;

	vpci->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vpci->again_fd < 0)
		return facet_error_set(err, -errno, "virtio-pci: cannot make an eventfd: %m");
	r = facet_device_create(cfg->device, &cfg->device_config, &vpci->port, &vpci->device, err);
	if (r < 0)
		return r;
	r = vpci_rings_create(vpci);
	if (r < 0)
		return facet_error_set(err, r, "virtio-pci: cannot make the queues of %s",
				       cfg->device);
	return describe(vpci, host, err);
}

static int create(const void *config, struct facet_pci_host *host, struct facet_pci **ret,
		  struct facet_error *err)
{
	struct vpci *vpci = calloc(1, sizeof(*vpci));
	int r;

	if (!vpci)
		return facet_error_set(err, -ENOMEM, "no memory for a virtio PCI function");
	vpci->again_fd = -1;
	vpci->config_vector = WIRE_VPCI_NO_VECTOR;
	vpci->port.memory = host->memory;
	vpci->port.config_changed = config_changed;
	vpci->port.carries = UINT64_MAX;
	r = build(vpci, config, host, err);
	if (r < 0) {
		destroy(&vpci->pci);
		return r;
	}
	*ret = &vpci->pci;
	return 0;
}

static void memory_changed(struct facet_pci *pci)
{
	vpci_rings_refresh(vpci_of(pci));
}

static void vectors_changed(struct facet_pci *pci)
{
	vpci_rings_rewire(vpci_of(pci));
}

static int again_fd(struct facet_pci *pci)
{
	return vpci_of(pci)->again_fd;
}

static void dispatch(struct facet_pci *pci)
{
	struct vpci *vpci = vpci_of(pci);
	uint64_t count;

	if (read(vpci->again_fd, &count, sizeof(count)) < 0)
		return;
	for (unsigned int i = 0; i < vpci->queue_count; i++) {
		if (vpci->queues[i].busy)
			vpci_ring_kick(vpci, i);
	}
}

void facet_virtio_pci_state(struct facet_pci *pci, bool *ret_running, uint64_t *ret_features)
{
	const struct vpci *vpci = vpci_of(pci);

	*ret_running = vpci->status & WIRE_VPCI_DRIVER_OK;
	*ret_features = vpci->driver_features;
}

const struct facet_pci_ops facet_virtio_pci = {
	.name = "virtio-pci",
	.create = create,
	.destroy = destroy,
	.reset = pci_reset,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_read = config_read,
	.config_written = config_written,
	.memory_changed = memory_changed,
	.vectors_changed = vectors_changed,
	.fd = again_fd,
	.dispatch = dispatch,
};
