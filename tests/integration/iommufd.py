# SPDX-License-Identifier: GPL-2.0-or-later
"""iommufd and VFIO's device files: Debian's kernels have neither, but can be given both as modules.

Built from Debian's source of the guest's own kernel, once.
"""
import shutil

from facetlib import kmods

FLAGS = ("-DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_IOMMUFD_DRIVER_MODULE=1 "
         "-DCONFIG_INTERVAL_TREE_SPAN_ITER=1 -DCONFIG_VFIO_DEVICE_CDEV=1")
# Of a kernel without them, what belongs to its core has to go into the module: two files.
BUILD = rf"""
{{ echo '#include <linux/interval_tree.h>'
	sed -n '/^#ifdef CONFIG_INTERVAL_TREE_SPAN_ITER/,/^#endif/p' interval_tree.c |
		sed '/^#ifdef/d; /^#endif/d; /EXPORT_SYMBOL/d'; }} >iommufd/span.c
sed -i '/iova_bitmap/d; /IOMMUFD_DRIVER/d' iommufd/Makefile
echo 'iommufd-y += span.o iova_bitmap.o' >>iommufd/Makefile
echo 'obj-m += iommufd/ vfio/' >Kbuild
compile M=$PWD KCFLAGS='{FLAGS}' CONFIG_IOMMUFD=m CONFIG_VFIO_DEVICE_CDEV=y CONFIG_VFIO_MDEV= modules
"""


def fill(place, headers):
    source = headers / "source"
    for name in ("drivers/iommu/iommufd", "drivers/vfio"):
        shutil.copytree(source / name, place / name.rpartition("/")[2])
    for path in (*(source / "drivers/iommu").glob("*.h"), source / "lib/interval_tree.c"):
        shutil.copy(path, place)


def modules(release):
    """The directory with the modules for this release of Debian's kernel."""
    return kmods.built("iommufd", release, [], fill, BUILD)
