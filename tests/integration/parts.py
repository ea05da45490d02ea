# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of a host's devices, each given to a QEMU in the test host with tests/firmware as guest."""
import json
import re
import shlex

from facetlib import firmware, testhost

from fakes import nvidia, xe
from harness import scenario
from inner import (MAC, MDEV, igb_vfs, inventory, nvme_vf, prepared, read, refuses, takes, write)
from owned import owned

# What a type's instances are called here: one for each kind of parent.
TYPES = {"mtty": "mtty-2", "mdpy": "mdpy-vga", "mbochs": "mbochs-small",
         testhost.GPU: "i915-GVTg_V5_8"}
UUIDS = {parent: f"0facefac-0000-4000-8000-{number:012}" for number, parent in enumerate(TYPES)}
# What the firmware must have seen of each.
SEEN = {"mtty": r"mtty: registers ok", "mdpy": r"mdpy: memory ok",
        "mbochs": r"bochs: registers memory ok",
        testhost.GPU: r"fake-gvt: registers size=04000300 dma pin msi ok"}


def type_of(parent):
    return f"/sys/class/mdev_bus/{parent}/mdev_supported_types/{TYPES[parent]}"


def types(world, host):
    """What can be made, as the kernel says it and as mdevctl and facet repeat it."""
    host.bind(testhost.GPU, "i915")
    gvt = f"/sys/class/mdev_bus/{testhost.GPU}/mdev_supported_types"
    with world.check("fake GVT-g: types, description and pool are as i915 shows them"):
        assert host.run(f"ls {gvt}").split() == [f"i915-GVTg_V5_{n}" for n in (2, 4, 8)]
        assert read(host, f"{gvt}/i915-GVTg_V5_4/description").splitlines() == [
            "low_gm_size: 128MB", "high_gm_size: 512MB", "fence: 4", "resolution: 1920x1200",
            "weight: 4"]
        assert read(host, f"{gvt}/*/available_instances").split() == ["1", "2", "4"]
        write(host, f"{gvt}/i915-GVTg_V5_4/create", UUIDS["mtty"])
        assert read(host, f"{gvt}/*/available_instances").split() == ["0", "1", "2"]
        assert read(host, f"{MDEV}/{UUIDS['mtty']}/intel_vgpu/vgpu_id") == "1"
        assert "No space" in refuses(host, f"{gvt}/i915-GVTg_V5_2/create", UUIDS["mdpy"])
        write(host, f"{MDEV}/{UUIDS['mtty']}/remove", 1)
        assert read(host, f"{gvt}/*/available_instances").split() == ["1", "2", "4"]
    with world.check("mdevctl lists every type"):
        listed = host.run("mdevctl types")
        for parent, name in TYPES.items():
            assert parent in listed and name in listed, listed
    with world.check("facet lists every type, with what is free of it"):
        found = {(where, one["id"]): one["available"] for where, what in inventory(host).items()
                 for one in what["mdev_types"]}
        facts = host.run("cd /sys/class/mdev_bus && grep . */*/*/available_instances")
        assert found == {(parent, name): int(free) for parent, name, free in re.findall(
            r"(?m)^([^/]+)/mdev_supported_types/([^/]+)/available_instances:(\d+)$", facts)}, found
    with world.check("facet knows what GVT-g's descriptions say"):
        gvtg = {one["id"]: one["gvtg"] for one in inventory(host)[testhost.GPU]["mdev_types"]}
        assert gvtg["i915-GVTg_V5_2"] == {"low_mib": 256, "high_mib": 1024, "fences": 4,
                                          "width": 1920, "height": 1200, "weight": 8}, gvtg


def mediated(world, host):
    """One of each kind of mediated device, in the hands of a guest."""
    with world.check("mdevctl lists what runs"):
        listed_by_mdevctl(host)
    for parent, uuid in UUIDS.items():
        with world.check(f"{TYPES[parent]}: a guest has it"):
            takes(host, f"vfio-pci,sysfsdev={MDEV}/{uuid}", SEEN[parent])
    with world.check("i915-GVTg_V5_8: its plane is the screen of a QEMU"):
        shows_plane(host, UUIDS[testhost.GPU])


def persistent(world, host):
    """What is defined outlives the host; each of the two tools takes what the other wrote."""
    keep = ("mkdir -p mdevctl.d /etc/mdevctl.d && cp -r /etc/mdevctl.d/. mdevctl.d &&\n"
            "mount --bind mdevctl.d /etc/mdevctl.d")
    host.run(keep)
    for parent, uuid in UUIDS.items():
        host.run(f"facet mdev define {parent} {TYPES[parent]} {uuid} --auto" if parent != "mdpy" else
                 f"mdevctl define --auto --parent {parent} --type {TYPES[parent]} --uuid {uuid}")
    host.rebooted()
    host.qmp("system_reset")
    host.wait_ready()
    host.run(keep)
    host.bind(testhost.GPU, "i915")
    with world.check("mdevctl lists what was defined before the host was started again"):
        listed_by_mdevctl(host, "-d", "auto")
    with world.check("facet lists it too, and that nothing of it runs"):
        listed_by_facet(host, active=False)
    with world.check("mdevctl starts one, facet all the others"):
        host.run(f"mdevctl start --uuid {UUIDS['mbochs']} && facet mdev start --auto")
        listed_by_facet(host, active=True)


