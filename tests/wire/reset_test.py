#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A vGPU's process is killed amid requests: its successor answers every one, once, and goes on."""
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import vgpu

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
from facetlib import png  # pylint: disable=wrong-import-position

FACETD, FACET = os.environ["FACETD"], os.environ["FACET"]

GET_DISPLAY_INFO, CREATE_2D, SET_SCANOUT, FLUSH, TRANSFER_2D, ATTACH_BACKING = (
    0x100, 0x101, 0x103, 0x104, 0x105, 0x106)
UNREF, CTX_CREATE, CTX_DESTROY = 0x102, 0x200, 0x201
OK, ERR_UNSPEC, ERR_RESOURCE, ERR_CONTEXT = 0x1100, 0x1200, 0x1203, 0x1204
FENCE, RING_IDX = 1, 2
HEADER = struct.Struct("<IIQIBxxx")


class Driver(vgpu.FrontEnd):
    """Has several requests under way; each lies in two descriptors and two buffers of its own."""

    GPU_SET_SOCKET, SET_VRING_ENABLE, GET_VRING_BASE = 33, 18, 11
    ROOM, SLOTS = 0x400, 8

    def start(self):
        super().start()
        self.seen, self.free, self.under_way, self.answers = 0, list(range(self.SLOTS)), {}, []
        ours, theirs = socket.socketpair()
        self.display = ours  # whose questions are never answered
        self.send(self.GPU_SET_SOCKET, struct.pack("=Q", 0), [theirs.fileno()])
        theirs.close()

    def close(self):
        self.display.close()
        super().close()

    def offer(self, kind, body=b"", fence=0, context=0, ring=None):
        """Puts a request into the ring; its slot tells its answer from others'."""
        flags = (FENCE if fence else 0) | (RING_IDX if ring is not None else 0)
        request = HEADER.pack(kind, flags, fence, context, ring or 0) + body
        slot = self.free.pop()
        at, to = (base + slot * self.ROOM for base in (self.COMMAND, self.ANSWER))
        self.ram[at:at + len(request)] = request
        self.ram[to:to + self.ROOM] = b"\xaa" * self.ROOM
        self.ram[self.DESC + 32 * slot:self.DESC + 32 * (slot + 1)] = (
            struct.pack("<QIHH", at, len(request), 1, 2 * slot + 1) +
            struct.pack("<QIHH", to, self.ROOM, 2, 0))
        entry = self.AVAIL + 4 + 2 * (self.next % self.RING_SIZE)
        self.ram[entry:entry + 2] = struct.pack("<H", 2 * slot)
        self.next += 1
        self.ram[self.AVAIL + 2:self.AVAIL + 4] = struct.pack("<H", self.next & 0xFFFF)
        self.under_way[slot] = (kind, flags, fence, context, ring or 0)
        os.eventfd_write(self.kick, 1)
        return slot

    def take(self):
        """What came: {slot: (what was asked, header of the answer)}. Each was under way."""
        came = {}
        while self.seen != struct.unpack_from("<H", self.ram, self.USED + 2)[0]:
            head, = struct.unpack_from("<I", self.ram,
                                       self.USED + 4 + 8 * (self.seen % self.RING_SIZE))
            slot = head // 2
            asked = self.under_way.pop(slot)  # or it was answered twice
            came[slot] = asked, HEADER.unpack_from(self.ram, self.ANSWER + slot * self.ROOM)
            self.free.append(slot)
            self.seen = (self.seen + 1) & 0xFFFF
        return came

    def wait(self, *slots):
        came = self.take()
        end = time.monotonic() + vgpu.PATIENCE_S
        while not (set(came) >= set(slots) if slots else not self.under_way):
            if time.monotonic() > end:
                raise TimeoutError(f"no answer to {self.under_way}")
            if select.select([self.called], [], [], 1)[0]:
                os.eventfd_read(self.called)
            came.update(self.take())
        return came

    def ask(self, kind, body=b"", **fence):
        if kind < 0x100:  # a vhost-user message
            return super().ask(kind, body)
        slot = self.offer(kind, body, **fence)
        return self.wait(slot)[slot][1][0]


def create_2d(number, width=64, height=64):
    return struct.pack("<IIII", number, 1, width, height)


