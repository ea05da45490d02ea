#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facet-vgpu keeps QEMU's conventions for vhost-user backends, and ends as it says."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import vgpu

PROGRAM = vgpu.PROGRAM


def run(*options):
    return subprocess.run([PROGRAM, *options], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=vgpu.PATIENCE_S)


class Alone:
    """Started with --socket-path, as a person or libvirt would."""

    def __init__(self, path, *options):
        self.path = path
        self.process = subprocess.Popen([PROGRAM, "--socket-path", path, *options],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def connect(self):
        """Waits for the socket, not for a time."""
        deadline = time.monotonic() + vgpu.PATIENCE_S
        while True:
            try:
                return vgpu.FrontEnd.connect(self.path)
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()


def children(pid):
    return [int(word) for word in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Printing(unittest.TestCase):
    def test_capabilities(self):
        done = run("--print-capabilities")
        told = json.loads(done.stdout)
        self.assertEqual((done.returncode, told["type"]), (0, "gpu"))
        self.assertLessEqual(set(told["features"]), {"render-node", "virgl"})

    def test_capabilities_ignore_the_rest(self):
        done = run("--nonsense", "--fd=77", "--print-capabilities")
        self.assertEqual((done.returncode, json.loads(done.stdout)["type"]), (0, "gpu"))

    def test_discovery_file(self):
        text = pathlib.Path(os.environ["FACET_DISCOVERY"]).read_text(encoding="utf-8")
        told = json.loads(text)
        self.assertEqual(told["type"], "gpu")
        self.assertTrue(os.path.isabs(told["binary"]))
        self.assertEqual(os.path.basename(told["binary"]), os.path.basename(PROGRAM))

    def test_probe(self):
        done = run("--probe")
        told = {row["name"]: row for row in json.loads(done.stdout)["mechanisms"]}
        self.assertEqual(done.returncode, 0)
        self.assertTrue(told["2d"]["works"])
        for row in told.values():
            self.assertNotEqual(row["works"], bool(row["why"]))

    def test_probe_of_a_bad_node(self):
        done = run("--probe", "--render-node", "/nonexistent/renderD128")
        for row in json.loads(done.stdout)["mechanisms"]:
            self.assertFalse(row["works"])
            self.assertIn("/nonexistent/renderD128", row["why"])

    def test_version_and_help(self):
        self.assertRegex(run("--version").stdout, r"^facet-vgpu \d+\.\d+")
        self.assertIn("--socket-path", run("--help").stdout)


class WrongArguments(unittest.TestCase):
    def check(self, options, *words, code=2):
        done = run(*options)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertTrue(done.stderr.startswith("facet-vgpu: error: "), done.stderr)

    def test_names_the_argument(self):
        path = ["--socket-path", "/nonexistent/s"]
        self.check([], "--socket-path", "--fd", "--listen-fd")
        self.check(["--fd", "0"], "--fd 0")
        self.check(["--fd", "999"], "--fd 999", "descriptor")
        self.check([*path, "--fd", "999"], "--fd")
        self.check([*path, "--engine", "vulkan"], "vulkan", "virgl", "2d")
        self.check([*path, "--size", "0x5"], "--size 0x5", "WIDTHxHEIGHT")
        self.check([*path, "--size", "640x480x3"], "--size")
        self.check([*path, "--outputs", "17"], "--outputs 17", "1 to 16")
        self.check([*path, "--outputs", "-1"], "--outputs -1")
        self.check([*path, "--vram", "1T"], "--vram 1T", "K, M or G")
        self.check([*path, "--vram", "99999999999999999999G"], "--vram")
        self.check([*path, "--sandbox", "on"], "--sandbox on", "strict")
        self.check([*path, "--virgl", "--engine", "2d"], "--engine 2d")
        self.check([*path, "--kvmfr", "/x", "--kvmfr-fd", "2"], "--kvmfr-fd 2")
        self.check([*path, "--kvmfr", "/x", "--kvmfr-fd", "999"], "--kvmfr-fd 999", "descriptor")
        self.check([*path, "--kvmfr"], "--kvmfr", "value")
        self.check([*path, "--blob"], "--blob")
        self.check([*path, "--size"], "--size", "value")
        self.check([*path, "more"], "more")

    def test_a_bad_place_or_node(self):
        self.check(["--socket-path", "/nonexistent/s"], "/nonexistent/s", code=1)
        self.check(["--socket-path", "/" + "x" * 200], "at most", code=1)
        with tempfile.TemporaryDirectory() as place:
            path = f"{place}/s"
            self.check(["--socket-path", path, "--render-node", "/nonexistent/n"],
                       "/nonexistent/n", code=1)
            self.assertFalse(os.path.lexists(path))


class Life(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.path = f"{place.name}/gpu"

    def test_ends_with_its_front_end(self):
        with Alone(self.path) as alone:
            front = alone.connect()
            self.assertTrue(front.features() & vgpu.FrontEnd.VERSION_1)
            front.close()
            self.assertEqual(alone.process.wait(vgpu.PATIENCE_S), 0)
        self.assertFalse(os.path.lexists(self.path))

    def test_fd(self):
        ours, theirs = socket.socketpair()
        with subprocess.Popen([PROGRAM, f"--fd={theirs.fileno()}"], stdin=subprocess.DEVNULL,
                              pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            front = vgpu.FrontEnd(ours)
            self.assertTrue(front.features())
            front.close()
            self.assertEqual(process.wait(vgpu.PATIENCE_S), 0)

    def test_sigterm(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            with Alone(self.path) as alone:
                front = alone.connect()
                front.features()
                alone.process.send_signal(sig)
                self.assertEqual(alone.process.wait(vgpu.PATIENCE_S), 0)
                front.close()
            self.assertFalse(os.path.lexists(self.path))

    def test_second_run_beside_and_after(self):
        with Alone(self.path) as alone:
            front = alone.connect()
            front.features()
            done = run("--socket-path", self.path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("something is there already", done.stderr)
            alone.process.kill()
            alone.process.wait()
            front.close()
            self.wait_until_nobody_listens()
        self.assertTrue(os.path.lexists(self.path))
        with Alone(self.path) as alone:
            front = alone.connect()
            self.assertTrue(front.features())
            front.close()
            self.assertEqual(alone.process.wait(vgpu.PATIENCE_S), 0)

    def wait_until_nobody_listens(self):
        deadline = time.monotonic() + vgpu.PATIENCE_S
        while time.monotonic() < deadline:
            try:
                vgpu.FrontEnd.connect(self.path).close()
            except ConnectionRefusedError:
                return
            time.sleep(0.01)
        self.fail("the worker has not died with its keeper")

    def test_no_socket_is_not_replaced(self):
        pathlib.Path(self.path).write_text("mine", encoding="utf-8")
        self.assertEqual(run("--socket-path", self.path).returncode, 1)
        self.assertEqual(pathlib.Path(self.path).read_text(encoding="utf-8"), "mine")

    def test_worker_killed(self):
        with Alone(self.path) as alone:
            front = alone.connect()
            front.features()
            workers = children(alone.process.pid)
            if not workers:
                self.skipTest("this build has no sandbox")
            os.kill(workers[0], signal.SIGKILL)
            self.assertEqual(alone.process.wait(vgpu.PATIENCE_S), -signal.SIGKILL)
            self.assertIn("killed by signal 9", alone.process.stderr.read())
            front.close()
        self.assertFalse(os.path.lexists(self.path))


class Serving(unittest.TestCase):
    """As under facetd: one front-end after another, and calls."""

    def test_one_after_another(self):
        with vgpu.Vgpu() as it:
            for _ in range(3):
                front = vgpu.FrontEnd.connect(it.vhost_path)
                self.assertTrue(front.features())
                self.assertTrue(it.status()["connected"])
                front.close()
            it.call("Stop")
            self.assertEqual(it.process.wait(vgpu.PATIENCE_S), 0, it.log())
            self.assertTrue(os.path.lexists(it.vhost_path))

    def test_messages_are_bounded(self):
        """Each front-end is worth two lines; the log takes 64 KiB, and 8 KiB a second."""
        start = time.monotonic()
        with vgpu.Vgpu() as it:
            if it.status()["pid"] == it.process.pid:
                self.skipTest("this build has no sandbox")
            for _ in range(3000):
                front = vgpu.FrontEnd.connect(it.vhost_path)
                front.features()
                front.close()
            it.call("Stop")
            it.process.wait(vgpu.PATIENCE_S)
            allowed = (68 << 10) + (8 << 10) * (time.monotonic() - start) + 4096
            size = os.path.getsize(it.log_path)
            self.assertGreater(size, 32 << 10)
            self.assertLess(size, allowed)
            if 3000 * len("info: vhost-user: the front-end has gone\n") > allowed:
                self.assertIn("bytes of messages were dropped here", it.log())

    def test_status_and_outputs(self):
        with vgpu.Vgpu("--name", "left", "--size", "641x479", "--outputs", "2",
                       "--vram", "64M") as it:
            status = it.status()
            self.assertEqual((status["name"], status["engine"]), ("left", "2d"))
            self.assertEqual(status["usage"]["vram_quota_bytes"], 64 << 20)
            self.assertGreater(status["rss_bytes"], 0)
            self.assertEqual([(o["connected"], o["width"], o["height"], o["x"])
                              for o in status["outputs"]],
                             [(True, 641, 479, 0), (True, 641, 479, 641)])
            it.call("SetOutput", {"output": 1, "width": 800})
            self.assertEqual(it.status()["outputs"][1]["width"], 800)
            self.assertEqual(it.status()["outputs"][1]["height"], 479)
            it.call("SetOutput", {"output": 1, "connected": False})
            self.assertFalse(it.status()["outputs"][1]["connected"])

    def check_fails(self, it, name, method, parameters, fds=()):
        with self.assertRaises(vgpu.VarlinkError) as caught:
            it.call(method, parameters, fds)
        self.assertEqual(caught.exception.name, name)

    def test_wrong_calls(self):
        with vgpu.Vgpu() as it, tempfile.TemporaryFile() as file:
            picture = [file.fileno()]
            self.check_fails(it, "io.facet.vgpu.NoOutput", "SetOutput", {"output": 1})
            self.check_fails(it, "io.facet.vgpu.NoOutput", "SetOutput", {"output": -1})
            self.check_fails(it, "io.facet.vgpu.NoOutput", "Capture",
                             {"output": 1 << 32, "cursor": False}, picture)
            self.check_fails(it, "io.facet.vgpu.Off", "Capture", {"output": 0, "cursor": False},
                             picture)
            self.check_fails(it, "io.facet.vgpu.Failed", "Capture", {"output": 0, "cursor": True})
            invalid = "org.varlink.service.InvalidParameter"
            self.check_fails(it, invalid, "Capture", {"output": "0", "cursor": False}, picture)
            self.check_fails(it, invalid, "SetOutput", {})
            self.check_fails(it, invalid, "SetOutput", {"output": 0, "width": 1 << 33})
            self.check_fails(it, invalid, "SetOutput", {"output": 0, "height": 0})
            self.check_fails(it, invalid, "SetOutput", {"output": 0, "connected": 1})
            self.assertEqual(it.process.poll(), None)


if __name__ == "__main__":
    unittest.main()
