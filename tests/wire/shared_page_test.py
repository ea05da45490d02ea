#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facet-vgpu obeys the page that facetd shares with it, and tells there what it does."""
import ctypes
import fcntl
import mmap
import os
import platform
import select
import struct
import threading
import time
import unittest

import vgpu

F_ADD_SEALS, SEALS = 1033, 0x2 | 0x4 | 0x1  # shrink, grow, seal
FUTEX_WAKE, SYS_FUTEX = 1, {"x86_64": 202, "aarch64": 98}[platform.machine()]
CREATE_2D, UNREF, OK, OUT_OF_MEMORY = 0x0101, 0x0102, 0x1100, 0x1201
MAX_CLOSED_NS, NAP_S = 50_000_000, 0.001
libc = ctypes.CDLL(None, use_errno=True)


class Page:
    """facetd's side, by the layout of src/share/share.h (version 1)."""
    OPEN, RING, CLOSED_UNTIL, HEARTBEAT, SHARE, EUS, ANSWERED = 16, 20, 24, 32, 40, 44, 56
    BACKLOG, PREEMPTS, BUSY_SINCE, JOBS, STOPPED, STARTED, LATENCY = 88, 92, 96, 104, 120, 128, 424

    def __init__(self, magic=0x46534852, seals=SEALS):
        self.fd = os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, 4096)
        self.memory = mmap.mmap(self.fd, 4096)
        struct.pack_into("=IIII", self.memory, 0, magic, 1, 568, 0)
        self.put32(self.OPEN, 1)
        fcntl.fcntl(self.fd, F_ADD_SEALS, seals)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))

    def put32(self, at, value):
        struct.pack_into("=I", self.memory, at, value)

    def put64(self, at, value):
        struct.pack_into("=Q", self.memory, at, value)

    def get32(self, at):
        return struct.unpack_from("=I", self.memory, at)[0]

    def get64(self, at):
        return struct.unpack_from("=Q", self.memory, at)[0]

    def wake(self):
        libc.syscall(SYS_FUTEX, ctypes.c_void_p(self.address + self.OPEN), FUTEX_WAKE, 2**31 - 1,
                     None, None, 0)

    def close(self):
        """Until the date that is returned."""
        until = time.monotonic_ns() + MAX_CLOSED_NS
        self.put64(self.CLOSED_UNTIL, until)
        self.put32(self.OPEN, 0)
        self.wake()
        return until

    def open(self):
        self.put32(self.OPEN, 1)
        self.wake()


def wait_for(what):
    deadline = time.monotonic() + vgpu.PATIENCE_S
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(NAP_S)


