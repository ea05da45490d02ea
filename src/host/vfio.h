/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vfio.h - drives a PCI device from user space: by the kernel's VFIO, or over a vfio-user socket.
 */
#ifndef FACET_HOST_VFIO_H
#define FACET_HOST_VFIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * DOC: Theory of Operation
 *
 * One device, three ways to it, one API:
 *
 *   "group"      /dev/vfio/N and a container (VFIO_TYPE1v2): every kernel with VFIO
 *   "cdev"       /dev/vfio/devices/vfioN and /dev/iommu: Linux 6.6 and newer, where configured
 *   "vfio-user"  a process that serves the device on a Unix socket
 *
 * Indexes of regions and interrupts are those of <linux/vfio.h> (VFIO_PCI_BAR0_REGION_INDEX,
 * VFIO_PCI_MSI_IRQ_INDEX ...) in all three. Each open device has an address space of its own for
 * DMA; its whole group is taken by the process that opens it.
 *
 * What the other side of a socket says is not believed: sizes, counts and descriptors are checked,
 * every wait ends after a time, and a server that breaks the protocol is not spoken to again
 * (-ENOTCONN from then on). Offsets and sizes that a caller gets wrong are answered with -EINVAL.
 *
 * A device belongs to one thread at a time.
 */
struct facet_vfio;

enum {
	FACET_VFIO_MAX_AREAS = 16,
	FACET_VFIO_MAX_INDEX = 64,     /* regions, and kinds of interrupts */
	FACET_VFIO_MAX_VECTORS = 2048, /* MSI-X has no more */
};

struct facet_vfio_config {
	/*
	 * "0000:03:00.0" or "03:00.0"; or the path of a socket, which has a '/' in it. Borrowed for
	 * the call.
	 */
	const char *device;
	const char *backend; /* as above; NULL: by @device, cdev before group */
	/*
	 * Of "/", or of a made-up tree with sys/ and dev/ in it; borrowed for the call. -1: "/".
	 * Sockets are not looked up there.
	 */
	int root_fd;
	/* Take a device without an IOMMU: it can then write to all of this host's memory. */
	bool noiommu;
	unsigned int timeout_ms; /* for each answer of a vfio-user server; 0: 5000 */
};

/**
 * facet_vfio_open() - take a device.
 * @err: which device or group, who is in the way, what to do about it
 *
 * Return: 0; -EINVAL for what is no address and no backend, -ENODEV when there is no such device,
 * -ENOENT when a part of VFIO is not there, -EACCES or -EPERM, -EBUSY when somebody else has it or
 * a member of its group, -EPROTO for a server that does not speak vfio-user.
 */
int facet_vfio_open(const struct facet_vfio_config *cfg, struct facet_vfio **ret,
		    struct facet_error *err);
/*
 * Gives it back. Interrupts end, and memory that was mapped for DMA is unmapped; what was got from
 * facet_vfio_region_map() stays until it is unmapped. NULL is accepted.
 */
void facet_vfio_close(struct facet_vfio *vfio);

const char *facet_vfio_backend(const struct facet_vfio *vfio);
/* For sentences: "0000:03:00.0", or the socket's path. */
const char *facet_vfio_name(const struct facet_vfio *vfio);

/* --- what it is --- */

struct facet_vfio_info {
	bool pci;
	bool resettable;
	bool noiommu; /* nothing can be mapped for DMA */
	unsigned int regions, irqs;
};

void facet_vfio_info(const struct facet_vfio *vfio, struct facet_vfio_info *ret);

struct facet_vfio_area {
	uint64_t offset, size;
};

struct facet_vfio_region {
	uint64_t size; /* 0: the device has none of this index */
	bool readable, writable;
	unsigned int area_count; /* where facet_vfio_region_map() works; 0: nowhere */
	struct facet_vfio_area areas[FACET_VFIO_MAX_AREAS];
};

/* Asked for once, then remembered. -EINVAL: no such index. */
int facet_vfio_region_info(struct facet_vfio *vfio, unsigned int index,
			   struct facet_vfio_region *ret, struct facet_error *err);

