/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernel.h - what a device's file does, however it was opened. Only vfio/ includes this. */
#ifndef FACET_HOST_VFIO_KERNEL_H
#define FACET_HOST_VFIO_KERNEL_H

#include "host/vfio/ops.h"

struct facet_vfio_kernel {
	struct facet_vfio base;
	int device;    /* the device's file */
	int group;     /* -1 with iommufd */
	int iommu;     /* the container, or /dev/iommu */
	uint32_t ioas; /* of iommufd */
};

/* A device with no file open yet; NULL without memory. */
struct facet_vfio_kernel *facet_vfio_kernel_new(const struct facet_vfio_ops *ops, const char *name,
						struct facet_error *err);
/* Asks what it is, now that @device is open. */
int facet_vfio_kernel_look(struct facet_vfio_kernel *k, struct facet_error *err);
void facet_vfio_kernel_close(struct facet_vfio *vfio);

int facet_vfio_kernel_region(struct facet_vfio *vfio, unsigned int index,
			     struct facet_vfio_slot *ret, struct facet_error *err);
int facet_vfio_kernel_irq(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_irq *ret,
			  struct facet_error *err);
int facet_vfio_kernel_read(struct facet_vfio *vfio, unsigned int region, uint64_t offset, void *to,
			   size_t size, struct facet_error *err);
int facet_vfio_kernel_write(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
			    const void *from, size_t size, struct facet_error *err);
int facet_vfio_kernel_set_irqs(struct facet_vfio *vfio, uint32_t flags, unsigned int index,
			       unsigned int start, unsigned int count, const int *fds,
			       struct facet_error *err);
int facet_vfio_kernel_reset(struct facet_vfio *vfio, struct facet_error *err);

/* Sentences for what both kinds of IOMMU interface say to a mapping; returns -@error. */
int facet_vfio_kernel_map_failed(const struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
				 int error, struct facet_error *err);
/* And to its end, of which @done bytes happened. */
int facet_vfio_kernel_unmapped(const struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			       int error, uint64_t done, struct facet_error *err);

#endif
