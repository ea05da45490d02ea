# SPDX-License-Identifier: GPL-2.0-or-later
"""An emulated host whose devices can be shared out: IOMMU, two NUMA nodes, VFs, GPU with sound.

scripts/testhost is its command line; docs/testhost.md says what is where.
"""
import pathlib
import re
import shlex
import shutil
import subprocess

from . import guest, image, kmods, qemu

IMAGES = {"6.1": "testhost-bookworm", "6.12": "testhost", "7.x": "testhost-backports"}
# Buses 20 and 40 begin where the expander buses say; those behind follow in their order.
NODES = {0: 0x20, 1: 0x40}
IGB, VIRTIO_GPU = "0000:21:00.0", "0000:22:00.0"
NVME, BRIDGE, GPU, SOUND = "0000:41:00.0", "0000:42:00.0", "0000:44:00.0", "0000:44:00.1"
# On the root bus it has no reset; alone behind a bridge it has; beside another it shares a group.
EDU_ALONE, EDU_BRIDGED, EDU_SHARED = "0000:00:12.0", "0000:43:01.0", "0000:46:01.0"
SHARED_BRIDGE, OLD_GPU = "0000:45:00.0", "0000:46:02.0"

PORTS = """\
igb-port,bus=node0,chassis=1,slot=1,addr=0.0,multifunction=on
virtio-port,bus=node0,chassis=1,slot=2,addr=0.1
nvme-port,bus=node1,chassis=2,slot=1,addr=0.0,multifunction=on
edu-port,bus=node1,chassis=2,slot=2,addr=0.1
gpu-port,bus=node1,chassis=2,slot=3,addr=0.2
shared-port,bus=node1,chassis=2,slot=4,addr=0.3""".splitlines()
DEVICES = """\
edu,bus=pcie.0,addr=0x12
igb,bus=igb-port,id=igb
virtio-gpu-pci,bus=virtio-port
nvme-subsys,id=subsys
nvme,bus=nvme-port,id=nvme,serial=facet,subsys=subsys,sriov_max_vfs=4,sriov_vq_flexible=8,\
sriov_vi_flexible=4,max_ioqpairs=11,msix_qsize=7
nvme-ns,bus=nvme,drive=nvme-disk,nsid=1
pcie-pci-bridge,id=edu-bridge,bus=edu-port
edu,bus=edu-bridge,addr=1
bochs-display,bus=gpu-port,addr=0.0,multifunction=on
ich9-intel-hda,bus=gpu-port,addr=0.1
pcie-pci-bridge,id=shared-bridge,bus=shared-port
edu,bus=shared-bridge,addr=1
bochs-display,bus=shared-bridge,addr=2""".splitlines()
# What udev would load on a host; no driver is there for the sound and for edu.
DRIVERS = ("igb", "nvme", "bochs", "virtio-gpu")
# The caller's files: nobody writes to them, and nothing of them is asked for twice.
BROUGHT = "local,security_model=none,readonly=on,multidevs=remap"


def unit(remapping=True):
    """The IOMMU. caching-mode: devices outside of QEMU are told of every mapping as well."""
    return ["-device", "intel-iommu,caching-mode=on,aw-bits=48,intremap="
            + ("on" if remapping else "off")]


def devices(disk):
    """Everything behind the two expander buses, and what is on the root bus."""
    args = ["-drive", f"if=none,id=nvme-disk,file={disk},format=raw"]
    for node, bus in NODES.items():
        args += ["-device", f"pxb-pcie,id=node{node},bus=pcie.0,bus_nr={bus},numa_node={node},"
                            f"addr={0x10 + node:#x}"]
    for port in PORTS:
        args += ["-device", f"pcie-root-port,id={port}"]
    for device in DEVICES:
        args += ["-device", device]
    return args


