// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_gvt - a parent of mediated devices that looks like i915 with GVT-g, on any PCI function.
 *
 * A function is given to it by driver_override "i915". Types, their descriptions and the pool they
 * share are as i915 shows them; the vGPU is a plain device of our own, described in fake_gvt.h,
 * that does what a vGPU does to a host: mapped and trapped BARs, a display plane, DMA, an MSI.
 */
#include <drm/drm_fourcc.h>
#include <linux/eventfd.h>
#include <linux/highmem.h>
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio.h>
#include <linux/vmalloc.h>

#include "fake_gvt.h"

#define REGION_SHIFT   40
#define REGION(index)  ((u64)(index) << REGION_SHIFT)
#define REGISTERS_SIZE PAGE_SIZE
#define CONFIG_SIZE    256
#define MSI_CAP        0x40
/* What one command moves at most. */
#define DMA_MAX 65536

/* What all vGPUs of a GPU share. */
struct gvt_share {
	unsigned int low_gm_mb, high_gm_mb, fences;
};

struct gvt_type {
	struct mdev_type type;
	struct gvt_share share;
	unsigned int width, height, weight;
};

static const struct gvt_type gvt_types[] = {
	{ { .sysfs_name = "GVTg_V5_8" }, { 64, 384, 4 }, 1024, 768, 2 },
	{ { .sysfs_name = "GVTg_V5_4" }, { 128, 512, 4 }, 1920, 1200, 4 },
	{ { .sysfs_name = "GVTg_V5_2" }, { 256, 1024, 4 }, 1920, 1200, 8 },
};

#define TYPES ARRAY_SIZE(gvt_types)

struct gvt_gpu {
	struct mdev_parent parent;
	struct gvt_type types[TYPES];
	struct mdev_type *list[TYPES];
	struct mutex lock; /* of what follows */
	struct gvt_share free;
	unsigned int next_id;
};

struct vgpu {
	struct vfio_device vdev;
	struct gvt_gpu *gpu;
	const struct gvt_type *type;
	unsigned int id;

	struct mutex lock; /* of what follows */
	u8 config[CONFIG_SIZE];
	u8 writable[CONFIG_SIZE];
	u32 registers[FAKE_GVT_REGISTERS / 4];
	void *picture;
	size_t picture_size;
	struct eventfd_ctx *trigger;
	struct page *pinned;
	dma_addr_t pinned_at;
};

static struct vgpu *to_vgpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct vgpu, vdev);
}

/* --- the pool --------------------------------------------------------------------------------- */

static unsigned int gvt_fits(const struct gvt_share *free, const struct gvt_share *share)
{
	return min3(free->low_gm_mb / share->low_gm_mb, free->high_gm_mb / share->high_gm_mb,
		    free->fences / share->fences);
}

static unsigned int gvt_get_available(struct mdev_type *mtype)
{
	struct gvt_type *type = container_of(mtype, struct gvt_type, type);
	struct gvt_gpu *gpu = container_of(mtype->parent, struct gvt_gpu, parent);
	unsigned int count;

	mutex_lock(&gpu->lock);
	count = gvt_fits(&gpu->free, &type->share);
	mutex_unlock(&gpu->lock);
	return count;
}

static int gvt_take(struct gvt_gpu *gpu, const struct gvt_share *share, unsigned int *ret_id)
{
	int r = 0;

	mutex_lock(&gpu->lock);
	if (!gvt_fits(&gpu->free, share)) {
		r = -ENOSPC;
	} else {
		gpu->free.low_gm_mb -= share->low_gm_mb;
		gpu->free.high_gm_mb -= share->high_gm_mb;
		gpu->free.fences -= share->fences;
		*ret_id = ++gpu->next_id;
	}
	mutex_unlock(&gpu->lock);
	return r;
}

static void gvt_give_back(struct gvt_gpu *gpu, const struct gvt_share *share)
{
	mutex_lock(&gpu->lock);
	gpu->free.low_gm_mb += share->low_gm_mb;
	gpu->free.high_gm_mb += share->high_gm_mb;
	gpu->free.fences += share->fences;
	mutex_unlock(&gpu->lock);
}

static ssize_t gvt_show_description(struct mdev_type *mtype, char *buf)
{
	struct gvt_type *type = container_of(mtype, struct gvt_type, type);

	return sysfs_emit(buf,
			  "low_gm_size: %uMB\nhigh_gm_size: %uMB\nfence: %u\n"
			  "resolution: %ux%u\nweight: %u\n",
			  type->share.low_gm_mb, type->share.high_gm_mb, type->share.fences,
			  type->width, type->height, type->weight);
}

