# SPDX-License-Identifier: GPL-2.0-or-later
"""Pixel truth: what the screenshot shows, what the guest reads back, and what was meant."""
from facetlib import png, procs

import pattern
from harness import same, scenario

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
            same(host.screenshot("px", 0, "--cursor"), pattern.with_cursor(plain, *at),
                 "with the cursor")
            same(host.screenshot("px", 0), plain, "without the cursor")
        (machine.share / f"{name}-0.go").touch()
        machine.finish(command)


@scenario()
def pixels(world):
    """2D, GL on and off screen, odd sizes, mode changes, two outputs, damage, cursor."""
    host = world.facet()
    host.create("px", "--size", "1366x768", "--outputs", "2")
    machine = world.guest(host, "px").start().wait_ready()
    with world.check("the guest is offered the vGPU's own size"):
        out = machine.run("cat /sys/class/drm/card0-Virtual-1/modes | head -n 1")
        assert out.strip() == "1366x768", out
    on_screen(world, host, machine, "dumb", tag=5)
    on_screen(world, host, machine, "dumb", sizes=[(641, 479)], frames=9, damage=True)
    on_screen(world, host, machine, "gl")
    on_screen(world, host, machine, "gl", sizes=[(641, 479)], frames=5)
    on_screen(world, host, machine, "gl-texture", sizes=[(641, 479)])
    on_screen(world, host, machine, "dumb", sizes=[(800, 600), (641, 479)], outputs=(0, 1))
    on_screen(world, host, machine, "gl", sizes=[(800, 600), (641, 479)], outputs=(0, 1))
    off_screen(world, machine)
    cursor(world, host, machine)
    with world.check("an output of another size: the guest is told while it runs"):
        host("set", "px", "--output", "0", "--size", "1024x768")
        procs.wait_until(lambda: "1024x768" in machine.run(
            "cat /sys/class/drm/card0-Virtual-1/modes | head -n 1"), 60, "the new preferred mode")
    with world.check("the guest ends well"):
        assert machine.shut_down() == 0
