# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that machines share: `facet ivshmem serve`, a peer in Python, and QEMU's device by qtest."""
import contextlib
import json
import mmap
import os
import pathlib
import select
import shlex
import socket
import struct
import subprocess
import time

from . import procs

PATIENCE_S = 60
VERSION, MEMORY = 0, -1


class Server:
    """A `facet ivshmem serve ARGS` with a runtime directory of its own."""

    def __init__(self, facet, place, *args, env=None, pass_fds=(), wrap=()):
        self.facet, self.place = str(facet), pathlib.Path(place)
        self.runtime = self.place / "run"
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), **(env or {})}
        self.log_path = self.place / "ivshmem.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*wrap, self.facet, "ivshmem", "serve", *args], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env=self.env, pass_fds=pass_fds)

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode}: {self.log()}")
            return any(r["pid"] == self.process.pid for r in self.regions())
        procs.wait_until(ready, PATIENCE_S, "the ivshmem server to answer")
        return self

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def run(self, *args):
        return subprocess.run([self.facet, "ivshmem", *args], stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, check=False, timeout=PATIENCE_S, env=self.env)

    def regions(self):
        done = self.run("ls", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else []

    def region(self, name="ivshmem"):
        return next(r for r in self.regions() if r["name"] == name)

    def peers(self, name="ivshmem"):
        return {p["id"]: p for p in self.region(name)["peers"]}

    def qemu_args(self, name="ivshmem", *options):
        done = self.run("qemu-args", name, *options)
        assert done.returncode == 0, done
        return shlex.split(done.stdout)

    def close(self):
        procs.end(self.process)


class Gone(Exception):
    """The server has closed the connection."""


class Peer:
    """Takes part like a virtual machine. others: id to its eventfds, as told so far."""

    def __init__(self, path, greet=True):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(path))
        self.others, self.own, self.id, self.memory = {}, [], None, None
        try:
            if greet:
                self.greet()
        except BaseException:
            self.sock.close()
            raise

    def read(self):
        """(number, descriptor or None)"""
        data, fds = b"", []
        while len(data) < 8:
            piece, more, _flags, _address = socket.recv_fds(self.sock, 8 - len(data), 4)
            fds += more
            if not piece:
                raise Gone
            data += piece
        assert len(fds) <= 1, fds
        return struct.unpack("<q", data)[0], fds[0] if fds else None

    def greet(self):
        assert self.read() == (VERSION, None)
        self.id, fd = self.read()
        assert fd is None
        number, fd = self.read()
        assert number == MEMORY and fd is not None
        self.memory = mmap.mmap(fd, os.fstat(fd).st_size)
        self.memory_fd = fd
        while not self.own:  # which come last
            self.take()
        self.update()
        return self

    def take(self):
        number, fd = self.read()
        assert 0 <= number <= 65535, number
        if number == self.id:
            self.own.append(fd)
        elif fd is None:
            for old in self.others.pop(number, []):
                os.close(old)
        else:
            self.others.setdefault(number, []).append(fd)

    def update(self, patience=0.0):
        """Takes all that the server has said."""
        while select.select([self.sock], [], [], patience)[0]:
            self.take()

    def wait_for(self, condition, what):
        """Until condition() is true of what the server told."""
        end = time.monotonic() + PATIENCE_S
        self.update()
        while not condition():
            assert time.monotonic() < end, f"peer {self.id} still waits for {what}: {self.others}"
            self.update(0.05)

    def ring(self, number, vector):
        os.eventfd_write(self.others[number][vector], 1)

    def rung(self, vector, patience=PATIENCE_S):
        """How often, since the last time; 0 after `patience` seconds."""
        if not select.select([self.own[vector]], [], [], patience)[0]:
            return 0
        return os.eventfd_read(self.own[vector])

    def close(self):
        self.sock.close()
        for fd in [*self.own, *(fd for fds in self.others.values() for fd in fds)]:
            os.close(fd)
        if self.memory is not None:
            self.memory.close()
            os.close(self.memory_fd)