/* --- the device: configuration space ---------------------------------------------------------- */

static void vgpu_put(u8 *at, u32 value, unsigned int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*at++ = (u8)value;
}

static void vgpu_init_bar(struct vgpu *vgpu, unsigned int offset, size_t size, u32 flags)
{
	vgpu_put(&vgpu->config[offset], flags, 4);
	vgpu_put(&vgpu->writable[offset], ~(u32)(size - 1), 4);
}

static void vgpu_init_config(struct vgpu *vgpu)
{
	u8 *config = vgpu->config;

	memset(config, 0, CONFIG_SIZE);
	vgpu_put(&config[PCI_VENDOR_ID], FAKE_GVT_VENDOR, 2);
	vgpu_put(&config[PCI_DEVICE_ID], FAKE_GVT_DEVICE, 2);
	vgpu_put(&config[PCI_STATUS], PCI_STATUS_CAP_LIST, 2);
	vgpu_put(&config[PCI_CLASS_DEVICE], PCI_CLASS_DISPLAY_OTHER, 2);
	vgpu_put(&config[PCI_CAPABILITY_LIST], MSI_CAP, 1);
	vgpu_put(&config[MSI_CAP], PCI_CAP_ID_MSI, 1);
	vgpu_put(&config[MSI_CAP + PCI_MSI_FLAGS], PCI_MSI_FLAGS_64BIT, 2);
	vgpu_put(&vgpu->writable[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
	vgpu_put(&vgpu->writable[PCI_INTERRUPT_LINE], 0xff, 1);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_FLAGS], PCI_MSI_FLAGS_ENABLE, 2);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_ADDRESS_LO], ~3u, 4);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_ADDRESS_HI], ~0u, 4);
	vgpu_put(&vgpu->writable[MSI_CAP + PCI_MSI_DATA_64], 0xffff, 2);
	vgpu_init_bar(vgpu, PCI_BASE_ADDRESS_0, REGISTERS_SIZE, 0);
	vgpu_init_bar(vgpu, PCI_BASE_ADDRESS_2, vgpu->picture_size, PCI_BASE_ADDRESS_MEM_PREFETCH);
}

static void vgpu_write_config(struct vgpu *vgpu, unsigned int offset, const u8 *data, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		u8 mask = vgpu->writable[offset + i];

		vgpu->config[offset + i] &= ~mask;
		vgpu->config[offset + i] |= data[i] & mask;
	}
}

/* --- the device: registers -------------------------------------------------------------------- */

static void vgpu_unpin(struct vgpu *vgpu)
{
	if (vgpu->pinned)
		vfio_unpin_pages(&vgpu->vdev, vgpu->pinned_at, 1);
	vgpu->pinned = NULL;
}

static int vgpu_pin(struct vgpu *vgpu, dma_addr_t address)
{
	struct page *page;
	int r;

	if (vgpu->pinned)
		return -EBUSY;
	address = ALIGN_DOWN(address, PAGE_SIZE);
	r = vfio_pin_pages(&vgpu->vdev, address, 1, IOMMU_READ | IOMMU_WRITE, &page);
	if (r != 1)
		return r < 0 ? r : -EFAULT;
	vgpu->pinned = page;
	vgpu->pinned_at = address;
	return 0;
}

static int vgpu_to_pinned(struct vgpu *vgpu, dma_addr_t address, const void *from, u32 length)
{
	unsigned int offset = offset_in_page(address);
	void *page;

	if (!vgpu->pinned || vgpu->pinned_at != address - offset)
		return -ENXIO;
	if (length > PAGE_SIZE - offset)
		return -EINVAL;
	page = kmap_local_page(vgpu->pinned);
	memcpy(page + offset, from, length);
	kunmap_local(page);
	return 0;
}

static int vgpu_signal(struct vgpu *vgpu)
{
	if (!vgpu->trigger)
		return -ENXIO;
#ifdef HAVE_SIGNAL_OF_ONE
	eventfd_signal(vgpu->trigger);
#else
	eventfd_signal(vgpu->trigger, 1);
#endif
	return 0;
}

