#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of hardware as vGPUs: facetd and facet on made-up hosts (tests/trees)."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import unittest

import vgpu
from daemon import (ENVIRONMENT, FACET, FACETD, SOURCE, DaemonCase, wait_until)

sys.path.insert(0, str(SOURCE / "tests/trees"))
import trees  # noqa: E402 pylint: disable=wrong-import-position

HOSTS = trees.load()
GPU = "0000:03:00.0"
VF = "0000:03:00.%d"
BOUND = 4  # VFs of the made-up server that are with vfio-pci


class PartsCase(DaemonCase):
    host = "server"

    def setUp(self):
        self.root = pathlib.Path(f"/tmp/facet-parts-{os.getpid()}-{threading.get_native_id()}")
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir()
        self.addCleanup(shutil.rmtree, self.root)
        trees.Builder(self.root, HOSTS).build(self.host)
        self.options = ("--host-root", str(self.root))
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.files(), [])

    def files(self):
        """Which parts are taken, by anybody."""
        return sorted(p.name for p in (self.root / "run/facet-parts").glob("*.json"))

    def sriov(self, name):
        return self.create(name, "--gpu", GPU, "--mechanism", "sriov")

    def take_vfs(self):
        return [self.sriov(f"desk{n}") for n in range(BOUND)]

    def given(self):
        told = json.loads(self.works("gpus", "--host", "--json", "--root", str(self.root)))
        return {one["owner"]: one for one in told["given"]}

    def bind(self, bdf, driver):
        link = self.root / f"sys/bus/pci/devices/{bdf}/driver"
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../../../bus/pci/drivers/{driver}")

    def open_by(self, pid, group):
        place = self.root / f"proc/{pid}"
        (place / "fd").mkdir(parents=True)
        (place / "fd/9").symlink_to(f"/dev/vfio/{group}")
        (place / "comm").write_text("qemu-system-x86\n")
        return place


