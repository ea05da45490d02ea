# SPDX-License-Identifier: GPL-2.0-or-later
"""A facetd for each test, and facet and varlink calls to it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import idl
import vgpu

FACETD, FACET = os.environ["FACETD"], os.environ["FACET"]
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
IO_FACET = idl.Interface((SOURCE / "src/daemon/io.facet.varlink").read_text())
IO_VGPU = idl.Interface((SOURCE / "src/vgpu/io.facet.vgpu.varlink").read_text())

# A sanitizer must not turn a signal into an exit code: facetd tells people which it was.
ENVIRONMENT = {**os.environ, "FACET_VGPU": vgpu.PROGRAM,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"}


def wait_until(condition, what):
    end = time.monotonic() + vgpu.PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"still waiting for {what}")
        time.sleep(0.02)
    return value


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class DaemonCase(unittest.TestCase):
    """Each test has a runtime directory and a facetd of its own; nothing may be left of them."""

    options = ()

    def setUp(self):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="facet-daemon-"))
        # Nobody's types of this machine.
        self.environment = {"XDG_CONFIG_HOME": str(self.place / "config")}
        self.run_dir = self.place / "run"
        self.daemon = None
        self.pids = set()
        self.start()

    def tearDown(self):
        try:
            if self.daemon.poll() is None:
                for one in self.listing():
                    self.pids.add(one["pid"])
                    self.facet("rm", "--force", one["name"])
            self.stop()
            wait_until(lambda: not any(map(alive, filter(None, self.pids))), "every vGPU to end")
            self.assertEqual(list(self.place.rglob("*.sock")), [])
            self.assertFalse((self.run_dir / "io.facet").exists())
            self.assertEqual([p for p in self.run_dir.glob("*")], [])
        finally:
            for pid in filter(None, self.pids):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.place)

    def start(self, *options):
        """With what the class wants of facetd, and more."""
        with open(self.place / "facetd.log", "ab") as log:
            self.daemon = subprocess.Popen(
                [FACETD, "--runtime-dir", str(self.run_dir), *self.options, *options], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**ENVIRONMENT, **self.environment})
        wait_until(lambda: self.daemon.poll() is not None
                   or self.facet("ls").returncode == 0, "facetd to answer")
        self.assertIsNone(self.daemon.poll(), self.daemon_log())

    def stop(self, number=signal.SIGTERM):
        if self.daemon.poll() is None:
            self.daemon.send_signal(number)
        code = self.daemon.wait(vgpu.PATIENCE_S)
        if number == signal.SIGTERM:
            self.assertEqual(code, 0, self.daemon_log())

    def daemon_log(self):
        return (self.place / "facetd.log").read_text(errors="replace")

    def facet(self, *arguments, **options):
        return subprocess.run([FACET, "--socket", str(self.run_dir / "io.facet"), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=vgpu.PATIENCE_S, **options)

    def works(self, *arguments):
        done = self.facet(*arguments)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr}\n{self.daemon_log()}")
        return done.stdout

    def fails(self, code, words, *arguments):
        done = self.facet(*arguments)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stderr}")
        self.assertEqual(done.stdout, "")
        for word in words.split("|"):
            self.assertIn(word, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def listing(self):
        return json.loads(self.works("ls", "--json"))

    def create(self, name, *options):
        one = json.loads(self.works("create", name, "--json", *options))
        self.pids.add(one["pid"])
        return one

    def show(self, name):
        one = json.loads(self.works("show", name, "--json"))
        self.pids.add(one["pid"])
        return one

    def wait_state(self, name, *states):
        return wait_until(lambda: (one := self.show(name))["state"] in states and one,
                          f"{name} to be {' or '.join(states)}")

    def call(self, method, parameters=None, fds=()):
        """A varlink call whose answer, good or bad, is what the interface says."""
        path = str(self.run_dir / "io.facet")
        try:
            answer = vgpu.varlink(path, f"io.facet.{method}", parameters, fds)
        except vgpu.VarlinkError as error:
            self.assertIsNone(IO_FACET.fault(error.parameters,
                                             IO_FACET.errors[error.name.rpartition(".")[2]]))
            raise
        self.assertIsNone(IO_FACET.fault(answer, IO_FACET.methods[method][1]))
        return answer


def children(pid):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text(errors="replace").rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
        except OSError:
            continue
    return found
