# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests whose vGPU is a whole PCI device: QEMU's vfio-user-pci, Linux' virtio-pci and virtio-gpu."""
import json
import os
import socket
import subprocess
import time

import guests
import pixels
from facetlib import image, procs, qemu
from harness import renders, same, scenario, state, vfio_user_qemu, wait_state
from pattern import picture

ROOT_PORT = ["-device", "pcie-root-port,id=slot0,chassis=1"]
MIB = 1024


def world_of_vfio_user(world):
    world.transport = "vfio-user"
    return world


# --- what is there over vhost-user as well -----------------------------------------------------


@scenario()
def vfio_user_6_12(world):
    """Debian 13's kernel: probe, render, unload, reboot, reset, kill, again."""
    guests.kernel(world_of_vfio_user(world), "guest")


@scenario()
def vfio_user_7(world):
    """The kernel of Debian 13's backports: the same."""
    guests.kernel(world_of_vfio_user(world), "guest-backports")


@scenario()
def vfio_user_pixels(world):
    """The pixel truth of the scenario "pixels", unchanged."""
    pixels.pixels(world_of_vfio_user(world))


# --- what is not -------------------------------------------------------------------------------


def interrupts(machine):
    """Lines of /proc/interrupts of the GPU's device: how many came, and by which way."""
    name = machine.run("basename $(readlink -f /sys/class/drm/card0/device)").strip()
    where = machine.run("readlink -f /sys/class/drm/card0/device").strip()
    virtio = machine.run(f"ls {where} | grep ^virtio || basename {where}").split()[0]
    lines = machine.run(f"grep '{virtio}-' /proc/interrupts").splitlines()
    return {line.split()[-1]: line for line in lines}, name


@scenario()
def vfio_user_device(world):
    """Blobs without copies, MSI-X, the console, outputs that change while the driver runs."""
    host = world_of_vfio_user(world).facet()
    host.create("px", "--mechanism", "2d", "--size", "640x480", "--outputs", "2")
    machine = world.guest(host, "px").start().wait_ready()
    with world.check("the driver has blobs, and interrupts by MSI-X, a vector a queue"):
        assert "+resource_blob" in machine.run("dmesg | grep features"), "no blobs"
        lines, name = interrupts(machine)
        kinds = {key.split("-", 1)[1] for key in lines}
        assert kinds == {"config", "control", "cursor"}, lines
        assert all("MSIX" in line for line in lines.values()), lines
        print(name, *lines.values(), sep="\n")
    with world.check("the console is drawn, in the guest's own pages"):
        assert "virtio_gpu" in machine.run("cat /proc/fb"), "no console"
        machine.run("printf '\\033[2J\\033[H' >/dev/tty0; sleep 1")
        before = host.screenshot("px")
        machine.run("printf 'facet %.0s' $(seq 200) >/dev/tty0; sleep 1")
        assert before.difference(host.screenshot("px")) is not None, "nothing was drawn"
    pixels.on_screen(world, host, machine, "dumb", sizes=[(641, 479), (800, 600)])
    pixels.on_screen(world, host, machine, "dumb", sizes=[(641, 479)], frames=9, damage=True)
    pixels.on_screen(world, host, machine, "dumb", sizes=[(800, 600)], outputs=(0, 1))
    pixels.cursor(world, host, machine)
    with world.check("another size is offered at once"):
        host("set", "px", "--size", "1024x768")
        procs.wait_until(lambda: pixels.first_mode(machine) == "1024x768", 60, "the new mode")
    with world.check("an output goes and comes at once"):
        for option, there in (("--off", "disconnected"), ("--on", "connected")):
            host("set", "px", "--output", "1", option)
            procs.wait_until(lambda want=there: second_output(machine) == want, 60, there)
    with world.check("what was asked for is shown"):
        usage = host.show("px")
        assert usage["transport"] == "vfio-user" and usage["guest"]["pid"], usage
    with world.check("the guest ends well"):
        assert machine.shut_down() == 0


def second_output(machine):
    return machine.run("cat /sys/class/drm/card0-Virtual-2/status").strip()


# --- plugged in and out ------------------------------------------------------------------------


def plug(machine, host, vgpu):
    device = json.loads(host.qemu_args(vgpu)[1])
    machine.qmp("device_add", **device, bus="slot0")
    machine.run("for i in $(seq 300); do [ -e /dev/dri/renderD128 ] && exit 0; sleep 0.1; done; "
                "exit 1")
    return device["id"]


