# SPDX-License-Identifier: GPL-2.0-or-later
"""Which guests and QEMUs: probe, render, reboot, driver out and in, reset, kill and start again."""
from facetlib import procs, qemu

from harness import Skip, renders, scenario, wait_state

UNLOAD = """\
for console in /sys/class/vtconsole/vtcon*; do echo 0 >$console/bind; done
rmmod virtio_gpu && [ ! -e /dev/dri/card0 ]"""
LOAD = """\
modprobe virtio-gpu
for i in $(seq 150); do [ -e /dev/dri/renderD128 ] && exit 0; sleep 0.1; done; exit 1"""


def life(world, host, machine, vgpu):
    """Everything that happens to a guest in its life, each time ending in a right picture."""
    with world.check("the driver probes and renders"):
        machine.start().wait_ready()
        renders(machine)
        wait_state(host, vgpu, "running")
    with world.check("driver unloaded and loaded again, twice"):
        for _ in range(2):
            machine.run(UNLOAD)
            machine.run(LOAD)
            renders(machine)
    with world.check("reboot from inside"):
        machine.rebooted()
        machine.begin("busybox reboot -f")
        machine.wait_ready()
        renders(machine)
    with world.check("system_reset"):
        machine.rebooted()
        machine.qmp("system_reset")
        machine.wait_ready()
        renders(machine)
    with world.check("QEMU killed, the same vGPU waits for the next one"):
        machine.kill()
        wait_state(host, vgpu, "idle")
    with world.check("started again on the same vGPU"):
        machine.start().wait_ready()
        renders(machine)
    with world.check("the kernel complains of nothing"):
        log = machine.run("dmesg")
        bad = [line for line in log.splitlines() if "*ERROR*" in line or "BUG:" in line
               or "Call Trace" in line or "response 0x12" in line]
        assert not bad, bad
    with world.check("power off leaves the vGPU idle"):
        assert machine.shut_down() == 0
        wait_state(host, vgpu, "idle")


def kernel(world, variant):
    host = world.facet()
    host.create("g")
    life(world, host, world.guest(host, "g", variant), "g")


@scenario()
def linux_6_1(world):
    """Debian 12's kernel."""
    kernel(world, "guest-bookworm")


@scenario()
def linux_6_12(world):
    """Debian 13's kernel."""
    kernel(world, "guest")


@scenario()
def linux_7(world):
    """The kernel of Debian 13's backports."""
    kernel(world, "guest-backports")


@scenario(named=True)
def system_qemu(world):
    """This machine's own QEMU, where it can attach a vhost-user GPU."""
    mine = qemu.Qemu.system()
    if not mine.vhost_user_gpu(world.kvm):
        raise Skip(f"QEMU {mine.text} attaches no vhost-user GPU without KVM, and KVM does not "
                   "boot a stock kernel here")
    host = world.facet()
    host.create("g")
    life(world, host, world.guest(host, "g", using=mine), "g")


@scenario()
def iommu(world):
    """iommu_platform=on: the guest's own IOMMU stands between its memory and the vGPU."""
    host = world.facet()
    host.create("g")
    machine = world.guest(host, "g", device_extra=",iommu_platform=on,ats=on",
                          first=["-device", "intel-iommu,intremap=off,device-iotlb=on"],
                          append="intel_iommu=on")
    with world.check("renders behind the IOMMU"):
        machine.start().wait_ready()
        assert "DMAR" in machine.run("dmesg | grep -i dmar"), "the guest sees no IOMMU"
        renders(machine, "641x479")
    with world.check("driver unloaded and loaded again behind the IOMMU"):
        machine.run(UNLOAD)
        machine.run(LOAD)
        renders(machine)
    with world.check("still answers in time after system_reset"):
        machine.rebooted()
        machine.qmp("system_reset")
        machine.wait_ready()
        renders(machine)


@scenario()
def two_guests(world):
    """Two guests on two vGPUs at once; each sees its own picture only."""
    host = world.facet()
    machines = []
    for name, size in (("a", "640x480"), ("b", "800x600")):
        host.create(name, "--size", size)
        machines.append(world.guest(host, name).start())
    with world.check("both render at once"):
        commands = []
        for machine in machines:
            machine.wait_ready()
            commands.append(machine.begin("facet-pattern gl --tag 3 --hold 600"))
        for machine in machines:
            procs.wait_until(lambda m=machine: (m.share / "pattern-0.ready").exists(), 300,
                             "the picture")
        shots = [host.screenshot(name) for name in ("a", "b")]
        assert [(s.width, s.height) for s in shots] == [(640, 480), (800, 600)], shots
        for machine, command in zip(machines, commands):
            (machine.share / "pattern-0.go").touch()
            machine.finish(command)
    with world.check("removing a vGPU in use is refused, with --force it works"):
        refused = host.attempt("rm", "a")
        assert refused.returncode and refused.stderr.strip(), refused
        host("rm", "--force", "a")
        renders(machines[1])
