// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_kernel.c - a made-up sysfs and /dev, and an ioctl() in place of libc's. */
#include "host/vfio/fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/iommufd.h"

struct fake_kernel fake_kernel;

/* --- the tree --- */

static void run(const char *format, const char *a, const char *b)
{
	char command[512];

	snprintf(command, sizeof(command), format, fake_kernel.root, a, b);
	if (system(command) != 0)
		abort();
}

void fake_kernel_file(const char *path)
{
	run("cd %s && mkdir -p $(dirname %s) && : >%s", path, path);
}

void fake_kernel_link(const char *path, const char *target)
{
	run("cd %s && mkdir -p $(dirname %s)", path, NULL);
	if (unlinkat(fake_kernel.root_fd, path, 0) < 0 && errno != ENOENT)
		abort();
	if (symlinkat(target, fake_kernel.root_fd, path) < 0)
		abort();
}

void fake_kernel_remove(const char *path)
{
	run("cd %s && rm -r %s", path, NULL);
}

void fake_kernel_set_up(void)
{
	fake_kernel = (struct fake_kernel){ .viable = true, .extension = VFIO_TYPE1v2_IOMMU };
	strcpy(fake_kernel.root, "/tmp/facet-vfio-XXXXXX");
	if (!mkdtemp(fake_kernel.root))
		abort();
	fake_kernel.root_fd = open(fake_kernel.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fake_kernel_file("sys/bus/pci/devices/" FAKE_ADDRESS "/vfio-dev/vfio0/dev");
	fake_kernel_link("sys/bus/pci/devices/" FAKE_ADDRESS "/driver",
			 "../../../../bus/pci/drivers/vfio-pci");
	fake_kernel_link("sys/bus/pci/devices/" FAKE_ADDRESS "/iommu_group",
			 "../../../../kernel/iommu_groups/7");
	fake_kernel_file("sys/kernel/iommu_groups/7/devices/" FAKE_ADDRESS);
	fake_kernel_file("dev/vfio/vfio");
	fake_kernel_file("dev/vfio/7");
	fake_kernel_file("dev/vfio/devices/vfio0");
	fake_kernel_file("dev/iommu");
	run("truncate -s 2M %s/dev/vfio/devices/vfio0", NULL, NULL);
}

void fake_kernel_tear_down(void)
{
	close(fake_kernel.root_fd);
	run("rm -r %s", NULL, NULL);
}

/* --- a device's file --- */

static int device_info(struct vfio_device_info *info)
{
	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = VFIO_PCI_NUM_REGIONS;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

/* As the kernel does it: without room for the capabilities, how much would be needed. */
static int region_info(struct vfio_region_info *info)
{
	struct {
		struct vfio_region_info info;
		struct fake_sparse sparse;
		struct vfio_region_sparse_mmap_area areas[2];
	} full = { .sparse = { { VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0 }, 2, 0 },
		   .areas = { { 0, 0x2000 }, { 0x8000, 0x1000 } } };
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	const uint32_t room = info->argsz;

	info->flags = rw;
	info->offset = info->size = info->cap_offset = 0;
	info->argsz = sizeof(*info);
	switch (info->index) {
	case FAKE_BAD_REGION:
		full.sparse.nr_areas = 3;
		/* fall through */
	case VFIO_PCI_BAR0_REGION_INDEX:
		info->size = FAKE_BAR_SIZE;
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		info->argsz = sizeof(full);
		if (room < sizeof(full))
			return 0;
		info->cap_offset = offsetof(typeof(full), sparse);
		full.info = *info;
		memcpy(info, &full, sizeof(full));
		return 0;
	case VFIO_PCI_ROM_REGION_INDEX:
		info->size = 0x1000;
		info->flags = VFIO_REGION_INFO_FLAG_READ;
		return 0;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = 256;
		info->offset = FAKE_BAR_SIZE;
		return 0;
	default:
		return 0;
	}
}

static int irq_info(struct vfio_irq_info *info)
{
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	info->count = 0;
	if (info->index == VFIO_PCI_INTX_IRQ_INDEX) {
		info->flags |= VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
		info->count = 1;
	} else if (info->index == VFIO_PCI_MSI_IRQ_INDEX) {
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
		info->count = FAKE_MSI;
	}
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	fake_kernel.irq_flags = set->flags;
	fake_kernel.irq_index = set->index;
	fake_kernel.irq_start = set->start;
	fake_kernel.irq_count = set->count;
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(fake_kernel.irq_fds, set->data, set->argsz - sizeof(*set));
	return 0;
}

/* --- mappings --- */

static int fail(int error)
{
	errno = error;
	return -1;
}

static int map(uint64_t iova, uint64_t size, unsigned int flags)
{
	if (iova % 4096 || size % 4096)
		return fail(EINVAL);
	if (fake_kernel.size)
		return fail(EEXIST);
	fake_kernel.iova = iova;
	fake_kernel.size = size;
	fake_kernel.map_flags = flags;
	return 0;
}

/* How much of it there was. */
static uint64_t unmap(uint64_t iova, uint64_t size)
{
	uint64_t done = 0;

	if (fake_kernel.size && fake_kernel.iova >= iova &&
	    fake_kernel.iova + fake_kernel.size <= iova + size) {
		done = fake_kernel.size;
		fake_kernel.size = 0;
	}
	return done;
}

static int type1(unsigned long request, void *arg)
{
	struct vfio_iommu_type1_dma_unmap *gone = arg;
	struct vfio_iommu_type1_dma_map *new = arg;

	if (request == VFIO_IOMMU_MAP_DMA)
		return map(new->iova, new->size, new->flags);
	gone->size = unmap(gone->iova, gone->size);
	return 0;
}

static int iommufd(unsigned long request, void *arg)
{
	struct iommufd_ioas_unmap *gone = arg;
	struct iommufd_ioas_alloc *alloc = arg;
	struct iommufd_ioas_map *new = arg;

	switch (request) {
	case IOMMUFD_IOAS_ALLOC:
		alloc->out_ioas_id = 5;
		return 0;
	case IOMMUFD_IOAS_MAP:
		return new->ioas_id == 5 ? map(new->iova, new->length, new->flags) : fail(ENOENT);
	default:
		gone->length = unmap(gone->iova, gone->length);
		return gone->length ? 0 : fail(ENOENT);
	}
}

/* --- all of it --- */

static int group(unsigned long request, void *arg)
{
	char path[128];

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags =
			fake_kernel.viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return *(int *)arg > 2 ? 0 : fail(EBADF);
	default:
		if (fake_kernel.device_errno)
			return fail(fake_kernel.device_errno);
		if (strcmp(arg, FAKE_ADDRESS) != 0)
			return fail(ENODEV);
		snprintf(path, sizeof(path), "%s/dev/vfio/devices/vfio0", fake_kernel.root);
		return open(path, O_RDWR | O_CLOEXEC);
	}
}

static int cdev(unsigned long request, void *arg)
{
	const struct iommufd_vfio_attach *attach = arg;
	const struct iommufd_vfio_bind *bind = arg;

	if (request == IOMMUFD_VFIO_BIND) {
		if (fake_kernel.bind_errno)
			return fail(fake_kernel.bind_errno);
		return bind->iommufd > 2 && !bind->flags ? 0 : fail(EINVAL);
	}
	fake_kernel.attached = attach->pt_id == 5;
	return fake_kernel.attached ? 0 : fail(ENOENT);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return (int)(uintptr_t)arg == fake_kernel.extension;
	case VFIO_SET_IOMMU:
		return fake_kernel.set_iommu_errno ? fail(fake_kernel.set_iommu_errno) : 0;
	case VFIO_GROUP_GET_STATUS:
	case VFIO_GROUP_SET_CONTAINER:
	case VFIO_GROUP_GET_DEVICE_FD:
		return group(request, arg);
	case IOMMUFD_VFIO_BIND:
	case IOMMUFD_VFIO_ATTACH:
		return cdev(request, arg);
	case VFIO_DEVICE_GET_INFO:
		return device_info(arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_DEVICE_RESET:
		fake_kernel.resets++;
		return 0;
	case VFIO_IOMMU_MAP_DMA:
	case VFIO_IOMMU_UNMAP_DMA:
		return type1(request, arg);
	case IOMMUFD_IOAS_ALLOC:
	case IOMMUFD_IOAS_MAP:
	case IOMMUFD_IOAS_UNMAP:
		return iommufd(request, arg);
	default:
		return fail(ENOTTY);
	}
}
