# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine of QEMU without a guest: QEMU's test protocol does what a processor would do."""
import socket
import struct
import subprocess

from . import procs
from .qmp import Qmp


class QtestError(Exception):
    """QEMU did not do what was asked."""


class Machine:
    """A q35 with `device` arguments, whose memory and ports are accessed from here."""

    def __init__(self, qemu, place, device, memory=64, shared=True, errors=None):
        self.place = place
        ram = "memory-backend-memfd,share=on" if shared else "memory-backend-ram"
        self.process = subprocess.Popen(
            [*qemu.argv, "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-S",
             "-machine", "q35,memory-backend=ram", "-object", f"{ram},id=ram,size={memory}M",
             "-m", f"{memory}M", "-qtest", f"unix:{place}/qtest,server=on,wait=off", "-qtest-log", "none",
             "-qmp", f"unix:{place}/qmp,server=on,wait=off", *device],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        try:
            self._sock = self._connect(f"{place}/qtest")
            self._file = self._sock.makefile("r", encoding="ascii")
            self.qmp = Qmp(f"{place}/qmp")
        except BaseException:
            procs.end(self.process)
            raise

    def _connect(self, path):
        def attempt():
            if self.process.poll() is not None:
                raise QtestError(f"QEMU ended with {self.process.returncode}")
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(path)
            except OSError:
                sock.close()
                return None
            sock.settimeout(60)
            return sock
        return procs.wait_until(attempt, 60, f"QEMU to open {path}")

    def close(self):
        self.qmp.close()
        self._file.close()
        self._sock.close()
        procs.end(self.process)

    def _ask(self, text):
        self._sock.sendall(text.encode() + b"\n")
        while True:
            line = self._file.readline()
            if not line:
                raise QtestError("QEMU closed its test socket")
            words = line.split()
            if words[0] == "OK":
                return words[1] if len(words) > 1 else ""
            if words[0] != "IRQ":
                raise QtestError(f"{text}: {line.strip()}")

    def inl(self, port):
        return int(self._ask(f"inl {port:#x}"), 16)

    def outl(self, port, value):
        self._ask(f"outl {port:#x} {value:#x}")

    def readl(self, address):
        return int(self._ask(f"readl {address:#x}"), 16)

    def readq(self, address):
        return int(self._ask(f"readq {address:#x}"), 16)

    def writel(self, address, value):
        self._ask(f"writel {address:#x} {value:#x}")

    def writeq(self, address, value):
        self._ask(f"writeq {address:#x} {value:#x}")

    def read(self, address, size):
        return bytes.fromhex(self._ask(f"read {address:#x} {size:#x}")[2:])

    def write(self, address, data):
        self._ask(f"write {address:#x} {len(data):#x} 0x{data.hex()}")


class PciDevice:
    """One function on the root bus, by configuration mechanism 1."""

    COMMAND, BAR0, CAPABILITIES = 0x04, 0x10, 0x34

    def __init__(self, machine, slot):
        self.machine, self.slot = machine, slot

    def _select(self, offset):
        self.machine.outl(0xcf8, 1 << 31 | self.slot << 11 | (offset & 0xfc))

    def config(self, offset):
        """The aligned 32 bits at `offset`."""
        self._select(offset)
        return self.machine.inl(0xcfc)

    def set_config(self, offset, value):
        self._select(offset)
        self.machine.outl(0xcfc, value & 0xffffffff)

    def config_bytes(self, size=256):
        return b"".join(struct.pack("<I", self.config(at)) for at in range(0, size, 4))

    def capabilities(self):
        """{id: offset} in configuration space; of several with the same id the last."""
        space, found = self.config_bytes(), {}
        at = space[self.CAPABILITIES] & 0xfc
        while at and at not in found.values():
            found[space[at]] = at
            at = space[at + 1] & 0xfc
        return found

    def bar_size(self, number):
        at = self.BAR0 + 4 * number
        before = self.config(at)
        self.set_config(at, 0xffffffff)
        mask = self.config(at)
        self.set_config(at, before)
        return -(mask & ~0xf) & 0xffffffff

    def place_bar(self, number, address):
        self.set_config(self.BAR0 + 4 * number, address)

    def enable(self, bits=0x6):
        """Memory and bus master."""
        self.set_config(self.COMMAND, (self.config(self.COMMAND) & 0xffff) | bits)
