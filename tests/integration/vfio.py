# SPDX-License-Identifier: GPL-2.0-or-later
"""facet's VFIO client on QEMU's `edu` device: a guest with an IOMMU is the host of this test."""
import json
import os
import re
import shutil
import subprocess

from facetlib import guest, image

import iommufd
from harness import load_image, scenario, vfio_user_qemu

# caching-mode: every mapping of the guest's kernel is told to devices outside of QEMU as well.
IOMMU = ["-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48"]
# On the root bus it has no reset; alone behind a bridge it has; beside another it shares a group.
ALONE, RESET, SHARED, NEIGHBOUR = "0000:00:12.0", "0000:02:01.0", "0000:04:01.0", "0000:04:02.0"
EDU = ["-device", "edu,bus=pcie.0,addr=0x12",
       "-device", "pcie-root-port,id=port1,bus=pcie.0,addr=0x10,chassis=1,slot=1",
       "-device", "pcie-pci-bridge,id=bridge1,bus=port1", "-device", "edu,bus=bridge1,addr=1",
       "-device", "pcie-root-port,id=port2,bus=pcie.0,addr=0x11,chassis=1,slot=2",
       "-device", "pcie-pci-bridge,id=bridge2,bus=port2", "-device", "edu,bus=bridge2,addr=1",
       "-device", "virtio-rng-pci,bus=bridge2,addr=2", "-display", "none"]
KERNEL = "intel_iommu=on facet.gpu=none"
# vfio-pci does not ask for the other one, but nothing works without it.
MODULES = "modprobe vfio_iommu_type1 && modprobe vfio-pci"
BIND = """\
cd /sys/bus/pci/devices/{address} &&
echo vfio-pci >driver_override &&
{{ [ ! -e driver ] || echo {address} >driver/unbind; }} &&
echo {address} >/sys/bus/pci/drivers_probe"""


def edu_test(place):
    """tests/vfio/edu_test.c with the client in it, for any guest: without shared libraries."""
    client = [p for p in sorted((image.REPO / "src/host/vfio").glob("*.c"))
              if not re.search(r"(_test|fake_.*)\.c$", p.name)]
    program = place / "edu-test"
    subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-static",
                    f"-I{image.REPO}/src", "-o", program, image.REPO / "tests/vfio/edu_test.c",
                    *client, *(image.REPO / "src/base" / name for name in ("error.c", "fds.c")),
                    "-ljansson"], check=True)
    return program


def passed(world, code, output, least):
    """Shows a TAP program's lines as checks of the scenario."""
    for good, what in re.findall(r"(?m)^(ok|not ok) \d+ - (.*)$", output):
        print(f"{good} {world.name}: {what}", flush=True)
        world.failed += good == "not ok"
    with world.check("all of it was tested"):
        assert code == 0, f"exit code {code}: {output[-1000:]}"
        assert len(re.findall(r"(?m)^ok ", output)) >= least, f"checks are missing: {output}"


def bound(machine, address):
    machine.run(BIND.format(address=address))


def drive(world, variant):
    """Each `edu` of a nested host, and what is said while they cannot be had."""
    with guest.Guest(load_image(variant), world.place / variant, EDU, first=IOMMU,
                     append=KERNEL) as machine:
        test = f"/facet/{edu_test(machine.share).name}"
        machine.start().wait_ready()
        with world.check("a device without vfio-pci: that is said"):
            code, output = machine.attempt(f"{test} {ALONE}")
            assert code == 1 and "vfio-pci" in output, output
        machine.run(MODULES)
        bound(machine, ALONE)
        passed(world, *machine.attempt(f"{test} --no-reset {ALONE}"), 25)
        with world.check("the IOMMU stopped what was not mapped, and said so"):
            faults = machine.run("dmesg | grep -i 'DMAR.*fault\\|DMAR.*Request device'")
            assert "00:12.0" in faults, faults
        bound(machine, RESET)
        passed(world, *machine.attempt(f"{test} {RESET}"), 25)
        bound(machine, SHARED)
        with world.check("a group that another driver is in: who is in the way"):
            code, output = machine.attempt(f"{test} {SHARED}")
            assert code == 1 and f"{NEIGHBOUR} (driver virtio-pci)" in output, output
        machine.run(f"echo {NEIGHBOUR} >/sys/bus/pci/drivers/virtio-pci/unbind")
        passed(world, *machine.attempt(f"{test} --no-reset {SHARED}"), 25)
        with world.check("no iommufd in this kernel: that is said"):
            code, output = machine.attempt(f"{test} --backend cdev {ALONE}")
            assert code == 1 and "use its group" in output, output
        assert machine.shut_down() == 0


@scenario()
def vfio_edu(world):
    """A nested host with an IOMMU: the VFIO client drives QEMU's edu by the kernel's VFIO."""
    drive(world, "guest")


@scenario(slow=True)
def vfio_edu_6_1(world):
    """The same under Linux 6.1."""
    drive(world, "guest-bookworm")


@scenario(slow=True)
def vfio_edu_7(world):
    """The same under Linux 7.x."""
    drive(world, "guest-backports")


@scenario(slow=True)
def vfio_edu_cdev(world):
    """The same by the device's own file and iommufd, which are built for the guest's kernel."""
    guest_image = load_image("guest")
    built = iommufd.modules(guest_image.release)
    with guest.Guest(guest_image, world.place / "guest", EDU, first=IOMMU,
                     append=KERNEL) as machine:
        test = f"/facet/{edu_test(machine.share).name}"
        for module in built.glob("*.ko"):
            shutil.copy(module, machine.share)
        machine.start().wait_ready()
        machine.run("modprobe irqbypass; cd /facet && for module in iommufd vfio vfio_iommu_type1 "
                    "vfio-pci-core vfio-pci; do insmod $module.ko || exit; done")
        for address in (ALONE, RESET, SHARED):
            bound(machine, address)
        for options in (f"--no-reset {ALONE}", RESET, f"--backend group --no-reset {ALONE}"):
            code, output = machine.attempt(f"{test} {options}")
            assert ("- group:" if "group" in options else "- cdev:") in output, output
            passed(world, code, output, 25)
        with world.check("a group that another driver is in: who is in the way"):
            code, output = machine.attempt(f"{test} {SHARED}")
            assert code == 1 and f"{NEIGHBOUR} (driver virtio-pci)" in output, output
        machine.run(f"echo {NEIGHBOUR} >/sys/bus/pci/drivers/virtio-pci/unbind")
        passed(world, *machine.attempt(f"{test} --no-reset {SHARED}"), 25)
        assert machine.shut_down() == 0


@scenario()
def vfio_user_edu(world):
    """examples/vfio-user-edu as a PCI device of a guest, whose own kernel lends it by VFIO."""
    process, path = world.example()
    device = json.dumps({"driver": "vfio-user-pci", "bus": "pcie.0", "addr": "0x12",
                         "socket": {"type": "unix", "path": str(path)}})
    with guest.Guest(load_image("guest"), world.place / "guest",
                     ["-device", device, "-display", "none"], first=IOMMU, append=KERNEL,
                     using=vfio_user_qemu()) as machine:
        test = f"/facet/{edu_test(machine.share).name}"
        machine.start().wait_ready()
        machine.run(MODULES)
        bound(machine, ALONE)
        # Twice: the second time must find nothing of the first.
        for _ in range(2):
            passed(world, *machine.attempt(f"{test} {ALONE}"), 25)
        assert machine.shut_down() == 0
    with world.check("the example outlives its guest"):
        assert process.poll() is None, (world.place / "edu.log").read_text(encoding="utf-8")
