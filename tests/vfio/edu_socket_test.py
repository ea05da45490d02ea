#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""examples/vfio-user-edu passes the test of QEMU's edu, over its socket and without QEMU."""
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

SERVER, TEST = os.environ["VFIO_USER_EDU"], os.environ["EDU_TEST"]
PATIENCE_S = 120


class Edu(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory(prefix="facet-edu-")
        self.path = pathlib.Path(self.place.name, "edu")
        self.server = subprocess.Popen([SERVER, self.path], stdin=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while not self.path.exists():
            self.assertIsNone(self.server.poll())
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def tearDown(self):
        self.server.kill()
        self.server.wait()
        self.place.cleanup()

    def drive(self, *options):
        done = subprocess.run([TEST, *options, self.path], capture_output=True, text=True,
                              check=False, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreater(done.stdout.count("\nok "), 20, done.stdout)

    def test_by_shared_memory(self):
        self.drive()

    def test_by_messages(self):
        self.drive("--by-message")

    def test_one_after_the_other(self):
        for options in ([], ["--by-message"]) * 3:
            self.drive("--backend", "vfio-user", *options)

    def test_a_client_that_is_killed(self):
        """Nothing of it is in the way of the next one."""
        for _ in range(5):
            with subprocess.Popen([TEST, self.path], stdout=subprocess.PIPE) as client:
                client.stdout.readline()
                client.kill()
        self.drive()

    def test_a_server_that_is_killed(self):
        with subprocess.Popen([TEST, self.path], stdout=subprocess.PIPE, text=True) as client:
            client.stdout.readline()
            self.server.kill()
            rest = client.communicate(timeout=PATIENCE_S)[0]
        # It may have been done already; if not, it says what happened, and in words.
        self.assertTrue(client.returncode == 0 or "Bail out!" in rest, rest)
        done = subprocess.run([TEST, self.path], capture_output=True, text=True, check=False,
                              timeout=PATIENCE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("none listens there", done.stdout)


if __name__ == "__main__":
    unittest.main()
