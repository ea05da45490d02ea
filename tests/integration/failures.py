# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile guests and dying processes: what ends, what goes on, and what is left behind."""
import os
import pathlib
import signal

from facetlib import procs

from harness import renders, same, scenario, state, wait_state
from pattern import picture

MIB = 1024


def held_kib(pid):
    """What the vGPU's processes hold themselves; the guest's memory is shared and not counted."""
    return sum(procs.anonymous_kib(one) for one in procs.whole_group(pid) if procs.alive(one))


def frames(host, vgpu):
    return host.show(vgpu)["status"]["usage"]["jobs"]


def goes_on(host, vgpu, what):
    """The vGPU executes jobs now, not only before."""
    before = frames(host, vgpu)
    procs.wait_until(lambda: frames(host, vgpu) > before, 60, f"{vgpu} to render on {what}", 0.2)


@scenario()
def bomb(world):
    """A guest that takes all it can get: refused at its quota, its neighbour renders on."""
    quota_mib = 64
    host = world.facet()
    host.create("bomb", "--vram", f"{quota_mib}M")
    host.create("next")
    machine, neighbour = (world.guest(host, v).start() for v in ("bomb", "next"))
    for one in (machine, neighbour):
        one.wait_ready()
    neighbour.begin("facet-scene --name NEXT --seconds 100000")
    with world.check("a normal program fits the quota"):
        renders(machine)
    before = held_kib(host.pid("bomb"))
    for way in ("resources", "dumb", "textures", "contexts"):
        with world.check(f"{way}: ends in OUT_OF_MEMORY, host memory stays bounded"):
            # Linux says at most 10 of the device's errors in 5 s, and the last bomb had its own.
            out = machine.run(f"sleep 6; dmesg -c >/dev/null; facet-bomb {way}", 600)
            held = held_kib(host.pid("bomb"))
            print(f"{out.strip()} held={held // MIB} MiB")
            # How Linux prints an answer of RESP_ERR_OUT_OF_MEMORY.
            assert "response 0x1201" in machine.run("dmesg"), f"not refused: {out}"
            ceiling = before + (2 * quota_mib + 192) * MIB
            assert held < ceiling, f"{held // MIB} MiB held, {before // MIB} before"
        with world.check(f"{way}: the neighbour renders on"):
            goes_on(host, "next", f"beside {way}")
    with world.check("afterwards the same guest renders again"):
        renders(machine)


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


def vgpu_dies(world, host, machine):
    renders(machine)
    old = host.pid("d")
    with world.check("facet-vgpu killed -9: a new one takes its place, QEMU lives"):
        procs.kill(old)
        procs.wait_until(lambda: host.pid("d") not in (0, old), 60, "another process", 0.1)
        assert host.show("d")["reason"], "no reason is given"
        machine.must_live()
    with world.check("facet-vgpu killed -9: the device is back at the guest's next driver start"):
        reset(machine)
        renders(machine)
    with world.check("facet restart: the same, asked for"):
        old = host.pid("d")
        host("restart", "d")
        assert host.pid("d") != old
        machine.must_live()
        reset(machine)
        renders(machine)


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
            sizes.append((held_kib(host.pid("h")), len(os.listdir(f"/proc/{host.pid('h')}/fd"))))
    with world.check("neither memory nor descriptors grow"):
        assert sizes[-1][0] < sizes[1][0] + 32 * MIB, sizes
        assert sizes[-1][1] <= sizes[1][1] + 2, sizes