def listed_by_facet(host, active):
    found = json.loads(host.run("facet mdev ls --json"))
    assert {(one["uuid"], one["parent"], one["type"]) for one in found} == {
        (uuid, parent, TYPES[parent]) for parent, uuid in UUIDS.items()}, found
    assert all(one["defined"] and one["active"] == active for one in found), found


def listed_by_mdevctl(host, option="", word=""):
    lines = host.run(f"mdevctl list {option}").splitlines()
    for parent, uuid in UUIDS.items():
        assert any(line.split()[:3] == [uuid, parent, TYPES[parent]] and word in line
                   for line in lines), lines


def shows_plane(host, uuid):
    """Pixel by pixel: red grows to the right, green downwards, blue is the vGPU's number."""
    number = int(read(host, f"{MDEV}/{uuid}/intel_vgpu/vgpu_id"))
    commands = [{"execute": "qmp_capabilities"},
                {"execute": "screendump", "arguments": {"filename": "/facet/plane.ppm"}},
                {"execute": "quit"}]
    (host.share / "qmp").write_text("\n".join(map(json.dumps, commands)), encoding="ascii")
    host.run(f"timeout 240 qemu-system-x86_64 {shlex.join(firmware.MACHINE)} -display none -S "
             f"-qmp stdio -device vfio-pci,display=on,sysfsdev={MDEV}/{uuid} "
             "<qmp")
    head, _, data = (host.share / "plane.ppm").read_bytes().partition(b"\n255\n")
    assert head.split()[1:] == [b"1024", b"768"], head
    rows = [b"".join(bytes((x // 4, green, number)) for x in range(1024)) for green in range(256)]
    for y in range(768):
        assert data[3072 * y:3072 * (y + 1)] == rows[y // 3], f"row {y} is another"


def whole(world, host):
    """Functions that are given away as they are."""
    for address, seen in ((testhost.EDU_ALONE, "edu: registers dma msi ok"),
                          (testhost.GPU, "bochs: registers memory ok")):
        host.bind(address)
        with world.check(f"{seen.partition(':')[0]}, whole: a guest has it"):
            if address == testhost.GPU:
                host.bind(testhost.SOUND)
            takes(host, f"vfio-pci,host={address}", seen)


def nvme(world, host):
    vf = nvme_vf(host)
    host.bind(vf)
    with world.check("nvme VF: a guest has it"):
        takes(host, f"vfio-pci,host={vf}", "nvme: registers dma serial=facet ok")


def igb(world, host):
    """VFs of a network card: one plain, two as NVIDIA's."""
    plain, one, two = igb_vfs(host, 3)
    host.bind(plain)
    with world.check("igb VF: a guest has it"):
        takes(host, f"vfio-pci,host={plain}",
                   f"igb-vf: registers mac={MAC.replace(':', '')} dma ok")
    for vf in (one, two):
        host.bind(vf, "nvidia")
    nvidia(world, host, one, two)


def let_go(world, host):
    """Nothing is held any more."""
    with world.check("facet removes them with their definitions: mdevctl finds none"):
        for uuid in UUIDS.values():
            host.run(f"facet mdev rm {uuid}")
        assert not host.run("mdevctl list; mdevctl list -d").strip()
    with world.check("every module can be unloaded, and the kernel complained about nothing"):
        host.run("rmmod mtty mdpy mbochs fake_gvt fake_nvidia_vf fake_xe_pf")
        trouble = host.attempt("dmesg | grep -E 'WARNING:|BUG:|Oops|refcount'")[1]
        assert not trouble, trouble


def hand_out(world, kernel):
    host = prepared(world, kernel)
    for step in (types, persistent, mediated, whole, nvme, igb, owned, xe, let_go):
        step(world, host)
    assert host.shut_down() == 0


@scenario()
def parts(world):
    """Debian 13's kernel: mdevs, a GVT-g vGPU, VFs and whole devices, each with a guest on it."""
    hand_out(world, "6.12")


@scenario()
def parts_7(world):
    """The same under Linux 7.x."""
    hand_out(world, "7.x")


@scenario(slow=True)
def parts_6_1(world):
    """The same under Linux 6.1."""
    hand_out(world, "6.1")
