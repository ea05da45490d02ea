# SPDX-License-Identifier: GPL-2.0-or-later
"""A facetd of our own, in a private runtime directory, and the facet commands that talk to it."""
import json
import os
import pathlib
import shlex
import subprocess

from . import png, procs


class FacetFailed(Exception):
    """A facet command ended with an error; its sentence is the message."""


class Facet:
    """Everything below `place`: sockets, logs, pictures. stop() leaves nothing running."""

    def __init__(self, prefix, place, env=None, create_options=()):
        """`create_options` go with every `facet create`."""
        self.create_options = create_options
        self.bin = pathlib.Path(prefix) / "bin"
        self.place = pathlib.Path(place)
        self.runtime = self.place / "run"
        self.runtime.mkdir(mode=0o700)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), **(env or {})}
        self.env.pop("FACET_SOCKET", None)
        self.daemon = None
        self._pids = {}

    def start(self, timeout=30):
        """Starts facetd and waits until it answers."""
        with open(self.place / "facetd.log", "ab") as log:
            self.daemon = subprocess.Popen([str(self.bin / "facetd")], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, env=self.env,
                                           start_new_session=True)

        def answers():
            if self.daemon.poll() is not None:
                raise FacetFailed(f"facetd ended with {self.daemon.returncode}: "
                                  f"{self.log('facetd.log')[-800:]}")
            return self.attempt("ls", "--json").returncode == 0
        procs.wait_until(answers, timeout, "facetd to answer")
        return self

    def log(self, name):
        try:
            return (self.place / name).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def attempt(self, *args, timeout=120):
        """Runs `facet ARGS`; the finished process, whatever came of it."""
        return subprocess.run([str(self.bin / "facet"), *args], env=self.env, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def __call__(self, *args, timeout=120):
        """Runs `facet ARGS`; what it printed."""
        done = self.attempt(*args, timeout=timeout)
        if done.returncode:
            raise FacetFailed(f"facet {shlex.join(args)}: exit code {done.returncode}: "
                              f"{done.stderr.strip()}")
        return done.stdout

    def json(self, *args):
        return json.loads(self(*args, "--json"))

    # --- vGPUs ------------------------------------------------------------------------------

    def create(self, name, *options):
        self("create", name, *self.create_options, *options)
        self._pids[name] = self.pid(name)
        return name

    def show(self, name):
        return self.json("show", name)

    def pid(self, name):
        return self.show(name).get("pid") or 0

    def qemu_args(self, name):
        """The device's part of QEMU's command line; our guests bring their own memory."""
        return self("qemu-args", name, "--memory", "none").splitlines()

    def screenshot(self, name, output=0, *options):
        """What the guest's screen shows, as a Picture."""
        path = self.place / f"shot-{name}-{output}.png"
        path.unlink(missing_ok=True)
        self("screenshot", name, "--output", str(output), *options, str(path))
        return png.read(path)

    def published(self, path):
        """What somebody shows in a KVMFR file, as a Picture."""
        shot = self.place / "shot-kvmfr.png"
        shot.unlink(missing_ok=True)
        self("screenshot", "--kvmfr", str(path), str(shot))
        return png.read(shot)

    # --- the end ----------------------------------------------------------------------------

    def stop(self):
        """Removes every vGPU, ends facetd, and kills what should have ended but did not."""
        if self.daemon is not None and self.daemon.poll() is None:
            done = self.attempt("ls", "--json")
            names = [v["name"] for v in vgpus(json.loads(done.stdout))] if done.stdout else []
            for name in names:
                self.attempt("rm", "--force", name)
            procs.end(self.daemon)
        for pid in self._pids.values():
            if pid and procs.alive(pid):
                procs.kill(pid)
        self._pids.clear()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def vgpus(listing):
    """`facet ls --json` as a list of objects."""
    return listing.get("vgpus", []) if isinstance(listing, dict) else listing
