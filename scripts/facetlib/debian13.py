# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs commands inside the Debian 13 host root, as if this checkout stood there."""
import os
import pathlib
import shlex
import subprocess
import tempfile

from . import build as host_build
from . import image

# Everything is mounted in a namespace of its own over a copy in memory: the root stays as it was
# made, and when the command ends nothing is mounted any more.
ENTER = """
set -e
mount --make-rprivate / 2>/dev/null || true
mount -t tmpfs -o mode=755 facet {place}
mkdir {place}/upper {place}/work {place}/new
mount -t overlay -o lowerdir={root},upperdir={place}/upper,workdir={place}/work facet {place}/new
cd {place}/new
mount --rbind /dev dev
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 run run
for dir in {binds}; do
	mkdir -p "./$dir"
	mount --bind "$dir" "./$dir"
done
exec chroot . /usr/bin/env -i {env} sh -c 'cd "$0" && exec "$@"' {cwd} "$@"
"""


def cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")


def command(argv, place):
    """The command line that does it; `place` is an empty directory to mount over."""
    root = image.directory("host13") / "root"
    who = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8",
           "XDG_CACHE_HOME": str(cache()), "PYTHONDONTWRITEBYTECODE": "1"}
    script = ENTER.format(
        place=shlex.quote(str(place)), root=shlex.quote(str(root)),
        cwd=shlex.quote(str(image.REPO)),
        binds=" ".join(shlex.quote(str(d)) for d in (image.REPO, cache())),
        env=" ".join(shlex.quote(f"{k}={v}") for k, v in env.items()))
    # The script makes mounts private itself, where it can: unshare gives up in a chroot.
    return ["unshare", *who, "--mount", "--propagation", "unchanged", "--pid", "--fork",
            "--kill-child", "sh", "-c", script, "sh", *map(str, argv)]


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
