# SPDX-License-Identifier: GPL-2.0-or-later
"""Looking Glass's stock client watches a guest through the file that facet publishes."""
import time

from facetlib import png, procs

import pattern
from harness import same, scenario
from pixels import modes, wait_step
from screen import Screen

PAUSE = 20
SIZES = [(800, 600), (1366, 768), (641, 479)]


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


def keep(world, screen, name):
    if world.pictures:
        png.write(world.pictures / f"looking-glass-{name}.png", screen.picture())


@scenario()
def looking_glass(world):
    """Its stock client (B7): modes, cursor, killed, stopped for 20 s, twice, facet-vgpu killed."""
    host = world.facet()
    shared = world.place / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    host.create("lg", "--size", "800x600", f"--kvmfr={shared}/lg.kvmfr")
    (shared / "lg.kvmfr").chmod(0o666)
    first = world.screen("first", shared / "lg.kvmfr").start()
    machine = world.guest(host, "lg").start().wait_ready()
    show = Show(machine, "modes", "gl", SIZES, "--cursor 100,50")
    for step, size in enumerate(SIZES):
        wanted = pattern.with_cursor(pattern.picture(*size, 32 * step), 100, 50)
        seen(world, host, [first], wanted, f"{size[0]}x{size[1]}, OpenGL, the guest's cursor on it")
        keep(world, first, f"{size[0]}x{size[1]}")
        if step < len(SIZES) - 1:
            show.next()
    first.stop()
    first.start()
    seen(world, host, [first], wanted, "killed and started again: the picture is there at once")
    second = world.screen("second", shared / "lg.kvmfr", renderer="OpenGL").start()
    seen(world, host, [first, second], wanted, "two clients at once, one with each renderer")
    show.end()
    stopped(world, host, machine, first, second)
    vgpu_dies(world, host, machine, [first, second])


def stopped(world, host, machine, first, second):
    """Meanwhile more frames come than the queue holds, with damage in different places."""
    first.freeze()
    start = time.monotonic()
    show = Show(machine, "damage", "dumb", [(800, 600)], "--frames 9 --damage --cursor 790,580")
    wanted = pattern.with_cursor(pattern.damaged(800, 600, 0, 9), 790, 580)
    seen(world, host, [second], wanted, "one client is stopped: the other sees what the guest draws")
    time.sleep(max(0.0, start + PAUSE - time.monotonic()))
    first.thaw()
    seen(world, host, [first, second], wanted, f"continued after {PAUSE} s: the same client goes on")
    keep(world, first, "continued")
    show.end()


def vgpu_dies(world, host, machine, screens):
    show = Show(machine, "before", "dumb", [(640, 480)], "--tag 3")
    seen(world, host, screens, pattern.picture(640, 480, 3), "no cursor, when the guest has none")
    old = host.pid("lg")
    procs.kill(old)
    procs.wait_until(lambda: host.pid("lg") not in (0, old), 60, "another process", 0.1)
    seen(world, host, screens, pattern.picture(640, 480, 3),
         "facet-vgpu killed -9: the same clients show what its successor does")
    show.end()
    show = Show(machine, "after", "gl", [(800, 600)], "--tag 9")
    seen(world, host, screens, pattern.picture(800, 600, 9),
         "facet-vgpu killed -9: and what the guest draws then")
    keep(world, screens[0], "restarted")
    show.end()
