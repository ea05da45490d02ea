# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of tests: counted, and said as they come."""
import re
import time

LINE = re.compile(r"^(?P<bad>not )?ok\b(?: \d+)?(?: -)? *(?P<name>.*?)(?P<skip> # SKIP.*)?$")


class Report:
    """passed, failed, skipped; and one line for each test on standard output."""

    def __init__(self):
        self.start = time.monotonic()
        self.passed = self.failed = self.skipped = 0

    def say(self, text):
        print(f"[{time.monotonic() - self.start:6.1f} s] {text}", flush=True)

    def ok(self, name, count=1):
        self.passed += count
        print(f"  ok {name}" + (f" ({count} tests)" if count > 1 else ""), flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"  skipped {name}: {reason}", flush=True)

    def fail(self, name, log="", count=1):
        """Shows the end of the log, because nobody finds it otherwise."""
        self.failed += count
        print(f"  NOT OK {name}", flush=True)
        for line in log.rstrip().splitlines()[-60:]:
            print(f"    | {line[:300]}", flush=True)

    def line(self, text):
        """Counts a line 'ok NAME', 'not ok NAME' or 'ok NAME # SKIP why'; True if it was one."""
        found = LINE.match(text)
        if not found:
            return False
        if found["bad"]:
            self.fail(found["name"])
        elif found["skip"]:
            self.skip(found["name"], found["skip"].removeprefix(" # SKIP").strip())
        else:
            self.ok(found["name"])
        return True

    def summary(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
