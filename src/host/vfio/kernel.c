// SPDX-License-Identifier: GPL-2.0-or-later
/* kernel.c - a device's file of the kernel's VFIO: regions, interrupts, reset. */
#include "host/vfio/kernel.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/vfio/caps.h"

enum {
	MAX_INFO = 64 << 10, /* of one region */
};

struct facet_vfio_kernel *facet_vfio_kernel_new(const struct facet_vfio_ops *ops, const char *name,
						struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)facet_vfio_new(ops, sizeof(*k), name);

	if (!k) {
		facet_error_set(err, -ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	k->device = k->group = k->iommu = -1;
	return k;
}

int facet_vfio_kernel_look(struct facet_vfio_kernel *k, struct facet_error *err)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	if (ioctl(k->device, VFIO_DEVICE_GET_INFO, &info) < 0)
		return facet_error_set(err, -errno, "%s: VFIO does not say what it is: %m",
				       k->base.name);
	k->base.info.pci = info.flags & VFIO_DEVICE_FLAGS_PCI;
	k->base.info.resettable = info.flags & VFIO_DEVICE_FLAGS_RESET;
	k->base.info.regions = info.num_regions;
	k->base.info.irqs = info.num_irqs;
	return 0;
}

void facet_vfio_kernel_close(struct facet_vfio *vfio)
{
	struct facet_vfio_kernel *k = (void *)vfio;

	/* The device first: the container forgets its mappings when nobody is left in it. */
	if (k->device >= 0)
		close(k->device);
	if (k->group >= 0)
		close(k->group);
	if (k->iommu >= 0)
		close(k->iommu);
	free(k);
}

int facet_vfio_kernel_region(struct facet_vfio *vfio, unsigned int index,
			     struct facet_vfio_slot *ret, struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	struct vfio_region_info first = { .argsz = sizeof(first), .index = index };
	facet_autofree struct vfio_region_info *info = NULL;
	size_t size = sizeof(first);

	if (ioctl(k->device, VFIO_DEVICE_GET_REGION_INFO, &first) < 0)
		return facet_error_set(err, -errno, "%s has no region %u: %m", vfio->name, index);
	if (first.argsz > size && first.argsz <= MAX_INFO)
		size = first.argsz;
	info = calloc(1, size);
	if (!info)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vfio->name);
	info->argsz = (uint32_t)size;
	info->index = index;
	if (ioctl(k->device, VFIO_DEVICE_GET_REGION_INFO, info) < 0 ||
	    facet_vfio_caps_region(info, size, ret) < 0)
		return facet_error_set(err, -EPROTO, "%s: VFIO contradicts itself about region %u",
				       vfio->name, index);
	ret->fd = k->device;
	return 0;
}

int facet_vfio_kernel_irq(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_irq *ret,
			  struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(k->device, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0)
		return facet_error_set(err, -errno, "%s has no interrupts of index %u: %m",
				       vfio->name, index);
	*ret = (struct facet_vfio_irq){
		.count = info.count,
		.eventfd = info.flags & VFIO_IRQ_INFO_EVENTFD,
		.maskable = info.flags & VFIO_IRQ_INFO_MASKABLE,
		.automasked = info.flags & VFIO_IRQ_INFO_AUTOMASKED,
		.fixed = info.flags & VFIO_IRQ_INFO_NORESIZE,
	};
	return 0;
}

static int access_result(const struct facet_vfio *vfio, const char *verb, unsigned int region,
			 uint64_t offset, size_t size, ssize_t done, struct facet_error *err)
{
	if (done == (ssize_t)size)
		return 0;
	if (done >= 0)
		errno = EIO;
	return facet_error_set(err, -errno, "%s: region %u cannot be %s at 0x%llx: %m", vfio->name,
			       region, verb, (unsigned long long)offset);
}

int facet_vfio_kernel_read(struct facet_vfio *vfio, unsigned int region, uint64_t offset, void *to,
			   size_t size, struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	ssize_t n = pread(k->device, to, size, (off_t)(vfio->slots[region].base + offset));

	return access_result(vfio, "read", region, offset, size, n, err);
}

int facet_vfio_kernel_write(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
			    const void *from, size_t size, struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	ssize_t n = pwrite(k->device, from, size, (off_t)(vfio->slots[region].base + offset));

	return access_result(vfio, "written", region, offset, size, n, err);
}

int facet_vfio_kernel_set_irqs(struct facet_vfio *vfio, uint32_t flags, unsigned int index,
			       unsigned int start, unsigned int count, const int *fds,
			       struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	const size_t data = fds ? count * sizeof(int32_t) : 0;
	facet_autofree struct vfio_irq_set *set = calloc(1, sizeof(*set) + data);

	if (!set)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vfio->name);
	set->argsz = (uint32_t)(sizeof(*set) + data);
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, data);
	if (ioctl(k->device, VFIO_DEVICE_SET_IRQS, set) < 0)
		return facet_error_set(err, -errno,
				       "%s: interrupts of index %u cannot be set so: %m",
				       vfio->name, index);
	return 0;
}

int facet_vfio_kernel_reset(struct facet_vfio *vfio, struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;

	if (ioctl(k->device, VFIO_DEVICE_RESET) < 0)
		return facet_error_set(err, -errno, "%s cannot be reset: %m", vfio->name);
	return 0;
}

int facet_vfio_kernel_map_failed(const struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
				 int error, struct facet_error *err)
{
	const char *why = error == EEXIST   ? "something is mapped there already"
			  : error == EINVAL ? "it is not whole pages, or the IOMMU reserves a part"
			  : error == ENOMEM ? "it is more than may be locked (RLIMIT_MEMLOCK)"
					    : strerror(error);

	return facet_error_set(
		err, -error, "%s: 0x%llx bytes cannot be mapped for DMA at 0x%llx: %s", vfio->name,
		(unsigned long long)dma->size, (unsigned long long)dma->iova, why);
}

int facet_vfio_kernel_unmapped(const struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			       int error, uint64_t done, struct facet_error *err)
{
	if (!error && done == size)
		return 0;
	return facet_error_set(err, error && error != ENOENT ? -error : -EINVAL,
			       "%s: what is mapped for DMA at 0x%llx is not these 0x%llx bytes",
			       vfio->name, (unsigned long long)iova, (unsigned long long)size);
}
