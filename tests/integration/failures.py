# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile guests and dying processes: what ends, what goes on, and what is left behind."""
import os
import pathlib
import signal
import threading

from facetlib import meter, procs

from harness import renders, same, scenario, scene, state, wait_state
from pattern import picture

MIB = 1024


def frames(host, vgpu):
    """Pictures that the guest has put on its screen."""
    return host.show(vgpu)["status"]["usage"]["flushes"]


def goes_on(host, vgpu, what):
    """The vGPU shows new frames now, not only before."""
    before = frames(host, vgpu)
    procs.wait_until(lambda: frames(host, vgpu) > before + 1, 60, f"{vgpu} to render on {what}",
                     0.2)


class Peak:
    """The most that a vGPU's processes held at any time while this is entered."""

    def __init__(self, pid):
        self.pid, self.kib = pid, 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._over.set()
        self._thread.join()

    def _run(self):
        while not self._over.wait(0.02):
            try:
                self.kib = max(self.kib, procs.held_kib(self.pid))
            except OSError:  # it ended while we looked
                pass


@scenario()
def bomb(world):
    """A guest that takes all it can get: refused at its quota, its neighbour renders on.

    The bound: private memory (RssAnon) of all of the vGPU's processes never goes past the quota,
    64 MiB, and what they held after one small program had loaded the renderer and ended.
    """
    quota, slack = 128 * MIB, 64 * MIB
    host = world.facet()
    host.create("bomb", "--vram", f"{quota // MIB}M")
    host.create("next")
    machine, neighbour = (world.guest(host, v).start() for v in ("bomb", "next"))
    for one in (machine, neighbour):
        one.wait_ready()
    with world.check("a normal program fits the quota"):
        renders(machine)
    base, pid = procs.held_kib(host.pid("bomb")), host.pid("bomb")
    scene(neighbour)
    for way in ("resources", "dumb", "textures", "contexts"):
        with world.check(f"{way}: ends in OUT_OF_MEMORY, host memory stays bounded"):
            # Linux says at most 10 of the device's errors in 5 s, and the last bomb had its own.
            machine.run("sleep 5; dmesg -c >/dev/null")
            before = frames(host, "next")
            with Peak(pid) as peak:
                out = machine.run(f"facet-bomb {way}", 600)
            drawn = frames(host, "next") - before
            print(f"{out.strip()}: at most {peak.kib // MIB} MiB, {base // MIB} at first; "
                  f"{drawn} frames beside it")
            # How Linux prints an answer of RESP_ERR_OUT_OF_MEMORY.
            assert "response 0x1201" in machine.run("dmesg"), f"not refused: {out}"
            assert peak.kib <= base + quota + slack, \
                f"{peak.kib // MIB} MiB held, {base // MIB} before"
        with world.check(f"{way}: the neighbour renders on"):
            goes_on(host, "next", f"beside {way}")
    with world.check("afterwards the same guest renders again, on the same process"):
        renders(machine)
        assert host.pid("bomb") == pid and not host.show("bomb")["restarts"], host.show("bomb")


@scenario()
def deaths(world):
    """QEMU, the vGPU's process and facetd die, in every order; the next start works."""
    host = world.facet()
    host.create("d", "--size", "640x480")
    machine = world.guest(host, "d").start().wait_ready()
    vgpu_dies(world, host, machine)
    machine.kill()
    machine.start().wait_ready()
    facetd_dies(world, host, machine)
    both_die(world, host, machine)
    nothing_left(world, host, machine)


def reset(machine):
    machine.rebooted()
    machine.qmp("system_reset")
    machine.wait_ready()


def successor(host, vgpu, old):
    """Another process has taken the guest's rings over."""
    procs.wait_until(lambda: host.pid(vgpu) not in (0, old), 60, "another process", 0.1)
    wait_state(host, vgpu, "running")
    reason = host.show(vgpu)["reason"]
    assert reason.endswith("the guest's contexts are lost"), reason
    return reason


