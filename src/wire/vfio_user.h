/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfio_user.h - messages of the vfio-user protocol (QEMU's docs/interop/vfio-user.rst), in host
 * byte order. What they took over from the kernel's VFIO is in <linux/vfio.h>.
 */
#ifndef FACET_WIRE_VFIO_USER_H
#define FACET_WIRE_VFIO_USER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VFIO_USER_MAJOR = 0,
	VFIO_USER_MINOR = 0, /* what QEMU 10.1 to 11.1 speak; it refuses a higher one */

	VFIO_USER_MAX_FDS = 16,    /* in one message, as QEMU has it */
	VFIO_USER_DEFAULT_FDS = 1, /* where the other side did not say */
	VFIO_USER_DEFAULT_XFER = 1 << 20,
	VFIO_USER_DEFAULT_MAPS = 65535,
	VFIO_USER_DEFAULT_PGSIZES = 4096,
};

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS = 6,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DMA_READ = 11,  /* the server's */
	VFIO_USER_DMA_WRITE = 12, /* the server's */
	VFIO_USER_DEVICE_RESET = 13,
	VFIO_USER_REGION_WRITE_MULTI = 15,
	VFIO_USER_DEVICE_FEATURE = 16,
	VFIO_USER_MIG_DATA_READ = 17,
	VFIO_USER_MIG_DATA_WRITE = 18,
	VFIO_USER_COMMANDS,
};

enum {
	VFIO_USER_TYPE_MASK = 0xf,
	VFIO_USER_TYPE_COMMAND = 0,
	VFIO_USER_TYPE_REPLY = 1,
	VFIO_USER_NO_REPLY = 1 << 4,
	VFIO_USER_ERROR = 1 << 5,
};

struct vfio_user_header {
	uint16_t id; /* the sender's; comes back in the reply */
	uint16_t command;
	uint32_t size; /* of header and payload */
	uint32_t flags;
	uint32_t error; /* a positive errno, in replies with VFIO_USER_ERROR */
};
static_assert(sizeof(struct vfio_user_header) == 16, "layout");

/* Followed by JSON, with its NUL. */
struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
};
static_assert(sizeof(struct vfio_user_version) == 4, "layout");

/* VFIO_DMA_MAP_FLAG_READ and _WRITE; with a descriptor, or without. */
struct vfio_user_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset; /* in the file */
	uint64_t address;
	uint64_t size;
};
static_assert(sizeof(struct vfio_user_dma_map) == 32, "layout");

/* VFIO_DMA_UNMAP_FLAG_ALL; the reply is the same. */
struct vfio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};
static_assert(sizeof(struct vfio_user_dma_unmap) == 24, "layout");

/* GET_INFO, as struct vfio_device_info began. */
struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
};
static_assert(sizeof(struct vfio_user_device_info) == 16, "layout");

/* GET_REGION_IO_FDS: followed by @count of struct vfio_user_io_fd. */
struct vfio_user_region_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};
static_assert(sizeof(struct vfio_user_region_io_fds) == 16, "layout");

enum {
	VFIO_USER_IO_FD_TYPE_IOEVENTFD = 0,
	VFIO_USER_IO_FD_DATAMATCH = 1 << 0, /* KVM_IOEVENTFD_FLAG_DATAMATCH */
	VFIO_USER_IO_FD_PIO = 1 << 1,       /* KVM_IOEVENTFD_FLAG_PIO */
};

struct vfio_user_io_fd {
	uint64_t offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t padding;
	uint64_t datamatch;
};
static_assert(sizeof(struct vfio_user_io_fd) == 40, "layout");

/* REGION_READ and _WRITE; followed by @count bytes in a write and in the reply to a read. */
struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};
static_assert(sizeof(struct vfio_user_region_access) == 16, "layout");

/* REGION_WRITE_MULTI: a count of 64 bits, then as many of these. The reply is the count done. */
struct vfio_user_write_one {
	uint64_t offset;
	uint32_t region;
	uint32_t count; /* up to 8 */
	uint8_t data[8];
};
static_assert(sizeof(struct vfio_user_write_one) == 24, "layout");

/* DMA_READ and _WRITE; followed by @count bytes in a write and in the reply to a read. */
struct vfio_user_dma_access {
	uint64_t address;
	uint64_t count;
};
static_assert(sizeof(struct vfio_user_dma_access) == 16, "layout");

#endif
