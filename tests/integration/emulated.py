# SPDX-License-Identifier: GPL-2.0-or-later
"""The test host: what facet tells of it, and devices of it in use; few boots with many checks."""
import doctor
import giving
import vfio

from facetlib.testhost import IGB, NVME
from harness import scenario


def everything(world, kernel):
    machine = world.test_host(kernel).start().wait_ready()
    doctor.inventory(world, machine)
    machine.run(vfio.MODULES)
    for pf in (IGB, NVME):
        giving.virtual_functions(world, machine, pf)
    giving.groups(world, machine)
    doctor.whole_group(world, machine)
    doctor.behind_bridge(world, machine)
    vfio.drive(world, machine)
    doctor.without_driver(world, machine)
    doctor.token(world, machine)
    doctor.replay(world, machine)
    assert machine.shut_down() == 0


@scenario()
def testhost(world):
    """Inventory, doctor, VFs and edu by VFIO on emulated hardware, under Debian 13's Linux 6.12."""
    everything(world, "6.12")


@scenario()
def testhost_7(world):
    """The same under the kernel of its backports."""
    everything(world, "7.x")


@scenario(slow=True)
def testhost_6_1(world):
    """The same under Debian 12's."""
    everything(world, "6.1")


@scenario(slow=True)
def testhost_killed(world):
    """facet is killed at each of its writes while it makes VFs and binds a device."""
    machine = world.test_host().start().wait_ready()
    machine.run(vfio.MODULES)
    giving.killed(world, machine, NVME)
    assert machine.shut_down() == 0


@scenario()
def testhost_broken(world):
    """The same machine without an IOMMU, with one not used, and with one for addresses only."""
    for name, options, rule, sentence in (
            ("none", {"iommu": False}, "iommu.present", "no IOMMU group"),
            ("unused", {"append": "intel_iommu=off"}, "iommu.present", "no IOMMU group"),
            ("intremap", {"remapping": False}, "iommu.remapping", "does not remap interrupts")):
        machine = world.test_host(name=name, drivers=["bochs"], **options).start().wait_ready()
        doctor.broken(world, machine, rule, sentence)
        assert machine.shut_down() == 0
