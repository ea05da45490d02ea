#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facetd beside processes that are in a guest's hands: it goes on, at no cost worth mentioning."""
import json
import os
import pathlib
import signal
import sys
import time
import unittest

from daemon import DaemonCase, wait_until

FAKE = pathlib.Path(__file__).with_name("hostile_vgpu.py")
WATCH_S = 3


class HostileTest(DaemonCase):
    def start(self, *options):
        program = self.place / "hostile"
        program.write_text(f"#!/bin/sh\nexec '{sys.executable}' -B '{FAKE}' \"$@\"\n")
        program.chmod(0o755)
        super().start("--vgpu-program", str(program), *options)

    def asked(self, name, method):
        log = (self.run_dir / name / "log").read_text(errors="replace")
        return log.split("\n").count(method)

    def files(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def stays_sane(self, name):
        """For a while: few questions, few words, few files, and it answers."""
        files, lines = self.files(), self.daemon_log().count("\n")
        end = time.monotonic() + WATCH_S
        while time.monotonic() < end:
            self.assertEqual([one["name"] for one in self.listing()], [name])
            self.works("show", name)
            self.works("stats")
            time.sleep(0.05)
        self.assertLessEqual(self.files(), files + 8)
        self.assertLessEqual(self.daemon_log().count("\n"), lines + 8, self.daemon_log()[-2000:])

    def test_handover_without_end(self):
        """It is asked again, and no more than once a second."""
        for name in ("flood", "nonsense"):
            self.create(name)
            self.stays_sane(name)
            wait_until(lambda: self.asked(name, "Handover") > 1, "facetd to ask again")
            self.assertLessEqual(self.asked(name, "Handover"), self.uptime(name) + 2)
            self.works("rm", "--force", name)

    def uptime(self, name):
        return time.time() - self.show(name)["created"] + 1

    def test_descriptors_of_other_kinds(self):
        """From one that was there before this facetd: it has nothing else to go by."""
        one = self.create("kinds")
        self.stays_sane("kinds")
        self.stop(signal.SIGKILL)
        self.start()
        self.stays_sane("kinds")
        now = self.show("kinds")
        self.assertEqual((now["pid"], now["guest"]), (one["pid"], None))
        by = {item["limit"]: item for item in now["enforcement"]}
        self.assertEqual(by["share"]["by"], "nobody", by)
        self.assertIn("no gate", by["share"]["why"])
        self.assertEqual(self.daemon_log().count("no sealed memory"), 1)

    def test_status_of_any_kind(self):
        self.create("status")
        for _ in range(8):
            self.assertIn(self.show("status")["state"], ("unresponsive", "idle"))
            self.assertNotIn("\x1b", self.works("show", "status"))


if __name__ == "__main__":
    unittest.main()
