# SPDX-License-Identifier: GPL-2.0-or-later
"""facet's VFIO client on QEMU's `edu` device, in the test host and in a guest with an IOMMU."""
import json
import re
import shutil

from facetlib import guest, testhost
from facetlib.testhost import EDU_ALONE, EDU_BRIDGED, EDU_SHARED, OLD_GPU

import iommufd
from harness import load_image, scenario, vfio_user_qemu

# vfio-pci does not ask for the other one, but nothing works without it.
MODULES = "modprobe vfio_iommu_type1 && modprobe vfio-pci"


def passed(world, code, output, least):
    """Shows a TAP program's lines as checks of the scenario."""
    for good, what in re.findall(r"(?m)^(ok|not ok) \d+ - (.*)$", output):
        print(f"{good} {world.name}: {what}", flush=True)
        world.failed += good == "not ok"
    with world.check("all of it was tested"):
        assert code == 0, f"exit code {code}: {output[-1000:]}"
        assert len(re.findall(r"(?m)^ok ", output)) >= least, f"checks are missing: {output}"


def drive(world, machine):
    """Each `edu` of the test host, and what is said while they cannot be had."""
    with world.check("a device without vfio-pci: that is said"):
        code, output = machine.attempt(f"edu-test {EDU_ALONE}")
        assert code == 1 and f"`facet vfio bind {EDU_ALONE}`" in output, output
    machine.run(f"facet vfio bind {EDU_ALONE}")
    passed(world, *machine.attempt(f"edu-test --no-reset {EDU_ALONE}"), 25)
    with world.check("the IOMMU stopped what was not mapped, and said so"):
        faults = machine.run("dmesg | grep -i 'DMAR.*fault\\|DMAR.*Request device'")
        assert EDU_ALONE[5:] in faults, faults
    behind_bridges(world, machine)
    with world.check("no iommufd in this kernel: that is said"):
        code, output = machine.attempt(f"edu-test --backend cdev {EDU_ALONE}")
        assert code == 1 and "use its group" in output, output
    with world.check("it is given back: it has no driver, as before"):
        machine.run(f"facet vfio unbind {EDU_ALONE} && "
                    f"[ ! -e /sys/bus/pci/devices/{EDU_ALONE}/driver ]")


def behind_bridges(world, machine):
    """Debian's kernel has a driver for the bridges, and does without. On QEMU's expander buses
    INTx comes from nothing."""
    machine.bind(EDU_BRIDGED)
    in_the_way(world, machine, EDU_BRIDGED, f"{testhost.BRIDGE} (driver shpchp)")
    machine.unbind(testhost.BRIDGE)
    passed(world, *machine.attempt(f"edu-test --no-intx {EDU_BRIDGED}"), 25)
    machine.unbind(testhost.SHARED_BRIDGE)
    machine.bind(EDU_SHARED)
    in_the_way(world, machine, EDU_SHARED, f"{OLD_GPU} (driver bochs-drm)")
    machine.unbind(OLD_GPU)
    passed(world, *machine.attempt(f"edu-test --no-intx --no-reset {EDU_SHARED}"), 25)


def in_the_way(world, machine, address, who):
    with world.check(f"{address}, its group being used by {who}: that is said"):
        code, output = machine.attempt(f"edu-test {address}")
        assert code == 1 and who in output, output


@scenario(slow=True)
def vfio_edu_cdev(world):
    """The edu by the device's own file and iommufd, which are built for the guest's kernel."""
    machine = world.test_host(drivers=["irqbypass", "bochs"])
    built = iommufd.modules(machine.image.release)
    for module in built.glob("*.ko"):
        shutil.copy(module, machine.share)
    machine.start().wait_ready()
    machine.run("cd /facet && for module in iommufd vfio vfio_iommu_type1 "
                "vfio-pci-core vfio-pci; do insmod $module.ko || exit; done")
    machine.bind(EDU_ALONE)
    for options in ("--no-reset", "--backend group --no-reset"):
        code, output = machine.attempt(f"edu-test {options} {EDU_ALONE}")
        assert ("- group:" if "group" in options else "- cdev:") in output, output
        passed(world, code, output, 25)
    behind_bridges(world, machine)
    assert machine.shut_down() == 0


@scenario()
def vfio_user_edu(world):
    """examples/vfio-user-edu as a PCI device of a guest, whose own kernel lends it by VFIO."""
    process, path = world.example()
    device = json.dumps({"driver": "vfio-user-pci", "bus": "pcie.0", "addr": "0x12",
                         "socket": {"type": "unix", "path": str(path)}})
    with guest.Guest(load_image("guest"), world.place / "guest",
                     ["-device", device, "-display", "none"], first=testhost.unit(),
                     append="intel_iommu=on facet.gpu=none", using=vfio_user_qemu()) as machine:
        testhost.pack(machine.share, [world.built("tests/vfio/edu-test")])
        machine.start().wait_ready()
        machine.run(MODULES)
        machine.run(testhost.BIND.format(address=EDU_ALONE, driver="vfio-pci"))
        # Twice: the second time must find nothing of the first.
        for _ in range(2):
            passed(world, *machine.attempt(f"/facet/bin/edu-test {EDU_ALONE}"), 25)
        assert machine.shut_down() == 0
    with world.check("the example outlives its guest"):
        assert process.poll() is None, (world.place / "edu.log").read_text(encoding="utf-8")
