/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iommufd.h - what cdev VFIO needs of <linux/iommufd.h>, and of <linux/vfio.h> since Linux 6.6:
 * Debian 12's headers have neither. The names differ from the kernel's, so that both can be
 * included.
 */
#ifndef FACET_WIRE_IOMMUFD_H
#define FACET_WIRE_IOMMUFD_H

#include <assert.h>
#include <linux/ioctl.h>
#include <stddef.h>
#include <stdint.h>

struct iommufd_ioas_alloc {
	uint32_t size; /* of the struct, in each of them */
	uint32_t flags;
	uint32_t out_ioas_id;
};
static_assert(sizeof(struct iommufd_ioas_alloc) == 12, "layout");

enum {
	IOMMUFD_MAP_FIXED_IOVA = 1 << 0,
	IOMMUFD_MAP_WRITABLE = 1 << 1,
	IOMMUFD_MAP_READABLE = 1 << 2,
};

struct iommufd_ioas_map {
	uint32_t size;
	uint32_t flags;
	uint32_t ioas_id;
	uint32_t reserved;
	uint64_t user_va;
	uint64_t length;
	uint64_t iova;
};
static_assert(sizeof(struct iommufd_ioas_map) == 40, "layout");

/* @length comes back as what was unmapped. */
struct iommufd_ioas_unmap {
	uint32_t size;
	uint32_t ioas_id;
	uint64_t iova;
	uint64_t length;
};
static_assert(sizeof(struct iommufd_ioas_unmap) == 24, "layout");

#define IOMMUFD_IOAS_ALLOC _IO(';', 0x81)
#define IOMMUFD_IOAS_MAP   _IO(';', 0x85)
#define IOMMUFD_IOAS_UNMAP _IO(';', 0x86)

/* On a device's own file. */
struct iommufd_vfio_bind {
	uint32_t argsz;
	uint32_t flags;
	int32_t iommufd;
	uint32_t out_devid;
};
static_assert(sizeof(struct iommufd_vfio_bind) == 16, "layout");

struct iommufd_vfio_attach {
	uint32_t argsz;
	uint32_t flags;
	uint32_t pt_id;
};
static_assert(sizeof(struct iommufd_vfio_attach) == 12, "layout");

#define IOMMUFD_VFIO_BIND   _IO(';', 100 + 18)
#define IOMMUFD_VFIO_ATTACH _IO(';', 100 + 19)

#endif
