// SPDX-License-Identifier: GPL-2.0-only
/* fake_gvt_vfio.c - the vGPU as VFIO shows it: regions, interrupts, the plane, its life. */
#include <drm/drm_fourcc.h>
#include <linux/eventfd.h>
#include <linux/vmalloc.h>

#include "fake_gvt_internal.h"

#define REGION_SHIFT  40
#define REGION(index) ((u64)(index) << REGION_SHIFT)

static struct vgpu *to_vgpu(struct vfio_device *vdev)
{
	return container_of(vdev, struct vgpu, vdev);
}

/* One access to one region; the number of bytes done, or an error. */
static ssize_t vgpu_read_some(struct vgpu *vgpu, unsigned int region, u64 offset, char __user *buf,
			      size_t count)
{
	const void *from;
	u32 value;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX && offset < VGPU_CONFIG_SIZE) {
		count = min_t(size_t, count, VGPU_CONFIG_SIZE - offset);
		from = &vgpu->config[offset];
	} else if (region == VFIO_PCI_BAR2_REGION_INDEX && offset < vgpu->picture_size) {
		count = min_t(size_t, count, vgpu->picture_size - offset);
		from = vgpu->picture + offset;
	} else if (region == VFIO_PCI_BAR0_REGION_INDEX && offset < VGPU_REGISTERS_SIZE &&
		   count >= 4 && IS_ALIGNED(offset, 4)) {
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
	if (region == VFIO_PCI_CONFIG_REGION_INDEX && offset < VGPU_CONFIG_SIZE) {
		count = min_t(size_t, count, VGPU_CONFIG_SIZE - offset);
		vgpu_write_config(vgpu, offset, data, count);
	} else if (region == VFIO_PCI_BAR2_REGION_INDEX && offset < vgpu->picture_size) {
		count = min_t(size_t, count, vgpu->picture_size - offset);
		memcpy(vgpu->picture + offset, data, count);
	} else if (region == VFIO_PCI_BAR0_REGION_INDEX && offset < VGPU_REGISTERS_SIZE &&
		   count >= 4 && IS_ALIGNED(offset, 4)) {
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
		info->size = VGPU_CONFIG_SIZE;
		break;
	case VFIO_PCI_BAR0_REGION_INDEX:
		info->size = VGPU_REGISTERS_SIZE;
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

const struct vfio_device_ops vgpu_ops = {
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
