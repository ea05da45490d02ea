# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixel truth: what the screenshot shows, what the guest reads back, and what was meant."""
from facetlib import png, procs, qemu

import pattern
from guests import LOAD, UNLOAD
from harness import Skip, same, scenario
from window import Window

SIZES = [(1366, 768), (641, 479), (800, 600)]


def modes(sizes):
    return ",".join(f"{w}x{h}" for w, h in sizes)


def expected(size, tag, frames, damage):
    if damage:
        return pattern.damaged(*size, tag, frames)
    return pattern.picture(*size, tag + frames - 1)


def on_screen(world, host, machine, way, sizes=SIZES, outputs=(0,), frames=1, damage=False, tag=0):
    """Steps through the sizes; at each, both pictures of each output must be the expected one."""
    name = f"{way}-{len(outputs)}-{frames}{'d' if damage else ''}"
    command = machine.begin(
        f"facet-pattern {way} --name {name} --modes {modes(sizes)} --frames {frames} --tag {tag} "
        f"--output {','.join(map(str, outputs))} {'--damage' if damage else ''} --hold 600")
    title = f"{way}, {frames} frames{', damage' if damage else ''}, {len(outputs)} output(s)"
    for step, size in enumerate(sizes):
        with world.check(f"{title}, {size[0]}x{size[1]}"):
            wait_step(machine, command, name, step)
            for output in outputs:
                want = expected(size, tag + 32 * step + 16 * output, frames, damage)
                own = png.read_ppm(machine.share / f"{name}-{step}-{output}.ppm")
                same(own, want, f"output {output}: the guest's read-back is wrong")
                same(host.screenshot("px", output), want, f"output {output}: screenshot is wrong")
        (machine.share / f"{name}-{step}.go").touch()
    with world.check(f"{title}: ends well"):
        code, out = machine.finish(command)
        assert code == 0 and "wrong_pixels=0" in out, out
        assert way == "dumb" or "renderer=virgl" in out, out


def wait_step(machine, command, name, step):
    def ready():
        machine.must_live()
        done = machine.share / f"rc-{command}"
        assert not done.exists(), f"facet-pattern ended early: {machine.output(command)}"
        return (machine.share / f"{name}-{step}.ready").exists()
    procs.wait_until(ready, 300, f"facet-pattern to show step {step}: {machine.output(command)}")


def off_screen(world, machine):
    name, sizes = "off", [*SIZES, (1, 1), (257, 3)]
    machine.run(f"facet-pattern gl-offscreen --name {name} --modes {modes(sizes)} --hold 0")
    for step, size in enumerate(sizes):
        with world.check(f"gl off screen, {size[0]}x{size[1]}"):
            own = png.read_ppm(machine.share / f"{name}-{step}-0.ppm")
            same(own, pattern.picture(*size, 32 * step), "the guest's read-back is wrong")


def cursor(world, host, machine):
    """Inside, and cut by the right and lower edge."""
    for at in ((100, 50), (790, 580)):
        name = f"cursor-{at[0]}"
        command = machine.begin(f"facet-pattern dumb --name {name} --size 800x600 "
                                f"--cursor {at[0]},{at[1]} --hold 600")
        with world.check(f"cursor at {at[0]},{at[1]}"):
            wait_step(machine, command, name, 0)
            plain = pattern.picture(800, 600)
            same(host.screenshot("px"), pattern.with_cursor(plain, *at), "with the cursor")
            same(host.screenshot("px", 0, "--no-cursor"), plain, "without the cursor")
        (machine.share / f"{name}-0.go").touch()
        machine.finish(command)


@scenario()
def pixels(world):
    """2D, GL on and off screen, odd sizes, mode changes, two outputs, damage, cursor."""
    host = world.facet()
    host.create("px", "--size", "1366x768", "--outputs", "2")
    machine = world.guest(host, "px").start().wait_ready()
    with world.check("the guest is offered the vGPU's own size"):
        assert first_mode(machine) == "1366x768", first_mode(machine)
    on_screen(world, host, machine, "dumb", tag=5)
    on_screen(world, host, machine, "dumb", sizes=[(641, 479)], frames=9, damage=True)
    on_screen(world, host, machine, "gl")
    on_screen(world, host, machine, "gl", sizes=[(641, 479)], frames=5)
    on_screen(world, host, machine, "gl-texture", sizes=[(641, 479)])
    on_screen(world, host, machine, "dumb", sizes=[(800, 600), (641, 479)], outputs=(0, 1))
    on_screen(world, host, machine, "gl", sizes=[(800, 600), (641, 479)], outputs=(0, 1))
    off_screen(world, machine)
    cursor(world, host, machine)
    with world.check("the guest ends well"):
        assert machine.shut_down() == 0


@scenario()
def outputs(world):
    """A 2D vGPU; its outputs resized, taken away and given back."""
    host = world.facet()
    host.create("px", "--mechanism", "2d", "--size", "640x480", "--outputs", "2")
    machine = world.guest(host, "px").start().wait_ready()
    with world.check("no OpenGL is offered"):
        assert "-virgl" in machine.run("dmesg | grep features"), "virgl is offered"
    on_screen(world, host, machine, "dumb", sizes=[(641, 479)])
    cursor(world, host, machine)
    # QEMU does not pass a vhost-user GPU's own wishes on to a running driver.
    with world.check("facet set --size: offered when the driver starts the next time"):
        host("set", "px", "--size", "1024x768")
        restart_driver(machine)
        assert first_mode(machine) == "1024x768", first_mode(machine)
    with world.check("facet set --off and --on: likewise"):
        for option, there in (("--off", "disconnected"), ("--on", "connected")):
            host("set", "px", "--output", "1", option)
            restart_driver(machine)
            status = machine.run("cat /sys/class/drm/card0-Virtual-2/status").strip()
            assert status == there, status
    on_screen(world, host, machine, "dumb", sizes=[(1024, 768)], outputs=(0, 1))


@scenario(named=True)
def resize(world):
    """QEMU's own window is resized; the guest is told while it runs."""
    using = qemu.for_facet(world.kvm)
    if not list(using.tree.glob("usr/lib/*/qemu/ui-dbus.so")):
        raise Skip(f"this QEMU {using.text} has no display without GL that shows a vhost-user GPU")
    host = world.facet()
    host.create("px", "--mechanism", "2d", "--size", "640x480")
    machine = world.guest(host, "px", display="dbus,p2p=on", using=using).start().wait_ready()
    viewer = Window(machine.qmp)
    for width, height in ((1000, 700), (640, 400)):
        with world.check(f"{width}x{height} becomes the preferred mode"):
            viewer.resize(width, height)
            wanted = f"{width}x{height}"
            procs.wait_until(lambda: first_mode(machine) == wanted, 60, f"the mode {wanted}")
    viewer.close()
    on_screen(world, host, machine, "dumb", sizes=[(640, 400)])


def first_mode(machine):
    """What the guest prefers now, from what its driver was told last.

    Linux lists only what fits the console's framebuffer until somebody looks again.
    """
    return machine.run("cd /sys/class/drm/card0-Virtual-1; echo detect >status; "
                       "head -n 1 modes").strip()


def restart_driver(machine):
    machine.run(UNLOAD)
    machine.run(LOAD)
