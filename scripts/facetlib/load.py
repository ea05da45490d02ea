# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests without guests: vgpu-load's recordings, and processes that play them."""
import json
import subprocess
import threading

from . import procs


class LoadFailed(Exception):
    """vgpu-load ended with an error; what it said is the message."""


class Recordings:
    """Scenes, each recorded when it is first wanted."""

    def __init__(self, program, place):
        self.program, self.place, self.details = program, place, {}

    def path(self, scene):
        path = self.place / f"{scene}.recording"
        if scene not in self.details:
            done = subprocess.run([self.program, "record", path, "--scene", scene],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  check=False, timeout=120)
            if done.returncode:
                raise LoadFailed(f"recording {scene}: {done.stderr.strip()}")
            self.details[scene] = json.loads(done.stdout)
        return path


class Load:
    """One vgpu-load: starts paused. Progress is a list of its lines, with t_ms, frames, gap_ms."""

    def __init__(self, recordings, scene, socket, *options, interval_ms=50):
        self.progress, self.result = [], None
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            [recordings.program, "play", recordings.path(scene), "--socket", socket, "--control",
             "--seconds", "100000", "--interval-ms", str(interval_ms), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            line = json.loads(line)
            if "ready" in line:
                self._ready.set()
            elif "scene" in line:
                self.result = line
            else:
                self.progress.append(line)
        self._ready.set()

    def wait_ready(self, timeout=120):
        """Everything is compiled and has been drawn before."""
        if not self._ready.wait(timeout) or self._process.poll() is not None:
            self.kill()
            raise LoadFailed(f"vgpu-load did not start: {self._process.stderr.read().strip()}")
        return self

    def _say(self, word):
        try:
            self._process.stdin.write(word + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise LoadFailed(f"vgpu-load: {self._process.stderr.read().strip()}") from None

    def go(self):
        self._say("go")

    def stop(self):
        """No new frames; those in flight still come."""
        self._say("stop")

    def end(self):
        """What became of all frames."""
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(60)
        self._reader.join(60)
        error = self._process.stderr.read().strip()
        self.kill()
        if self.result is None:
            raise LoadFailed(f"vgpu-load: {error}")
        return self.result

    def kill(self):
        """Harmless when it has ended."""
        procs.end(self._process)
        self._reader.join(60)
        for stream in (self._process.stdin, self._process.stdout):
            try:
                stream.close()
            except BrokenPipeError:  # the last word came too late
                pass


class Bomb:
    """While it is entered a vGPU's memory is taken, as much as there is; result: how that went."""

    def __init__(self, recordings, socket, seconds):
        self.result = None
        self._process = subprocess.Popen(
            [recordings.program, "bomb", "--socket", socket, "--seconds", str(seconds)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_exc):
        try:
            out, error = self._process.communicate(timeout=60)
        finally:
            procs.end(self._process)
        if kind is None and self._process.returncode:
            raise LoadFailed(f"vgpu-load bomb: {error.strip()}")
        self.result = json.loads(out) if out else None
