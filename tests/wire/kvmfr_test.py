#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens in KVMFR files: made, found again, read, watched and removed; whoever dies meanwhile."""
import json
import os
import pathlib
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

import vgpu
from daemon import FACET, DaemonCase, alive, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "scripts"))
from facetlib import png  # noqa: E402 pylint: disable=wrong-import-position

MIB = 1 << 20
NOBODY = 65534
WIDTH, HEIGHT = 96, 64


class Guest(vgpu.FrontEnd):
    """A driver that shows one picture of 32-bit pixels."""

    PIXELS = 0x20000
    CREATE_2D, SET_SCANOUT, FLUSH, TRANSFER, ATTACH = 0x101, 0x103, 0x104, 0x105, 0x106
    OK = 0x1100

    def do(self, kind, body):
        got, _ = self.command(kind, body)
        assert got == self.OK, f"command {kind:#x}: {got:#x}"

    def show(self, output=0):
        """A picture of its own resource on that output."""
        number = output + 1
        self.do(self.CREATE_2D, struct.pack("<IIII", number, 2, WIDTH, HEIGHT))
        self.do(self.ATTACH, struct.pack("<IIQII", number, 1, self.PIXELS,
                                         WIDTH * HEIGHT * 4, 0))
        self.do(self.SET_SCANOUT, struct.pack("<6I", 0, 0, WIDTH, HEIGHT, output, number))
        self.draw(output)

    def draw(self, output=0, tag=0):
        pixels = b"".join(struct.pack("<BBBx", (x + tag) & 255, (y * 3) & 255, (x ^ y) & 255)
                          for y in range(HEIGHT) for x in range(WIDTH))
        self.ram[self.PIXELS:self.PIXELS + len(pixels)] = pixels
        self.do(self.TRANSFER, struct.pack("<IIIIQII", 0, 0, WIDTH, HEIGHT, 0, output + 1, 0))
        self.do(self.FLUSH, struct.pack("<6I", 0, 0, WIDTH, HEIGHT, output + 1, 0))


