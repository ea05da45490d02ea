#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""libfacet exports what its header declares; works as C programs use it, also when installed."""
import os
import pathlib
import re
import select
import shlex
import subprocess
import unittest

import vgpu
from daemon import DaemonCase

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = os.environ["LIBFACET"]


class ExportsTest(unittest.TestCase):
    def test_exports(self):
        header = (SOURCE / "include/facet/facet.h").read_text(encoding="utf-8")
        header = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
        declared = set(re.findall(r"\b(facet_[a-z_]+)\(", header))
        listed = set(re.findall(r"^\t(facet_[a-z_]+);$",
                                (SOURCE / "src/lib/facet.map").read_text(encoding="utf-8"), re.M))
        table = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True,
                               text=True, check=True).stdout
        exported = {line.split()[2].partition("@")[0] for line in table.splitlines()
                    if line.split()[1] != "A"}
        self.assertEqual(declared, listed)
        self.assertEqual(declared, {name for name in exported if not name.startswith("_")})


class LibraryTest(DaemonCase):
    options = ("--vram", "1G")

    def setUp(self):
        super().setUp()
        self.user = {**os.environ, "FACET_SOCKET": str(self.run_dir / "io.facet")}

    def test_api(self):
        done = subprocess.run([os.environ["FACET_API"]], env=self.user, capture_output=True,
                              text=True, check=False, timeout=vgpu.PATIENCE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def install(self):
        """As a distribution does; the flags that pkg-config then tells."""
        root = self.place / "root"
        subprocess.run(["meson", "install", "--no-rebuild", "--quiet", "-C",
                        os.environ["BUILD_ROOT"], "--destdir", str(root)], check=True,
                       stdout=subprocess.DEVNULL, timeout=vgpu.PATIENCE_S)
        found = next(root.rglob("facet.pc"))
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "facet"], check=True,
                               capture_output=True, text=True,
                               env={**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(root),
                                    "PKG_CONFIG_PATH": str(found.parent)}).stdout
        return root, next(root.rglob("libfacet.so.0")).parent, shlex.split(flags)

    def test_example(self):
        """The example that is installed, built against what is installed beside it."""
        root, libraries, flags = self.install()
        source = next(root.rglob("examples/vgpu-list.c"))
        program = self.place / "vgpu-list"
        subprocess.run([*shlex.split(os.environ["CC"]), "-Wall", "-Wextra", "-Werror", str(source),
                        "-o", str(program), *flags], check=True, timeout=vgpu.PATIENCE_S)
        user = {**self.user, "LD_LIBRARY_PATH": str(libraries)}
        self.create("x", "--vram", "16M")
        printed = subprocess.run([str(program)], env=user, capture_output=True, text=True,
                                 check=True, timeout=vgpu.PATIENCE_S).stdout
        self.assertIn("soft0: best-effort", printed)
        self.assertIn("x on soft0: idle, got", printed)
        with subprocess.Popen([str(program), "--follow"], env=user, stdout=subprocess.PIPE) as seen:
            self.wait_line(seen, b"ready  \n")
            self.create("y", "--vram", "16M")
            self.wait_line(seen, b"added y ")
            seen.terminate()

    def wait_line(self, process, words):
        text = b""
        while words not in text:
            ready = select.select([process.stdout], [], [], vgpu.PATIENCE_S)[0]
            piece = os.read(process.stdout.fileno(), 4096) if ready else b""
            self.assertTrue(piece, text)
            text += piece


if __name__ == "__main__":
    unittest.main()
