// SPDX-License-Identifier: GPL-2.0-or-later
/* common.c - the registers that all virtio devices have (virtio 1.3, 4.1.4.3). */
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "device/virtio_pci/virtio_pci.h"

#define LOG_AREA "virtio-pci"

#define BIT(number) (1ULL << (number))

static struct vpci_queue *selected(struct vpci *vpci)
{
	return vpci->queue_select < vpci->queue_count ? &vpci->queues[vpci->queue_select] : NULL;
}

static uint64_t offered(const struct vpci *vpci)
{
	return facet_device_virtio(vpci->device)->features | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
	       BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_VERSION_1) |
	       BIT(VIRTIO_F_IOMMU_PLATFORM) | BIT(VIRTIO_F_NOTIFICATION_DATA) |
	       BIT(VIRTIO_F_RING_RESET);
}

/* 64 bits by halves; past them there is nothing. */
static uint32_t half(uint64_t bits, uint32_t select)
{
	return select < 2 ? (uint32_t)(bits >> 32 * select) : 0;
}

static void fill_queue(struct vpci *vpci, const struct vpci_queue *q, struct wire_vpci_common *ret)
{
	ret->queue_size = le16_of(q->size);
	ret->queue_msix_vector = le16_of(q->vector);
	ret->queue_enable = le16_of(q->enabled);
	ret->queue_notify_off = le16_of(vpci->queue_select);
	ret->queue_notif_config_data = le16_of(vpci->queue_select);
	for (int i = 0; i < 2; i++) {
		ret->queue_desc[i] = le32_of(q->desc[i]);
		ret->queue_driver[i] = le32_of(q->driver[i]);
		ret->queue_device[i] = le32_of(q->device[i]);
	}
}

void vpci_common_read(struct vpci *vpci, uint64_t offset, void *buf, size_t size)
{
	const struct vpci_queue *q = selected(vpci);
	struct wire_vpci_common common = {
		.device_feature_select = le32_of(vpci->device_select),
		.device_feature = le32_of(half(offered(vpci), vpci->device_select)),
		.driver_feature_select = le32_of(vpci->driver_select),
		.driver_feature = le32_of(half(vpci->driver_features, vpci->driver_select)),
		.config_msix_vector = le16_of(vpci->config_vector),
		.num_queues = le16_of((uint16_t)vpci->queue_count),
		.device_status = vpci->status,
		.config_generation = vpci->generation,
		.queue_select = le16_of(vpci->queue_select),
		.queue_msix_vector = le16_of(WIRE_VPCI_NO_VECTOR),
	};

	if (q)
		fill_queue(vpci, q, &common);
	if (facet_inside(offset, size, sizeof(common)))
		memcpy(buf, (const char *)&common + offset, size);
}

/* --- writes; @value is of the register's size --- */

static void write_driver_feature(struct vpci *vpci, uint32_t value)
{
	unsigned int shift = 32 * vpci->driver_select;

	if (vpci->driver_select > 1 || vpci->status & WIRE_VPCI_FEATURES_OK)
		return;
	vpci->driver_features &= ~(0xffffffffULL << shift);
	vpci->driver_features |= (uint64_t)value << shift;
}

static bool features_make_sense(const struct vpci *vpci)
{
	return !(vpci->driver_features & ~offered(vpci)) &&
	       vpci->driver_features & BIT(VIRTIO_F_VERSION_1);
}

/* Bits are only ever set, in their order; 0 is a reset. */
static void write_status(struct vpci *vpci, uint8_t value)
{
	uint8_t fresh = value & (uint8_t)~vpci->status;

	if (!value) {
		vpci_reset(vpci);
		return;
	}
	if (fresh & WIRE_VPCI_FEATURES_OK && !features_make_sense(vpci)) {
		log_guest("features 0x%llx were not offered, or are not virtio 1",
			  (unsigned long long)vpci->driver_features);
		fresh &= (uint8_t)~WIRE_VPCI_FEATURES_OK;
	}
	fresh &= (uint8_t)~WIRE_VPCI_NEEDS_RESET; /* ours to set */
	vpci->status |= fresh;
	if (fresh & WIRE_VPCI_FEATURES_OK)
		facet_device_set_features(vpci->device, vpci->driver_features);
	if (!(fresh & WIRE_VPCI_DRIVER_OK))
		return;
	if (vpci->status & WIRE_VPCI_FEATURES_OK)
		vpci_rings_start(vpci);
	else
		vpci_fail(vpci, "it went on without agreeing on features");
}

