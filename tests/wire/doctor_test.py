#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facet doctor and facet gpus --host, on made-up hosts (tests/trees) and on this one."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "tests/trees"))
import trees  # noqa: E402 pylint: disable=wrong-import-position

FACET = os.environ["FACET"]
HOSTS = trees.load()
PATIENCE_S = 120
KNOWN = {}  # what was said of a host, by name


def facet(*args, codes=(0, 3, 4)):
    done = subprocess.run([FACET, *map(str, args)], capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S)
    assert done.returncode in codes, (args, done.returncode, done.stdout, done.stderr)
    return done


def doctor(root, *args):
    done = facet("doctor", "--json", "--root", root, *args)
    return done.returncode, json.loads(done.stdout)


class TreeCase(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)

    def build(self, name):
        root = self.place / name
        root.mkdir()
        trees.Builder(root, HOSTS).build(name)
        return root

    def diagnose(self, name):
        if name not in KNOWN:
            KNOWN[name] = doctor(self.build(name))
        return KNOWN[name]


class DoctorTest(TreeCase):
    def meet(self, words, code, told):
        """One expectation of a host."""
        if words[0] == "exit":
            self.assertEqual(code, int(words[1]))
        elif words[0] == "finding":
            subject = words[3] if len(words) > 3 else "host"
            found = [f["outcome"] for f in told["findings"]
                     if f["rule"] == words[1] and f["subject"] == subject]
            self.assertEqual(found, [words[2]], words)
        else:
            gpu = next(g for g in told["gpus"] if g["address"] == words[0])
            verdict = gpu["mechanisms"][words[1]]
            self.assertEqual([verdict["outcome"], verdict["because"]],
                             [words[2], words[3] if len(words) > 3 else None], words)

    def test_every_host(self):
        for name, host in HOSTS.items():
            code, told = self.diagnose(name)
            self.assertTrue(host.expectations(), name)
            for words in host.expectations():
                with self.subTest(host=name, words=words):
                    self.meet(words, code, told)

    def test_findings_are_whole(self):
        """Whatever is said has a rule, a sentence, a label; and what is to be mended, a way."""
        labels = {"stable", "testing", "code", "observed"}
        rules = {r["rule"] for r in json.loads(facet("doctor", "--rules", "--json").stdout)}
        seen = set()
        for name in HOSTS:
            for f in self.diagnose(name)[1]["findings"]:
                seen.add(f["rule"])
                self.assertTrue(f["verdict"] and f["abi"]["label"] in labels, f)
                self.assertTrue(f["outcome"] != "fix" or f["fix"], f)
                self.assertRegex(f["file"], r"^/|^[\w-]+ --version$")
                self.assertNotRegex(json.dumps(f), r"\\u00[01]|[^ -~]")
        self.assertEqual(seen, rules, "each rule says something somewhere")

    def test_text(self):
        done = facet("doctor", "--root", self.build("desktop"))
        self.assertIn("its group is not viable: 0000:01:00.1 (snd_hda_intel) is in the way",
                      done.stdout)
        self.assertIn("read   /sys/kernel/iommu_groups/14/devices:", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^vfio +would work after a fix +group\.viable")
        self.assertNotRegex(facet("doctor", "--root", self.build("hostile")).stdout,
                            r"[^ -~\n]")

    def test_errors(self):
        done = facet("doctor", "--root", self.place / "absent", codes=(2,))
        self.assertIn("absent: cannot be opened", done.stderr)
        self.assertIn("--bundle", facet("doctor", "--what", codes=(2,)).stderr)
        done = facet("doctor", "--root", self.build("pc"), "--device", "03:00.0", codes=(2,))
        self.assertIn("03:00.0: no such PCI device", done.stderr)
        self.assertIn("go with --host", facet("gpus", "--all", codes=(2,)).stderr)

    def test_no_link_leads_out(self):
        root = self.build("desktop")
        (root / "proc/cmdline").unlink()
        outside = self.place / "secret"
        outside.write_text("intel_iommu=off", encoding="ascii")
        (root / "proc/cmdline").symlink_to(outside)
        os.mkfifo(root / "sys/devices/pci0000:00/0000:01:00.0/config")
        self.assertIn("iommu.present", json.dumps(doctor(root)[1]))
        self.assertNotIn("was told not to use", json.dumps(doctor(root)[1]))


class BundleTest(TreeCase):
    def replay(self, tar):
        root = self.place / "unpacked"
        root.mkdir()
        with tarfile.open(tar) as archive:
            archive.extractall(root)
        return root

    def test_same_findings(self):
        for name in ("container", "desktop", "server", "vgpu17", "gvtg", "vfio-permission",
                     "device-lost", "hostile"):
            tar = self.place / "b.tar"
            facet("doctor", "--root", self.build(name), "--bundle", tar, codes=(0,))
            unpacked = self.replay(tar)
            with self.subTest(host=name):
                self.assertEqual(doctor(self.place / name), doctor(unpacked))
            shutil.rmtree(unpacked)

    def test_this_host(self):
        """What is said of this machine comes out of its bundle too, and names nobody."""
        tar = self.place / "b.tar"
        facet("doctor", "--bundle", tar, codes=(0,))
        told = json.loads(facet("doctor", "--json").stdout)
        replayed = doctor(self.replay(tar))[1]
        self.assertEqual([(f["rule"], f["outcome"], f["subject"]) for f in told["findings"]],
                         [(f["rule"], f["outcome"], f["subject"]) for f in replayed["findings"]])
        self.assertNotIn(b"/dev/disk/by-uuid", tar.read_bytes())

    def test_anonymous(self):
        root = self.build("gvtg")
        trees.Builder(root, HOSTS).file(
            "proc/cmdline", "root=UUID=4c7a2f0e-9b1d-4c6e-8f1a-1d2e3f405162 ip=10.1.2.3:::::eth0 "
            "i915.enable_gvt=1 mac=52:54:00:12:34:56")
        serial = b"\x86\x80" + bytes(254) + b"SERIAL-NUMBER"
        (root / "sys/devices/pci0000:00/0000:00:02.0/config").write_bytes(serial)
        tar = self.place / "b.tar"
        facet("doctor", "--root", root, "--bundle", tar, codes=(0,))
        data = tar.read_bytes()
        for secret in (b"4c7a2f0e", b"10.1.2.3", b"52:54", b"SERIAL", b"c0ffee", b"facet\nCap"):
            self.assertNotIn(secret, data)
        self.assertIn(b"i915.enable_gvt=1", data)
        self.assertRegex(data, rb"GVTg_V5_4/devices.0{8}-0{4}-0{4}-0{4}-0{11}[1-9]")


class GpusTest(TreeCase):
    def test_tree(self):
        text = facet("gpus", "--host", "--root", self.build("gvtg")).stdout
        self.assertRegex(text, r"i915-GVTg_V5_4 +1 +1 +128\+512 MiB, 4 fences, up to 1920x1200")
        text = facet("gpus", "--host", "--root", self.build("server")).stdout
        self.assertRegex(text, r"VF 0 0000:03:00\.1 +vfio-pci +21 +quantum 20 ms")
        self.assertIn("8 VFs of 16 are enabled", text)
        self.assertEqual(text.count("VF "), 8)
        text = facet("gpus", "--host", "--root", self.build("vgpu17")).stdout
        self.assertRegex(text, r"vendor-vf +1 +1 ")
        self.assertRegex(text, r"1145 +NVIDIA L40S-1B")

    def test_json(self):
        told = json.loads(facet("gpus", "--host", "--json", "--root", self.build("desktop")).stdout)
        gpu = next(g for g in told["gpus"] if g["address"] == "0000:01:00.0")
        self.assertEqual(gpu["vendor"], "10de")
        self.assertEqual(gpu["driver"], "nouveau")
        self.assertEqual(gpu["iommu_group"]["id"], 14)
        self.assertEqual([m["driver"] for m in gpu["iommu_group"]["members"]],
                         ["nouveau", "snd_hda_intel"])
        self.assertEqual({b["index"]: b["bytes"] for b in gpu["bars"]},
                         {0: 16 << 20, 1: 256 << 20, 3: 32 << 20, 5: 128})
        self.assertEqual(gpu["bars"][1]["resizable_to"][-1], 16 << 30)
        self.assertTrue(gpu["rom"])
        self.assertIsNone(gpu["sriov"])
        self.assertIn("GA102", gpu["name"])

    def test_nothing(self):
        done = facet("gpus", "--host", "--root", self.build("container"))
        self.assertIn("none of 1 PCI devices here is a GPU", done.stderr)

    def test_many(self):
        """64 GPUs of 64 VFs each are all seen."""
        build = trees.Builder(self.place, HOSTS)
        for n in range(64):
            pf = f"0000:{n + 1:02x}:00.0"
            build.pci(pf, "8086:e211", "030000", "driver=xe", "sriov_totalvfs=64",
                      "sriov_numvfs=64", f"group={n}")
            for v in range(64):
                build.pci(f"0000:{n + 1:02x}:{(v + 8) // 8:02x}.{v % 8}", "8086:e211", "030000",
                          "driver=vfio-pci", f"vf_of={pf},{v}", f"group={1000 + 64 * n + v}")
        told = json.loads(facet("gpus", "--host", "--json", "--root", self.place).stdout)
        self.assertEqual(told["pci_functions"], 64 * 65)
        self.assertEqual([len(g["sriov"]["vfs"]) for g in told["gpus"]], [64] * 64)

    def test_against_lspci(self):
        """On this machine: what it calls display controllers."""
        listed = subprocess.run(["lspci", "-Dn"], capture_output=True, text=True, check=True).stdout
        wanted = set(re.findall(r"(?m)^(\S+) (?:03..|1200):", listed))
        told = json.loads(facet("gpus", "--host", "--json").stdout)
        self.assertEqual({g["address"] for g in told["gpus"]}, wanted)


class DocumentTest(unittest.TestCase):
    def test_abi(self):
        self.assertIn(facet("doctor", "--abi").stdout,
                      (SOURCE / "docs/abi.md").read_text(encoding="utf-8"))

    def test_rules(self):
        text = (SOURCE / "docs/doctor.md").read_text(encoding="utf-8")
        self.assertIn(facet("doctor", "--rules").stdout, text)


if __name__ == "__main__":
    unittest.main()
