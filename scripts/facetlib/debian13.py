# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs commands inside the Debian 13 host root, as if this checkout stood there."""
import os
import pathlib
import subprocess
import tempfile

from . import build as host_build
from . import image, roots


def cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")


def command(argv, place):
    """The command line that does it; `place` is an empty directory to mount over."""
    env = {"XDG_CACHE_HOME": cache(), "PYTHONDONTWRITEBYTECODE": "1"}
    return roots.command(image.directory("host13") / "root", argv, place,
                         binds=(image.REPO, cache()), cwd=image.REPO, env=env)


def run(argv, **kwargs):
    """Like subprocess.run(argv), inside Debian 13; this checkout and the cache stay in place."""
    with tempfile.TemporaryDirectory(prefix="facet-root-") as place:
        return subprocess.run(command(argv, place), stdin=subprocess.DEVNULL, check=False, **kwargs)


def build():
    """facet compiled there, installed below the build directory, which is returned."""
    directory = image.REPO / "build-debian13"
    directory.mkdir(exist_ok=True)
    script = (f"{{ [ -e {directory}/build.ninja ] || meson setup {directory} --buildtype=release "
              f"-Dprefix={directory}/installed; }} && ninja -C {directory} && "
              f"meson install -C {directory} --no-rebuild --quiet")
    with tempfile.TemporaryDirectory(prefix="facet-root-") as place:
        host_build.run(command(["sh", "-c", script], place), directory / "facet-build.log")
    return directory
