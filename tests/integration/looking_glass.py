# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking Glass's stock client watches a guest through the file that facet publishes."""
import pathlib
import re
import tempfile
import time

from facetlib import png, procs

import pattern
from guests import UNLOAD
from harness import same, scenario
from pixels import modes, wait_step
from screen import Screen

PAUSE = 20
# With a cursor only even ones: in the middle of a window, the client puts it between two pixels.
SIZES = [(800, 600), (1366, 768), (642, 478)]


class Show:
    """facet-pattern in the guest, step by step; what each step shows."""

    def __init__(self, machine, name, way, sizes, options=""):
        self._machine, self._name, self._step = machine, name, -1
        self._command = machine.begin(f"facet-pattern {way} --name {name} --modes {modes(sizes)} "
                                      f"{options} --hold 900")
        self.next()

    def next(self):
        if self._step >= 0:
            self._go()
        self._step += 1
        wait_step(self._machine, self._command, self._name, self._step)

    def _go(self):
        (self._machine.share / f"{self._name}-{self._step}.go").touch()

    def end(self):
        self._go()
        code, out = self._machine.finish(self._command)
        assert code == 0 and "wrong_pixels=0" in out, out


def seen(world, host, screens, wanted, title):
    """Every client shows what facet's screenshot shows, which is what the guest drew."""
    with world.check(title):
        same(host.screenshot("lg"), wanted, "screenshot")
        for screen in screens:
            screen.wait_picture(wanted)
    for screen in screens if world.pictures else ():
        name = f"{world.name}-{re.sub('[^a-z0-9]+', '-', title.lower())}-{screen.renderer}"
        png.write(world.pictures / f"{name}.png", screen.picture())


def shared_directory(world):
    """In memory, and open to the clients, who are somebody else."""
    directory = world.enter(tempfile.TemporaryDirectory(prefix="facet-lg-", dir="/dev/shm"))
    pathlib.Path(directory).chmod(0o755)
    return pathlib.Path(directory)


@scenario()
def looking_glass(world):
    """Its stock client (B7): modes, cursor, killed, stopped for 20 s, twice, facet-vgpu killed."""
    host = world.facet()
    path = shared_directory(world) / "lg"
    host.create("lg", "--size", "800x600", f"--kvmfr={path}")
    path.chmod(0o666)
    first = world.screen("first", path).start()
    # No blinking in between: a frame is what a test draws.
    machine = world.guest(host, "lg", append="vt.global_cursor_default=0").start().wait_ready()
    show = Show(machine, "modes", "gl", SIZES, "--cursor 100,50")
    for step, size in enumerate(SIZES):
        wanted = pattern.with_cursor(pattern.picture(*size, 32 * step), 100, 50)
        seen(world, host, [first], wanted, f"{size[0]}x{size[1]}, OpenGL, the guest's cursor on it")
        if step < len(SIZES) - 1:
            show.next()
    first.stop()
    first.start()
    seen(world, host, [first], wanted, "killed and started again: the picture is there at once")
    show.end()
    stopped(world, host, machine, first)
    second = world.screen("second", path, renderer="OpenGL").start()
    two_clients(world, host, machine, first, second)
    vgpu_dies(world, host, machine, [first, second])
    with world.check("the guest's driver is unloaded: black"):
        machine.run(UNLOAD)
        for screen in (first, second):
            screen.wait_picture(png.Picture(800, 600, bytes(800 * 600 * 3)))


def stopped(world, host, machine, screen):
    """Meanwhile more frames come than the queue holds, with damage in different places."""
    show = Show(machine, "damage", "dumb", [(800, 600)] * 2, "--frames 9 --damage --cursor 790,580")
    seen(world, host, [screen], damaged(0), "damage in nine frames; a cursor cut by the corner")
    screen.freeze()
    start = time.monotonic()
    show.next()
    time.sleep(max(0.0, start + PAUSE - time.monotonic()))
    screen.thaw()
    seen(world, host, [screen], damaged(32), f"stopped for {PAUSE} s: the same client goes on")
    show.end()


def damaged(tag):
    return pattern.with_cursor(pattern.damaged(800, 600, tag, 9), 790, 580)


def two_clients(world, host, machine, first, second):
    """And one that stops takes the picture from the other for a moment only."""
    show = Show(machine, "two", "gl-texture", [(800, 600), (642, 478), (800, 600)], "--cursor 9,8")
    wanted = [pattern.with_cursor(pattern.picture(*size, 32 * step), 9, 8)
              for step, size in enumerate([(800, 600), (642, 478), (800, 600)])]
    seen(world, host, [first, second], wanted[0], "two clients at once, one with each renderer")
    show.next()
    seen(world, host, [first, second], wanted[1], "two clients: a mode change")
    with world.check("two clients and facet screenshot --kvmfr: three who look"):
        same(host.published(second.path), wanted[1], "screenshot --kvmfr")
    first.freeze()
    show.next()
    seen(world, host, [second], wanted[2], "one of two is stopped: the other sees what is drawn")
    first.stop()
    first.start()
    seen(world, host, [first, second], wanted[2], "one of two is killed and started again")
    show.end()


def vgpu_dies(world, host, machine, screens):
    show = Show(machine, "before", "dumb", [(641, 479)], "--tag 3")
    seen(world, host, screens, pattern.picture(641, 479, 3), "no cursor, when the guest has none")
    old = host.pid("lg")
    procs.kill(old)
    procs.wait_until(lambda: host.pid("lg") not in (0, old), 60, "another process", 0.1)
    seen(world, host, screens, pattern.picture(641, 479, 3),
         "facet-vgpu killed -9: the same clients show what its successor does")
    show.end()
    show = Show(machine, "after", "gl", [(800, 600)], "--tag 9")
    seen(world, host, screens, pattern.picture(800, 600, 9),
         "facet-vgpu killed -9: and what the guest draws then")
    host.daemon.kill()
    host.daemon.wait()
    host.start()
    seen(world, host, screens, pattern.picture(800, 600, 9), "facetd killed -9: they show on")
    show.end()