def vgpu_dies(world, host, machine):
    renders(machine)
    with world.check("facet-vgpu killed -9 while a program draws: a new one takes the rings over"):
        drawing = scene(machine)
        goes_on(host, "d", "the first program")
        old = host.pid("d")
        procs.kill(old)
        assert "signal 9" in successor(host, "d", old)
        machine.must_live()
    with world.check("facet-vgpu killed -9: another program renders, the driver is the same"):
        renders(machine)
    with world.check("facet-vgpu killed -9: the program that drew is not stuck in the kernel"):
        ends(machine, drawing)
    with world.check("facet-vgpu killed -9: a picture on the screen, without a new driver"):
        command = shows(machine, "gl")
        same(host.screenshot("d"), picture(640, 480), "screenshot")
        gone(machine, command)
    with world.check("facet restart: the same, asked for; a picture without GL stays on the screen"):
        command = shows(machine, "dumb")
        old = host.pid("d")
        host("restart", "d")
        successor(host, "d", old)
        machine.must_live()
        same(host.screenshot("d"), picture(640, 480), "screenshot")
        gone(machine, command)
        renders(machine)
    with world.check("afterwards the driver starts as ever"):
        reset(machine)
        renders(machine)
        assert "lost" not in host.show("d")["reason"]


def ends(machine, pid):
    """A task that waits for a fence that never comes could not even be killed."""
    machine.run(f"kill -9 {pid}; for i in $(seq 100); do [ -e /proc/{pid}/exe ] || exit 0; "
                "sleep 0.1; done; exit 1")


def shows(machine, way):
    """A program that holds its picture on the screen, until gone()."""
    for old in machine.share.glob("again-*"):
        old.unlink()
    command = machine.begin(f"facet-pattern {way} --name again --hold 600")
    procs.wait_until(lambda: (machine.share / "again-0.ready").exists(), 120, "the picture")
    return command


def gone(machine, command):
    (machine.share / "again-0.go").touch()
    code, out = machine.finish(command)
    assert code == 0, out


def facetd_dies(world, host, machine):
    machine_scene = machine.begin("facet-pattern gl --hold 600")
    procs.wait_until(lambda: (machine.share / "pattern-0.ready").exists(), 120, "the picture")
    old = host.pid("d")
    with world.check("facetd killed -9: the vGPU is not, the next facetd finds it"):
        host.daemon.kill()
        host.daemon.wait()
        assert procs.alive(old), "facet-vgpu died with facetd"
        host.start()
        assert host.pid("d") == old, f"pid {host.pid('d')} instead of {old}"
        assert state(host, "d") == "running"
    with world.check("facetd killed -9: the picture is still there"):
        same(host.screenshot("d"), picture(640, 480), "screenshot")
        (machine.share / "pattern-0.go").touch()
        assert machine.finish(machine_scene)[0] == 0
        renders(machine)


def both_die(world, host, machine):
    """Now nobody holds QEMU's display socket: that socket dies too."""
    with world.check("facetd and facet-vgpu killed -9: the next facetd says so and starts anew"):
        old = host.pid("d")
        host.daemon.kill()
        host.daemon.wait()
        for pid in procs.whole_group(old):
            procs.kill(pid)
        procs.wait_until(lambda: not procs.alive(old), 30, "the vGPU to die")
        machine.must_live()
        host.start()
        procs.wait_until(lambda: host.pid("d") not in (0, old), 60, "another process", 0.1)
    with world.check("QEMU killed, started again: renders"):
        machine.kill()
        wait_state(host, "d", "idle")
        machine.start().wait_ready()
        renders(machine)


