# SPDX-License-Identifier: GPL-2.0-or-later
"""The example of a PCI device over vfio-user, on stock QEMU's bus, driven without a guest."""
import json
import os
import signal

from facetlib import procs, qtest

from harness import scenario, vfio_user_qemu

SLOT, BAR, BUFFER = 5, 0xe0000000, 0x40000
LIVE, FACTORIAL, IRQ_STATUS, IRQ_RAISE, IRQ_ACK = 0x04, 0x08, 0x24, 0x60, 0x64
DMA_FROM, DMA_TO, DMA_COUNT, DMA_COMMAND = 0x80, 0x88, 0x90, 0x98
DMA_RUN, DMA_TO_GUEST, DMA_IRQ = 1, 2, 4
MSIX_ID, MSIX_ENABLE, MSIX_TABLE, MSIX_PBA = 0x11, 1 << 31, 0xfe000, 0xff000
MESSAGE, DATA = 0x200000, 0xcafe  # a message is a write: into memory, here, not to a processor


class Edu:
    """The example's process, and QEMUs that come to it one after another."""

    def __init__(self, world):
        self.place = world.place
        self.process, self.socket = world.example()

    def qemu(self, name, **options):
        place = self.place / name
        place.mkdir()
        device = {"driver": "vfio-user-pci", "addr": hex(SLOT),
                  "socket": {"type": "unix", "path": str(self.socket)}}
        with open(place / "qemu.log", "wb") as log:
            machine = qtest.Machine(vfio_user_qemu(), place, ["-device", json.dumps(device)],
                                    errors=log, **options)
        return machine

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def set_up(machine):
    """As firmware and a driver do."""
    device = qtest.PciDevice(machine, SLOT)
    device.place_bar(0, BAR)
    device.enable()
    return device


def enumerates(device):
    assert device.config(0) == 0x11e81234, hex(device.config(0))
    assert device.config(8) == 0xff000010, hex(device.config(8))
    assert device.bar_size(0) == 1 << 20, hex(device.bar_size(0))
    found = device.capabilities()
    assert {0x01, 0x10, MSIX_ID} <= set(found), found


def has_registers(machine):
    assert machine.readl(BAR) == 0x010000ed
    machine.writel(BAR + LIVE, 0x12345678)
    assert machine.readl(BAR + LIVE) == 0xedcba987
    machine.writel(BAR + FACTORIAL, 5)
    assert machine.readl(BAR + FACTORIAL) == 120


def message(machine):
    """What MSI-X wrote; forgotten."""
    value = machine.readl(MESSAGE)
    if value:
        machine.writel(MESSAGE, 0)
    return value


def interrupts(machine, device):
    for number, value in enumerate((MESSAGE, 0, DATA, 0)):
        machine.writel(BAR + MSIX_TABLE + 4 * number, value)
    at = device.capabilities()[MSIX_ID]
    device.set_config(at, device.config(at) | MSIX_ENABLE)
    machine.writel(BAR + IRQ_RAISE, 1)
    procs.wait_until(lambda: message(machine) == DATA, 30, "the message")
    assert machine.readl(BAR + IRQ_STATUS) == 1
    machine.writel(BAR + IRQ_ACK, 1)
    assert machine.readl(BAR + IRQ_STATUS) == 0


def masks(machine):
    machine.writel(BAR + MSIX_TABLE + 12, 1)
    machine.writel(BAR + IRQ_RAISE, 1)
    assert machine.readl(BAR + IRQ_STATUS) == 1
    assert message(machine) == 0, "it was masked"
    # QEMU keeps masks to itself, but asks the server what is pending: which cannot know.
    assert machine.readl(BAR + MSIX_PBA) == 0
    machine.writel(BAR + MSIX_TABLE + 12, 0)
    procs.wait_until(lambda: message(machine) == DATA, 30, "the message that was held back")
    machine.writel(BAR + IRQ_ACK, 1)


def transfer(machine, source, target, size, command):
    for register, value in ((DMA_FROM, source), (DMA_TO, target), (DMA_COUNT, size),
                            (DMA_COMMAND, command | DMA_RUN)):
        machine.writeq(BAR + register, value)
    procs.wait_until(lambda: not machine.readq(BAR + DMA_COMMAND) & DMA_RUN, 30, "the transfer")


def transfers(machine):
    data = bytes((7 * n + n // 256) % 256 for n in range(4096))
    machine.write(0x300000, data)
    transfer(machine, 0x300000, BUFFER, 4096, 0)
    transfer(machine, BUFFER, 0x400800, 4096, DMA_TO_GUEST | DMA_IRQ)
    procs.wait_until(lambda: message(machine) == DATA, 30, "the message at the end")
    assert machine.read(0x400800, 4096) == data
    assert machine.read(0x4007f0, 16) == bytes(16) and machine.read(0x401800, 16) == bytes(16)


@scenario()
def vfio_user_example(world):
    """vfio-user-edu on QEMU's bus: registers, MSI-X, DMA shared and by message, reset, new QEMUs."""
    edu = Edu(world)
    idle = edu.descriptors()
    for name, options in (("shared", {}), ("by message", {"shared": False})):
        machine = edu.qemu(name.replace(" ", "-"), **options)
        try:
            device = set_up(machine)
            with world.check(f"{name}: enumerated as it describes itself"):
                enumerates(device)
            with world.check(f"{name}: registers"):
                has_registers(machine)
            with world.check(f"{name}: MSI-X reaches memory"):
                interrupts(machine, device)
            with world.check(f"{name}: a masked vector is held back until it is unmasked"):
                masks(machine)
            with world.check(f"{name}: DMA both ways, with an interrupt at its end"):
                transfers(machine)
            with world.check(f"{name}: system_reset resets it"):
                machine.qmp("system_reset")
                device = set_up(machine)
                assert machine.readl(BAR + LIVE) == 0
                has_registers(machine)
        finally:
            machine.close()
    with world.check("QEMUs that are killed leave nothing behind"):
        for number in range(3):
            machine = edu.qemu(f"killed-{number}")
            set_up(machine)
            has_registers(machine)
            machine.process.send_signal(signal.SIGKILL)
            machine.close()
            procs.wait_until(lambda: edu.descriptors() == idle, 30, "the example to be idle")
