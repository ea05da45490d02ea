/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ivshmem.h - QEMU's shared memory with doorbells: the server's protocol and the device. */
#ifndef FACET_WIRE_IVSHMEM_H
#define FACET_WIRE_IVSHMEM_H

#include "wire/endian.h"

/*
 * On the server's stream socket, only from the server to a client: numbers, each alone or with
 * exactly one descriptor. To a new client: the version, its id, MEMORY with the memory's
 * descriptor, for each other peer and then for itself the id with an eventfd for each vector.
 * Later: an id with a descriptor, one vector more of that peer; an id alone, it has gone.
 */
struct wire_ivshmem_message {
	le64 number; /* signed */
};
_Static_assert(sizeof(struct wire_ivshmem_message) == 8, "size");

enum {
	WIRE_IVSHMEM_VERSION = 0,
	WIRE_IVSHMEM_MEMORY = -1,
	WIRE_IVSHMEM_MAX_ID = 65535, /* 16 bits in the doorbell register */

	/* The device's MSI-X capability has no room for more. */
	WIRE_IVSHMEM_MAX_VECTORS = 2048,

	WIRE_IVSHMEM_PCI_VENDOR = 0x1af4,
	WIRE_IVSHMEM_PCI_DEVICE = 0x1110,
};

/* BAR 0. BAR 1: MSI-X (doorbell only). BAR 2: the memory, whose size is a power of two. */
struct wire_ivshmem_registers {
	le32 intr_mask, intr_status; /* of the time before MSI-X; no effect */
	le32 iv_position;            /* read only: the id; 0 without a server */
	le32 doorbell;               /* write only: peer << 16 | vector */
	uint8_t reserved[240];
};
_Static_assert(sizeof(struct wire_ivshmem_registers) == 256, "size");

#endif
