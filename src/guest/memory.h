/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory.h - the guest's memory as this process may see it. */
#ifndef FACET_GUEST_MEMORY_H
#define FACET_GUEST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"

typedef struct {
	uint64_t addr;
} gpa_t; /* an address as the device sees it: guest-physical, or an IOVA behind an IOMMU */

/*
 * The memory as it is now. Changed and translated on the loop thread only. Whoever keeps a pointer
 * into guest memory past one call holds a view, which keeps the mappings alive.
 */
struct facet_guest_memory;
struct facet_guest_view;

/* One piece of guest memory; @user_addr is what the front-end calls it. */
struct facet_guest_region {
	uint64_t gpa;
	uint64_t user_addr;
	uint64_t size;
	uint64_t fd_offset;
};

enum facet_guest_access {
	FACET_GUEST_READ = 1,
	FACET_GUEST_WRITE = 2,
};

int facet_guest_memory_create(struct facet_guest_memory **ret);
void facet_guest_memory_destroy(struct facet_guest_memory *mem);

/**
 * facet_guest_memory_add() - map one region.
 * @fd: borrowed; mapped shared, whole pages, size checked against the file's
 *
 * Return: 0; -EEXIST when it overlaps, -ENOSPC past the slot limit, -EINVAL, or mmap's errno.
 */
int facet_guest_memory_add(struct facet_guest_memory *mem, const struct facet_guest_region *region,
			   int fd, struct facet_error *err);
int facet_guest_memory_remove(struct facet_guest_memory *mem,
			      const struct facet_guest_region *region, struct facet_error *err);
void facet_guest_memory_clear(struct facet_guest_memory *mem);

/* Counted; any thread. The view is of the memory as it was at the call. */
struct facet_guest_view *facet_guest_view_ref(struct facet_guest_memory *mem);
struct facet_guest_view *facet_guest_view_share(struct facet_guest_view *view);
void facet_guest_view_unref(struct facet_guest_view *view);

/**
 * facet_guest_translate() - turn a guest range into pointers.
 * @iov: room for @max pieces; a range may cross regions
 *
 * Return: the number of pieces; -EFAULT when any byte is not the guest's; -E2BIG when @max is too
 * small; -EAGAIN when the IOMMU has not told us yet: the miss was sent, try again after an update.
 */
int facet_guest_translate(struct facet_guest_memory *mem, gpa_t addr, uint64_t size,
			  enum facet_guest_access access, struct iovec *iov, unsigned int max);

/* Copy once, so the guest cannot change what was checked. 0, -EFAULT or -EAGAIN. */
int facet_guest_read(struct facet_guest_memory *mem, gpa_t from, void *to, size_t size);
int facet_guest_write(struct facet_guest_memory *mem, gpa_t to, const void *from, size_t size);

/* Ring addresses of vhost-user are the front-end's own. NULL when not in one region whole. */
void *facet_guest_user_pointer(struct facet_guest_memory *mem, uint64_t user_addr, uint64_t size);

/* --- for transports: loop thread --- */

enum {
	FACET_GUEST_MAX_REGIONS = 232, /* as many as fit into one message to a successor */
	FACET_GUEST_IOMMU_PAGE = 4096, /* what one miss asks for, at least */
};

unsigned int facet_guest_memory_count(const struct facet_guest_memory *mem);
/* Region @index as it was added; @ret_fd is a duplicate of its file, the memory's own. */
void facet_guest_memory_region(const struct facet_guest_memory *mem, unsigned int index,
			       struct facet_guest_region *ret, int *ret_fd);

/*
 * The way to ask an IOMMU about one page. Asking again for what was asked already is the callee's
 * to suppress. 0: asked; else the page counts as not the guest's.
 */
struct facet_guest_iommu {
	int (*miss)(void *owner, uint64_t iova, enum facet_guest_access access);
	void *owner;
};

/* From now on addresses are IOVAs, translated by the updates below; NULL: guest-physical again. */
void facet_guest_memory_set_iommu(struct facet_guest_memory *mem,
				  const struct facet_guest_iommu *iommu);

/* @perm: bits of enum facet_guest_access. 0, -EINVAL (nothing there to map), or -ENOMEM. */
int facet_guest_iotlb_update(struct facet_guest_memory *mem, uint64_t iova, uint64_t size,
			     uint64_t user_addr, unsigned int perm);
/* @size 0: everything. */
void facet_guest_iotlb_invalidate(struct facet_guest_memory *mem, uint64_t iova, uint64_t size);
/*
 * The miss was served. What was denied, or granted for something else only, is not the guest's
 * until an update says so. What was @granted and is not there was taken back meanwhile: ask again.
 */
void facet_guest_iotlb_settle(struct facet_guest_memory *mem, uint64_t iova,
			      enum facet_guest_access access, bool granted);

#endif