/* As of a real one, DMA needs its bus-master bit. */
static int vgpu_command(struct vgpu *vgpu, u32 command)
{
	u32 *registers = vgpu->registers;
	u32 offset = registers[FAKE_GVT_OFFSET / 4], length = registers[FAKE_GVT_LENGTH / 4];
	dma_addr_t address = registers[FAKE_GVT_ADDRESS_LOW / 4] |
			     (u64)registers[FAKE_GVT_ADDRESS_HIGH / 4] << 32;
	void *data;

	if (!(vgpu->config[PCI_COMMAND] & PCI_COMMAND_MASTER))
		return -EPERM;
	if (length > DMA_MAX || offset > vgpu->picture_size - length)
		return -EINVAL;
	data = vgpu->picture + offset;
	switch (command) {
	case FAKE_GVT_TO_GUEST:
	case FAKE_GVT_FROM_GUEST:
		return vfio_dma_rw(&vgpu->vdev, address, data, length,
				   command == FAKE_GVT_TO_GUEST);
	case FAKE_GVT_PIN:
		return vgpu_pin(vgpu, address);
	case FAKE_GVT_UNPIN:
		vgpu_unpin(vgpu);
		return 0;
	case FAKE_GVT_TO_PINNED:
		return vgpu_to_pinned(vgpu, address, data, length);
	case FAKE_GVT_INTERRUPT:
		return vgpu_signal(vgpu);
	}
	return -EINVAL;
}

static u32 vgpu_read_register(struct vgpu *vgpu, unsigned int offset)
{
	switch (offset) {
	case FAKE_GVT_MAGIC:
		return FAKE_GVT_IS;
	case FAKE_GVT_SIZE:
		return vgpu->type->width << 16 | vgpu->type->height;
	case FAKE_GVT_COMMAND:
		return !!vgpu->pinned;
	}
	return offset < FAKE_GVT_REGISTERS ? vgpu->registers[offset / 4] : 0;
}

static void vgpu_write_register(struct vgpu *vgpu, unsigned int offset, u32 value)
{
	if (offset == FAKE_GVT_COMMAND)
		vgpu->registers[FAKE_GVT_RESULT / 4] = -vgpu_command(vgpu, value);
	else if (offset >= FAKE_GVT_ADDRESS_LOW && offset <= FAKE_GVT_LENGTH)
		vgpu->registers[offset / 4] = value;
}

/* A picture to recognise: red grows to the right, green downwards, blue is the vGPU's number. */
static void vgpu_reset(struct vgpu *vgpu)
{
	u32 width = vgpu->type->width, height = vgpu->type->height, *pixel = vgpu->picture;

	vgpu_init_config(vgpu);
	memset(vgpu->registers, 0, sizeof(vgpu->registers));
	for (u32 y = 0; y < height; y++)
		for (u32 x = 0; x < width; x++)
			*pixel++ =
				x * 256 / width << 16 | y * 256 / height << 8 | (vgpu->id & 0xff);
}

/* --- the device: as VFIO sees it -------------------------------------------------------------- */

/* One access to one region; the number of bytes done, or an error. */
static ssize_t vgpu_read_some(struct vgpu *vgpu, unsigned int region, u64 offset, char __user *buf,
			      size_t count)
{
	const void *from;
	u32 value;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX && offset < CONFIG_SIZE) {
		count = min_t(size_t, count, CONFIG_SIZE - offset);
		from = &vgpu->config[offset];
	} else if (region == VFIO_PCI_BAR2_REGION_INDEX && offset < vgpu->picture_size) {
		count = min_t(size_t, count, vgpu->picture_size - offset);
		from = vgpu->picture + offset;
	} else if (region == VFIO_PCI_BAR0_REGION_INDEX && offset < REGISTERS_SIZE && count >= 4 &&
		   IS_ALIGNED(offset, 4)) {
		value = vgpu_read_register(vgpu, offset);
		count = 4;
		from = &value;
	} else {
		return -EINVAL;
	}
	return copy_to_user(buf, from, count) ? -EFAULT : count;
}

static ssize_t vgpu_write_some(struct vgpu *vgpu, unsigned int region, u64 offset,
			       const char __user *buf, size_t count)
{
	u8 data[8];
	u32 value;

	count = min(count, sizeof(data));
	if (copy_from_user(data, buf, count))
		return -EFAULT;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX && offset < CONFIG_SIZE) {
		count = min_t(size_t, count, CONFIG_SIZE - offset);
		vgpu_write_config(vgpu, offset, data, count);
	} else if (region == VFIO_PCI_BAR2_REGION_INDEX && offset < vgpu->picture_size) {
		count = min_t(size_t, count, vgpu->picture_size - offset);
		memcpy(vgpu->picture + offset, data, count);
	} else if (region == VFIO_PCI_BAR0_REGION_INDEX && offset < REGISTERS_SIZE && count >= 4 &&
		   IS_ALIGNED(offset, 4)) {
		count = 4;
		memcpy(&value, data, sizeof(value));
		vgpu_write_register(vgpu, offset, value);
	} else {
		return -EINVAL;
	}
	return count;
}