class PartsTest(PartsCase):
    def test_life(self):
        one = self.sriov("desk")
        self.assertEqual((one["gpu"], one["mechanism"], one["transport"], one["state"]),
                         (GPU, "sriov", "vfio", "idle"))
        self.assertEqual(one["part"]["functions"], [VF % 1])
        self.assertEqual((one["part"]["vf"], one["part"]["group"]), (0, 21))
        self.assertEqual((one["pid"], one["status"], one["socket"]), (None, None, ""))
        self.assertEqual({e["by"] for e in one["enforcement"]}, {"hardware"})
        shown = self.works("show", "desk")
        self.assertIn("vram: hardware (1073741824 bytes)", shown)
        self.assertNotIn("limits", shown)
        self.assertIn("- idle", self.works("ls"))
        self.assertIn("-device\nvfio-pci,id=facet-gpu-desk,host=0000:03:00.1\n",
                      self.works("qemu-args", "desk"))
        self.assertIn("path=/sys/bus/pci/devices/0000:03:00.1",
                      self.works("qemu-args", "desk", "--vmm", "cloud-hypervisor"))
        self.assertIn("desk", self.works("stats"))
        self.assertEqual(self.given()["desk"]["address"], VF % 1)
        self.works("rm", "desk")
        self.assertEqual((self.listing(), self.given()), ([], {}))

    def test_each_once(self):
        vfs = self.take_vfs()
        self.assertEqual(len({v["part"]["device"] for v in vfs}), BOUND)
        # What is free now is with no driver, and this host has none to give it to.
        self.fails(1, "desk9", "create", "desk9", "--gpu", GPU, "--mechanism", "sriov")
        self.assertEqual(len(self.listing()), BOUND)
        self.works("rm", "desk2")
        self.assertEqual(self.sriov("desk9")["part"]["vf"], 2)

    def test_wrong(self):
        for code, words, *arguments in (
                (2, "gpu|PCI address", "--mechanism", "sriov"),
                (2, "no such PCI device", "--gpu", "0000:09:00.0", "--mechanism", "sriov"),
                (2, "has none", "--gpu", GPU, "--mechanism", "sriov", "--type", "x"),
                (2, "needs a type", "--gpu", GPU, "--mechanism", "mdev"),
                (2, "no mediated devices", "--gpu", GPU, "--mechanism", "mdev", "--type", "x"),
                (2, "NVIDIA", "--gpu", GPU, "--mechanism", "vendor-vf", "--type", "x"),
                (2, "width|hardware", "--gpu", GPU, "--mechanism", "sriov", "--size", "640x480"),
                (2, "weight", "--gpu", GPU, "--mechanism", "sriov", "--weight", "7"),
                (2, "--mechanism", "--gpu", GPU),
                (2, "gvtg-hw|vendor-vf", "--mechanism", "gvt"),
                (1, "8 VFs|sriov set", "--gpu", GPU, "--mechanism", "vfio")):
            self.fails(code, words, "create", "x", *arguments)
        self.assertEqual((self.listing(), self.files()), ([], []))
        self.sriov("desk")
        self.fails(1, "works, and has no process", "restart", "desk")
        self.fails(1, "its driver sets", "set", "desk", "--weight", "7")
        self.fails(1, "pictures", "screenshot", "desk", str(self.place / "x.png"))
        self.fails(2, "--console", "qemu-args", "desk", "--console")
        self.fails(2, "--spice", "qemu-args", "desk", "--spice")

    def test_user(self):
        """Nobody but root gives away this host's hardware."""
        if os.geteuid() == 0:
            self.skipTest("is root")
        self.stop()
        self.options = ()
        self.start()
        self.fails(1, "needs root", "create", "x", "--gpu", GPU, "--mechanism", "sriov")

    def test_in_use(self):
        one = self.sriov("desk")
        place = self.open_by(4711, one["part"]["group"])
        shown = self.show("desk")
        self.assertEqual(shown["state"], "running")
        self.assertEqual(shown["guest"], {"pid": 4711, "command": "qemu-system-x86"})
        for force in ((), ("--force",)):
            self.fails(1, "4711|end", "rm", "desk", *force)
        shutil.rmtree(place)
        self.assertEqual(self.show("desk")["state"], "idle")

    def test_restart_of_facetd(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            before = {v["name"]: v["part"]["device"] for v in self.take_vfs()}
            self.stop(number)
            self.start()
            self.assertEqual({v["name"]: v["part"]["device"] for v in self.listing()}, before)
            self.assertEqual({v["state"] for v in self.listing()}, {"idle"})
            self.works("rm", *before)

    def test_foreign(self):
        """What another tool did something to is not touched any more."""
        self.sriov("desk")
        for away in (False, True):
            if away:
                self.stop()
            self.bind(VF % 1, "igbvf")
            if away:
                self.start()
            one = self.show("desk")
            self.assertEqual(one["state"], "failed")
            self.assertIn("igbvf", one["reason"])
            self.fails(2, "igbvf", "qemu-args", "desk")
            # As if nothing had been.
            self.bind(VF % 1, "vfio-pci")
            self.assertEqual(self.show("desk")["state"], "idle")
        self.bind(VF % 1, "igbvf")
        self.show("desk")
        self.assertEqual(json.loads(self.works("restart", "desk", "--json"))["part"]["vf"], 1)
        self.bind(VF % 2, "igbvf")
        self.works("rm", "desk")
        for n in (1, 2):
            link = os.readlink(self.root / f"sys/bus/pci/devices/{VF % n}/driver")
            self.assertEqual(os.path.basename(link), "igbvf")

    def test_left_behind(self):
        """Records go, and parts that were taken for them are given back; others' are not."""
        self.take_vfs()
        self.stop()
        part = json.loads((self.root / f"run/facet-parts/{GPU}.vf3.json").read_text())
        part["keeper"] = "/run/somebody"
        (self.root / f"run/facet-parts/{GPU}.vf3.json").write_text(json.dumps(part))
        shutil.rmtree(self.run_dir / "desk0")
        shutil.rmtree(self.run_dir / "desk3")
        # This one cannot be read: whose it is stays open, and so does its part.
        record = self.run_dir / "desk1/vgpu.json"
        kept = record.read_text()
        record.write_text("{")
        self.start()
        self.assertEqual(self.files(), [f"{GPU}.vf{n}.json" for n in (1, 2, 3)])
        self.stop()
        record.write_text(kept)
        (self.root / f"run/facet-parts/{GPU}.vf3.json").unlink()
        self.start()
        self.assertEqual([v["name"] for v in self.listing()], ["desk1", "desk2"])

    def test_cut_short(self):
        """Its record is there, and nothing was taken for it."""
        self.sriov("desk")
        self.stop()
        record = json.loads((self.run_dir / "desk/vgpu.json").read_text())
        record["part"]["taken"] = False
        (self.run_dir / "desk/vgpu.json").write_text(json.dumps(record))
        self.start()
        self.assertEqual(self.show("desk")["state"], "idle")
        self.stop()
        (self.run_dir / "desk/vgpu.json").write_text(json.dumps(record))
        (self.root / f"run/facet-parts/{GPU}.vf0.json").unlink()
        self.start()
        self.assertEqual(self.listing(), [])

    def test_two_daemons(self):
        """Whoever comes first: none has what the other has."""
        other = self.place / "other"
        with open(self.place / "other.log", "wb") as log:
            daemon = subprocess.Popen([FACETD, "--runtime-dir", str(other), *self.options],
                                      stdout=log, stderr=log,
                                      env={**ENVIRONMENT, **self.environment})
        sockets = [self.run_dir / "io.facet", other / "io.facet"]
        wait_until(sockets[1].exists, "the other facetd")

        def call(socket, *arguments):
            return subprocess.run([FACET, "--socket", str(socket), *arguments],
                                  capture_output=True, text=True, check=False,
                                  timeout=vgpu.PATIENCE_S)

        def create(socket, name):
            call(socket, "create", name, "--gpu", GPU, "--mechanism", "sriov")

        try:
            for _ in range(3):
                threads = [threading.Thread(target=create, args=(sockets[n % 2], f"desk{n}"))
                           for n in range(2 * BOUND)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                both = [json.loads(call(s, "ls", "--json").stdout) for s in sockets]
                devices = [v["part"]["device"] for v in sum(both, [])]
                self.assertEqual(len(devices), BOUND)
                self.assertEqual(len(set(devices)), BOUND)
                for socket, vgpus in zip(sockets, both):
                    if vgpus:
                        done = call(socket, "rm", *[v["name"] for v in vgpus])
                        self.assertEqual(done.returncode, 0, done.stderr)
        finally:
            daemon.terminate()
            daemon.wait(vgpu.PATIENCE_S)

    def test_watch(self):
        """One line of JSON at first, and one for each change."""
        (self.root / "run").mkdir()
        watch = subprocess.Popen([FACET, "gpus", "--host", "--watch", "--json", "--root",
                                  str(self.root)], stdout=subprocess.PIPE, text=True)
        patience = threading.Timer(vgpu.PATIENCE_S, watch.kill)
        patience.start()
        try:
            self.assertEqual(json.loads(watch.stdout.readline())["given"], [])
            self.sriov("desk")
            self.assertEqual(json.loads(watch.stdout.readline())["given"][0]["owner"], "desk")
            self.works("rm", "desk")
            self.assertEqual(json.loads(watch.stdout.readline())["given"], [])
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.wait(vgpu.PATIENCE_S), 0)
        finally:
            patience.cancel()
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_metrics(self):
        self.stop()
        self.start("--metrics-listen", str(self.place / "metrics"))
        self.sriov("desk")
        self.assertNotIn("desk", "".join(
            line for line in self.scrape().splitlines(True) if line.startswith("facet_vgpu_up")))
        self.assertIn('facet_vgpu_state{vgpu="desk",gpu="0000:03:00.0",facet_vgpu_state="idle"} 1',
                      self.scrape())

    def scrape(self):
        import socket  # pylint: disable=import-outside-toplevel
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.place / "metrics"))
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = b""
            while chunk := s.recv(65536):
                data += chunk
        return data.decode()


class WholeTest(PartsCase):
    host = "desktop-given"

    def test_whole(self):
        one = self.create("desk", "--gpu", "0000:01:00.0", "--mechanism", "vfio")
        self.assertEqual(one["part"]["functions"], ["0000:01:00.0", "0000:01:00.1"])
        self.assertTrue(one["part"]["vga"])
        self.assertIn("with it", self.works("show", "desk"))
        lines = self.works("qemu-args", "desk", "--memory", "none", "--console").splitlines()
        self.assertEqual(lines, ["-vga", "none",
                                 "-device", "vfio-pci,id=facet-gpu-desk,host=0000:01:00.0,x-vga=on",
                                 "-device", "vfio-pci,id=facet-gpu-desk-1,host=0000:01:00.1"])
        self.fails(1, "desk", "create", "two", "--gpu", "0000:01:00.0", "--mechanism", "vfio")
        self.fails(1, "desk", "create", "two", "--gpu", "0000:01:00.1", "--mechanism", "vfio")
        text = self.works("gpus", "--host", "--root", str(self.root))
        self.assertRegex(text, r"vfio +1 +0 +desk ")


if __name__ == "__main__":
    unittest.main()
