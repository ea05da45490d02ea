#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facet vfio, facet sriov and facet doctor --probe, on made-up hosts (tests/trees)."""
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "tests/trees"))
import trees  # noqa: E402 pylint: disable=wrong-import-position

FACET = os.environ["FACET"]
SERVER = os.environ["VFIO_USER_EDU"]
HOSTS = trees.load()
PATIENCE_S = 120
CARD, AUDIO, SCREEN = "0000:01:00.0", "0000:01:00.1", "0000:00:02.0"
STATE = "var/lib/facet/host"


class GiveCase(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def build(self, name):
        self.root = self.place / name  # pylint: disable=attribute-defined-outside-init
        self.root.mkdir()
        trees.Builder(self.root, HOSTS).build(name)

    def facet(self, *args, code=0):
        done = subprocess.run([FACET, *args, "--root", self.root], capture_output=True, text=True,
                              check=False, timeout=PATIENCE_S)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def device(self, bdf, name):
        return self.root / "sys/bus/pci/devices" / bdf / name


class VfioTest(GiveCase):
    def test_dry_run(self):
        self.build("desktop")
        out = self.facet("vfio", "bind", CARD, "--dry-run").stdout
        self.assertEqual(out.splitlines(), [
            f"echo '{CARD}' >/sys/bus/pci/drivers/nouveau/unbind",
            f"echo 'vfio-pci' >/sys/bus/pci/devices/{CARD}/driver_override",
            f"echo '{CARD}' >/sys/bus/pci/drivers_probe",
            f"echo '{AUDIO}' >/sys/bus/pci/drivers/snd_hda_intel/unbind",
            f"echo 'vfio-pci' >/sys/bus/pci/devices/{AUDIO}/driver_override",
            f"echo '{AUDIO}' >/sys/bus/pci/drivers_probe",
        ])
        out = self.facet("vfio", "bind", CARD, "--persist", "--dry-run").stdout
        self.assertIn(f"cat >/etc/udev/rules.d/10-facet-vfio-{AUDIO}.rules <<'END'\n", out)
        self.assertFalse((self.root / "etc/udev").exists())
        self.assertFalse((self.root / STATE).exists())

    def test_nobody_takes_it(self):
        """A tree of files is a kernel whose drivers refuse: all is as it was."""
        self.build("desktop")
        for bdf in (CARD, AUDIO):
            self.device(bdf, "driver_override").write_text("(null)\n")
        for name in ("drivers/nouveau/unbind", "drivers_probe"):
            path = self.root / "sys/bus/pci" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        (self.root / "sys/bus/pci/drivers/vfio-pci").mkdir(parents=True)
        done = self.facet("vfio", "bind", CARD, "--persist", code=1)
        self.assertIn("driver vfio-pci did not take it", done.stderr)
        self.assertEqual(self.device(CARD, "driver_override").read_text(), "\n")
        self.assertFalse(list((self.root / "etc").rglob("*facet*")))
        self.assertEqual([f.name for f in (self.root / STATE).iterdir()], ["lock"])

    def test_refused(self):
        self.build("desktop")
        done = self.facet("vfio", "bind", SCREEN, "--dry-run", code=1)
        self.assertIn("this host booted with it", done.stderr)
        self.facet("vfio", "bind", SCREEN, "--dry-run", "--force")
        self.assertIn("must be written as",
                      self.facet("vfio", "bind", "01:00", "--dry-run", code=1).stderr)
        self.assertIn("no such PCI device",
                      self.facet("vfio", "bind", "0000:77:00.0", "--dry-run", code=1).stderr)
        self.assertIn("none of VFIO's", self.facet("vfio", "bind", CARD, "--driver", "nouveau",
                                                   "--dry-run", code=1).stderr)

    def test_words(self):
        self.build("desktop")
        self.assertIn("bind, unbind, ls", self.facet("vfio", "give", code=2).stderr)
        self.assertIn("usage: facet vfio bind", self.facet("vfio", "bind", code=2).stderr)
        self.assertIn("--force: is none of", self.facet("vfio", "ls", "--force", code=2).stderr)

    def test_ls(self):
        self.build("desktop")
        self.assertEqual(json.loads(self.facet("vfio", "ls", "--json").stdout), [])
        self.assertIn("snd_hda_intel", self.facet("vfio", "ls", "--all").stdout)
        self.build("desktop-given")
        rows = json.loads(self.facet("vfio", "ls", "--json").stdout)
        self.assertEqual([(r["device"], r["group"], r["driver"]) for r in rows],
                         [(CARD, "14", "vfio-pci"), (AUDIO, "14", "vfio-pci")])

    def test_locked(self):
        self.build("desktop")
        lock = self.root / STATE / "lock"
        lock.parent.mkdir(parents=True)
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done = self.facet("vfio", "bind", CARD, code=1)
        self.assertIn("another facet is changing this host now", done.stderr)

    def test_left_half_done(self):
        self.build("desktop")
        self.device(CARD, "driver_override").write_text("vfio-pci\n")
        path = f"sys/bus/pci/devices/{CARD}/driver_override"
        journal = self.root / STATE / "journal"
        journal.parent.mkdir(parents=True)
        boot = self.root / "proc/sys/kernel/random/boot_id"
        lines = [{"what": "a test", "boot": boot.read_text().strip() if boot.exists() else ""},
                 {"path": path, "text": "vfio-pci", "undo-path": path, "undo-text": "\n",
                  "guard-path": path, "guard-text": "vfio-pci", "file": False}]
        journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = self.facet("vfio", "bind", "0000:77:00.0", code=1)
        self.assertIn("undid what a program that died left half done: a test", done.stderr)
        self.assertEqual(self.device(CARD, "driver_override").read_text(), "\n")
        self.assertFalse(journal.exists())
        journal.write_text("{}\n")
        self.assertIn("not a journal", self.facet("vfio", "bind", CARD, code=1).stderr)


class SriovTest(GiveCase):
    def test_show(self):
        self.build("server")
        (told,) = json.loads(self.facet("sriov", "show", "--json").stdout)
        self.assertEqual((told["total"], told["enabled"], len(told["vfs"])), (16, 8, 8))
        self.assertEqual(told["vfs"][0]["profile"]["vram_quota"], 1 << 30)
        self.assertIn("0000:03:00.0/virtfn7", self.facet("sriov", "show", "0000:03:00.0").stdout)
        self.assertIn("has no virtual functions",
                      self.facet("sriov", "show", SCREEN, code=1).stderr)

    def test_set(self):
        self.build("server")
        out = self.facet("sriov", "set", "0000:03:00.0", "--vfs", "1", "--vram", "2G",
                         "--priority", "high", "--dry-run").stdout
        pf = "/sys/bus/pci/devices/0000:03:00.0"
        self.assertEqual(out.splitlines(), [
            f"echo '0' >{pf}/sriov_numvfs",
            f"echo '2147483648' >{pf}/sriov_admin/vf1/profile/vram_quota",
            f"echo 'high' >{pf}/sriov_admin/vf1/profile/sched_priority",
            f"echo '1' >{pf}/sriov_numvfs",
        ])

    def test_refused(self):
        self.build("server")
        for args, words, code in [
                (("--vfs", "17"), "0 to 16", 1),
                (("--vfs", "2", "--vram", "2G"), "no vram_quota for VF 1", 1),
                (("--vfs", "x"), "--vfs x", 2),
                (("--vfs", "1", "--priority", "urgent"), "low, normal or high", 2),
                (("--vfs", "1", "--bind", "--host-drivers"), "no company", 2),
                ((), "--vfs N: is missing", 2)]:
            done = self.facet("sriov", "set", "0000:03:00.0", "--dry-run", *args, code=code)
            self.assertIn(words, done.stderr)
        self.build("vgpu17")
        self.assertIn("sriov-manage", self.facet("sriov", "set", "0000:41:00.0", "--vfs", "4",
                                                 "--dry-run", code=1).stderr)


class ProbeTest(GiveCase):
    def test_socket(self):
        path = self.place / "edu.sock"
        with subprocess.Popen([SERVER, path], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as server:
            try:
                told = self.probe(path)
            finally:
                server.terminate()
        self.assertTrue(told["ok"], told)
        steps = {s["step"]: s["found"] for s in told["steps"]}
        self.assertEqual(steps["open"], "by vfio-user")
        self.assertEqual(steps["config"], "1234:11e8, class ff00")
        self.assertIn("begins with", steps["bar0"])
        self.assertEqual(steps["dma"], "a page was mapped and unmapped")

    def probe(self, path):
        """Until it listens."""
        for _ in range(PATIENCE_S):
            done = subprocess.run([FACET, "doctor", "--json", "--probe", path], timeout=PATIENCE_S,
                                  capture_output=True, text=True, check=False)
            if done.returncode == 0:
                break
            subprocess.run(["sleep", "0.2"], check=True)
        return json.loads(done.stdout)

    def test_refused(self):
        self.build("desktop")
        done = self.facet("doctor", "--probe", CARD, code=1)
        self.assertIn(f"is on the driver nouveau: `facet vfio bind {CARD}`", done.stderr)
        self.assertIn("no such PCI device",
                      self.facet("doctor", "--probe", "0000:77:00.0", code=2).stderr)


if __name__ == "__main__":
    unittest.main()