static ssize_t vgpu_read(struct vfio_device *vdev, char __user *buf, size_t count, loff_t *ppos)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	size_t done = 0;
	ssize_t r = 0;

	mutex_lock(&vgpu->lock);
	while (done < count) {
		u64 at = *ppos;

		r = vgpu_read_some(vgpu, at >> REGION_SHIFT, at & (REGION(1) - 1), buf + done,
				   count - done);
		if (r < 0)
			break;
		done += r;
		*ppos += r;
	}
	mutex_unlock(&vgpu->lock);
	return done ?: r;
}

static ssize_t vgpu_write(struct vfio_device *vdev, const char __user *buf, size_t count,
			  loff_t *ppos)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	size_t done = 0;
	ssize_t r = 0;

	mutex_lock(&vgpu->lock);
	while (done < count) {
		u64 at = *ppos;

		r = vgpu_write_some(vgpu, at >> REGION_SHIFT, at & (REGION(1) - 1), buf + done,
				    count - done);
		if (r < 0)
			break;
		done += r;
		*ppos += r;
	}
	mutex_unlock(&vgpu->lock);
	return done ?: r;
}

static int vgpu_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	unsigned long first = vma->vm_pgoff - (REGION(VFIO_PCI_BAR2_REGION_INDEX) >> PAGE_SHIFT);

	if (vma->vm_pgoff >> (REGION_SHIFT - PAGE_SHIFT) != VFIO_PCI_BAR2_REGION_INDEX ||
	    !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, vgpu->picture, first);
}

static void vgpu_fill_region_info(struct vgpu *vgpu, struct vfio_region_info *info)
{
	info->offset = REGION(info->index);
	info->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	switch (info->index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		info->size = CONFIG_SIZE;
		break;
	case VFIO_PCI_BAR0_REGION_INDEX:
		info->size = REGISTERS_SIZE;
		break;
	case VFIO_PCI_BAR2_REGION_INDEX:
		info->size = vgpu->picture_size;
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		break;
	default:
		info->size = 0;
		info->flags = 0;
	}
}

#ifdef HAVE_REGION_INFO_CAPS
static int vgpu_get_region_info_caps(struct vfio_device *vdev, struct vfio_region_info *info,
				     struct vfio_info_cap *caps)
{
	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	vgpu_fill_region_info(to_vgpu(vdev), info);
	return 0;
}
#else
static long vgpu_get_region_info(struct vgpu *vgpu, void __user *arg)
{
	unsigned long size = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;

	if (copy_from_user(&info, arg, size))
		return -EFAULT;
	if (info.argsz < size || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.cap_offset = 0;
	vgpu_fill_region_info(vgpu, &info);
	return copy_to_user(arg, &info, size) ? -EFAULT : 0;
}
#endif

static long vgpu_get_info(void __user *arg)
{
	unsigned long size = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, arg, size))
		return -EFAULT;
	if (info.argsz < size)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user(arg, &info, size) ? -EFAULT : 0;
}

static long vgpu_get_irq_info(void __user *arg)
{
	unsigned long size = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, arg, size))
		return -EFAULT;
	if (info.argsz < size || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.count = info.index == VFIO_PCI_MSI_IRQ_INDEX;
	info.flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	return copy_to_user(arg, &info, size) ? -EFAULT : 0;
}

static void vgpu_set_trigger(struct vgpu *vgpu, struct eventfd_ctx *trigger)
{
	if (vgpu->trigger)
		eventfd_ctx_put(vgpu->trigger);
	vgpu->trigger = trigger;
}

