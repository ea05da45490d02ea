# SPDX-License-Identifier: GPL-2.0-or-later
"""vGPUs under load and where they come from: a facetd of our own, no facetd, or somebody else."""
import os
import pathlib
import subprocess
import time

from . import facet, load, meter, procs

SETTLE_S = 1.0     # after the loads have started; not metered
IN_FLIGHT = ("--in-flight", "8")
FAILURES = (facet.FacetFailed, load.LoadFailed, procs.Timeout, RuntimeError, OSError)


class Member:
    """One vGPU: what it is to get, and its load."""

    def __init__(self, name, share, scene="light", options=IN_FLIGHT, limits=None):
        self.name, self.share, self.scene, self.options = name, share, scene, options
        # The quota is enough for the scenes, and small enough for 64 on one host.
        self.limits = ("--vram", "128M", *(limits or ("--weight", str(share))))
        self.socket = self.pid = self.load = None


class Run:
    """Members with their loads ready, and a sampler; go() starts all."""

    def __init__(self, place, members, step_s=0.05, interval_ms=50):
        self.place, self.members, self.step_s = place, {m.name: m for m in members}, step_s
        self.interval_ms, self.sampler = interval_ms, None
        total = sum(m.share for m in members) or 1
        self.entitled = {m.name: m.share / total for m in members}

    def __enter__(self):
        try:
            self.place.open(self.members.values())
            for member in self.members.values():
                member.load = load.Load(self.place.recordings, member.scene, member.socket,
                                        *member.options, interval_ms=self.interval_ms)
            for member in self.members.values():
                member.load.wait_ready(600)
            groups = {m.name: meter.Group(m.pid) for m in self.members.values()}
            self.sampler = meter.Sampler(groups, self.step_s).__enter__()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc):
        if self.sampler:
            self.sampler.stop()
        for member in self.members.values():
            if member.load:
                member.load.kill()
        self.place.close(self.members.values())

    def __getitem__(self, name):
        return self.members[name].load

    def go(self, settle=SETTLE_S):
        """Everybody; when what is metered begins."""
        for member in self.members.values():
            member.load.go()
        time.sleep(settle)
        return time.monotonic_ns()

    def pause(self):
        for member in self.members.values():
            member.load.stop()

    def saturation(self, cores, start):
        """How much of the GPU the vGPUs had together, in percent."""
        first, last = self.sampler.whole(start)
        return sum(self.sampler.rate(name, first, last) for name in self.members) / cores * 100

    def results(self):
        self.sampler.stop()
        found = {name: member.load.end() for name, member in self.members.items()}
        for name, result in found.items():
            if result["errors"] or not result["frames"]:
                raise RuntimeError(f"{name}: {result['frames']} frames, {result['errors']} errors")
        return found


class Facetd:
    """Where vGPUs come from: a facetd of our own."""

    def __init__(self, prefix, recordings, place):
        self.recordings, self.place = recordings, place
        self.prefix, self.host = prefix, facet.Facet(prefix, place).start()
        gpus = self.host.json("gpus")
        gpus = gpus.get("gpus", gpus) if isinstance(gpus, dict) else gpus
        self.gpu = gpus[0]["name"]
        self.cores = gpus[0].get("eus") or len(os.sched_getaffinity(0))

    def open(self, members):
        for member in members:
            self.host.create(member.name, *member.limits)
            shown = self.host.show(member.name)
            member.socket, member.pid = shown["socket"], shown["pid"]

    def close(self, members):
        for member in members:
            self.host.attempt("rm", "--force", member.name)

    def policy(self, name):
        self.host("policy", self.gpu, name)

    def used(self, name):
        """By facet's own meter, in nanoseconds."""
        measured = self.host.show(name).get("measured") or {}
        if "used_ns" not in measured:
            raise RuntimeError(f"facet show {name} says nothing of used_ns")
        return measured["used_ns"]


class Alone:
    """The same vGPUs without facetd: nobody arbitrates, there is no gate."""

    def __init__(self, like):
        self.recordings, self.place, self.cores = like.recordings, like.place, like.cores
        found = sorted(pathlib.Path(like.prefix).rglob("facet-vgpu"))
        self.program = next(path for path in found if os.access(path, os.X_OK) and path.is_file())
        self._processes = {}

    def open(self, members):
        for member in members:
            member.socket = str(self.place / f"{member.name}.sock")
            with open(self.place / f"{member.name}.log", "wb") as log:
                process = subprocess.Popen(
                    [self.program, "--socket-path", member.socket, "--virgl"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env={**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1"})
            self._processes[member.name], member.pid = process, process.pid
            procs.wait_until(lambda: pathlib.Path(member.socket).exists(), 30, member.socket)

    def close(self, members):
        for member in members:
            procs.end(self._processes.pop(member.name, None))


class Others:
    """Backends that somebody else has started."""

    def __init__(self, recordings, backends):
        self.recordings, self.backends = recordings, backends
        self.cores = len(os.sched_getaffinity(0))

    def open(self, members):
        for member, (_share, pid, socket) in zip(members, self.backends):
            member.pid, member.socket = pid, socket

    def close(self, members):
        pass
