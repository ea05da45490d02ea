#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facetd and facet, the built ones: verbs, wrong arguments, and every way of dying."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

import idl
import vgpu
from daemon import (FACET, FACETD, IO_FACET, IO_VGPU, DaemonCase, alive, children, wait_until)


class DaemonTest(DaemonCase):
    # --- the life of a vGPU ---

    def test_life(self):
        one = self.create("left", "--size", "641x479", "--outputs", "2", "--vram", "64M")
        self.assertEqual((one["width"], one["height"], one["outputs"]), (641, 479, 2))
        self.assertEqual(one["vram_bytes"], 64 << 20)
        self.assertEqual((one["state"], one["gpu"], one["guest"]), ("idle", "soft0", None))
        self.assertTrue(pathlib.Path(one["socket"]).is_socket())
        self.create("a-first")
        self.assertEqual([v["name"] for v in self.listing()], ["a-first", "left"])
        table = self.works("ls").splitlines()
        self.assertEqual([line.split()[0] for line in table], ["NAME", "a-first", "left"])
        shown = self.works("show", "left")
        for word in ("641x479", "sandbox", "limit 64M"):
            self.assertIn(word, shown)
        self.works("rm", "a-first", "left")
        self.assertEqual(self.listing(), [])

    def test_outputs(self):
        self.create("two", "--outputs", "2", "--size", "800x600")
        self.works("set", "two", "--output", "1", "--on", "--size", "1366x768")
        self.assertEqual(self.show("two")["status"]["outputs"][1]["width"], 1366)
        self.works("set", "two", "--output", "1", "--off")
        self.assertFalse(self.show("two")["status"]["outputs"][1]["connected"])
        self.fails(2, "output|2|0 to 1", "set", "two", "--output", "2", "--on")

    def test_qemu_args(self):
        one = self.create("q", "--size", "1024x768", "--outputs", "3")
        lines = self.works("qemu-args", "q", "--memory", "512M").splitlines()
        text = " ".join(lines)
        self.assertIn("memory-backend-memfd", text)
        self.assertIn("size=512M,share=on", text)
        self.assertIn(f"path={one['socket']}", text)
        self.assertIn("vhost-user-gpu-pci", text)
        self.assertIn("max_outputs=3,xres=1024,yres=768", text)
        self.assertNotIn("memfd", self.works("qemu-args", "q", "--memory", "none"))
        self.assertEqual(json.loads(self.works("qemu-args", "q", "--json", "--memory", "512M")),
                         lines)

    def test_screenshot_of_nothing(self):
        """Nothing is shown, so nothing is written, and no temporary file stays."""
        self.create("dark")
        picture = self.place / "picture.png"
        self.fails(1, "dark|nothing is shown", "screenshot", "dark", str(picture))
        self.fails(1, "cannot be written", "screenshot", "dark", "/nowhere/picture.png")
        self.fails(1, "Is a directory", "screenshot", "dark", str(self.place))
        self.fails(2, "output", "screenshot", "dark", "--output", "1", str(picture))
        self.assertEqual(list(self.place.glob("picture*")), [])

    def test_top(self):
        self.create("busy")
        rows = json.loads(self.works("top", "--once", "--interval", "0.1", "--json"))
        self.assertEqual([row["name"] for row in rows], ["busy"])
        table = self.works("top", "--once", "--interval", "0.1").splitlines()
        self.assertEqual(table[0].split()[:5], ["NAME", "STATE", "SHARE", "GOT", "VRAM"])
        self.assertLessEqual(max(map(len, table)), 100)
        self.assertNotIn("\033", "".join(table))

    def test_gpus(self):
        gpus = json.loads(self.works("gpus", "--json"))
        soft = next(g for g in gpus if g["name"] == "soft0")
        self.assertTrue(next(m for m in soft["mechanisms"] if m["name"] == "2d")["works"])
        self.assertIn("soft0", self.works("gpus"))

    def test_version(self):
        lines = self.works("version").splitlines()
        self.assertEqual(lines[0].split()[1], lines[1].split()[1])

    # --- what people type wrongly ---

    def test_wrong_arguments(self):
        self.fails(2, "bogus|create, ls", "bogus")
        self.fails(2, "--nope|--size", "create", "x", "--nope")
        self.fails(2, "--size|WIDTHxHEIGHT", "create", "x", "--size", "12")
        self.fails(2, "--outputs|17|1 to 16", "create", "x", "--outputs", "17")
        self.fails(2, "--vram|512M", "create", "x", "--vram", "lots")
        self.fails(2, "vram_bytes", "create", "x", "--vram", "1")
        self.fails(2, "width|64 to 8192", "create", "x", "--size", "1x1")
        self.fails(2, "gpu|none|soft0", "create", "x", "--gpu", "none")
        self.fails(2, "mechanism|none|2d", "create", "x", "--mechanism", "none")
        self.fails(2, "usage: facet create NAME", "create")
        self.fails(2, "usage: facet ls", "ls", "more")
        self.fails(2, "nothing to set", "set", "x")
        self.fails(2, "--interval", "top", "--interval", "0")
        for name in ("..", "a/b", "-x", "x" * 65, "io.facet", "a b"):
            self.fails(2, "name", "create", "--", name)
        for verb in (("show",), ("rm",), ("restart",), ("qemu-args",), ("set", "--on")):
            self.fails(1, "there is no vGPU ghost", *verb, "ghost")
        self.create("twice")
        self.fails(1, "twice|already", "create", "twice")

    def test_full_output(self):
        self.create("x")
        for words in (("--help",), ("ls", "--help"), ("ls",), ("ls", "--json"), ("gpus",),
                      ("version",), ("show", "x"), ("qemu-args", "x"), ("top", "--once"),
                      ("restart", "x")):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([FACET, "--socket", str(self.run_dir / "io.facet"), *words],
                                      stdin=subprocess.DEVNULL, stdout=full, check=False,
                                      stderr=subprocess.PIPE, text=True, timeout=vgpu.PATIENCE_S)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("standard output: No space left", done.stderr)

    def test_interrupted_screenshot(self):
        one = self.create("x")
        pid = one["pid"]
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        workers = [int(child) for child in children.split()] or [pid]
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        picture = self.place / "x.png"
        shot = subprocess.Popen([FACET, "--socket", str(self.run_dir / "io.facet"), "screenshot",
                                 "x", str(picture)], stdin=subprocess.DEVNULL)
        wait_until(lambda: list(self.place.glob("x.png.*")), "the picture's file")
        shot.send_signal(signal.SIGINT)
        self.assertEqual(shot.wait(vgpu.PATIENCE_S), -signal.SIGINT)
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
        self.assertEqual(list(self.place.glob("x.png*")), [])

    def test_no_facetd(self):
        self.stop()
        self.fails(1, f"{self.run_dir}/io.facet|systemctl start facetd", "ls")
        self.fails(2, "--size", "create", "x", "--size", "12")
        self.assertIn("not running", self.works("version"))

    def test_second_facetd(self):
        second = subprocess.run([FACETD, "--runtime-dir", str(self.run_dir)], text=True,
                                capture_output=True, check=False, timeout=vgpu.PATIENCE_S)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another facetd runs here", second.stderr)
        self.works("ls")

    def test_help(self):
        verbs = re.findall(r"^  ([a-z][a-z-]*) ", self.works("--help"), re.M)
        self.assertIn("screenshot", verbs)
        for verb in verbs:
            self.assertIn(f"Usage: facet {verb}", self.works(verb, "--help"))

    # --- the interface ---

    def test_interface(self):
        path = str(self.run_dir / "io.facet")
        info = vgpu.varlink(path, "org.varlink.service.GetInfo")
        self.assertIn("io.facet", info["interfaces"])
        text = vgpu.varlink(path, "org.varlink.service.GetInterfaceDescription",
                            {"interface": "io.facet"})["description"]
        self.assertEqual(idl.Interface(text).methods, IO_FACET.methods)
        self.call("Create", {"name": "x"})
        self.call("List")
        self.call("Show", {"name": "x"})
        self.call("ListGPUs")
        self.call("Restart", {"name": "x"})
        self.call("SetOutput", {"name": "x", "output": 0, "width": 640, "height": 480})
        for method, parameters, error in (
                ("Show", {"name": "y"}, "NotFound"),
                ("Create", {"name": "x"}, "AlreadyExists"),
                ("Create", {"name": "y", "outputs": 0}, "InvalidArgument"),
                ("Screenshot", {"name": "x"}, "InvalidArgument")):
            with self.assertRaises(vgpu.VarlinkError) as caught:
                self.call(method, parameters)
            self.assertEqual(caught.exception.name, f"io.facet.{error}")
        for parameters in ({}, {"name": 1}, {"name": "x", "colour": "red"}):
            with self.assertRaises(vgpu.VarlinkError) as caught:
                vgpu.varlink(path, "io.facet.Show", parameters)
            self.assertEqual(caught.exception.name, "org.varlink.service.InvalidParameter")
        self.call("Remove", {"name": "x"})

    def test_interface_of_vgpu(self):
        self.create("x")
        path = str(self.run_dir / "x" / "control.sock")
        text = vgpu.varlink(path, "org.varlink.service.GetInterfaceDescription",
                            {"interface": "io.facet.vgpu"})["description"]
        self.assertEqual(idl.Interface(text).methods, IO_VGPU.methods)
        for method in ("Status", "Handover"):
            answer = vgpu.varlink(path, f"io.facet.vgpu.{method}")
            self.assertIsNone(IO_VGPU.fault(answer, IO_VGPU.methods[method][1]))

    # --- every way of dying ---

    def test_vgpu_killed(self):
        first = self.create("left")
        os.kill(first["pid"], signal.SIGKILL)
        one = wait_until(lambda: (v := self.show("left"))["pid"] not in (None, first["pid"])
                         and v["state"] == "idle" and v, "a new process")
        self.assertIn("signal 9 (SIGKILL)", one["reason"])
        self.assertEqual(one["restarts"], 1)
        front = vgpu.FrontEnd.connect(one["socket"])
        self.assertNotEqual(front.features(), 0)
        front.close()
        self.wait_state("left", "idle")

    def test_dies_too_often(self):
        pid = self.create("left")["pid"]
        for _ in range(3):
            os.kill(pid, signal.SIGKILL)
            one = wait_until(lambda: (v := self.show("left"))["pid"] != pid and
                             v["state"] in ("idle", "failed") and v, "the next process")
            pid = one["pid"]
        self.assertEqual((one["state"], pid), ("failed", None))
        self.assertIn("3 times", one["reason"])
        self.assertIn("failed", self.works("ls"))
        self.assertFalse(pathlib.Path(one["socket"]).exists())
        self.fails(1, "has failed|facet restart left", "set", "left", "--on")
        self.works("restart", "left")
        self.assertEqual(self.show("left")["state"], "idle")
        self.assertTrue(pathlib.Path(one["socket"]).is_socket())

    def test_front_end_survives_its_vgpu(self):
        """As QEMU: connected before and after a death, of the process or by `facet restart`."""
        one = self.create("left")
        front = vgpu.FrontEnd.connect(one["socket"])
        features = front.features()
        one = self.wait_state("left", "connected")
        self.assertEqual(one["guest"]["pid"], os.getpid())
        self.fails(1, "left|virtual machine|--force", "rm", "left")
        os.kill(one["pid"], signal.SIGSEGV)
        # Until its death is noticed, it may still answer.
        one = wait_until(lambda: (v := self.show("left"))["reason"] and
                         v["state"] == "connected" and v, "the next process")
        self.assertEqual(front.features(), features)
        self.assertIn("signal 11 (SIGSEGV)", one["reason"])
        self.assertIn("waiting for the guest's driver", one["reason"])
        self.works("restart", "left")
        self.assertEqual(front.features(), features)
        self.wait_state("left", "connected")
        front.close()
        self.wait_state("left", "idle")
        self.works("rm", "left")

    def test_facetd_killed(self):
        before = [self.create(name) for name in ("left", "right")]
        front = vgpu.FrontEnd.connect(before[0]["socket"])
        front.features()
        self.wait_state("left", "connected")
        self.stop(signal.SIGKILL)
        self.assertTrue(all(alive(v["pid"]) for v in before))
        front.features()
        self.start()
        self.assertEqual([v["pid"] for v in self.listing()], [v["pid"] for v in before])
        one = self.wait_state("left", "connected")
        self.assertEqual(one["restarts"], 0)
        # The new facetd holds what the old one held.
        os.kill(one["pid"], signal.SIGKILL)
        front.features()
        one = self.wait_state("left", "connected")
        self.assertIn("restarted", one["reason"])
        front.close()
        other = vgpu.FrontEnd.connect(before[1]["socket"])
        other.features()
        other.close()

    def test_facetd_stopped(self):
        one = self.create("left")
        self.stop()
        self.assertTrue(alive(one["pid"]))
        self.start()
        self.assertEqual(self.show("left")["pid"], one["pid"])

    def test_both_killed(self):
        one = self.create("left")
        self.stop(signal.SIGKILL)
        os.kill(one["pid"], signal.SIGKILL)
        wait_until(lambda: not alive(one["pid"]), "the vGPU to end")
        self.start()
        now = self.wait_state("left", "idle")
        self.assertNotEqual(now["pid"], one["pid"])
        self.assertIn("while facetd was away", now["reason"])
        self.assertEqual((now["width"], now["created"]), (one["width"], one["created"]))

    def test_share_outlives_facetd(self):
        """The page that a vGPU shares with facetd, and its bell, come back from its process."""
        self.create("left")
        control = str(self.run_dir / "left" / "control.sock")
        names = vgpu.varlink(control, "io.facet.vgpu.Handover")["fds"]
        self.assertLessEqual({"share", "doorbell"}, set(names))
        self.assertGreaterEqual(self.shared_pages(), 1)
        self.stop(signal.SIGKILL)
        self.start()
        wait_until(self.shared_pages, "the page to come back")
        self.assertEqual(vgpu.varlink(control, "io.facet.vgpu.Handover")["fds"], names)

    def shared_pages(self):
        """Mapped by facetd."""
        maps = pathlib.Path(f"/proc/{self.daemon.pid}/maps").read_text(encoding="ascii")
        return maps.count("memfd:facet-share")

    def test_memory_is_admitted(self):
        """The sum of quotas is not more than there is, unless that is wanted."""
        self.stop()
        self.start("--vram", "1G")
        self.create("one")
        self.create("two", "--vram", "256M")
        self.fails(1, "three|512 MiB|1024 MiB|256 MiB are left|--overcommit", "create", "three")
        self.assertEqual([v["name"] for v in self.listing()], ["one", "two"])
        self.create("three", "--vram", "256M")
        # Those that are there stay, also when another facetd counts less.
        self.stop()
        self.start("--vram", "512M", "--overcommit")
        self.create("four")
        self.assertEqual(len(self.listing()), 4)
        for wrong in ("x", "1", "1Q", "-1G", "99999999999999G"):
            done = subprocess.run([FACETD, "--vram", wrong], capture_output=True, text=True,
                                  check=False, timeout=vgpu.PATIENCE_S)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--vram", done.stderr)

    def test_control_groups(self):
        """Where the kernel lets us: the worker is in a group of its vGPU, which goes with it."""
        one = self.create("left")
        if "no kernel limits behind ours" in self.daemon_log():
            self.skipTest("no control groups can be made here")
        worker = (children(one["pid"]) or [one["pid"]])[0]
        groups = pathlib.Path(f"/proc/{worker}/cgroup").read_text(encoding="ascii")
        mine = [line for line in groups.splitlines() if re.search(r"/facet-\w+-left$", line)]
        # One of version 2, or two of version 1: for time and for memory.
        self.assertIn(len(mine), (1, 2), groups)
        places = [pathlib.Path("/sys/fs/cgroup") / controllers / path[1:]
                  for _, controllers, path in (line.split(":", 2) for line in mine)]
        for place in places:
            self.assertEqual((place / "cgroup.procs").read_text().split(), [str(worker)])
        # A facetd that ends leaves them; the next one keeps them.
        self.stop(signal.SIGKILL)
        self.start()
        self.assertTrue(all(place.is_dir() for place in places))
        self.works("rm", "left")
        self.assertFalse(any(place.exists() for place in places))

    def test_creation_cut_short(self):
        """A folder without a record is no vGPU and takes no name."""
        self.stop(signal.SIGKILL)
        (self.run_dir / "half").mkdir()
        self.start()
        self.assertEqual(self.listing(), [])
        self.create("half")

    def test_hanging_vgpu(self):
        one = self.create("left")
        family = [one["pid"], *children(one["pid"])]
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        self.assertEqual(self.show("left")["state"], "unresponsive")
        self.works("restart", "left")
        self.assertEqual(self.show("left")["state"], "idle")
        wait_until(lambda: not any(map(alive, family)), "the old processes to end")

    def test_failed_create_leaves_nothing(self):
        self.stop()
        program = self.place / "broken"
        program.write_text("#!/bin/sh\necho 'facet-vgpu: error: no luck today' >&2\nexit 1\n")
        program.chmod(0o755)
        self.start("--vgpu-program", str(program))
        self.fails(1, "x|exit code 1|no luck today", "create", "x")
        self.assertEqual(self.listing(), [])
        self.assertFalse((self.run_dir / "x").exists())
        gpus = json.loads(self.works("gpus", "--json"))
        self.assertFalse(any(m["works"] for g in gpus for m in g["mechanisms"]))
        self.stop()
        self.start("--vgpu-program", "/nowhere/facet-vgpu")
        self.fails(1, "/nowhere/facet-vgpu", "create", "x")
        self.assertFalse((self.run_dir / "x").exists())

    def test_impatient_callers(self):
        """Who hangs up before the answer leaves a whole vGPU, or none, and a sane facetd."""
        for i in range(8):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(self.run_dir / "io.facet"))
                sock.sendall(json.dumps({"method": "io.facet.Create",
                                         "parameters": {"name": f"v{i}"}}).encode() + b"\0")
                if i % 2:
                    sock.sendall(b'{"method":"io.facet.List"}\0{"method":"io.facet.ListGPUs"}\0')
        wait_until(lambda: all(v["state"] == "idle" for v in self.listing()), "all to be up")
        self.works("rm", *[v["name"] for v in self.listing()])

    def test_many(self):
        names = [f"v{i:02}" for i in range(16)]
        for name in names:
            self.create(name, "--vram", "64M")
        self.assertEqual([v["state"] for v in self.listing()], ["idle"] * 16)
        self.works("rm", *names)
        self.assertEqual(self.listing(), [])


if __name__ == "__main__":
    unittest.main()