static long vgpu_apply_irqs(struct vgpu *vgpu, const struct vfio_irq_set *set, const void *data)
{
	struct eventfd_ctx *trigger = NULL;

	if ((set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER ||
	    (!data && !(set->flags & VFIO_IRQ_SET_DATA_NONE)))
		return -EINVAL;
	if (set->flags & VFIO_IRQ_SET_DATA_BOOL)
		return *(const u8 *)data ? vgpu_signal(vgpu) : 0;
	if (set->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (set->count)
			return vgpu_signal(vgpu);
	} else if (*(const s32 *)data >= 0) {
		trigger = eventfd_ctx_fdget(*(const s32 *)data);
		if (IS_ERR(trigger))
			return PTR_ERR(trigger);
	}
	vgpu_set_trigger(vgpu, trigger);
	return 0;
}

static long vgpu_set_irqs(struct vgpu *vgpu, void __user *arg)
{
	unsigned long size = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_set set;
	size_t data_size = 0;
	void *data = NULL;
	long r;

	if (copy_from_user(&set, arg, size))
		return -EFAULT;
	r = vfio_set_irqs_validate_and_prepare(&set, set.index == VFIO_PCI_MSI_IRQ_INDEX,
					       VFIO_PCI_NUM_IRQS, &data_size);
	if (r)
		return r;
	if (data_size) {
		data = memdup_user(arg + size, data_size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	mutex_lock(&vgpu->lock);
	r = vgpu_apply_irqs(vgpu, &set, data);
	mutex_unlock(&vgpu->lock);
	kfree(data);
	return r;
}

/* The plane is BAR 2 itself. */
static long vgpu_query_gfx_plane(struct vgpu *vgpu, void __user *arg)
{
	unsigned long size = offsetofend(struct vfio_device_gfx_plane_info, region_index);
	struct vfio_device_gfx_plane_info plane;

	if (copy_from_user(&plane, arg, size))
		return -EFAULT;
	if (plane.argsz < size)
		return -EINVAL;
	if (plane.flags == (VFIO_GFX_PLANE_TYPE_PROBE | VFIO_GFX_PLANE_TYPE_REGION))
		return 0;
	if (plane.flags != VFIO_GFX_PLANE_TYPE_REGION)
		return -EINVAL;
	plane = (struct vfio_device_gfx_plane_info){
		.argsz = plane.argsz,
		.flags = plane.flags,
		.drm_format = DRM_FORMAT_XRGB8888,
		.width = vgpu->type->width,
		.height = vgpu->type->height,
		.stride = vgpu->type->width * 4,
		.size = vgpu->type->width * vgpu->type->height * 4,
		.region_index = VFIO_PCI_BAR2_REGION_INDEX,
	};
	return copy_to_user(arg, &plane, size) ? -EFAULT : 0;
}

static long vgpu_ioctl(struct vfio_device *vdev, unsigned int cmd, unsigned long arg)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return vgpu_get_info(user);
#ifndef HAVE_REGION_INFO_CAPS
	case VFIO_DEVICE_GET_REGION_INFO:
		return vgpu_get_region_info(vgpu, user);
#endif
	case VFIO_DEVICE_GET_IRQ_INFO:
		return vgpu_get_irq_info(user);
	case VFIO_DEVICE_SET_IRQS:
		return vgpu_set_irqs(vgpu, user);
	case VFIO_DEVICE_QUERY_GFX_PLANE:
		return vgpu_query_gfx_plane(vgpu, user);
	case VFIO_DEVICE_RESET:
		mutex_lock(&vgpu->lock);
		vgpu_reset(vgpu);
		vgpu_unpin(vgpu);
		mutex_unlock(&vgpu->lock);
		return 0;
	}
	return -ENOTTY;
}

static void vgpu_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vgpu *vgpu = to_vgpu(vdev);

	mutex_lock(&vgpu->lock);
	if (vgpu->pinned && vgpu->pinned_at >= iova && vgpu->pinned_at - iova < length) {
		dev_info(vdev->dev, "unmapped while a page was pinned\n");
		vgpu_unpin(vgpu);
	}
	mutex_unlock(&vgpu->lock);
}

static void vgpu_close(struct vfio_device *vdev)
{
	struct vgpu *vgpu = to_vgpu(vdev);

	mutex_lock(&vgpu->lock);
	vgpu_unpin(vgpu);
	vgpu_set_trigger(vgpu, NULL);
	vgpu_reset(vgpu);
	mutex_unlock(&vgpu->lock);
}

static int vgpu_init(struct vfio_device *vdev)
{
	struct vgpu *vgpu = to_vgpu(vdev);
	struct mdev_type *mtype = to_mdev_device(vdev->dev)->type;
	int r;

	vgpu->gpu = container_of(mtype->parent, struct gvt_gpu, parent);
	vgpu->type = container_of(mtype, struct gvt_type, type);
	vgpu->picture_size = roundup_pow_of_two(vgpu->type->width * vgpu->type->height * 4);
	vgpu->picture = vmalloc_user(vgpu->picture_size);
	if (!vgpu->picture)
		return -ENOMEM;
	r = gvt_take(vgpu->gpu, &vgpu->type->share, &vgpu->id);
	if (r) {
		vfree(vgpu->picture);
		return r;
	}
	mutex_init(&vgpu->lock);
	vgpu_reset(vgpu);
	return 0;
}