class ResetTest(unittest.TestCase):
    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="facet-reset-"))
        self.addCleanup(shutil.rmtree, self.place)
        self.socket = self.place / "run" / "io.facet"
        with open(self.place / "log", "wb") as log:
            self.daemon = subprocess.Popen([FACETD, "--runtime-dir", str(self.place / "run")],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, "FACET_VGPU": vgpu.PROGRAM})
        self.addCleanup(self.stop)
        self.until(lambda: self.facet("ls").returncode == 0, "facetd to answer")
        one = json.loads(self.works("create", "left", "--json", "--size", "64x64"))
        self.engine = one["mechanism"]
        self.front = Driver.connect(one["socket"])
        self.addCleanup(self.front.close)
        self.front.start()
        self.until(lambda: self.show()["state"] == "running", "the driver to run")

    def stop(self):
        self.facet("rm", "--force", "left")
        self.daemon.terminate()
        self.daemon.wait(vgpu.PATIENCE_S)

    @staticmethod
    def until(condition, what):
        end = time.monotonic() + vgpu.PATIENCE_S
        while not (value := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"still waiting for {what}")
            time.sleep(0.02)
        return value

    def facet(self, *arguments):
        return subprocess.run([FACET, "--socket", str(self.socket), *arguments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=vgpu.PATIENCE_S)

    def works(self, *arguments):
        done = self.facet(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr + self.logs())
        return done.stdout

    def show(self):
        return json.loads(self.works("show", "left", "--json"))

    def logs(self):
        paths = [self.place / "log", self.place / "run" / "left" / "log"]
        return "".join(p.read_text(errors="replace") for p in paths if p.exists())

    def told(self):
        """A death in the milliseconds before facetd heard of a change is not this test's."""
        self.front.features()  # so that all messages before it were served
        path = str(self.place / "run" / "left" / "control.sock")
        self.assertIn("serial", vgpu.varlink(path, "io.facet.vgpu.Handover")["state"])
        for _ in range(2):  # facetd serves whoever came first
            self.show()

    def kill(self):
        pid = self.show()["pid"]
        os.kill(pid, signal.SIGKILL)
        return self.until(lambda: (v := self.show())["pid"] not in (None, pid) and
                          v["state"] == "running" and v, "a successor that runs the rings")

    def offer_many(self):
        """Questions that wait for the display, and between them what is answered at once."""
        front = self.front
        slots = [front.offer(GET_DISPLAY_INFO, fence=1000 + i, context=i, ring=i % 2 or None)
                 for i in range(5)]
        front.wait(front.offer(CTX_DESTROY + 0x0F00))  # no such command, past all of them
        return slots

    def test_killed_amid_requests(self):
        self.told()
        for _ in range(10):
            slots = self.offer_many()
            if set(slots) <= set(self.front.under_way):
                break
            self.front.wait()  # too slow, here: the display's second was over
        else:
            self.fail("nothing was ever under way")
        one = self.kill()
        came = self.front.wait()
        self.assertEqual(set(came), set(slots), self.logs())
        for (_, flags, fence, context, ring), answer in came.values():
            self.assertEqual(answer, (ERR_UNSPEC, flags, fence, context, ring))
        self.assertRegex(one["reason"], r"signal 9 .*; restarted, the guest's contexts are lost")
        self.goes_on()

    def goes_on(self):
        front = self.front
        self.assertEqual(front.ask(CREATE_2D, create_2d(500)), OK)
        self.assertEqual(front.ask(FLUSH, struct.pack("<IIIIII", 0, 0, 8, 8, 4000, 0)),
                         ERR_RESOURCE)
        self.assertEqual(front.ask(GET_DISPLAY_INFO, fence=7), 0x1101)
        base = struct.unpack("=II", front.ask(front.GET_VRING_BASE, struct.pack("=II", 0, 0)))
        self.assertEqual(base, (0, front.next & 0xFFFF))
        self.assertEqual(self.front.take(), {})

    def test_again_and_again(self):
        """By hand, so that it may be often: each time requests are under way, and none is lost."""
        self.told()
        for turn in range(6):
            self.offer_many()
            before = self.show()["pid"]
            self.works("restart", "left")
            self.assertNotEqual(self.show()["pid"], before)
            self.front.wait()
            self.assertEqual(self.front.ask(CREATE_2D, create_2d(600 + turn)), OK)
            self.told()
        self.goes_on()

    def test_killed_while_idle(self):
        self.assertEqual(self.front.ask(CREATE_2D, create_2d(1)), OK)
        self.told()
        self.kill()
        self.goes_on()

    def picture(self):
        path = self.place / "picture.png"
        self.works("screenshot", "left", str(path))
        shown = png.read(path)
        path.unlink()
        return [shown.pixel(x, y) for y in range(0, 64, 9) for x in range(0, 64, 9)]

    def draw(self, number, seed):
        """A plain picture, which lies in two pieces of the guest's memory."""
        front, half = self.front, 64 * 32 * 4
        for i, place in enumerate((0x40000, 0x60000)):
            front.ram[place:place + half] = bytes((j // 4 * (seed + i) + j % 4 * 50) & 0xFF
                                                  for j in range(half))
        self.assertEqual(front.ask(CREATE_2D, create_2d(number)), OK)
        self.assertEqual(front.ask(ATTACH_BACKING, struct.pack(
            "<IIQIIQII", number, 2, 0x40000, half, 0, 0x60000, half, 0)), OK)
        self.assertEqual(self.transfer(number), OK)
        self.assertEqual(front.ask(SET_SCANOUT, struct.pack("<IIIIII", 0, 0, 64, 64, 0, number)),
                         OK)
        self.assertEqual(self.flush(number), OK)

    def transfer(self, number):
        return self.front.ask(TRANSFER_2D, struct.pack("<IIIIQII", 0, 0, 64, 64, 0, number, 0))

    def flush(self, number):
        return self.front.ask(FLUSH, struct.pack("<IIIIII", 0, 0, 64, 64, number, 0))

    def test_plain_pictures_stay(self):
        """As a console has them: made once, shown for ever."""
        front = self.front
        self.draw(77, 3)
        self.assertEqual(front.ask(CREATE_2D, create_2d(78)), OK)
        self.assertEqual(front.ask(UNREF, struct.pack("<II", 78, 0)), OK)
        before = self.picture()
        self.assertGreater(len(set(before)), 8)
        self.told()
        for _ in range(2):
            old = self.show()["pid"]
            self.works("restart", "left")
            self.until(lambda: self.show()["pid"] not in (None, old), "the next")
            self.until(lambda: self.picture() == before, "the picture")
            self.assertEqual(self.flush(78), ERR_RESOURCE)
            self.assertEqual(self.flush(77), OK)
        front.ram[0x40000:0x40000 + 64 * 32 * 4] = bytes(64 * 32 * 4)
        self.assertEqual((self.transfer(77), self.flush(77)), (OK, OK))
        self.assertNotEqual(self.picture(), before)
        self.assertEqual(front.ask(UNREF, struct.pack("<II", 77, 0)), OK)
        self.draw(77, 5)

    def test_new_contexts(self):
        if self.engine != "virgl":
            self.skipTest("built without virgl")
        name = struct.pack("<II64s", 4, 0, b"test")
        self.assertEqual(self.front.ask(CTX_CREATE, name, context=3), OK)
        self.told()
        self.kill()
        self.assertEqual(self.front.ask(CTX_DESTROY, context=3), ERR_CONTEXT)
        self.assertEqual(self.front.ask(CTX_CREATE, name, context=3), OK)
        self.assertEqual(self.front.ask(CTX_DESTROY, context=3), OK)

    def test_a_stopped_process_is_waited_for(self):
        """The rings belong to nobody else before the dead one has really ended."""
        self.told()
        self.offer_many()
        pid = self.show()["pid"]
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in map(int, children or [pid]):
            os.kill(one, signal.SIGSTOP)
        self.works("restart", "left")
        self.front.wait()
        self.goes_on()

    def test_driver_starts_anew_afterwards(self):
        self.offer_many()
        self.told()
        self.kill()
        self.front.wait()
        front = self.front
        front.ask(front.GET_VRING_BASE, struct.pack("=II", 0, 0))
        front.display.close()
        front.next = 0
        front.start()
        self.assertEqual(front.ask(CREATE_2D, create_2d(500)), OK)
        one = self.show()
        self.assertNotIn("contexts", one["reason"])
        self.assertEqual(one["state"], "running")


if __name__ == "__main__":
    unittest.main()
