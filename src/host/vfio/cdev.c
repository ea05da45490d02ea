// SPDX-License-Identifier: GPL-2.0-or-later
/* cdev.c - a device by its own file and iommufd: /dev/vfio/devices/vfioN and /dev/iommu. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "host/vfio/kernel.h"
#include "host/vfio/place.h"
#include "wire/iommufd.h"

static int bind_device(struct facet_vfio_kernel *k, int root_fd,
		       const struct facet_vfio_place *place, struct facet_error *err)
{
	struct iommufd_vfio_bind bind = { .argsz = sizeof(bind), .iommufd = k->iommu };
	char who[160];
	int code;

	if (ioctl(k->device, IOMMUFD_VFIO_BIND, &bind) == 0)
		return 0;
	if (errno != EPERM && errno != EBUSY && errno != EINVAL)
		return facet_error_set(err, -errno, "%s cannot be taken: %m", k->base.name);
	code = -errno;
	facet_vfio_place_in_the_way(root_fd, place, who, sizeof(who));
	if (who[0])
		return facet_error_set(err, -EBUSY,
				       "group %s of %s is not free: %s; bind them to vfio-pci, or "
				       "to nothing",
				       place->group, k->base.name, who);
	if (code == -EPERM)
		return facet_error_set(
			err, code,
			"%s cannot be taken: another process has one of its group, "
			"or this host's IOMMU does not remap interrupts (dmesg says; "
			"iommufd.allow_unsafe_interrupts=1 takes it)",
			k->base.name);
	return facet_error_set(err, -EBUSY, "%s cannot be taken: another process has it",
			       k->base.name);
}

/* An address space of its own, and the device in it. */
static int attach(struct facet_vfio_kernel *k, struct facet_error *err)
{
	struct iommufd_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommufd_vfio_attach attach = { .argsz = sizeof(attach) };

	if (ioctl(k->iommu, IOMMUFD_IOAS_ALLOC, &alloc) < 0)
		return facet_error_set(err, -errno, "/dev/iommu gives no address space: %m");
	attach.pt_id = k->ioas = alloc.out_ioas_id;
	if (ioctl(k->device, IOMMUFD_VFIO_ATTACH, &attach) < 0)
		return facet_error_set(err, -errno,
				       "%s cannot be given an address space for DMA: %m",
				       k->base.name);
	return 0;
}

static int open_files(struct facet_vfio_kernel *k, int root_fd,
		      const struct facet_vfio_place *place, struct facet_error *err)
{
	char path[64];
	struct stat st;

	/* Without an IOMMU it would be called "noiommu-vfioN", and is not looked for. */
	snprintf(path, sizeof(path), "dev/vfio/devices/%s", place->cdev);
	if (!place->cdev[0] || (fstatat(root_fd, path, &st, 0) < 0 && errno == ENOENT))
		return facet_error_set(err, -ENOENT,
				       "%s has no file of its own in this kernel (Linux 6.6 with "
				       "VFIO_DEVICE_CDEV has): use its group",
				       k->base.name);
	k->device = facet_vfio_place_node(root_fd, path, err);
	if (k->device < 0)
		return k->device;
	k->iommu = facet_vfio_place_node(root_fd, "dev/iommu", err);
	return k->iommu < 0 ? k->iommu : 0;
}

static int cdev_open(const struct facet_vfio_config *cfg, int root_fd, struct facet_vfio **ret,
		     struct facet_error *err)
{
	struct facet_vfio_kernel *k;
	struct facet_vfio_place place;
	int r = facet_vfio_place_find(root_fd, cfg->device, &place, err);

	if (r < 0)
		return r;
	k = facet_vfio_kernel_new(&facet_vfio_cdev, place.address, err);
	if (!k)
		return -ENOMEM;
	r = open_files(k, root_fd, &place, err);
	if (r == 0)
		r = bind_device(k, root_fd, &place, err);
	if (r == 0)
		r = attach(k, err);
	if (r == 0)
		r = facet_vfio_kernel_look(k, err);
	if (r < 0)
		facet_vfio_kernel_close(&k->base);
	else
		*ret = &k->base;
	return r;
}

static int cdev_dma_map(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
			struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	struct iommufd_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMUFD_MAP_FIXED_IOVA | (dma->readable ? IOMMUFD_MAP_READABLE : 0) |
			 (dma->writable ? IOMMUFD_MAP_WRITABLE : 0),
		.ioas_id = k->ioas,
		.user_va = (uintptr_t)dma->address,
		.length = dma->size,
		.iova = dma->iova,
	};

	if (ioctl(k->iommu, IOMMUFD_IOAS_MAP, &map) < 0)
		return facet_vfio_kernel_map_failed(vfio, dma, errno, err);
	return 0;
}

static int cdev_dma_unmap(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			  struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	struct iommufd_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = k->ioas, .iova = iova, .length = size
	};
	int r = ioctl(k->iommu, IOMMUFD_IOAS_UNMAP, &unmap);

	return facet_vfio_kernel_unmapped(vfio, iova, size, r < 0 ? errno : 0, unmap.length, err);
}

const struct facet_vfio_ops facet_vfio_cdev = {
	.name = "cdev",
	.open = cdev_open,
	.close = facet_vfio_kernel_close,
	.region = facet_vfio_kernel_region,
	.irq = facet_vfio_kernel_irq,
	.read = facet_vfio_kernel_read,
	.write = facet_vfio_kernel_write,
	.dma_map = cdev_dma_map,
	.dma_unmap = cdev_dma_unmap,
	.set_irqs = facet_vfio_kernel_set_irqs,
	.reset = facet_vfio_kernel_reset,
};