def nothing_left(world, host, machine):
    pids = procs.whole_group(host.pid("d"))
    with world.check("facet rm --force while QEMU runs: process, socket and directory are gone"):
        socket = pathlib.Path(host.show("d")["socket"])
        assert socket.exists(), socket
        host("rm", "--force", "d")
        procs.wait_until(lambda: not any(map(procs.alive, pids)), 30, "the processes to end")
        assert not socket.exists(), socket
        left = [p for p in host.runtime.rglob("*") if "/d" in str(p.relative_to(host.runtime))]
        assert not left, left
    machine.kill()
    with world.check("facetd ends by SIGTERM and leaves no socket"):
        host.daemon.send_signal(signal.SIGTERM)
        assert host.daemon.wait(30) == 0
        sockets = [p for p in host.runtime.rglob("*") if p.is_socket()]
        assert not sockets, sockets
    with world.check("nothing in /dev/shm, no process that knows this runtime directory"):
        shm = [p.name for p in pathlib.Path("/dev/shm").iterdir() if "facet" in p.name]
        assert not shm, shm
        mine = [pid for pid in os.listdir("/proc") if pid.isdigit() and knows(pid, host.runtime)]
        assert not mine, mine


def knows(pid, place):
    """Does the process carry the directory in its environment or command line?"""
    try:
        text = pathlib.Path("/proc", pid, "environ").read_bytes()
        text += pathlib.Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return False
    return str(place).encode() in text


@scenario()
def hang(world):
    """An endless shader: its vGPU is reset, the guest is told and goes on, its neighbour never
    stops."""
    host = world.facet()
    host.create("h", "--hang", "3")
    host.create("next")
    machine, neighbour = (world.guest(host, v).start() for v in ("h", "next"))
    for one in (machine, neighbour):
        one.wait_ready()
    renders(machine)
    # Heavy enough that it always wants more than half of the GPU.
    scene(neighbour, "--detail 96 --size 800x600")
    for turn, shader in enumerate(("fragment", "vertex")):
        hangs(world, host, machine, shader, turn + 1)


def hangs(world, host, machine, shader, resets):
    old = host.pid("h")
    command = machine.begin(f"facet-hang --shader {shader}")
    procs.wait_until(lambda: "drawing" in machine.output(command), 120, "the endless draw")
    with world.check(f"{shader}: the vGPU is reset for its endless job"):
        groups = {name: meter.Group(host.pid(name)) for name in ("h", "next")}
        before = frames(host, "next")
        with meter.Sampler(groups) as sampler:
            reason = successor(host, "h", old)
        drawn = frames(host, "next") - before
        assert "hang" in reason, reason
        assert host.show("h")["measured"]["resets"] == resets, host.show("h")["measured"]
    with world.check(f"{shader}: meanwhile the neighbour had its half of the GPU and drew"):
        beside(sampler, drawn)
    with world.check(f"{shader}: the program comes back, and sees that its draw was lost"):
        code, out = machine.finish(command)
        assert code == 3 and "the draw was lost" in out, f"{code}: {out}"
    with world.check(f"{shader}: the guest renders again, its neighbour still does"):
        renders(machine)
        goes_on(host, "next", "after the reset")


def beside(sampler, drawn):
    """The neighbour's part of the time until the endless job was ended."""
    first, last = sampler.whole()
    grown = [at for at in range(first + 1, last + 1) if sampler.grown("h", at - 1, at) > 0]
    end = grown[-1] if grown else last
    share = sampler.shares(first, end)["next"]
    seconds = (sampler.times[end] - sampler.times[first]) / 1e9
    print(f"in {seconds:.1f} s the neighbour had {100 * share:.1f}% of what both had, "
          f"and drew {drawn} frames")
    assert share >= 0.45, f"only {100 * share:.1f}%"
    assert drawn > 1, f"{drawn} frames"


@scenario(slow=True)
def hundred_starts(world):
    """The driver starts a hundred times on one vGPU: nothing grows."""
    host = world.facet()
    host.create("h")
    machine = world.guest(host, "h").start().wait_ready()
    from guests import LOAD, UNLOAD  # pylint: disable=import-outside-toplevel
    sizes = []
    for turn in range(100):
        machine.run(UNLOAD)
        machine.run(LOAD)
        if turn % 20 == 9:
            renders(machine)
            sizes.append((procs.held_kib(host.pid("h")), len(os.listdir(f"/proc/{host.pid('h')}/fd"))))
    with world.check("neither memory nor descriptors grow"):
        assert sizes[-1][0] < sizes[1][0] + 32 * MIB, sizes
        assert sizes[-1][1] <= sizes[1][1] + 2, sizes
