# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes really used: the kernel's clocks of them, read from outside and often.

Nothing here asks the programs that are measured. Times are CLOCK_MONOTONIC, in nanoseconds. What was
not seen is never taken for good: without windows, or with holes in them, there is no figure.
"""
import bisect
import os
import threading
import time

from . import procs


def clock_ns(pid):
    """Processor time of all threads of a process, those that have ended included."""
    return time.clock_gettime_ns((~pid << 3) | 2)


class NothingSeen(RuntimeError):
    """Too few samples for a figure."""


class Group:
    """A process and all below it, also those that come later: used() never goes back."""

    def __init__(self, pid):
        self.pid, self._used = pid, {}
        self.refresh()

    def refresh(self, children=None):
        """Looks for new members."""
        for pid in procs.whole_group(self.pid, children):
            self._used.setdefault(pid, 0)

    def used(self):
        for pid, known in self._used.items():
            try:
                self._used[pid] = max(known, clock_ns(pid))
            except OSError:  # it has ended: what it used, it used
                pass
        return sum(self._used.values())


class Sampler:
    """Reads the clocks of named groups each `step_s`, in a thread, until stop()."""

    def __init__(self, groups, step_s=0.05):
        self.groups, self.step_s = dict(groups), step_s
        self.times, self.used = [], {name: [] for name in self.groups}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        self._over.set()
        self._thread.join()

    def _run(self):
        try:  # it needs little, but that in time; without the right to it, it goes on as it is
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            pass
        due, refresh = time.monotonic(), time.monotonic() + 1
        while not self._over.is_set():
            self.sample()
            if time.monotonic() > refresh:
                refresh += 1
                children = procs.all_children()
                for group in self.groups.values():
                    group.refresh(children)
            due = max(due + self.step_s, time.monotonic())
            self._over.wait(max(0, due - time.monotonic()))

    def sample(self):
        values = {name: group.used() for name, group in self.groups.items()}
        for name, value in values.items():
            self.used[name].append(value)
        self.times.append(time.monotonic_ns())

    # --- what it comes to ---------------------------------------------------------------------

    def index(self, time_ns):
        """Of the first sample not before."""
        return bisect.bisect_left(self.times, time_ns)

    def windows(self, seconds, start_ns=0, end_ns=None):
        """All pairs of samples so far apart, each a step later than the one before."""
        end = len(self.times) if end_ns is None else bisect.bisect_right(self.times, end_ns)
        found, longest = [], int((seconds + max(0.1 * seconds, 4 * self.step_s)) * 1e9)
        for first in range(self.index(start_ns), end):
            last = self.index(self.times[first] + int(seconds * 1e9))
            if last >= end:
                break
            if self.times[last] - self.times[first] > longest:
                raise NothingSeen(f"no sample for {self.hole(first, last):.2f} s")
            found.append((first, last))
        if not found:
            raise NothingSeen(f"no window of {seconds:g} s in {end - self.index(start_ns)} samples")
        return found

    def hole(self, first, last):
        """The longest time without a sample."""
        return max(b - a for a, b in zip(self.times[first:last],
                                         self.times[first + 1:last + 1])) / 1e9

    def grown(self, name, first, last):
        return self.used[name][last] - self.used[name][first]

    def shares(self, first, last, names=None):
        """Of what all of them used between two samples."""
        grown = {name: self.grown(name, first, last) for name in names or self.used}
        return {name: value / max(1, sum(grown.values())) for name, value in grown.items()}

    def rate(self, name, first, last):
        """Cores that a group had between two samples."""
        return self.grown(name, first, last) / max(1, self.times[last] - self.times[first])

    def whole(self, start_ns=0, end_ns=None):
        """The first and the last sample of a time."""
        end = len(self.times) if end_ns is None else bisect.bisect_right(self.times, end_ns)
        return self.index(start_ns), end - 1

    def worst(self, entitled, seconds, start_ns=0, end_ns=None):
        """Points by which any share was off its entitlement over any window; who, and when."""
        found = (0, None, None)
        for first, last in self.windows(seconds, start_ns, end_ns):
            for name, share in self.shares(first, last, entitled).items():
                off = abs(share - entitled[name]) * 100
                if off > found[0]:
                    found = (off, name, self.times[first])
        return found

    def excess(self, name, limit, cores, seconds, start_ns=0, end_ns=None):
        """Points of the GPU by which a use was over a limit, over any window."""
        return max((100 * (self.rate(name, first, last) / cores - limit)
                    for first, last in self.windows(seconds, start_ns, end_ns)))


def machine_busy_ns():
    """Processor time of everything on this machine; in ticks, so for long times only."""
    with open("/proc/stat", encoding="ascii") as f:
        fields = list(map(int, f.readline().split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) * 10**9 // os.sysconf("SC_CLK_TCK")
