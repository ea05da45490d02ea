#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`facet help`, and what bash makes of it."""
import os
import pathlib
import re
import subprocess
import unittest

FACET = pathlib.Path(os.environ["FACET"])
COMPLETION = pathlib.Path(__file__).parents[2] / "data" / "completions" / "facet.bash"


def facet(*words):
    return subprocess.run([FACET, *words], capture_output=True, text=True, check=False)


def completed(line):
    script = (f". {COMPLETION}\nCOMP_WORDS=({line})\n"
              "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_facet\necho \"${COMPREPLY[*]}\"")
    env = {**os.environ, "PATH": f"{FACET.parent}:{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True,
                          check=True).stdout.split()


class WordsTest(unittest.TestCase):
    def test_help(self):
        every = facet("help")
        self.assertEqual((every.returncode, every.stdout), (0, facet("--help").stdout))
        verbs = re.findall(r"(?m)^  ([a-z][a-z-]*) ", every.stdout)
        self.assertIn("run", verbs)
        for verb in verbs:
            told = facet("help", verb)
            self.assertEqual(told.returncode, 0)
            self.assertIn(f"Usage: facet {verb} ", told.stdout)
            self.assertEqual(told.stdout, facet(verb, "--help").stdout)

    def test_unknown(self):
        told = facet("help", "colour")
        self.assertEqual(told.returncode, 2)
        self.assertIn("verb colour: must be one of gpus", told.stderr)

    def test_bash(self):
        self.assertEqual(completed("facet st"), ["stats", "stop"])
        self.assertEqual(completed("facet help va"), ["validate"])
        self.assertIn("--foreground", completed("facet run --"))


if __name__ == "__main__":
    unittest.main()
