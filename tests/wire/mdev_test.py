#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""facet mdev on a made-up host, beside stock mdevctl, which sees that host in a mount namespace."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(SOURCE / "tests/trees"))
import trees  # noqa: E402 pylint: disable=wrong-import-position

FACET = os.environ["FACET"]
PATIENCE_S = 120
UUID = "83c32df7-d52e-4ec1-9668-1f3c7e4df107"
OTHER = "83c32df7-d52e-4ec1-9668-1f3c7e4df108"
PARENT = "0000:00:02.0"
TYPE = "i915-GVTg_V5_4"
# mdevctl looks at / alone: there, the made-up host's directories stand over this machine's.
INSIDE = """
root=$1; shift
mount --bind "$root/sys" /sys && mount --bind "$root/etc/mdevctl.d" /etc/mdevctl.d && exec mdevctl "$@"
"""


def run(*args):
    return subprocess.run(list(map(str, args)), capture_output=True, text=True, check=False,
                          timeout=PATIENCE_S)


class MdevCase(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(place.cleanup)
        self.root = pathlib.Path(place.name)
        trees.Builder(self.root, trees.load()).build("gvtg")
        self.definitions = self.root / "etc/mdevctl.d"

    def facet(self, *args, code=0):
        done = run(FACET, "mdev", *args, "--root", self.root)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done.stdout if code == 0 else done.stderr

    def json(self, *args):
        return json.loads(self.facet(*args, "--json"))

    def files(self):
        """All of the host, with what is in it, apart from the lock."""
        return {p.relative_to(self.root): p.read_bytes() for p in self.root.rglob("*")
                if p.is_file() and not p.is_symlink() and p.name != "lock"}


class MdevTest(MdevCase):
    def test_types(self):
        told = self.json("types")
        self.assertEqual([t["type"] for t in told], [TYPE, "i915-GVTg_V5_8"])
        self.assertEqual((told[0]["used"], told[0]["available"]), (1, 1))
        text = self.facet("types", PARENT)
        self.assertIn("640 MiB of graphics memory (128 of it mapped)", text)
        self.assertIn("0000:00:03.0: makes no mediated devices",
                      self.facet("types", "0000:00:03.0", code=1))

    def test_definitions(self):
        self.assertEqual(self.facet("define", PARENT, TYPE, UUID.upper(), "b/two=2", "one=1=1"),
                         UUID + "\n")
        self.facet("define", PARENT, TYPE, UUID, code=1)
        only, = self.json("ls")
        self.assertEqual(only["attributes"], [{"name": "b/two", "value": "2"},
                                              {"name": "one", "value": "1=1"}])
        self.assertEqual((only["start"], only["defined"], only["active"]),
                         ("manual", True, False))
        self.facet("modify", UUID, "--auto", "--clear", "three=")
        only, = self.json("ls")
        self.assertEqual((only["start"], only["attributes"]),
                         ("auto", [{"name": "three", "value": ""}]))
        self.facet("modify", UUID, "../x=1", code=2)
        self.assertEqual(self.json("ls"), [only])
        self.facet("undefine", UUID)
        self.assertEqual(self.json("ls"), [])
        self.facet("undefine", UUID, code=1)

    def test_two_parents(self):
        for parent in (PARENT, "mtty"):
            self.facet("define", parent, TYPE, UUID)
        self.assertIn("--parent", self.facet("start", UUID, code=1))
        self.facet("undefine", UUID, "--parent", "mtty")
        self.facet("rm", UUID)
        self.assertEqual(self.json("ls"), [])

    def test_broken(self):
        (self.definitions / PARENT).mkdir(parents=True)
        (self.definitions / PARENT / UUID).write_text('{"mdev_type": "\x1b[2J"')
        only, = self.json("ls")
        self.assertIn("no JSON", only["fault"])
        self.assertIn("broken", self.facet("ls"))
        self.facet("start", UUID, code=2)
        self.facet("undefine", UUID)
        self.assertEqual(self.json("ls"), [])

    def test_dry_run(self):
        before = self.files()
        writes = self.json("create", PARENT, TYPE, UUID, "one=1", "--define", "--dry-run")
        self.assertEqual([w["path"] for w in writes],
                         [f"/sys/class/mdev_bus/{PARENT}/mdev_supported_types/{TYPE}/create",
                          f"/sys/bus/mdev/devices/{UUID}/one",
                          f"/etc/mdevctl.d/{PARENT}/{UUID}"])
        self.assertEqual([w["text"] for w in writes[:2]], [UUID, "1"])
        self.assertEqual(self.files(), before)

    def test_kernel_that_does_nothing(self):
        """Nothing is left of what could not be made."""
        create = self.root / f"sys/class/mdev_bus/{PARENT}/mdev_supported_types/{TYPE}/create"
        create.touch()
        self.assertIn("made nothing", self.facet("create", PARENT, TYPE, UUID, "--define", code=1))
        create.write_text("")
        self.assertEqual(self.json("ls"), [])
        self.assertFalse((self.root / "var/lib/facet/host/journal").exists())
        create.unlink()
        self.facet("create", PARENT, TYPE, UUID, code=1)

    def test_wrong_arguments(self):
        for args in (["nothing"], ["create"], ["create", PARENT], ["create", "../x", TYPE],
                     ["create", PARENT, TYPE, "no-uuid"], ["create", PARENT, TYPE, "--auto"],
                     ["create", PARENT, TYPE, "=1"], ["create", PARENT, TYPE, "remove=1"],
                     ["create", PARENT, TYPE, "--manual"], ["start"], ["stop", "x"],
                     ["modify", UUID, "--auto", "--manual"], ["ls", "x"]):
            self.assertTrue(self.facet(*args, code=2).startswith("facet mdev: "), args)
        self.assertIn("does not run", self.facet("stop", UUID, code=1))
        self.assertIn("neither runs nor is defined", self.facet("rm", UUID, code=1))


def mdevctl_works():
    return shutil.which("mdevctl") and pathlib.Path("/etc/mdevctl.d").is_dir() and \
        run("unshare", "-m", "true").returncode == 0


@unittest.skipUnless(mdevctl_works(), "mdevctl is not here, or this is not root")
class MdevctlTest(MdevCase):
    def setUp(self):
        super().setUp()
        for name in ("callouts", "notifiers"):
            (self.definitions / "scripts.d" / name).mkdir(parents=True)
        (self.root / "sys/bus/mdev/devices").mkdir(parents=True)

    def mdevctl(self, *args):
        done = run("unshare", "-m", "sh", "-c", INSIDE, "sh", self.root, *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def definition(self, uuid=UUID):
        return (self.definitions / PARENT / uuid).read_bytes()

    def test_they_read_ours(self):
        self.facet("define", PARENT, TYPE, UUID, "nvidia/vgpu_params=a=1,b=\"2\\", "x=é", "--auto")
        self.facet("define", PARENT, TYPE, OTHER)
        self.assertEqual(sorted(filter(None, self.mdevctl("list", "-d").split("\n"))),
                         [f"{UUID} {PARENT} {TYPE} auto", f"{OTHER} {PARENT} {TYPE} manual"])
        told = json.loads(self.mdevctl("list", "-d", "-u", UUID, "--dumpjson"))
        self.assertEqual(told["attrs"], [{"nvidia/vgpu_params": "a=1,b=\"2\\"}, {"x": "é"}])

    def test_we_read_theirs(self):
        self.mdevctl("define", "-p", PARENT, "-t", TYPE, "-u", UUID, "-a")
        self.mdevctl("modify", "-u", UUID, "--addattr", "one", "--value", "1\t2")
        only, = self.json("ls")
        self.assertEqual((only["uuid"], only["type"], only["start"], only["attributes"]),
                         (UUID, TYPE, "auto", [{"name": "one", "value": "1\t2"}]))

    def test_same_bytes(self):
        """Whoever wrote last is not to be told from the file."""
        for extra in ([], ["-a"]):
            self.mdevctl("define", "-p", PARENT, "-t", TYPE, "-u", UUID, *extra)
            for value in ("1", "", "a/b \"c\" \\d", "é"):
                self.mdevctl("modify", "-u", UUID, "--addattr", "one", "--value", value)
                theirs = self.definition()
                self.facet("modify", UUID)
                self.assertEqual(self.definition(), theirs)
            self.mdevctl("undefine", "-u", UUID)
            self.assertEqual(self.json("ls"), [])

    def test_types(self):
        told = json.loads(self.mdevctl("types", "--dumpjson"))[0][PARENT]
        self.assertEqual({name: t["available_instances"] for one in told for name, t in one.items()},
                         {t["type"]: t["available"] for t in self.json("types")})


if __name__ == "__main__":
    unittest.main()