class Obeying(unittest.TestCase):
    def setUp(self):
        self.page = Page()
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.it = vgpu.Vgpu("--share-fd", str(self.page.fd), "--doorbell-fd", str(self.bell),
                            "--vram", "4M", pass_fds=[self.page.fd, self.bell])
        self.addCleanup(os.close, self.bell)
        self.addCleanup(self.it.close)
        self.front = vgpu.FrontEnd.connect(self.it.vhost_path)
        self.addCleanup(self.front.close)
        self.front.start()

    def create(self, resource, width=16, height=16):
        return self.front.command(CREATE_2D, struct.pack("<IIII", resource, 1, width, height))[0]

    def create_aside(self, resource):
        """It has to wait for its answer: so not here."""
        done = threading.Event()

        def run():
            self.create(resource)
            done.set()
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)
        return done

    def test_open(self):
        """Without an arbiter everything goes through, and is counted."""
        for i in range(1, 9):
            self.assertEqual(self.create(i), OK)
        page = self.page
        # The answer may be seen before its job's end is, but not before it is counted.
        self.assertEqual((page.get64(page.JOBS), page.get32(page.BACKLOG)), (8, 0))
        self.assertEqual((page.get64(page.BUSY_SINCE), page.get64(page.STARTED)), (0, 0))
        self.assertEqual(page.get64(page.STOPPED), 0)
        gate = self.it.status()["gate"]
        self.assertTrue(gate["open"])
        self.assertFalse(gate["arbitrated"] or gate["paced"])
        self.assertTrue(gate["inside"], gate)

    def keep_closed(self, number):
        """A request that waits behind a closed gate; None when this host was too slow to close it."""
        until = self.page.close()
        done = self.create_aside(number)
        for _ in range(100):
            time.sleep(NAP_S)
            answered = done.is_set()
            # Only in time is it a prolongation; and what was seen before the date counts.
            if time.monotonic_ns() >= until:
                self.page.open()
                self.assertTrue(done.wait(vgpu.PATIENCE_S))
                return None
            self.assertFalse(answered)
            until = self.page.close()
        return done

    def test_closed(self):
        page = self.page
        self.assertEqual(self.create(1), OK)
        done = next(filter(None, map(self.keep_closed, range(2, 22))), None)
        if done is None:
            self.skipTest("this host is too slow to keep a gate closed")
        self.assertEqual(page.get32(page.BACKLOG), 1)
        self.assertGreater(page.get64(page.BUSY_SINCE), 0)
        self.assertFalse(self.it.status()["gate"]["open"])  # the loop answers meanwhile
        page.open()
        self.assertTrue(done.wait(vgpu.PATIENCE_S))
        wait_for(lambda: page.get64(page.STOPPED))
        self.assertEqual(page.get32(page.BACKLOG), 0)
        usage = self.it.status()["usage"]
        self.assertGreater(usage["wait_ns"], 50_000_000)
        self.assertEqual(usage["stopped_ns"], page.get64(page.STOPPED))

    def test_facetd_dies(self):
        """Its last word had a date."""
        until = self.page.close()
        self.assertEqual(self.create(1), OK)
        self.assertGreaterEqual(time.monotonic_ns(), until)

    def test_the_end_comes_through(self):
        done = self.create_aside(1)
        self.assertTrue(done.wait(vgpu.PATIENCE_S))
        self.page.close()
        self.it.process.terminate()
        while self.it.process.poll() is None:
            self.page.close()
            time.sleep(NAP_S)
        self.assertEqual(self.it.process.returncode, 0)

    def test_pace(self):
        page = self.page
        page.put32(page.SHARE, 1)  # of a million: any work at all is too much
        page.put32(page.EUS, 1)
        page.put64(page.HEARTBEAT, 1)
        page.wake()
        self.assertTrue(self.it.status()["gate"]["paced"])
        number = 0
        while not page.get64(page.STOPPED):
            number += 1
            self.assertEqual(self.create(number), OK)
            self.assertEqual(self.front.command(UNREF, struct.pack("<II", number, 0))[0], OK)
        page.put64(page.HEARTBEAT, 0)
        page.open()
        self.assertEqual(self.create(number + 1), OK)

    def test_doorbell(self):
        page = self.page
        self.assertEqual(self.create(1), OK)
        self.assertRaises(BlockingIOError, os.eventfd_read, self.bell)
        page.put32(page.RING, 1)
        self.assertEqual(self.create(2), OK)
        self.assertTrue(select.select([self.bell], [], [], vgpu.PATIENCE_S)[0])
        self.assertEqual(os.eventfd_read(self.bell), 1)

        # The end of work, too, if somebody waits for it.
        page.put32(page.RING, 2)
        self.assertEqual(self.create(3), OK)
        self.assertEqual(os.eventfd_read(self.bell), 2)

    def test_nobody_hears(self):
        """facetd was killed in its sleep; the next one answers."""
        page = self.page
        page.put32(page.SHARE, 1)
        page.put32(page.EUS, 1)
        self.assertEqual(self.create(1), OK)
        self.assertFalse(self.it.status()["gate"]["paced"])
        page.put32(page.RING, 1)
        number = 1
        while not page.get64(page.STOPPED):
            number += 1
            self.assertEqual(self.create(number), OK)
            self.assertEqual(self.front.command(UNREF, struct.pack("<II", number, 0))[0], OK)
        self.assertTrue(self.it.status()["gate"]["paced"])
        page.put64(page.ANSWERED, time.monotonic_ns())
        self.assertFalse(self.it.status()["gate"]["paced"])
        self.assertEqual(self.create(number + 1), OK)

    def test_quota(self):
        """1024 x 1024 pixels are 4 MiB."""
        self.assertEqual(self.create(1, 1024, 1024), OUT_OF_MEMORY)
        self.it.call("SetQuota", {"vram_bytes": 8 << 20})
        self.assertEqual(self.create(1, 1024, 1024), OK)
        self.it.call("SetQuota", {"vram_bytes": 1 << 20})
        self.assertEqual(self.create(2), OUT_OF_MEMORY)
        self.assertEqual(self.it.status()["usage"]["vram_quota_bytes"], 1 << 20)
        self.assertEqual(self.front.command(UNREF, struct.pack("<II", 1, 0))[0], OK)
        self.assertEqual(self.create(2), OK)
        for wrong in ({}, {"vram_bytes": 0}, {"vram_bytes": -1}, {"vram_bytes": "1G"}):
            with self.assertRaises(vgpu.VarlinkError) as caught:
                self.it.call("SetQuota", wrong)
            self.assertIn("InvalidParameter", caught.exception.name)


class Refusing(unittest.TestCase):
    def check(self, fds, options, code, word):
        with vgpu.Vgpu(*options, pass_fds=fds) as it:
            self.assertEqual(it.process.wait(vgpu.PATIENCE_S), code, it.log())
            self.assertIn(word, it.log())

    def test_what_is_no_page(self):
        for page in (Page(magic=1), Page(seals=0x4)):
            self.check([page.fd], ["--share-fd", str(page.fd)], 1, "shared page")
        bell = os.eventfd(0)
        self.addCleanup(os.close, bell)
        self.check([bell], ["--share-fd", str(bell)], 1, "shared page")
        self.check([bell], ["--doorbell-fd", str(bell)], 2, "--share-fd")
        self.check([], ["--share-fd", "999"], 2, "--share-fd 999")
        self.check([], ["--eu-count", "0"], 2, "--eu-count 0")

    def test_without(self):
        with vgpu.Vgpu() as it:
            self.assertIsNone(it.status()["gate"])


if __name__ == "__main__":
    unittest.main()
