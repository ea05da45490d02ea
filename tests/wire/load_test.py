#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vgpu-load, the meters' guest without a guest, plays recorded frames on the built facet-vgpu."""
import json
import os
import subprocess
import tempfile
import unittest

import vgpu

LOAD = os.environ["VGPU_LOAD"]


def load(*args, stdin=""):
    """Its last line of JSON; everything it says goes into the test's log when it fails."""
    done = subprocess.run([LOAD, *args], input=stdin, capture_output=True, text=True, check=False,
                          timeout=vgpu.PATIENCE_S)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="facet-load-")
        cls.recording = os.path.join(cls.place.name, "tiny")
        cls.recorded = load("record", cls.recording, "--scene", "tiny")

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def setUp(self):
        self.vgpu = vgpu.Vgpu("--virgl")
        self.addCleanup(self.vgpu.close)

    def play(self, *options, **kwargs):
        return load("play", self.recording, "--socket", self.vgpu.vhost_path, *options, **kwargs)

    def test_frames_come_back(self):
        result = self.play("--seconds", "1", "--in-flight", "4")
        self.assertEqual(result["scene"], "tiny")
        self.assertGreater(result["frames"], 0)
        self.assertGreater(result["bytes"], 0)
        self.assertEqual(result["errors"], 0)
        latency = result["latency_ms"]
        self.assertLessEqual(latency["p50"], latency["p99"])
        self.assertLessEqual(latency["p99"], latency["max"])

    def test_a_second_guest_after_the_first(self):
        for _ in range(2):
            self.assertGreater(self.play("--seconds", "0.3")["frames"], 0)

    def test_paced_frames_are_no_more_than_were_due(self):
        result = self.play("--seconds", "0.5", "--period-ms", "100", "--in-flight", "8")
        self.assertGreater(result["frames"], 0)
        self.assertLessEqual(result["frames"], result["seconds"] * 10 + 1)

    def test_without_a_word_there_is_no_load(self):
        """--control: paused until told, and over with its standard input."""
        self.assertEqual(self.play("--control", "--seconds", "60")["frames"], 0)

    def test_what_is_no_recording_is_not_played(self):
        with open(self.recording, "rb") as whole:
            data = whole.read()
        broken = os.path.join(self.place.name, "broken")
        for bad in (b"", data[:-1], b"x" * len(data)):
            with open(broken, "wb") as file:
                file.write(bad)
            done = subprocess.run([LOAD, "play", broken, "--socket", self.vgpu.vhost_path],
                                  capture_output=True, text=True, check=False,
                                  timeout=vgpu.PATIENCE_S)
            self.assertEqual(done.returncode, 1)
            self.assertIn("not a recording", done.stderr)


if __name__ == "__main__":
    unittest.main()
