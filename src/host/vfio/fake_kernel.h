/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_kernel.h - for tests: a tree with one device on VFIO, and the ioctls of its files. */
#ifndef FACET_HOST_VFIO_FAKE_KERNEL_H
#define FACET_HOST_VFIO_FAKE_KERNEL_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_ADDRESS "0000:03:00.0"

enum {
	FAKE_BAR_SIZE = 1 << 20,
	FAKE_BAD_REGION = 1, /* of which the kernel says what cannot be */
	FAKE_MSI = 4,        /* vectors */
};

/* struct vfio_region_info_cap_sparse_mmap, which clang wants last in a struct. */
struct fake_sparse {
	struct vfio_info_cap_header header;
	uint32_t nr_areas;
	uint32_t reserved;
};

/* What the kernel is told to say, and what it was told. */
struct fake_kernel {
	char root[64];
	int root_fd;
	/* answers */
	bool viable;
	int extension; /* the one kind of IOMMU it has */
	int set_iommu_errno, bind_errno, device_errno;
	/* seen */
	bool attached;
	uint64_t iova, size; /* of the one mapping; 0: none */
	unsigned int map_flags;
	uint32_t irq_flags, irq_index, irq_start, irq_count;
	int irq_fds[FAKE_MSI];
	unsigned int resets;
};
extern struct fake_kernel fake_kernel;

void fake_kernel_set_up(void);
void fake_kernel_tear_down(void);
/* Below the root: an empty file, a link, or nothing any more. Directories are made. */
void fake_kernel_file(const char *path);
void fake_kernel_link(const char *path, const char *target);
void fake_kernel_remove(const char *path);

#endif
