/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio_pci.h - how a virtio device looks as a PCI function (virtio 1.3, 4.1). */
#ifndef FACET_WIRE_VIRTIO_PCI_H
#define FACET_WIRE_VIRTIO_PCI_H

#include <assert.h>
#include <stddef.h>

#include "wire/endian.h"

enum {
	WIRE_VPCI_VENDOR = 0x1af4,
	WIRE_VPCI_DEVICE = 0x1040,    /* and the number of the kind of device */
	WIRE_VPCI_SUBSYSTEM = 0x1100, /* as QEMU's devices have it */
	WIRE_VPCI_REVISION = 1,       /* no driver of the time before virtio 1.0 wants it */
	WIRE_VPCI_CAPABILITY = 0x09,  /* a vendor's own */
	WIRE_VPCI_NO_VECTOR = 0xffff,
};

/* Which part of the device a capability tells the place of. */
enum {
	WIRE_VPCI_COMMON = 1,
	WIRE_VPCI_NOTIFY,
	WIRE_VPCI_ISR,
	WIRE_VPCI_CONFIG,
	WIRE_VPCI_ACCESS,
};

/* Bits of the device's status. */
enum {
	WIRE_VPCI_ACKNOWLEDGE = 1 << 0,
	WIRE_VPCI_DRIVER = 1 << 1,
	WIRE_VPCI_DRIVER_OK = 1 << 2,
	WIRE_VPCI_FEATURES_OK = 1 << 3,
	WIRE_VPCI_NEEDS_RESET = 1 << 6,
	WIRE_VPCI_FAILED = 1 << 7,
};

/* Bits of the interrupt status, of those who have no MSI-X. */
enum {
	WIRE_VPCI_ISR_QUEUE = 1 << 0,
	WIRE_VPCI_ISR_CONFIG = 1 << 1,
};

/* What follows id and next of a capability; NOTIFY adds a le32, ACCESS four bytes of data. */
struct wire_vpci_capability {
	uint8_t cap_len; /* with id and next */
	uint8_t cfg_type;
	uint8_t bar;
	uint8_t id;
	uint8_t padding[2];
	uint8_t offset[4]; /* little endian, and at odd places */
	uint8_t length[4];
	uint8_t extra[4]; /* NOTIFY: bytes from one queue's place to the next one's */
};
static_assert(sizeof(struct wire_vpci_capability) == 18, "wire_vpci_capability size");

struct wire_vpci_common {
	le32 device_feature_select;
	le32 device_feature;
	le32 driver_feature_select;
	le32 driver_feature;
	le16 config_msix_vector;
	le16 num_queues;
	uint8_t device_status;
	uint8_t config_generation;
	le16 queue_select;
	le16 queue_size;
	le16 queue_msix_vector;
	le16 queue_enable;
	le16 queue_notify_off;
	le32 queue_desc[2];
	le32 queue_driver[2];
	le32 queue_device[2];
	le16 queue_notif_config_data;
	le16 queue_reset;
	le16 admin_queue_index;
	le16 admin_queue_num;
};
static_assert(sizeof(struct wire_vpci_common) == 64, "wire_vpci_common size");
static_assert(offsetof(struct wire_vpci_common, queue_reset) == 58, "wire_vpci_common layout");

#endif
