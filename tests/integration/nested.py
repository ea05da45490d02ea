# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian 12's QEMU 7.2, which has a vhost-user GPU only under KVM, on machines that have none.

TCG emulates AMD's virtualization: a Debian 12 guest in it has a /dev/kvm that works, and is the
host. facet and its tests run in there as anywhere else.
"""
import os
import pathlib
import platform
import re
import shlex

from facetlib import debian13, guest, image, qemu, testhost

from harness import Skip, load_image, scenario, wait_state

# Of "max", TCG's own, LLVM 15 believes that it executes no 64-bit code: llvmpipe would not start.
HOST = ["-cpu", "EPYC-Rome", "-display", "none"]
# Of "host", some kinds of KVM lack registers, over which QEMU 7.2 aborts.
CPU = ["-cpu", "qemu64"]
# Huge pages: each page that KVM maps for the inner guest costs a round through three kernels.
KVM = """\
modprobe kvm-amd && [ -c /dev/kvm ] &&
echo always >/sys/kernel/mm/transparent_hugepage/shmem_enabled"""
PATIENCE = 1800


def inner(machine, prefix, *names):
    """tests/integration/run in the guest, with these scenarios; (exit code, output)."""
    env = {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
           "XDG_CACHE_HOME": debian13.cache(), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = ["env", "-i", *(f"{k}={v}" for k, v in env.items()), "python3",
            image.REPO / "tests" / "integration" / "run", "--kvm", "--prefix", prefix, *names]
    return machine.attempt(shlex.join(map(str, argv)), PATIENCE)


@scenario(slow=True)
def qemu_7_2(world):
    """Debian 12 as the host, with its QEMU 7.2 and KVM, emulated; a guest's whole life in it."""
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != "bookworm":
        raise Skip("facet as built here does not run in Debian 12")
    load_image("guest")  # made out here: the host has no mmdebstrap
    prefix = pathlib.Path(world.prefix).resolve()
    device, mount = testhost.brought((image.REPO, debian13.cache() / "facet", prefix))
    with guest.Guest(load_image("host12"), world.place / "debian12", [*device, *HOST],
                     using=qemu.newer(), append="facet.gpu=none", memory=2560) as machine:
        with world.check("Debian 12 has QEMU 7.2 and KVM"):
            machine.start().wait_ready()
            machine.run(f"{KVM} &&\n{mount}")
            assert " 7.2." in machine.run("qemu-system-x86_64 --version")
        code, output = inner(machine, prefix, "system-qemu")
        results = re.sub(r"(?m)^((?:not )?ok) system-qemu", rf"\1 {world.name}", output)
        print(results, end="", flush=True)
        world.failed += len(re.findall(r"(?m)^not ok ", results))
        with world.check("all of it was tested"):
            assert code == 0, f"exit code {code}"
            assert "# SKIP" not in results and results.count("\nok ") > 3, "checks are missing"


@scenario()
def realize(world):
    """This machine's own QEMU takes the device, under KVM that need not boot anything."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Skip("/dev/kvm cannot be opened")
    host = world.facet()
    host.create("r")
    plain = host.qemu_args("r")
    for kind in ("vhost-user-gpu-pci", "vhost-user-vga"):
        device = [re.sub(r"^vhost-user-(gpu-pci|vga)", kind, arg) for arg in plain]
        with world.check(f"{kind}: realized, seen on the bus, let go"):
            with guest.Guest(load_image("guest"), world.place / kind,
                             [*device, "-display", "none", *CPU, "-S"], using=qemu.Qemu.system(),
                             kvm=True) as machine:
                buses = machine.start().qmp("query-pci")
                ids = [(d["id"]["vendor"], d["id"]["device"]) for d in buses[0]["devices"]]
                assert (0x1af4, 0x1050) in ids, ids
                wait_state(host, "r", "connected")
                machine.qmp("quit")
                assert machine.process.wait(30) == 0, machine.log("qemu.log")
            wait_state(host, "r", "idle")
