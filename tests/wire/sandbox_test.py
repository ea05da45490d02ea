#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What facet-vgpu says about its sandbox is so, seen from outside."""
import contextlib
import errno
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

import vgpu

STAGES = {"user", "namespaces", "root", "limits", "capabilities", "no-new-privs", "undumpable",
          "syscalls"}
NAMESPACES = {"user": "user", "pid": "pid", "mount": "mnt", "network": "net", "ipc": "ipc",
              "uts": "uts", "cgroup": "cgroup"}
GET_CAPSET = 0x0109
OK_CAPSET = 0x1103

# A container that may do nothing: no namespaces, no capabilities, and still root.
CONTAINER = ["unshare", "--user", "--map-root-user", "sh", "-c",
             'echo 0 > /proc/sys/user/max_user_namespaces && '
             'exec setpriv --bounding-set=-all --inh-caps=-all "$@"', "sh"]


def proc(pid, name):
    return pathlib.Path(f"/proc/{pid}/{name}")


def proc_status(pid):
    return dict(line.split(":\t", 1) for line in proc(pid, "status").read_text().splitlines())


def can_have_container():
    return subprocess.run([*CONTAINER, "true"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def render(it):
    """Makes the vGPU load GL, and asks whether it lives on."""
    front = vgpu.FrontEnd.connect(it.vhost_path)
    front.start()
    kind, data = front.command(GET_CAPSET, struct.pack("<II", 1, 1), 24 + 308)
    front.close()
    return kind, data[24:]


class InForce(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.secret = tempfile.TemporaryFile()
        cls.it = vgpu.Vgpu("--engine", "virgl" if has_virgl() else "2d",
                           pass_fds=[cls.secret.fileno()])
        try:
            cls.status = cls.it.status()
        except (ConnectionError, OSError):
            cls.it.process.wait(vgpu.PATIENCE_S)
            raise AssertionError(cls.it.log()) from None
        cls.pid = cls.status["pid"]
        cls.sandbox = {stage["what"]: stage for stage in cls.status["sandbox"]}
        if "sanitizer" in cls.sandbox["syscalls"]["why"]:
            cls.tearDownClass()
            raise unittest.SkipTest("a build with a sanitizer has no sandbox")

    @classmethod
    def tearDownClass(cls):
        cls.it.close()
        cls.secret.close()

    def need(self, what):
        if not self.sandbox[what]["in_force"]:
            self.skipTest(f"{what}: {self.sandbox[what]['why']}")

    def need_root(self):
        if os.geteuid():
            self.skipTest("only root may look inside")

    def test_every_stage_is_reported(self):
        self.assertEqual(set(self.sandbox), STAGES)
        for stage in self.sandbox.values():
            self.assertTrue(stage["why"], stage)

    def test_what_no_host_refuses(self):
        status = proc_status(self.pid)
        self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(status["NoNewPrivs"], "1")
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        for what in ("syscalls", "no-new-privs", "capabilities", "undumpable", "limits"):
            self.assertTrue(self.sandbox[what]["in_force"], self.sandbox[what])

    def test_every_thread_has_the_filter(self):
        threads = list(proc(self.pid, "task").iterdir())
        self.assertGreater(len(threads), 1)  # the engine's
        for thread in threads:
            self.assertIn("Seccomp:\t2\n", (thread / "status").read_text())

    def test_user(self):
        self.need("user")
        self.assertNotIn("0", proc_status(self.pid)["Uid"].split())

    def test_undumpable(self):
        # The kernel gives such a process' files to root.
        self.assertEqual(proc(self.pid, "maps").stat().st_uid, 0)
        if os.geteuid():
            with self.assertRaises(PermissionError):
                proc(self.pid, "mem").open("rb")

    def test_namespaces(self):
        self.need("namespaces")
        self.need_root()
        self.assertEqual(set(self.sandbox["namespaces"]["why"].split(", ")), set(NAMESPACES))
        for name in NAMESPACES.values():
            self.assertNotEqual(os.readlink(proc(self.pid, f"ns/{name}")),
                                os.readlink(f"/proc/self/ns/{name}"), name)
        self.assertEqual(proc_status(self.pid)["NSpid"].split()[-1], "1")
        devices = proc(self.pid, "net/dev").read_text().splitlines()[2:]
        self.assertEqual([line.split(":")[0].strip() for line in devices], ["lo"])

    def test_root_has_nothing_to_write_to(self):
        self.need("root")
        self.need_root()
        mounts = [line.split() for line in proc(self.pid, "mountinfo").read_text().splitlines()]
        self.assertGreater(len(mounts), 1)
        for mount in mounts:
            self.assertIn("ro", mount[5].split(","), mount)
        top = set(os.listdir(proc(self.pid, "root")))
        self.assertLessEqual(top, {"dev", "etc", "lib", "lib64", "usr"})
        for path in ("new", "usr/lib/new", "dev/new"):
            with self.assertRaises(OSError) as caught:
                os.mkdir(proc(self.pid, f"root/{path}"))
            self.assertEqual(caught.exception.errno, errno.EROFS)
        self.assertFalse(os.path.exists(proc(self.pid, "root/etc/passwd")))

    def test_descriptors(self):
        self.need_root()
        known = re.compile(r"anon_inode:.*|socket:.*|pipe:.*|/dev/null|/proc/\d+/statm|"
                           r"/memfd:.*|" + re.escape(self.it.log_path))
        links = {}
        for fd in os.listdir(proc(self.pid, "fd")):
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                links[fd] = os.readlink(proc(self.pid, f"fd/{fd}"))
        self.assertTrue(links)
        for fd, link in links.items():
            self.assertRegex(link, known, f"descriptor {fd}")
        inode = f"/{os.fstat(self.secret.fileno()).st_ino}"
        self.assertFalse([link for link in links.values() if link.endswith(inode)])

    def test_limits(self):
        limits = proc(self.pid, "limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        self.assertRegex(limits, r"Max open files +\d{1,4} +\d{1,4} ")
        self.assertRegex(limits, r"Max data size +\d+ +\d+ ")
        self.assertRegex(limits, r"Max file size +\d+ +\d+ ")

    def test_gl_is_loaded_inside(self):
        if self.status["engine"] != "virgl":
            self.skipTest("built without virgl")
        kind, capset = render(self.it)
        self.assertEqual(kind, OK_CAPSET, self.it.log())
        self.assertTrue(any(capset))
        self.assertTrue(self.it.status()["renderer"], self.it.log())


class Modes(unittest.TestCase):
    def test_off(self):
        with vgpu.Vgpu("--sandbox", "off") as it:
            for stage in it.sandbox().values():
                self.assertFalse(stage["in_force"])
            self.assertEqual(proc_status(it.status()["pid"])["Seccomp"], "0")

    def test_strict(self):
        """Runs with all of it, or not at all and says what is missing."""
        with vgpu.Vgpu("--sandbox", "strict") as it:
            try:
                self.assertTrue(all(s["in_force"] for s in it.sandbox().values()))
            except (ConnectionError, OSError):
                self.assertEqual(it.process.wait(vgpu.PATIENCE_S), 1)
                self.assertRegex(it.log(), r"error: sandbox: '.+' is not in force \(.+\)")

    def container(self, *options):
        if not shutil.which("setpriv") or not can_have_container():
            self.skipTest("no container can be made here")
        return vgpu.Vgpu(*options, wrap=CONTAINER)

    def test_in_a_container(self):
        with self.container("--engine", "virgl" if has_virgl() else "2d") as it:
            sandbox = it.sandbox()
            if "sanitizer" in sandbox["syscalls"]["why"]:
                self.skipTest("a build with a sanitizer has no sandbox")
            self.assertFalse(sandbox["namespaces"]["in_force"])
            self.assertFalse(sandbox["root"]["in_force"])
            self.assertTrue(sandbox["syscalls"]["in_force"])
            self.assertTrue(sandbox["capabilities"]["in_force"])
            if has_virgl():
                self.assertEqual(render(it)[0], OK_CAPSET, it.log())

    def test_strict_in_a_container(self):
        with self.container("--sandbox", "strict") as it:
            self.assertEqual(it.process.wait(vgpu.PATIENCE_S), 1)
            self.assertIn("is not in force", it.log())


def has_virgl():
    told = subprocess.run([vgpu.PROGRAM, "--print-capabilities"], capture_output=True, text=True,
                          check=True).stdout
    return "virgl" in told


if __name__ == "__main__":
    unittest.main()