def brought(directories):
    """Each directory as a read-only share: QEMU's arguments, and the guest's commands, which
    mount them where they are out here."""
    device, script = [], []
    for number, path in enumerate(directories):
        device += ["-fsdev", f"{BROUGHT},id=d{number},path={path}",
                   "-device", f"virtio-9p-pci,bus=pcie.0,fsdev=d{number},mount_tag=d{number}"]
        where = shlex.quote(str(path))
        # cache=loose: nobody writes, and an inner guest's disk may be a file in here.
        script.append(f"mkdir -p {where} && mount -t 9p -o ro,trans=virtio,version=9p2000.L,"
                      f"msize=262144,cache=loose d{number} {where}")
    return device, " &&\n".join(script)


def installed(prefix):
    """The programs that a user of facet calls."""
    return sorted((pathlib.Path(prefix).resolve() / "bin").iterdir())


def pack(share, programs):
    """Programs of this machine with their libraries, for any guest: bin/NAME in its share."""
    (share / "bin").mkdir()
    (share / "lib").mkdir()
    for program in programs:
        listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        for path in {str(program), *re.findall(r"(/\S+) \(0x", listed)}:
            shutil.copy(path, share / "lib")
        loader = pathlib.Path(re.search(r"(?m)^\s*(/\S*ld-linux\S*)", listed)[1]).name
        start = share / "bin" / program.name
        # From memory: the share is read anew at every start.
        start.write_text(f"#!/bin/sh\n[ -d /run/lib ] || cp -r /facet/lib /run/lib\n"
                         f'exec /run/lib/{loader} --library-path /run/lib '
                         f'/run/lib/{program.name} "$@"\n', encoding="ascii")
        start.chmod(0o755)


UNBIND = """\
cd /sys/bus/pci/devices/{address} &&
{{ [ ! -e driver ] || echo {address} >driver/unbind; }}"""
# The way of docs/vfio.md, by hand.
BIND = UNBIND + """ &&
echo {driver} >driver_override &&
echo {address} >/sys/bus/pci/drivers_probe"""
PATH = "export PATH=/facet/bin:$PATH"


class TestHost(guest.Guest):
    """The machine, not started yet; its commands find `programs` in their PATH. `modules`: those of
    tests/kmod and the kernel's samples are loaded."""

    def __init__(self, place, kernel="6.12", *, programs=(), iommu=True, remapping=True,
                 drivers=DRIVERS, modules=False, bring=(), extra=(), append="", memory=2048,
                 **options):
        self.kernel, self._drivers = kernel, drivers
        self.image = image.Image(IMAGES[kernel])
        place = pathlib.Path(place)
        place.mkdir(parents=True, exist_ok=True)
        with open(place / "nvme.img", "wb") as disk:
            disk.truncate(64 << 20)
        shares, self._mounts = brought(bring)
        super().__init__(self.image, place,
                         [*devices(place / "nvme.img"), *shares, *extra, "-display", "none"],
                         using=qemu.newer(), first=unit(remapping) if iommu else (), nodes=2,
                         memory=memory, append=f"intel_iommu=on facet.gpu=none {append}",
                         **options)
        pack(self.share, programs)
        self._modules = kmods.put(self.image.release, self.share) if modules else ""

    def _ready(self):
        """Shell commands before any of the caller's."""
        return "\n".join((self._mounts, f"modprobe -a {' '.join(self._drivers)}"
                          if self._drivers else "", self._modules))

    def wait_ready(self, timeout=300):
        super().wait_ready(timeout)
        self.run(f"set -e\n{self._ready()}")
        return self

    def begin(self, script):
        return super().begin(f"{PATH}\n{script}")

    def on_terminal(self):
        """Runs a shell on this terminal until it ends, instead of start(); QEMU's exit code."""
        (self.share / "agent.sh").write_text(
            f"{self._ready()}\n{PATH}\ncd /root\nbusybox setsid busybox cttyhack sh\n",
            encoding="utf-8")
        argv = ["stdio,id=console,signal=off" if word.startswith("socket,id=console,") else word
                for word in self._argv]
        return subprocess.run(argv, check=False, env=self._env).returncode

    def unbind(self, address):
        self.run(UNBIND.format(address=address))

    def bind(self, address, driver="vfio-pci"):
        self.run(BIND.format(address=address, driver=driver))