static void vgpu_release(struct vfio_device *vdev)
{
	struct vgpu *vgpu = to_vgpu(vdev);

	gvt_give_back(vgpu->gpu, &vgpu->type->share);
	vfree(vgpu->picture);
	mutex_destroy(&vgpu->lock);
#ifdef HAVE_FREE_DEVICE
	vfio_free_device(vdev);
#endif
}

static const struct vfio_device_ops vgpu_ops = {
	.name = "fake-gvt",
	.init = vgpu_init,
	.release = vgpu_release,
	.close_device = vgpu_close,
	.read = vgpu_read,
	.write = vgpu_write,
	.mmap = vgpu_mmap,
	.ioctl = vgpu_ioctl,
	.dma_unmap = vgpu_dma_unmap,
#ifdef HAVE_REGION_INFO_CAPS
	.get_region_info_caps = vgpu_get_region_info_caps,
#endif
#ifdef HAVE_IOMMUFD_OPS
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
#endif
};

/* --- the mediated device ---------------------------------------------------------------------- */

static ssize_t vgpu_id_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vgpu *vgpu = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", vgpu->id);
}
static DEVICE_ATTR_RO(vgpu_id);

static struct attribute *vgpu_attributes[] = { &dev_attr_vgpu_id.attr, NULL };
static const struct attribute_group vgpu_group = {
	.name = "intel_vgpu",
	.attrs = vgpu_attributes,
};
static const struct attribute_group *vgpu_groups[] = { &vgpu_group, NULL };

static int vgpu_probe(struct mdev_device *mdev)
{
	struct vgpu *vgpu = vfio_alloc_device(vgpu, vdev, &mdev->dev, &vgpu_ops);
	int r;

	if (IS_ERR(vgpu))
		return PTR_ERR(vgpu);
	dev_set_drvdata(&mdev->dev, vgpu);
	r = vfio_register_emulated_iommu_dev(&vgpu->vdev);
	if (r)
		vfio_put_device(&vgpu->vdev);
	return r;
}

static void vgpu_remove(struct mdev_device *mdev)
{
	struct vgpu *vgpu = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&vgpu->vdev);
	vfio_put_device(&vgpu->vdev);
}

static struct mdev_driver vgpu_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.driver = {
		.name = "intel_vgpu_mdev",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		.dev_groups = vgpu_groups,
	},
	.probe = vgpu_probe,
	.remove = vgpu_remove,
	.get_available = gvt_get_available,
	.show_description = gvt_show_description,
};

/* --- the parent ------------------------------------------------------------------------------- */

static int gvt_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct gvt_gpu *gpu = devm_kzalloc(&pdev->dev, sizeof(*gpu), GFP_KERNEL);

	if (!gpu)
		return -ENOMEM;
	mutex_init(&gpu->lock);
	gpu->free = (struct gvt_share){ .low_gm_mb = 256, .high_gm_mb = 1536, .fences = 16 };
	memcpy(gpu->types, gvt_types, sizeof(gvt_types));
	for (unsigned int i = 0; i < TYPES; i++)
		gpu->list[i] = &gpu->types[i].type;
	pci_set_drvdata(pdev, gpu);
	return mdev_register_parent(&gpu->parent, &pdev->dev, &vgpu_driver, gpu->list, TYPES);
}

static void gvt_remove(struct pci_dev *pdev)
{
	struct gvt_gpu *gpu = pci_get_drvdata(pdev);

	mdev_unregister_parent(&gpu->parent);
}

/* No ids: it takes what driver_override gives it, and nothing else. */
static struct pci_driver gvt_driver = {
	.name = "i915",
	.probe = gvt_probe,
	.remove = gvt_remove,
};

static int __init gvt_init(void)
{
	int r = mdev_register_driver(&vgpu_driver);

	if (r)
		return r;
	r = pci_register_driver(&gvt_driver);
	if (r)
		mdev_unregister_driver(&vgpu_driver);
	return r;
}

static void __exit gvt_exit(void)
{
	pci_unregister_driver(&gvt_driver);
	mdev_unregister_driver(&vgpu_driver);
}

module_init(gvt_init);
module_exit(gvt_exit);
MODULE_DESCRIPTION("Looks like i915 with GVT-g, for tests");
MODULE_LICENSE("GPL");
