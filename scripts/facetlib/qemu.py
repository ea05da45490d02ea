# SPDX-License-Identifier: GPL-2.0-or-later
"""Stock QEMUs: which one can be used here for what, and the command line of our guests."""
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import image, procs

# KVM counts only when this appears: a device node alone has been seen to promise nothing.
USERSPACE = "as init process"


class Qemu:
    """A QEMU binary: how to call it (argv, env) and its version."""

    def __init__(self, argv, env=None, tree="/"):
        self.argv, self.env, self.tree = argv, env or {}, pathlib.Path(tree)
        out = subprocess.run([*argv, "--version"], capture_output=True, text=True, check=True,
                             env={**os.environ, **self.env}).stdout
        self.text = out.split("version ")[1].split()[0]
        self.version = tuple(int(n) for n in self.text.split(".")[:2])

    @classmethod
    def system(cls):
        """The one this Debian has."""
        path = shutil.which("qemu-system-x86_64")
        if not path:
            raise FileNotFoundError("no qemu-system-x86_64: run scripts/install-deps run")
        return cls([path])

    @classmethod
    def unpacked(cls, tree):
        """One inside a Debian tree, run from outside with that tree's own libraries and data."""
        libraries = f"{tree}/usr/lib/x86_64-linux-gnu"
        return cls([f"{libraries}/ld-linux-x86-64.so.2", "--library-path", libraries,
                    f"{tree}/usr/bin/qemu-system-x86_64",
                    "-L", f"{tree}/usr/share/qemu", "-L", f"{tree}/usr/share/seabios"],
                   {"QEMU_MODULE_DIR": f"{libraries}/qemu"}, tree)

    def vhost_user_gpu(self, kvm):
        """Old ones refuse vhost-user-gpu without KVM ("requires kvm")."""
        return kvm or self.version >= (9, 0)


@functools.cache
def newer():
    """Debian's newest backported QEMU, which needs no KVM for a vhost-user GPU."""
    return Qemu.unpacked(image.directory("qemu") / "root")


def for_facet(kvm=False):
    """This machine's QEMU where it can attach a vGPU, else the newer one."""
    mine = Qemu.system()
    return mine if mine.vhost_user_gpu(kvm) else newer()


def kvm_boots(guest_image, patience=20):
    """Does the guests' own kernel reach user space under KVM on this machine?"""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.TemporaryDirectory(prefix="facet-kvm-") as place:
        log = pathlib.Path(place, "serial")
        argv = [*Qemu.system().argv, "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-machine", "q35", *accelerator(True), "-m", "512",
                "-kernel", guest_image.kernel, "-initrd", guest_image.initrd,
                "-append", "console=ttyS0 panic=-1", "-serial", f"file:{log}"]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + patience
            while process.poll() is None and time.monotonic() < end:
                if log.exists() and USERSPACE in log.read_text(errors="replace"):
                    return True
                time.sleep(0.1)
            return False
        finally:
            procs.end(process, 2)


def accelerator(kvm):
    if kvm:
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max"]


def memory_of(memory, cpus, nodes):
    """RAM that other processes can map, and processors; NUMA nodes get equal parts of both."""
    backend = "memory-backend-memfd,share=on,id=facet-ram"
    if nodes == 1:
        return ["-machine", "q35,memory-backend=facet-ram", "-smp", str(cpus),
                "-object", f"{backend},size={memory}M"]
    args = ["-machine", "q35", "-smp", f"{cpus},sockets={cpus}"]
    for node in range(nodes):
        first, last = cpus * node // nodes, cpus * (node + 1) // nodes - 1
        args += ["-object", f"{backend}{node},size={memory // nodes}M",
                 "-numa", f"node,nodeid={node},memdev=facet-ram{node},cpus={first}-{last}"]
        args += [word for near in range(node)
                 for word in ("-numa", f"dist,src={near},dst={node},val=21")]
    return args


def command(qemu, guest_image, place, device, *, share, append="", memory=1024, cpus=2, kvm=False,
            first=(), nodes=1):
    """The whole command line of one guest whose files lie in the directory `place`.

    `first` comes before every device: an IOMMU must.
    """
    return [
        *qemu.argv, "-nodefaults", "-no-user-config", "-name", os.path.basename(place), *first,
        *accelerator(kvm), *memory_of(memory, cpus, nodes), "-m", f"{memory}M",
        "-drive", f"if=none,id=root,file={guest_image.root},format=raw,readonly=on",
        "-device", "virtio-blk-pci,drive=root",
        "-fsdev", f"local,id=share,path={share},security_model=none,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=share,mount_tag=facet",
        "-chardev", f"socket,id=console,path={place}/console,server=on,wait=off,"
                    f"logfile={place}/serial.log,logappend=on",
        "-serial", "chardev:console",
        "-qmp", f"unix:{place}/qmp,server=on,wait=off",
        "-kernel", guest_image.kernel, "-initrd", guest_image.initrd,
        "-append", f"console=ttyS0 panic=-1 quiet mitigations=off {append}".strip(),
        *device,
    ]