def unplug(machine, ident):
    machine.run("for console in /sys/class/vtconsole/vtcon*; do echo 0 >$console/bind; done")
    machine.qmp.events.clear()
    machine.qmp("device_del", id=ident)

    def gone():
        machine.qmp("query-status")
        return any(e["event"] == "DEVICE_DELETED" and e["data"].get("device") == ident
                   for e in machine.qmp.events)
    procs.wait_until(gone, 120, f"{ident} to be gone", 0.3)


def held(pid):
    """(KiB of their own, descriptors) of a vGPU's processes."""
    group = [one for one in procs.whole_group(pid) if procs.alive(one)]
    return (sum(procs.anonymous_kib(one) for one in group),
            sum(len(os.listdir(f"/proc/{one}/fd")) for one in group))


# QEMU 11.1.3 takes the pending bits' region of MSI-X out of a BAR that is gone already.
UNPLUG_ABORTS = "memory_region_del_subregion: Assertion"


@scenario()
def vfio_user_plug(world):
    """device_add and device_del, ten times: each renders, and nothing is left behind."""
    host = world_of_vfio_user(world).facet()
    host.create("px")
    machine = world.guest(host, "px")
    machine.without_device(host.qemu_args("px"), ROOT_PORT)
    machine.start().wait_ready()
    sizes = []
    with world.check("ten times in and out, or as far as QEMU's own abort"):
        for _ in range(10):
            ident = plug(machine, host, "px")
            renders(machine)
            try:
                unplug(machine, ident)
            except (OSError, RuntimeError):
                machine.process.wait(30)
                if UNPLUG_ABORTS not in machine.log("qemu.log"):
                    raise
                print("this QEMU aborts when a vfio-user device with MSI-X is taken out:",
                      machine.log("qemu.log").strip())
                break
            wait_state(host, "px", "idle")
            sizes.append(held(host.pid("px")))
    with world.check("ten more clients come and go"):
        for _ in range(10):
            come_and_go(world, host)
            sizes.append(held(host.pid("px")))
    with world.check("neither memory nor descriptors grow, and the process is the same"):
        print(sizes)
        assert sizes[-1][0] < sizes[2][0] + 32 * MIB, sizes
        assert sizes[-1][1] <= sizes[2][1], sizes
        assert not host.show("px")["restarts"], host.show("px")


def come_and_go(world, host):
    """A QEMU with the device, as far as before its firmware runs."""
    using, path = vfio_user_qemu(), str(world.place / "qmp")
    argv = [*using.argv, "-nodefaults", "-no-user-config", "-display", "none", "-S",
            "-machine", "q35,memory-backend=ram", "-m", "256M",
            "-object", "memory-backend-memfd,id=ram,size=256M,share=on",
            "-qmp", f"unix:{path},server=on,wait=off", *host.qemu_args("px")]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env={**os.environ, **using.env})
    try:
        wait_state(host, "px", "connected")
    finally:
        procs.end(process)
    wait_state(host, "px", "idle")


# --- time --------------------------------------------------------------------------------------


@scenario()
def vfio_user_stall(world):
    """A draw of more than 30 s: QEMU's messages are answered all the time."""
    host = world_of_vfio_user(world).facet()
    host.create("px", "--hang", "never")
    machine = world.guest(host, "px").start().wait_ready()
    renders(machine)
    command = machine.begin("facet-hang --shader fragment & sleep 3; "
                            "f=/sys/class/drm/card0/device/config; n=0; "
                            "[ -e $f ] || f=/sys/class/drm/card0/device/../config; "
                            "end=$(($(date +%s) + 32)); while [ $(date +%s) -lt $end ]; do "
                            "od -An -tx1 -N64 $f >/dev/null && n=$((n + 1)); done; "
                            "echo looked $n times")
    worst, looks, end = 0, 0, time.monotonic() + 600
    while not (machine.share / f"rc-{command}").exists() and time.monotonic() < end:
        start = time.monotonic()
        machine.qmp("qom-get", path="/machine/peripheral/facet-gpu-px", property="realized")
        worst, looks = max(worst, time.monotonic() - start), looks + 1
        time.sleep(0.2)
    with world.check("the configuration space was read all the while"):
        code, out = machine.finish(command)
        print(out.strip(), f"; QEMU answered {looks} times, in {worst:.1f} s at worst")
        assert code == 0 and "looked" in out and "looked 0" not in out, out
    with world.check("no message of QEMU's timed out"):
        assert "timed out" not in machine.log("qemu.log"), machine.log("qemu.log")
        assert state(host, "px") == "running", host.show("px")
    with world.check("a reset in the middle of it is served as well"):
        machine.rebooted()
        machine.qmp("system_reset")
        machine.wait_ready()
        assert "timed out" not in machine.log("qemu.log"), machine.log("qemu.log")
    with world.check("a new process renders again"):
        host("restart", "px")
        wait_state(host, "px", "idle")
        machine.kill()
        machine.start().wait_ready()
        renders(machine)


