# SPDX-License-Identifier: GPL-2.0-or-later
"""iommufd and VFIO's device files: Debian's kernels have neither, but can be given both as modules.

Built from Debian's source of the guest's own kernel, inside the Debian 13 root, once; kept beside
the guest images.
"""
import pathlib
import shlex
import subprocess
import tempfile

from facetlib import debian13

FLAGS = ("-DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_IOMMUFD_DRIVER_MODULE=1 "
         "-DCONFIG_INTERVAL_TREE_SPAN_ITER=1 -DCONFIG_VFIO_DEVICE_CDEV=1")
# Of a kernel without them, what belongs to its core has to go into the module: two files.
BUILD = r"""
set -e
cd {place}
cp apt.conf /etc/apt/apt.conf.d/facet
mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
apt-get update
apt-get install -y --no-install-recommends make
apt-get download {packages}
for package in linux-headers*.deb linux-kbuild*.deb; do dpkg-deb -x "$package" /; done
dpkg-deb --fsys-tarfile linux-source*.deb | tar -x --wildcards --to-stdout '*/linux-source-*.tar.xz' |
	tar -xJ --strip-components=1 --wildcards '*/drivers/iommu/*' '*/drivers/vfio/*' \
		'*/lib/interval_tree.c'
mkdir m
mv drivers/iommu/iommufd drivers/vfio m
cp drivers/iommu/*.h m
{{ echo '#include <linux/interval_tree.h>'
	sed -n '/^#ifdef CONFIG_INTERVAL_TREE_SPAN_ITER/,/^#endif/p' lib/interval_tree.c |
		sed '/^#ifdef/d; /^#endif/d; /EXPORT_SYMBOL/d'; }} >m/iommufd/span.c
sed -i '/iova_bitmap/d; /IOMMUFD_DRIVER/d' m/iommufd/Makefile
echo 'iommufd-y += span.o iova_bitmap.o' >>m/iommufd/Makefile
echo 'obj-m += iommufd/ vfio/' >m/Kbuild
make -C /usr/src/linux-headers-{release} M=$PWD/m KCFLAGS='{flags}' CONFIG_IOMMUFD=m \
	CONFIG_VFIO_DEVICE_CDEV=y CONFIG_VFIO_MDEV= CONFIG_DEBUG_INFO_BTF_MODULES= modules
find m -name '*.ko' -exec cp -t . {{}} +
rm -rf m drivers lib linux-*.deb apt.conf
"""


def apt_network():
    """This machine's way to its mirror, for the root's apt."""
    dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return "".join(f"{line}\n" for line in dump.splitlines()
                   if line.startswith(("Acquire::http::", "Acquire::https::"))
                   and not line.endswith('"";'))


def modules(release):
    """The directory with the modules for this release of Debian's kernel."""
    done = debian13.cache() / "facet" / f"iommufd-{release}"
    if done.exists():
        return done
    print(f"building iommufd for Linux {release} (minutes)", flush=True)
    with tempfile.TemporaryDirectory(prefix="iommufd-", dir=done.parent) as name:
        place = pathlib.Path(name) / "modules"
        place.mkdir()
        version, common = release.split("-")[0], release.removesuffix("-amd64")
        packages = [f"linux-headers-{release}", f"linux-headers-{common}-common",
                    f"linux-kbuild-{common}", f"linux-source-{'.'.join(version.split('.')[:2])}"]
        script = BUILD.format(place=shlex.quote(str(place)), packages=" ".join(packages),
                              release=release, flags=FLAGS)
        (place / "apt.conf").write_text(apt_network() + 'APT::Sandbox::User "root";\n')
        log = debian13.cache() / "facet" / f"iommufd-{release}.log"
        with open(log, "wb") as out:
            code = debian13.run(["sh", "-c", script], stdout=out, stderr=out).returncode
        if code:
            raise RuntimeError(f"iommufd for Linux {release} was not built; see {log}")
        place.rename(done)
    return done