class KvmfrCase(DaemonCase):
    def setUp(self):
        # In memory, as it is meant to be; and in a folder that must be empty in the end.
        folder = tempfile.TemporaryDirectory(prefix="facet-kvmfr-", dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "screen"
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.assertEqual(list(self.folder.iterdir()), [])

    def make(self, name="left", *options):
        return self.create(name, "--mechanism", "2d", f"--kvmfr={self.file}", *options)

    def guest(self, one):
        guest = Guest.connect(one["socket"])
        self.addCleanup(guest.close)
        guest.start()
        return guest

    def shots(self, name="left", output=0):
        """As the vGPU says, and as its file says; whoever has just died may not be back yet."""
        own, theirs = self.place / "own.png", self.place / "theirs.png"
        file = str(self.file) + (f".{output}" if output else "")

        def both():
            return (self.facet("screenshot", name, str(own), "--output", str(output))
                    .returncode == 0 and
                    self.facet("screenshot", f"--kvmfr={file}", str(theirs)).returncode == 0)
        wait_until(both, "a picture from both")
        return png.read(own), png.read(theirs)

    def same(self, name="left", output=0):
        own, theirs = self.shots(name, output)
        self.assertEqual((own.width, own.height), (WIDTH, HEIGHT))
        self.assertIsNone(theirs.difference(own))
        return own


class KvmfrTest(KvmfrCase):
    def test_life(self):
        one = self.make()
        self.assertEqual(one["kvmfr"], str(self.file))
        self.assertIn(str(self.file), self.works("show", "left"))
        self.assertEqual(self.listing()[0]["kvmfr"], str(self.file))
        made = self.file.lstat()
        self.assertEqual(stat.S_IMODE(made.st_mode), 0o660)
        self.assertEqual(made.st_size, 32 * MIB)
        self.assertGreaterEqual(made.st_blocks * 512, made.st_size)
        guest = self.guest(one)
        guest.show()
        first = self.same()
        guest.draw(tag=77)
        self.assertIsNotNone(first.difference(self.same()))
        guest.close()
        self.works("rm", "--force", "left")
        self.assertFalse(self.file.exists())
        self.create("plain")
        self.assertEqual(self.show("plain")["kvmfr"], "")

    def test_outputs(self):
        one = self.make("left", "--outputs", "3", "--size", "2000x1200")
        names = sorted(f.name for f in self.folder.iterdir())
        self.assertEqual(names, ["screen", "screen.1", "screen.2"])
        self.assertEqual({f.stat().st_size for f in self.folder.iterdir()}, {32 * MIB})
        self.guest(one).show(1)
        self.same(output=1)
        self.fails(1, f"{self.file}", "screenshot", f"--kvmfr={self.file}",
                   str(self.place / "off.png"))
        self.assertFalse((self.place / "off.png").exists())

    def test_where_facetd_chooses(self):
        name = f"test-{os.getpid()}"
        place = self.create(name, "--kvmfr", "--size", "3840x2160")["kvmfr"]
        root = f"/dev/shm/facet-{name}"
        self.assertEqual(place, root if os.geteuid() == 0 else f"{self.run_dir}/{name}.kvmfr")
        self.assertEqual(os.stat(place).st_size, 128 * MIB)
        self.works("rm", name)
        self.assertFalse(os.path.lexists(place))

    def test_wrong(self):
        picture = str(self.place / "x.png")
        self.fails(2, "full path", "create", "x", "--kvmfr=/dev/shm/")
        self.fails(2, "full path", "create", "x", "--kvmfr=/dev/shm/" + "x" * 200)
        self.fails(2, "without kvmfr", "create", "x", "--kvmfr-group", "root")
        self.fails(2, "no-such-group", "create", "x", "--kvmfr", "--kvmfr-group", "no-such-group")
        self.fails(1, "/nowhere/x", "create", "x", "--kvmfr=/nowhere/x")
        self.fails(1, "/proc/x", "create", "x", "--kvmfr=/proc/x")
        self.fails(2, "--kvmfr", "screenshot", "--kvmfr=/dev/shm/x", "x", picture)
        self.fails(2, "--output", "screenshot", "--kvmfr=/dev/shm/x", picture, "--output", "1")
        self.fails(2, "NAME FILE.png", "screenshot", picture)
        self.fails(1, "/nowhere/x", "screenshot", "--kvmfr=/nowhere/x", picture)
        self.fails(1, "/dev/null", "screenshot", "--kvmfr=/dev/null", picture)
        text = self.place / "text"
        text.write_text("no screen\n" * 9999, encoding="utf-8")
        self.fails(1, str(text), "screenshot", f"--kvmfr={text}", picture)
        self.assertEqual(self.listing(), [])
        self.assertFalse(os.path.lexists(picture))

    def test_what_others_have_there(self):
        """A file, a link, a vGPU's: refused in a sentence, and left alone."""
        self.file.write_text("mine", encoding="utf-8")
        self.fails(1, f"{self.file}|not ours", "create", "left", f"--kvmfr={self.file}")
        self.assertEqual(self.file.read_text(encoding="utf-8"), "mine")
        self.file.unlink()
        self.file.symlink_to(self.folder / "elsewhere")
        self.fails(1, f"{self.file}|not ours", "create", "left", f"--kvmfr={self.file}")
        self.assertEqual(list(self.folder.iterdir()), [self.file])
        self.file.unlink()
        self.make()
        self.fails(1, f"{self.file}|not ours", "create", "right", f"--kvmfr={self.file}")
        self.assertEqual([v["name"] for v in self.listing()], ["left"])
        self.assertFalse((self.run_dir / "right").exists())

    def test_no_room(self):
        subprocess.run(["prlimit", f"--pid={self.daemon.pid}", f"--fsize={MIB}"], check=True)
        self.fails(1, f"{self.file}|32 MiB cannot be had", "create", "left",
                   f"--kvmfr={self.file}")
        self.assertEqual(self.listing(), [])
        self.assertFalse((self.run_dir / "left").exists())

    # --- every way of dying ---

    def test_vgpu_killed(self):
        one = self.make()
        guest = self.guest(one)
        guest.show()
        before = self.same()
        inode = self.file.stat().st_ino
        os.kill(one["pid"], signal.SIGKILL)
        wait_until(lambda: self.show("left")["restarts"] == 1 and
                   self.show("left")["state"] == "running", "the next process")
        self.assertEqual(self.file.stat().st_ino, inode)
        self.assertIsNone(self.same().difference(before))
        guest.draw(tag=3)
        self.same()

    def test_facetd_killed(self):
        one = self.make()
        guest = self.guest(one)
        guest.show()
        inode = self.file.stat().st_ino
        self.stop(signal.SIGKILL)
        guest.draw(tag=5)
        self.start()
        self.assertEqual(self.show("left")["kvmfr"], str(self.file))
        self.same()
        # The new facetd knows the file: its process gets it again, and it goes with the vGPU.
        self.works("restart", "left")
        self.same()
        self.assertEqual(self.file.stat().st_ino, inode)

    def test_both_killed(self):
        one = self.make()
        inode = self.file.stat().st_ino
        self.stop(signal.SIGKILL)
        os.kill(one["pid"], signal.SIGKILL)
        wait_until(lambda: not alive(one["pid"]), "the vGPU to end")
        self.start()
        self.guest(self.wait_state("left", "idle")).show()
        self.same()
        self.assertEqual(self.file.stat().st_ino, inode)

    def test_file_lost(self):
        """Removed, cut, or in its place another: the guest keeps its GPU in any case."""
        one = self.make()
        guest = self.guest(one)
        guest.show()
        self.file.unlink()
        self.works("restart", "left")
        self.same()
        os.truncate(self.file, 5000)
        self.works("restart", "left")
        self.same()
        self.file.unlink()
        self.file.write_text("mine", encoding="utf-8")
        self.works("restart", "left")
        self.assertIn("not published", self.daemon_log())
        wait_until(lambda: self.show("left")["state"] == "running", "the guest to go on")
        self.works("rm", "--force", "left")
        self.assertEqual(self.file.read_text(encoding="utf-8"), "mine")
        self.file.unlink()


class ViewTest(KvmfrCase):
    """Everything up to the start of looking-glass-client; here a script stands for that."""

    # nobody's group: the client does not run as root, and neither may who starts it.
    options = ("--socket-group", "nogroup") if os.geteuid() == 0 else ()

    def setUp(self):
        super().setUp()
        self.place.chmod(0o755)
        self.bin = self.place / "bin"
        self.bin.mkdir()
        self.name = f"view-{os.getpid()}"
        self.one = self.create(self.name, "--kvmfr", "--outputs", "2")

    def client(self, version, name="looking-glass-client"):
        program = self.bin / name
        program.write_text("#!/bin/sh\n"
                           f"echo '00.000 [I] main.c:1 | main | Looking Glass ({version})' >&2\n"
                           "[ \"$1\" = --help ] || printf '%s\\n' \"$@\"\n", encoding="utf-8")
        program.chmod(0o755)
        return str(program)

    def view(self, *arguments, path=None):
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run(
            [FACET, "--socket", str(self.run_dir / "io.facet"), "view", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=vgpu.PATIENCE_S, env={**os.environ, "PATH": path or str(self.bin)}, **who)

    def refused(self, code, words, *arguments, **options):
        done = self.view(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words.split("|"):
            self.assertIn(word, done.stderr)

    def test_arguments(self):
        self.client("B7")
        done = self.view(self.name)
        self.assertEqual(done.stdout.splitlines(),
                         [f"app:shmFile={self.one['kvmfr']}", "spice:enable=no"])
        self.assertIn("keys and mouse go nowhere", done.stderr)
        done = self.view(self.name, "--output", "1", "--", "-F", "win:title=a b")
        self.assertEqual(done.stdout.splitlines(),
                         [f"app:shmFile={self.one['kvmfr']}.1", "spice:enable=no", "-F",
                          "win:title=a b"])
        told = json.loads(self.view(self.name, "--json").stdout)
        self.assertEqual(told["version"], "B7")
        self.assertEqual(told["command"][0], str(self.bin / "looking-glass-client"))

    def test_spice(self):
        self.client("B7+")
        place = str(self.run_dir / self.name / "spice.sock")
        lines = self.works("qemu-args", self.name, "--spice").splitlines()
        self.assertEqual(lines[-2:], ["-spice", f"unix=on,addr={place},disable-ticketing=on"])
        self.assertNotIn("-spice", self.works("qemu-args", self.name))
        lines = self.works("qemu-args", self.name, "--spice=/a,b").splitlines()
        self.assertEqual(lines[-1], "unix=on,addr=/a,,b,disable-ticketing=on")
        with vgpu.socket.socket(vgpu.socket.AF_UNIX) as listener:
            listener.bind(place)
            os.chmod(place, 0o777)
            listener.listen()
            done = self.view(self.name)
            self.assertEqual(done.stdout.splitlines()[1:], [f"spice:host={place}", "spice:port=0"])
            self.assertEqual(done.stderr.count("\n"), 1)
            done = self.view(self.name, "--spice", "none")
            self.assertEqual(done.stdout.splitlines()[1:], ["spice:enable=no"])
        # QEMU has gone and left its socket.
        self.assertEqual(self.view(self.name).stdout.splitlines()[1:], ["spice:enable=no"])
        self.refused(1, f"--spice {place}|nobody listens", self.name, "--spice", place)

    def test_refused(self):
        self.refused(1, "looking-glass-client|B7|apt install", self.name)
        for version in ("B6", "B6-12-gabcdef", "B7-3-g0123456789", "B70", "UNKNOWN"):
            self.client(version)
            self.refused(1, f"release {version}|B7|KVMFR 20|LGMP 6", self.name)
        self.client("B6")
        self.refused(1, "release B6 (KVMFR 19)", self.name)
        other = self.bin / "silent"
        other.write_text("#!/bin/sh\n", encoding="utf-8")
        other.chmod(0o755)
        self.refused(1, "silent|does not tell its version", self.name, "--client", str(other))
        self.refused(1, "--client /nowhere/x", self.name, "--client", "/nowhere/x")
        self.client("B7")
        self.refused(1, "there is no vGPU nobody", "nobody")
        self.refused(2, "--output 2|0 to 1", self.name, "--output", "2")
        self.create("plain")
        self.refused(1, "plain|facet create plain --kvmfr", "plain")
        os.chmod(self.one["kvmfr"], 0o600)
        if os.geteuid() == 0:
            self.refused(1, f"{self.one['kvmfr']}|Permission denied|--kvmfr-group", self.name)
            done = self.facet("view", self.name)
            self.assertEqual(done.returncode, 1)
            self.assertIn("refuses to run as root", done.stderr)
            # A group that may ask root for files may not have them anywhere.
            self.fails(2, "kvmfr|/dev/shm only", "create", "x", "--kvmfr=/etc/x")
            self.fails(2, "kvmfr|/dev/shm only", "create", "x", "--kvmfr=/dev/shm/../../etc/x")

    def test_client_elsewhere(self):
        program = self.client("B7", "other-client")
        told = json.loads(self.view(self.name, "--client", program, "--json").stdout)
        self.assertEqual(told["command"][0], program)
        told = self.client("B7")
        done = self.view(self.name, "--json", path=f"/nowhere:{self.bin}:/usr/bin")
        self.assertEqual(json.loads(done.stdout)["command"][0], told)


class AloneTest(unittest.TestCase):
    """facet-vgpu --kvmfr, without a daemon."""

    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="facet-kvmfr-", dir="/dev/shm")
        self.addCleanup(place.cleanup)
        self.place = pathlib.Path(place.name)
        self.file = self.place / "screen"

    def run_it(self, *options):
        return vgpu.Vgpu("--kvmfr", str(self.file), *options)

    def refused(self, words, *options):
        done = subprocess.run([vgpu.PROGRAM, "--socket-path", str(self.place / "sock"), "--kvmfr",
                               str(self.file), *options], capture_output=True, text=True,
                              check=False, timeout=vgpu.PATIENCE_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words.split("|"):
            self.assertIn(word, done.stderr)
        self.assertFalse((self.place / "sock").exists())

    def shot(self, file):
        picture = self.place / "picture.png"
        done = subprocess.run([FACET, "screenshot", f"--kvmfr={file}", str(picture)],
                              capture_output=True, text=True, check=False,
                              timeout=vgpu.PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stderr)
        shown = png.read(picture)
        picture.unlink()
        return shown

    def check_shows(self, it, output=0):
        guest = Guest.connect(it.vhost_path)
        guest.start()
        guest.show(output)
        shown = self.shot(str(self.file) + (f".{output}" if output else ""))
        self.assertEqual((shown.width, shown.height), (WIDTH, HEIGHT))
        self.assertEqual(bytes(shown.rgb[3:6]), bytes((1, 0, 1)))
        guest.close()

    def test_life(self):
        with self.run_it("--outputs", "2") as it:
            it.status()
            names = sorted(f.name for f in self.place.iterdir())
            self.assertEqual(names, ["screen", "screen.1"])
            self.check_shows(it)
            self.check_shows(it, 1)
        self.assertEqual(list(self.place.iterdir()), [])

    def test_left_behind(self):
        """By one that was killed: used again, and not removed by who has not made it."""
        with self.run_it() as it:
            it.status()
            it.process.kill()
            it.process.wait()
        inode = self.file.stat().st_ino
        # Its worker dies a moment later.
        wait_until(self.is_free, "the killed one's end")
        with self.run_it() as it:
            self.check_shows(it)
            self.refused("another vGPU publishes there")
        self.assertEqual(self.file.stat().st_ino, inode)

    def is_free(self):
        done = subprocess.run(["flock", "--nonblock", str(self.file), "true"], check=False)
        return done.returncode == 0

    def test_made_by_somebody(self):
        """An empty file, or one of a size of its own, as QEMU makes for a second machine."""
        self.file.touch()
        with self.run_it() as it:
            self.check_shows(it)
            self.assertEqual(self.file.stat().st_size, 32 * MIB)
        os.truncate(self.file, 0)
        os.truncate(self.file, 64 * MIB)
        with self.run_it() as it:
            self.check_shows(it)
            self.assertEqual(self.file.stat().st_size, 64 * MIB)
        self.assertTrue(self.file.exists())

    def test_refused(self):
        self.file.write_text("mine", encoding="utf-8")
        self.refused(f"{self.file}|something else")
        self.assertEqual(self.file.read_text(encoding="utf-8"), "mine")
        self.file.unlink()
        self.file.symlink_to("elsewhere")
        self.refused(str(self.file))
        self.file.unlink()
        self.file.mkdir()
        self.refused(str(self.file))
        self.file.rmdir()
        (self.place / "screen.1").write_text("mine", encoding="utf-8")
        self.refused("screen.1|something else", "--outputs", "2")
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    unittest.main()