def messages(host, vgpu):
    """Of the socket to QEMU, in both directions, as the vGPU's process counts them."""
    control = str(host.runtime / "facet" / vgpu / "control.sock")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(control)
        sock.sendall(b'{"method":"io.facet.vgpu.Status"}\0')
        answer = b""
        while not answer.endswith(b"\0"):
            answer += sock.recv(65536)
    return json.loads(answer[:-1])["parameters"]["messages"]


TRACE = "/sys/kernel/tracing"


@scenario()
def vfio_user_messages(world):
    """How many messages a batch of commands takes."""
    host = world_of_vfio_user(world).facet()
    host.create("px")
    machine = world.guest(host, "px").start().wait_ready()
    renders(machine)
    machine.run(f"mount -t tracefs none {TRACE} 2>/dev/null; cd {TRACE} && echo 20000 "
                ">buffer_size_kb && echo 1 >events/virtio_gpu/virtio_gpu_cmd_queue/enable")
    for row, frames in (("small", 200), ("draws", 200), ("readpixels", 100)):
        with world.check(f"{row}: at most two messages a batch"):
            machine.run(f"echo >{TRACE}/trace")
            before = messages(host, "px")
            machine.run(f"facet-frames --row {row} --frames {frames}")
            count = messages(host, "px") - before
            log = machine.run(f"grep -c type=0x207 {TRACE}/trace; grep -c vq= {TRACE}/trace")
            submits, commands = map(int, log.split())
            kinds = machine.run(f"grep -o 'type=0x[0-9a-f]*' {TRACE}/trace | sort | uniq -c")
            print(" ".join(kinds.split()))
            assert submits >= frames, f"{submits} batches were seen"
            print(f"{row}: {count} messages for {submits} batches of {commands} commands "
                  f"in {frames} frames: {count / submits:.2f}")
            assert count <= 2 * submits, (count, submits)


# --- the end of a process ----------------------------------------------------------------------


@scenario()
def vfio_user_death(world):
    """The vGPU's process is killed: QEMU and its guest go on without it."""
    host = world_of_vfio_user(world).facet()
    host.create("px", "--size", "640x480")
    machine = world.guest(host, "px")
    machine.without_device(host.qemu_args("px"), ROOT_PORT)
    machine.start().wait_ready()
    plug(machine, host, "px")
    old = host.pid("px")
    with world.check("the machine lives on, and facet says what was lost"):
        procs.kill(procs.whole_group(old)[-1])
        procs.wait_until(lambda: host.pid("px") not in (0, old), 60, "another process")
        wait_state(host, "px", "idle")
        assert "the guest lost the device" in host.show("px")["reason"], host.show("px")
        assert machine.run("echo alive").strip() == "alive"


# --- before there is a driver ------------------------------------------------------------------


@scenario()
def vfio_user_firmware(world):
    """Debian's UEFI firmware has a driver for the device: its shell is on the vGPU's screen."""
    using = vfio_user_qemu()
    firmware = image.directory("host13") / "root" / "usr" / "share" / "OVMF"
    host = world_of_vfio_user(world).facet()
    host.create("px", "--mechanism", "2d", "--size", "800x600")
    argv = [*using.argv, "-nodefaults", "-no-user-config", "-display", "none",
            "-machine", "q35,memory-backend=ram", *qemu.accelerator(world.kvm), "-m", "512M",
            "-object", "memory-backend-memfd,id=ram,size=512M,share=on",
            "-drive", f"if=pflash,format=raw,readonly=on,file={firmware}/OVMF_CODE_4M.fd",
            "-drive", f"if=pflash,format=raw,snapshot=on,file={firmware}/OVMF_VARS_4M.fd",
            *host.qemu_args("px")]
    with open(world.place / "qemu.log", "wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env={**os.environ, **using.env})
    try:
        with world.check("there is text on the screen, and no operating system"):
            procs.wait_until(lambda: white_pixels(host) > 500, 400, "the firmware's text", 2)
    finally:
        procs.end(process)


def white_pixels(host):
    """Of text: light grey, or brighter."""
    if host.attempt("screenshot", "px", "/dev/null").returncode:
        return 0
    rgb = host.screenshot("px").rgb
    return sum(1 for at in range(0, len(rgb), 3) if min(rgb[at:at + 3]) > 140)
