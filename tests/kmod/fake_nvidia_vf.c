// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_nvidia_vf - a VFIO driver of virtual functions that looks like NVIDIA's since vGPU 17.
 *
 * A VF of any PF is given to it by driver_override "nvidia". What it is, is chosen by number in
 * nvidia/current_vgpu_type, as long as the PF's pool has room; QEMU then takes the VF as it is,
 * by vfio-pci's own code. NVIDIA's driver is closed: what users of it have seen is as seen, the
 * error codes are guesses.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/vfio_pci_core.h>

#define POOL_MB 8192

struct vf_type {
	unsigned int id, framebuffer_mb;
	const char *name;
};

static const struct vf_type vf_types[] = {
	{ 1001, 1024, "NVIDIA FAKE-1Q" },
	{ 1002, 2048, "NVIDIA FAKE-2Q" },
	{ 1004, 4096, "NVIDIA FAKE-4Q" },
};

struct vf {
	struct vfio_pci_core_device core;
	struct list_head link;
	const struct vf_type *type; /* NULL: none */
	bool open;
};

static bool mixed;
module_param(mixed, bool, 0644);
MODULE_PARM_DESC(mixed, "types of different sizes on one GPU (nvidia-smi vgpu -shm)");

static LIST_HEAD(vfs);
static DEFINE_MUTEX(lock); /* of the list and every VF's type and open */

static struct vf *to_vf(struct device *dev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(dev);

	return container_of(core, struct vf, core);
}

/* --- the pool --------------------------------------------------------------------------------- */

static bool vf_is_creatable(const struct vf *vf, const struct vf_type *type)
{
	unsigned int used_mb = 0;
	const struct vf *other;

	list_for_each_entry(other, &vfs, link)
	{
		if (!other->type || pci_physfn(other->core.pdev) != pci_physfn(vf->core.pdev))
			continue;
		if (!mixed && other->type != type)
			return false;
		used_mb += other->type->framebuffer_mb;
	}
	return used_mb + type->framebuffer_mb <= POOL_MB;
}

static ssize_t creatable_vgpu_types_show(struct device *dev, struct device_attribute *attr,
					 char *buf)
{
	const struct vf *vf = to_vf(dev);
	int at = sysfs_emit(buf, "ID    : vGPU Name\n");

	mutex_lock(&lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(vf_types); i++)
		if (vf_is_creatable(vf, &vf_types[i]))
			at += sysfs_emit_at(buf, at, "%-5u : %s\n", vf_types[i].id,
					    vf_types[i].name);
	mutex_unlock(&lock);
	return at;
}
static DEVICE_ATTR_RO(creatable_vgpu_types);

static ssize_t current_vgpu_type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct vf *vf = to_vf(dev);
	unsigned int id;

	mutex_lock(&lock);
	id = vf->type ? vf->type->id : 0;
	mutex_unlock(&lock);
	return sysfs_emit(buf, "%u\n", id);
}

static int vf_set_type(struct vf *vf, unsigned int id)
{
	unsigned int i = 0;

	if (vf->open)
		return -EBUSY;
	if (!id) {
		vf->type = NULL;
		return 0;
	}
	if (vf->type)
		return -EBUSY;
	while (i < ARRAY_SIZE(vf_types) && vf_types[i].id != id)
		i++;
	if (i == ARRAY_SIZE(vf_types))
		return -EINVAL;
	if (!vf_is_creatable(vf, &vf_types[i]))
		return -ENOSPC;
	vf->type = &vf_types[i];
	return 0;
}

static ssize_t current_vgpu_type_store(struct device *dev, struct device_attribute *attr,
				       const char *buf, size_t count)
{
	unsigned int id;
	int r = kstrtouint(buf, 10, &id);

	if (r)
		return r;
	mutex_lock(&lock);
	r = vf_set_type(to_vf(dev), id);
	mutex_unlock(&lock);
	return r ?: count;
}
static DEVICE_ATTR_RW(current_vgpu_type);

static struct attribute *vf_attributes[] = {
	&dev_attr_creatable_vgpu_types.attr,
	&dev_attr_current_vgpu_type.attr,
	NULL,
};
static const struct attribute_group vf_group = { .name = "nvidia", .attrs = vf_attributes };
static const struct attribute_group *vf_groups[] = { &vf_group, NULL };

/* --- VFIO ------------------------------------------------------------------------------------- */

static int vf_open(struct vfio_device *vdev)
{
	struct vf *vf = container_of(vdev, struct vf, core.vdev);
	int r = -ENODEV;

	mutex_lock(&lock);
	if (vf->type) {
		r = vfio_pci_core_enable(&vf->core);
		vf->open = !r;
	}
	mutex_unlock(&lock);
	if (!r)
		vfio_pci_core_finish_enable(&vf->core);
	return r;
}

static void vf_close(struct vfio_device *vdev)
{
	struct vf *vf = container_of(vdev, struct vf, core.vdev);

	vfio_pci_core_close_device(vdev);
	mutex_lock(&lock);
	vf->open = false;
	mutex_unlock(&lock);
}

static const struct vfio_device_ops vf_ops = {
	.name = "fake-nvidia-vf",
	.init = vfio_pci_core_init_dev,
	.release = vfio_pci_core_release_dev,
	.open_device = vf_open,
	.close_device = vf_close,
	.ioctl = vfio_pci_core_ioctl,
	.device_feature = vfio_pci_core_ioctl_feature,
	.read = vfio_pci_core_read,
	.write = vfio_pci_core_write,
	.mmap = vfio_pci_core_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
#ifdef HAVE_REGION_INFO_CAPS
	.get_region_info_caps = vfio_pci_ioctl_get_region_info,
#endif
#ifdef HAVE_MATCH_TOKEN
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#endif
#ifdef HAVE_IOMMUFD_OPS
	.bind_iommufd = vfio_iommufd_physical_bind,
	.unbind_iommufd = vfio_iommufd_physical_unbind,
	.attach_ioas = vfio_iommufd_physical_attach_ioas,
	.detach_ioas = vfio_iommufd_physical_detach_ioas,
#endif
};

static int vf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vf *vf;
	int r;

	if (!pdev->is_virtfn)
		return -ENODEV;
	vf = vfio_alloc_device(vf, core.vdev, &pdev->dev, &vf_ops);
	if (IS_ERR(vf))
		return PTR_ERR(vf);
	dev_set_drvdata(&pdev->dev, &vf->core);
	r = vfio_pci_core_register_device(&vf->core);
	if (r) {
		vfio_put_device(&vf->core.vdev);
		return r;
	}
	mutex_lock(&lock);
	list_add(&vf->link, &vfs);
	mutex_unlock(&lock);
	return 0;
}

static void vf_remove(struct pci_dev *pdev)
{
	struct vf *vf = to_vf(&pdev->dev);

	vfio_pci_core_unregister_device(&vf->core);
	mutex_lock(&lock);
	list_del(&vf->link);
	mutex_unlock(&lock);
	vfio_put_device(&vf->core.vdev);
}

/* No ids: it takes what driver_override gives it, and nothing else. */
static struct pci_driver vf_driver = {
	.name = "nvidia",
	.probe = vf_probe,
	.remove = vf_remove,
	.err_handler = &vfio_pci_core_err_handlers,
	.dev_groups = vf_groups,
	.driver_managed_dma = true,
};

module_pci_driver(vf_driver);
MODULE_DESCRIPTION("Looks like NVIDIA's driver of vGPUs on virtual functions, for tests");
MODULE_LICENSE("GPL");