static uint16_t valid_vector(const struct vpci *vpci, uint32_t value)
{
	return value < vpci->pci.info.msix_vectors ? (uint16_t)value : WIRE_VPCI_NO_VECTOR;
}

/* Larger than a ring may be, or no power of two: it stays as it was, and the driver can see it. */
static void write_queue_size(struct vpci *vpci, struct vpci_queue *q, uint32_t value)
{
	if (value && !(value & (value - 1)) &&
	    value <= facet_device_virtio(vpci->device)->queue_size)
		q->size = (uint16_t)value;
}

static void write_enable(struct vpci *vpci, struct vpci_queue *q, uint32_t value)
{
	if (value != 1 || q->enabled)
		return;
	if (vpci->status & WIRE_VPCI_FEATURES_OK)
		vpci_ring_enable(vpci, q);
	else
		vpci_fail(vpci, "it enabled a queue before agreeing on features");
}

static void write_queue_reset(struct vpci *vpci, struct vpci_queue *q, uint32_t value)
{
	if (value == 1 && vpci->driver_features & BIT(VIRTIO_F_RING_RESET))
		vpci_ring_reset(vpci, q);
}

#define AT(field) offsetof(struct wire_vpci_common, field)

static void write_of_queue(struct vpci *vpci, struct vpci_queue *q, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case AT(queue_msix_vector):
		vpci_ring_set_vector(vpci, q, valid_vector(vpci, value));
		return;
	case AT(queue_enable):
		write_enable(vpci, q, value);
		return;
	case AT(queue_reset):
		write_queue_reset(vpci, q, value);
		return;
	}
	if (q->enabled) /* the rest describes what runs already */
		return;
	switch (offset) {
	case AT(queue_size):
		write_queue_size(vpci, q, value);
		break;
	case AT(queue_desc[0]):
	case AT(queue_desc[1]):
		q->desc[offset != AT(queue_desc[0])] = value;
		break;
	case AT(queue_driver[0]):
	case AT(queue_driver[1]):
		q->driver[offset != AT(queue_driver[0])] = value;
		break;
	case AT(queue_device[0]):
	case AT(queue_device[1]):
		q->device[offset != AT(queue_device[0])] = value;
		break;
	}
}

static void write_one(struct vpci *vpci, uint64_t offset, uint32_t value)
{
	struct vpci_queue *q = selected(vpci);

	switch (offset) {
	case AT(device_feature_select):
		vpci->device_select = value;
		break;
	case AT(driver_feature_select):
		vpci->driver_select = value;
		break;
	case AT(driver_feature):
		write_driver_feature(vpci, value);
		break;
	case AT(config_msix_vector):
		vpci->config_vector = valid_vector(vpci, value);
		break;
	case AT(device_status):
		write_status(vpci, (uint8_t)value);
		break;
	case AT(queue_select):
		vpci->queue_select = (uint16_t)value;
		break;
	default:
		if (q)
			write_of_queue(vpci, q, offset, value);
	}
}

/* 0: nothing that can be written begins there. */
static size_t register_size(uint64_t offset)
{
	switch (offset) {
	case AT(device_feature_select):
	case AT(driver_feature_select):
	case AT(driver_feature):
	case AT(queue_desc[0]):
	case AT(queue_desc[1]):
	case AT(queue_driver[0]):
	case AT(queue_driver[1]):
	case AT(queue_device[0]):
	case AT(queue_device[1]):
		return 4;
	case AT(config_msix_vector):
	case AT(queue_select):
	case AT(queue_size):
	case AT(queue_msix_vector):
	case AT(queue_enable):
	case AT(queue_reset):
		return 2;
	case AT(device_status):
		return 1;
	default:
		return 0;
	}
}

/* Registers have to be written whole; an address may come as one of 64 bits. */
void vpci_common_write(struct vpci *vpci, uint64_t offset, const void *buf, size_t size)
{
	const uint8_t *bytes = buf;

	if (size == 8 && register_size(offset) == 4) {
		vpci_common_write(vpci, offset, bytes, 4);
		vpci_common_write(vpci, offset + 4, bytes + 4, 4);
		return;
	}
	if (!size || size != register_size(offset)) {
		log_guest("a write of %zu bytes to register 0x%llx, which there is not", size,
			  (unsigned long long)offset);
		return;
	}
	switch (size) {
	case 1:
		write_one(vpci, offset, bytes[0]);
		break;
	case 2:
		write_one(vpci, offset, bytes[0] | (uint32_t)bytes[1] << 8);
		break;
	default:
		write_one(vpci, offset,
			  bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
				  (uint32_t)bytes[3] << 24);
	}
}
