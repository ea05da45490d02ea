# SPDX-License-Identifier: GPL-2.0-or-later
"""One machine watches another: the KVMFR file of a vGPU as the memory of an ivshmem device."""
import pathlib

from facetlib import png, procs

import pattern
from harness import renders, same, scenario
from pixels import wait_step

SIZES = [(641, 479), (1024, 768)]


class Watched:
    """A vGPU whose screen is published, and a machine on it."""

    def __init__(self, world, host):
        self.world, self.host = world, host
        self.file = pathlib.Path(host.runtime) / "watched.kvmfr"
        host.create("watched", f"--kvmfr={self.file}")
        self.machine = world.guest(host, "watched")

    def watcher(self):
        """A machine of its own vGPU, with the watched one's screen in its memory."""
        self.host.create("watcher", "--mechanism", "2d")
        size = self.file.stat().st_size
        assert size & (size - 1) == 0, f"{size} bytes: QEMU wants a power of two"
        return self.world.guest(self.host, "watcher", first=[
            "-object", f"memory-backend-file,id=screen,share=on,mem-path={self.file},size={size}",
            "-device", "ivshmem-plain,memdev=screen"])

    def by_host(self):
        picture = self.host.place / "watched.png"
        self.host("screenshot", f"--kvmfr={self.file}", "--no-cursor", str(picture))
        return png.read(picture)


def seen_by(watcher, name):
    """What its program finds in the device's memory; and what that says of itself."""
    told = watcher.run(f"facet-kvmfr {name}.ppm")
    assert "magic=LGMP lgmp=6 kvmfr=20 publisher='facet" in told, told
    return png.read_ppm(watcher.share / f"{name}.ppm")


def all_the_same(watched, watcher, name, want):
    same(watched.host.screenshot("watched", 0, "--no-cursor"), want, "the vGPU's screenshot")
    same(watched.by_host(), want, "the host's reader")
    same(seen_by(watcher, name), want, "the other machine")


@scenario()
def watching(world):
    """A machine watches another through ivshmem-plain, and cannot harm it."""
    host = world.facet()
    watched = Watched(world, host)
    machine, watcher = watched.machine.start(), watched.watcher().start()
    machine.wait_ready()
    watcher.wait_ready()
    sizes = ",".join(f"{w}x{h}" for w, h in SIZES)
    command = machine.begin(f"facet-pattern dumb --name shown --modes {sizes} --hold 900")
    for step, size in enumerate(SIZES):
        wait_step(machine, command, "shown", step)
        want = pattern.picture(*size, 32 * step)
        with world.check(f"{size[0]}x{size[1]}: the same picture in the other machine"):
            all_the_same(watched, watcher, f"step{step}", want)
        if step < len(SIZES) - 1:
            (machine.share / f"shown-{step}.go").touch()
    with world.check("again, after the vGPU's process was replaced"):
        host("restart", "watched")
        all_the_same(watched, watcher, "restarted", want)
    with world.check("a machine that writes nonsense there harms nobody"):
        pid = host.pid("watched")
        told = watcher.run("facet-kvmfr --scribble 5")
        assert "rounds=" in told, told
        procs.wait_until(lambda: not host.attempt(
            "screenshot", f"--kvmfr={watched.file}", str(host.place / "x.png")).returncode, 60,
            "the host's reader to see it again")
        all_the_same(watched, watcher, "scribbled", want)
        (machine.share / f"shown-{len(SIZES) - 1}.go").touch()
        machine.finish(command)
        renders(machine)
        assert host.pid("watched") == pid, "the vGPU's process is another"
    with world.check("the file goes with the vGPU, under the eyes of the other machine"):
        machine.kill()
        host("rm", "--force", "watched")
        assert not watched.file.exists()
        watcher.run("true")