struct facet_vfio_irq {
	unsigned int count; /* vectors; 0: the device has none of this index */
	bool eventfd, maskable;
	bool automasked; /* each interrupt needs an unmask before the next */
	bool fixed;      /* all vectors are set at once, and none can be added */
};

int facet_vfio_irq_info(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_irq *ret,
			struct facet_error *err);

/* --- registers --- */

/*
 * Bytes of a region, in one access where @size is 1, 2, 4 or 8. -EINVAL outside of it, -EACCES when
 * it cannot be read (written), -EIO when less was done.
 */
int facet_vfio_read(struct facet_vfio *vfio, unsigned int region, uint64_t offset, void *to,
		    size_t size, struct facet_error *err);
int facet_vfio_write(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
		     const void *from, size_t size, struct facet_error *err);

/**
 * facet_vfio_region_map() - a part of a region as memory.
 * @offset: in the region, like @size whole pages inside one of its areas
 * @ret: the caller's, to be given back with munmap(); it outlives the device
 *
 * A vfio-user server that shrinks its file afterwards makes accesses end in SIGBUS. Who does not
 * trust it that far uses facet_vfio_read() and facet_vfio_write().
 */
int facet_vfio_region_map(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
			  size_t size, void **ret, struct facet_error *err);

/* @size is 1, 2 or 4, @offset a multiple of it; values as the host has them. */
int facet_vfio_config_read(struct facet_vfio *vfio, unsigned int offset, unsigned int size,
			   uint32_t *ret, struct facet_error *err);
int facet_vfio_config_write(struct facet_vfio *vfio, unsigned int offset, unsigned int size,
			    uint32_t value, struct facet_error *err);

/* Memory accesses answered, and DMA allowed or not, by the command register. */
int facet_vfio_enable(struct facet_vfio *vfio, bool bus_master, struct facet_error *err);

/* --- DMA --- */

struct facet_vfio_dma {
	uint64_t iova, size; /* whole pages */
	/*
	 * The caller's memory, which stays where it is until facet_vfio_dma_unmap() or
	 * facet_vfio_close().
	 */
	void *address;
	/*
	 * The file that @address maps shared, and where in it, for a vfio-user server to map it
	 * too; borrowed for the call. -1: none, and the server reads and writes by messages, which
	 * are answered during any call here, and by facet_vfio_dispatch(). Kernel VFIO needs none.
	 */
	int fd;
	uint64_t fd_offset;
	bool readable, writable; /* by the device */
};

/* -EEXIST over an existing mapping, -ENOTSUP without an IOMMU, -ENOMEM beyond RLIMIT_MEMLOCK. */
int facet_vfio_dma_map(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
		       struct facet_error *err);
/* Exactly what was mapped. When it returns the device does not access it any more. */
int facet_vfio_dma_unmap(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			 struct facet_error *err);

/* --- interrupts --- */

/*
 * Vectors @start to @start + @count - 1 of an index add 1 to these eventfds, which are borrowed for
 * the call; -1 ends one. More vectors of MSI and MSI-X may need facet_vfio_irq_disable() first.
 */
int facet_vfio_irq_set(struct facet_vfio *vfio, unsigned int index, unsigned int start,
		       unsigned int count, const int *fds, struct facet_error *err);
int facet_vfio_irq_mask(struct facet_vfio *vfio, unsigned int index, unsigned int start,
			unsigned int count, bool mask, struct facet_error *err);
/* All vectors of an index end. */
int facet_vfio_irq_disable(struct facet_vfio *vfio, unsigned int index, struct facet_error *err);

/* --- the rest --- */

/* As after power-on. -ENOTSUP: it has no reset of its own. */
int facet_vfio_reset(struct facet_vfio *vfio, struct facet_error *err);

/*
 * Readable when a vfio-user server wants something; then facet_vfio_dispatch() does not wait but
 * for the server to take what it asked for. -1 for kernel VFIO, where dispatch does nothing.
 */
int facet_vfio_fd(const struct facet_vfio *vfio);
int facet_vfio_dispatch(struct facet_vfio *vfio, struct facet_error *err);

#endif
