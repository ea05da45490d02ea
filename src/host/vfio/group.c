// SPDX-License-Identifier: GPL-2.0-or-later
/* group.c - a device by its IOMMU group and a container: /dev/vfio/N and /dev/vfio/vfio. */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "host/vfio/kernel.h"
#include "host/vfio/place.h"

static int open_container(struct facet_vfio_kernel *k, int root_fd, struct facet_error *err)
{
	const int type = k->base.info.noiommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;

	k->iommu = facet_vfio_place_node(root_fd, "dev/vfio/vfio", err);
	if (k->iommu < 0)
		return k->iommu;
	if (ioctl(k->iommu, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return facet_error_set(err, -ENOTSUP,
				       "/dev/vfio/vfio speaks another VFIO than this facet");
	if (ioctl(k->iommu, VFIO_CHECK_EXTENSION, type) <= 0)
		return facet_error_set(err, -ENOENT,
				       "/dev/vfio/vfio knows no IOMMU that facet does: modprobe "
				       "vfio_iommu_type1");
	return 0;
}

/* "noiommu-3" is what the kernel calls a group that it was told to make up. */
static int open_group(struct facet_vfio_kernel *k, int root_fd,
		      const struct facet_vfio_place *place, bool noiommu, struct facet_error *err)
{
	char path[48];
	struct stat st;

	if (!place->group[0])
		return facet_error_set(err, -ENOENT,
				       "%s has no IOMMU group: switch the IOMMU on in the firmware "
				       "and for the kernel (intel_iommu=on)",
				       k->base.name);
	snprintf(path, sizeof(path), "dev/vfio/noiommu-%s", place->group);
	if (fstatat(root_fd, path, &st, 0) == 0) {
		if (!noiommu)
			return facet_error_set(err, -EPERM,
					       "%s has no IOMMU, so it could write to all memory "
					       "of this host: that has to be asked for",
					       k->base.name);
		k->base.info.noiommu = true;
	} else {
		snprintf(path, sizeof(path), "dev/vfio/%s", place->group);
	}
	k->group = facet_vfio_place_node(root_fd, path, err);
	return k->group < 0 ? k->group : 0;
}

static int check_viable(struct facet_vfio_kernel *k, int root_fd,
			const struct facet_vfio_place *place, struct facet_error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char who[160];

	if (ioctl(k->group, VFIO_GROUP_GET_STATUS, &status) < 0)
		return facet_error_set(err, -errno, "group %s does not say how it is: %m",
				       place->group);
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	facet_vfio_place_in_the_way(root_fd, place, who, sizeof(who));
	return facet_error_set(err, -EBUSY,
			       "group %s of %s is not free: %s; bind them to vfio-pci, or to "
			       "nothing",
			       place->group, k->base.name,
			       who[0] ? who : "a device in it has another driver");
}

static int join(struct facet_vfio_kernel *k, const struct facet_vfio_place *place,
		struct facet_error *err)
{
	const int type = k->base.info.noiommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;

	if (ioctl(k->group, VFIO_GROUP_SET_CONTAINER, &k->iommu) < 0)
		return facet_error_set(err, -errno, "group %s of %s cannot be taken: %m",
				       place->group, k->base.name);
	if (ioctl(k->iommu, VFIO_SET_IOMMU, type) == 0)
		return 0;
	if (errno == EPERM)
		return facet_error_set(err, -EPERM,
				       "group %s of %s: this host's IOMMU does not remap "
				       "interrupts, so the device could raise any (dmesg says "
				       "why; vfio_iommu_type1.allow_unsafe_interrupts=1 takes it)",
				       place->group, k->base.name);
	return facet_error_set(err, -errno, "group %s of %s: the IOMMU cannot be used: %m",
			       place->group, k->base.name);
}

static int open_device(struct facet_vfio_kernel *k, struct facet_error *err)
{
	k->device = ioctl(k->group, VFIO_GROUP_GET_DEVICE_FD, k->base.name);
	if (k->device >= 0)
		return facet_vfio_kernel_look(k, err);
	if (errno == EACCES)
		return facet_error_set(err, -EACCES,
				       "%s is a virtual function of a device on vfio-pci, and "
				       "facet does not know that one's token",
				       k->base.name);
	return facet_error_set(err, -errno, "%s cannot be opened: %m", k->base.name);
}

static int group_open(const struct facet_vfio_config *cfg, int root_fd, struct facet_vfio **ret,
		      struct facet_error *err)
{
	struct facet_vfio_kernel *k;
	struct facet_vfio_place place;
	int r = facet_vfio_place_find(root_fd, cfg->device, &place, err);

	if (r < 0)
		return r;
	k = facet_vfio_kernel_new(&facet_vfio_group, place.address, err);
	if (!k)
		return -ENOMEM;
	r = open_group(k, root_fd, &place, cfg->noiommu, err);
	if (r == 0)
		r = check_viable(k, root_fd, &place, err);
	if (r == 0)
		r = open_container(k, root_fd, err);
	if (r == 0)
		r = join(k, &place, err);
	if (r == 0)
		r = open_device(k, err);
	if (r < 0)
		facet_vfio_kernel_close(&k->base);
	else
		*ret = &k->base;
	return r;
}

static int group_dma_map(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
			 struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (dma->readable ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (dma->writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)dma->address,
		.iova = dma->iova,
		.size = dma->size,
	};

	if (ioctl(k->iommu, VFIO_IOMMU_MAP_DMA, &map) < 0)
		return facet_vfio_kernel_map_failed(vfio, dma, errno, err);
	return 0;
}

static int group_dma_unmap(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
			   struct facet_error *err)
{
	struct facet_vfio_kernel *k = (void *)vfio;
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
						    .iova = iova,
						    .size = size };
	int r = ioctl(k->iommu, VFIO_IOMMU_UNMAP_DMA, &unmap);

	return facet_vfio_kernel_unmapped(vfio, iova, size, r < 0 ? errno : 0, unmap.size, err);
}

const struct facet_vfio_ops facet_vfio_group = {
	.name = "group",
	.open = group_open,
	.close = facet_vfio_kernel_close,
	.region = facet_vfio_kernel_region,
	.irq = facet_vfio_kernel_irq,
	.read = facet_vfio_kernel_read,
	.write = facet_vfio_kernel_write,
	.dma_map = group_dma_map,
	.dma_unmap = group_dma_unmap,
	.set_irqs = facet_vfio_kernel_set_irqs,
	.reset = facet_vfio_kernel_reset,
};
