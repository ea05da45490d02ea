/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what each way to a device provides. Only vfio/ includes this. */
#ifndef FACET_HOST_VFIO_OPS_H
#define FACET_HOST_VFIO_OPS_H

#include "host/vfio.h"

/* One region, and what it is mapped from. */
struct facet_vfio_slot {
	bool known;
	bool foreign;  /* @fd is another process's file: how long it is has to be looked at */
	int fd;        /* -1: nothing can be mapped; closed by the backend */
	uint64_t base; /* where the region begins in @fd */
	struct facet_vfio_region region;
};

/* First member of every backend's own. */
struct facet_vfio {
	const struct facet_vfio_ops *ops;
	char name[128];
	struct facet_vfio_info info;
	struct facet_vfio_slot slots[FACET_VFIO_MAX_INDEX];
};

/* Indexes, ranges and access rights were checked by vfio.c; numbers of the other side were not. */
struct facet_vfio_ops {
	const char *name;

	/* @root_fd is valid. Fills in @name, @info and the slots' @fd of a new device. */
	int (*open)(const struct facet_vfio_config *cfg, int root_fd, struct facet_vfio **ret,
		    struct facet_error *err);
	void (*close)(struct facet_vfio *vfio);

	int (*region)(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_slot *ret,
		      struct facet_error *err);
	int (*irq)(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_irq *ret,
		   struct facet_error *err);

	int (*read)(struct facet_vfio *vfio, unsigned int region, uint64_t offset, void *to,
		    size_t size, struct facet_error *err);
	int (*write)(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
		     const void *from, size_t size, struct facet_error *err);

	int (*dma_map)(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
		       struct facet_error *err);
	int (*dma_unmap)(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			 struct facet_error *err);

	/* VFIO_IRQ_SET_ flags; @fds goes with VFIO_IRQ_SET_DATA_EVENTFD. */
	int (*set_irqs)(struct facet_vfio *vfio, uint32_t flags, unsigned int index,
			unsigned int start, unsigned int count, const int *fds,
			struct facet_error *err);
	int (*reset)(struct facet_vfio *vfio, struct facet_error *err);

	/* Optional pair: the other side asks for things. */
	int (*fd)(const struct facet_vfio *vfio);
	int (*dispatch)(struct facet_vfio *vfio, struct facet_error *err);
};

extern const struct facet_vfio_ops facet_vfio_group;
extern const struct facet_vfio_ops facet_vfio_cdev;
extern const struct facet_vfio_ops facet_vfio_socket;

/* An allocated device of @size bytes, of which struct facet_vfio is the first member. */
struct facet_vfio *facet_vfio_new(const struct facet_vfio_ops *ops, size_t size, const char *name);

#endif