class Machine:
    """A QEMU without a guest, whose ivshmem device is driven by qtest."""

    BAR0, BAR1, BAR2 = 0xE0000000, 0xE0001000, 0xE4000000
    MESSAGES = 0x100000  # in the machine's memory: where its interrupts are written

    def __init__(self, using, place, device, vectors=0):
        self.place = pathlib.Path(place)
        self.place.mkdir()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.place / "qtest"))
        listener.listen(1)
        listener.settimeout(PATIENCE_S)
        with open(self.place / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(
                [*using.argv, "-accel", "tcg", "-M", "pc", "-m", "64", "-nodefaults",
                 "-no-user-config", "-display", "none", "-S",
                 "-qtest", f"unix:{self.place}/qtest", "-qtest-log", "none", *device],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **using.env})
        self.conn = self.file = None
        try:
            procs.wait_until(lambda: select.select([listener], [], [], 0.05)[0]
                             or self.process.poll() is not None, PATIENCE_S, "QEMU to connect")
            assert self.process.poll() is None, self.log()
            self.conn = listener.accept()[0]
            self.conn.settimeout(PATIENCE_S)
            self.file = self.conn.makefile("rw", encoding="ascii")
            self.slot = self.find()
            self.set_up(vectors)
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def log(self):
        return (self.place / "qemu.log").read_text(encoding="utf-8", errors="replace")

    def __call__(self, *words):
        """A command of qtest's; its answer, if that is a number."""
        text = " ".join(w if isinstance(w, str) else hex(w) for w in words)
        self.file.write(text + "\n")
        self.file.flush()
        line = self.file.readline()
        while line.startswith("IRQ"):
            line = self.file.readline()
        assert line.startswith("OK"), f"{text}: {line!r} {self.log()}"
        value = line.split()[1:]
        return int(value[0], 0) if value else None

    # --- configuration space ----------------------------------------------------------------

    def config(self, offset, value=None, slot=None):
        slot = self.slot if slot is None else slot
        self("outl", 0xCF8, 0x80000000 | slot << 11 | offset)
        return self("inl", 0xCFC) if value is None else self("outl", 0xCFC, value)

    def find(self):
        return next(s for s in range(32) if self.config(0, slot=s) == 0x11101AF4)

    def bar_size(self, number):
        offset = 0x10 + 4 * number
        self.config(offset, 0xFFFFFFFF)
        return (~(self.config(offset) & ~0xF) & 0xFFFFFFFF) + 1 & 0xFFFFFFFF

    def capability(self, wanted):
        at = self.config(0x34) & 0xFC
        while at:
            head = self.config(at)
            if head & 0xFF == wanted:
                return at
            at = head >> 8 & 0xFC
        return None

    def set_up(self, vectors):
        self.bars = [self.bar_size(n) for n in (0, 1, 2)]
        for number, base in ((0, self.BAR0), (1, self.BAR1), (2, self.BAR2), (3, 0)):
            self.config(0x10 + 4 * number, base)
        self.config(4, self.config(4) & 0xFFFF | 6)  # memory, bus master
        at = self.capability(0x11)
        if not vectors:
            return
        assert at, "no MSI-X"
        for v in range(vectors):
            self.clear(v)
            for n, word in enumerate((self.MESSAGES + 4 * v, 0, 0xBE110000 + v, 0)):
                self("writel", self.BAR1 + 16 * v + 4 * n, word)
        self.config(at, self.config(at) | 1 << 31)

    # --- the device -------------------------------------------------------------------------

    @property
    def position(self):
        return self("readl", self.BAR0 + 8)

    def ring(self, number, vector):
        self("writel", self.BAR0 + 12, number << 16 | vector)

    def clear(self, vector):
        self("writel", self.MESSAGES + 4 * vector, 0)

    def interrupted(self, vector, patience=PATIENCE_S):
        """Has that vector's message been written? Then it is taken away again."""
        end = time.monotonic() + patience
        while True:
            if self("readl", self.MESSAGES + 4 * vector) == 0xBE110000 + vector:
                self.clear(vector)
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.01)

    def read(self, offset):
        return self("readl", self.BAR2 + offset)

    def write(self, offset, value):
        self("writel", self.BAR2 + offset, value)

    def close(self):
        for thing in (self.file, self.conn):
            if thing is not None:
                with contextlib.suppress(OSError):
                    thing.close()
        procs.end(self.process)
