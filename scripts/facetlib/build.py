# SPDX-License-Identifier: GPL-2.0-or-later
"""facet itself, compiled and installed below its own build directory."""
import os
import pathlib
import subprocess

from .image import REPO


class BuildFailed(Exception):
    """Carries the end of what the compiler said."""


def run(argv, log, **kwargs):
    with open(log, "ab") as out:
        out.write(("+ " + " ".join(map(str, argv)) + "\n").encode())
        out.flush()
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                              **kwargs)
    if done.returncode:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-30:]
        raise BuildFailed("\n".join([*tail, f"{argv[0]} ended with exit code {done.returncode}"]))


def build(directory, *options, compiler=None, install=False, source=REPO):
    """Compiles into `directory`; with install=True, returns the prefix with bin/facet and all."""
    directory = pathlib.Path(directory)
    prefix = directory / "installed"
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "facet-build.log"
    log.write_bytes(b"")
    env = {**os.environ, **({"CC": compiler} if compiler else {})}
    # Bounded, because the guests' machines may have less memory than cores.
    jobs = str(max(2, os.cpu_count() or 2))
    if not (directory / "build.ninja").exists():
        run(["meson", "setup", directory, source, f"-Dprefix={prefix}", *options], log, env=env)
    run(["ninja", "-C", directory, "-j", jobs], log, env=env)
    if install:
        run(["meson", "install", "-C", directory, "--no-rebuild", "--quiet"], log, env=env)
    return prefix
