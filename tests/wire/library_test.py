#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""libfacet exports what its header declares and its map lists."""
import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
LIBRARY = os.environ["LIBFACET"]


class LibraryTest(unittest.TestCase):
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


if __name__ == "__main__":
    unittest.main()
