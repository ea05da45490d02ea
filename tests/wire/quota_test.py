#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever a guest hoards, it is told in time, and the process stays within quota and 64 MiB."""
import os
import pathlib
import re
import select
import struct
import subprocess
import unittest

import vgpu

GET_CAPSET, CREATE_CONTEXT, CREATE_3D, SUBMIT = 0x0109, 0x0200, 0x0204, 0x0207
OK, OUT_OF_MEMORY = 0x1100, 0x1201
CREATE_OBJECT, SHADER, CREATE_SUB_CONTEXT = 1, 4, 29
QUOTA, ALLOWANCE, MANY = 32 << 20, 64 << 20, 100000


def private_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1]) * 1024


class Guest(vgpu.FrontEnd):
    """Its commands may name a context."""

    def in_context(self, kind, context, body):
        request = struct.pack("<IIQIBxxx", kind, 0, 0, context, 0) + body
        self.ram[self.COMMAND:self.COMMAND + len(request)] = request
        self.ram[self.DESC:self.DESC + 32] = (
            struct.pack("<QIHH", self.COMMAND, len(request), 1, 1) +
            struct.pack("<QIHH", self.ANSWER, 24, 2, 0))
        self.next += 1
        self.ram[self.AVAIL + 2:self.AVAIL + 4] = struct.pack("<H", self.next & 0xFFFF)
        os.eventfd_write(self.kick, 1)
        while struct.unpack_from("<H", self.ram, self.USED + 2)[0] != self.next & 0xFFFF:
            if not select.select([self.called], [], [], vgpu.PATIENCE_S)[0]:
                raise TimeoutError
            os.eventfd_read(self.called)
        return struct.unpack_from("<I", self.ram, self.ANSWER)[0]

    def submit(self, context, *words):
        return self.in_context(SUBMIT, context, struct.pack("<II", len(words) * 4, 0) +
                               struct.pack(f"<{len(words)}I", *words))

    def texture(self, number, width, height, form=1, samples=0):
        return self.in_context(CREATE_3D, 0, struct.pack(
            "<12I", number, 2, form, 2, width, height, 1, 1, 0, samples, 0, 0))

    def context(self, number):
        answer = self.in_context(CREATE_CONTEXT, number, struct.pack("<II64s", 1, 0, b"x"))
        return self.submit(number, 0) if answer == OK else answer


def shader(guest, number):
    text = ("FRAG\nDCL OUT[0], COLOR\nDCL TEMP[0]\n" +
            "".join(f" {i}: MUL TEMP[0], TEMP[0], TEMP[0]\n" for i in range(60)) +
            " 60: MOV OUT[0], TEMP[0]\n 61: END\n").encode() + b"\0"
    text += b"\0" * (-len(text) % 4)
    words = struct.unpack(f"<{len(text) // 4}I", text)
    return guest.submit(1, CREATE_OBJECT | SHADER << 8 | (5 + len(words)) << 16, number, 1,
                        len(text), 300, 0, *words)


class Hoarding(unittest.TestCase):
    def hoard(self, step, first=()):
        """Until the answer is no; returns how often it was yes."""
        with vgpu.Vgpu("--engine", "virgl", "--vram", str(QUOTA)) as it:
            status = it.status()
            sanitized = any("sanitizer" in stage["why"] for stage in status["sandbox"])
            guest = Guest.connect(it.vhost_path)
            self.addCleanup(guest.close)
            guest.start()
            guest.command(GET_CAPSET, struct.pack("<II", 1, 1), 24 + 308)
            idle = peak = private_bytes(status["pid"])
            for call in first:
                self.assertEqual(call(guest), OK)
            for number in range(1, MANY):
                answer = step(guest, number)
                if number % 64 == 0 or answer != OK:
                    peak = max(peak, private_bytes(status["pid"]))
                if answer != OK:
                    break
            self.assertEqual(answer, OUT_OF_MEMORY)
            usage = it.status()["usage"]
            self.assertLessEqual(usage["vram_bytes"], QUOTA)
            if not sanitized:  # which takes memory of its own for each piece
                self.assertLess(peak - idle, QUOTA + ALLOWANCE)
            return number - 1

    def test_textures(self):
        self.assertIn(self.hoard(lambda guest, n: guest.texture(n, 1024, 1024)), (6, 7))

    def test_thin_textures(self):
        """A line of one byte takes a cache line."""
        self.assertLess(self.hoard(lambda guest, n: guest.texture(n, 1, 4096, 64)), 128)

    def test_samples(self):
        """Two are four."""
        self.assertIn(self.hoard(lambda guest, n: guest.texture(n, 512, 512, 1, 2)), (6, 7))

    def test_smallest(self):
        self.assertLess(self.hoard(lambda guest, n: guest.texture(n, 1, 1)), QUOTA // 4096)

    def test_contexts(self):
        self.assertGreater(self.hoard(Guest.context), 4)

    def test_sub_contexts(self):
        count = self.hoard(lambda guest, n: guest.submit(1, CREATE_SUB_CONTEXT | 1 << 16, n),
                           first=[lambda guest: guest.context(1)])
        self.assertGreater(count, 4)

    def test_shaders(self):
        self.assertGreater(self.hoard(shader, first=[lambda guest: guest.context(1)]), 64)


def has_virgl():
    return "virgl" in subprocess.run([vgpu.PROGRAM, "--print-capabilities"], check=True, text=True,
                                     capture_output=True).stdout


if __name__ == "__main__":
    if has_virgl():
        unittest.main()
