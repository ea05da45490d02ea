// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_gvt - a parent of mediated devices that looks like i915 with GVT-g, on any PCI function.
 *
 * A function is given to it by driver_override "i915". Types, their descriptions and the pool they
 * share are as i915 shows them; the vGPU is a plain device of our own, described in fake_gvt.h,
 * that does what a vGPU does to a host: mapped and trapped BARs, a display plane, DMA, an MSI.
 */
#include <linux/module.h>

#include "fake_gvt_internal.h"

static const struct gvt_type gvt_types[GVT_TYPES] = {
	{ { .sysfs_name = "GVTg_V5_8" }, { 64, 384, 4 }, 1024, 768, 2 },
	{ { .sysfs_name = "GVTg_V5_4" }, { 128, 512, 4 }, 1920, 1200, 4 },
	{ { .sysfs_name = "GVTg_V5_2" }, { 256, 1024, 4 }, 1920, 1200, 8 },
};

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

int gvt_take(struct gvt_gpu *gpu, const struct gvt_share *share, unsigned int *ret_id)
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

void gvt_give_back(struct gvt_gpu *gpu, const struct gvt_share *share)
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
	for (unsigned int i = 0; i < GVT_TYPES; i++)
		gpu->list[i] = &gpu->types[i].type;
	pci_set_drvdata(pdev, gpu);
	return mdev_register_parent(&gpu->parent, &pdev->dev, &vgpu_driver, gpu->list, GVT_TYPES);
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
