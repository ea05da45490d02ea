#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn a text file into a C header with one string: embed.py TEXT NAME HEADER."""
import pathlib
import sys

text, name, header = sys.argv[1:]
lines = pathlib.Path(text).read_text(encoding="utf-8").splitlines()
quoted = "\n".join('\t"%s\\n"' % s.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
                   for s in lines)
pathlib.Path(header).write_text(f"static const char {name}[] =\n{quoted};\n", encoding="utf-8")
