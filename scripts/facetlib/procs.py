# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes: waiting for them, ending them, and what they cost."""
import os
import signal
import subprocess
import time


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def stop_on_signals():
    """Ctrl-C and its like raise KeyboardInterrupt once; more must not disturb the cleaning up."""
    def stop(_number, _frame):
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt
    for number in ENDING:
        signal.signal(number, stop)


class Timeout(Exception):
    """Something that was waited for did not come."""


def wait_until(condition, timeout, what, step=0.05):
    """Polls condition() until it gives something true, which is returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Timeout(f"after {timeout} s still waiting for {what}")
        time.sleep(step)


def end(process, patience=5):
    """Ends a child of ours: asked first, then killed. Harmless when it has gone already."""
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def alive(pid):
    """A zombie that nobody has waited for yet is dead."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill(pid, number=signal.SIGKILL):
    """For processes that facetd started and told us of."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _field(path, name):
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    return 0


def pss_kib(pid):
    return _field(f"/proc/{pid}/smaps_rollup", "Pss")


def rss_kib(pid, peak=False):
    return _field(f"/proc/{pid}/status", "VmHWM" if peak else "VmRSS")


def anonymous_kib(pid):
    """Without files and without the guest's shared memory."""
    return _field(f"/proc/{pid}/status", "RssAnon")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def all_children():
    """The children of every process, in one look."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                    parent = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    return children


def whole_group(pid, children=None):
    """The process and everything below it: a vGPU may have a parent that guards it."""
    children = all_children() if children is None else children
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def held_kib(pid):
    """What a vGPU's processes hold themselves; the guest's memory is shared and not counted."""
    return sum(anonymous_kib(one) for one in whole_group(pid) if alive(one))
