# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of a host's devices, each given to a QEMU in the test host whose guest is tests/firmware."""
import json
import re
import shlex
import shutil

from facetlib import firmware, testhost

from harness import scenario

PCI = "/sys/bus/pci/devices"
MDEV = "/sys/bus/mdev/devices"
# What a type's instances are called here: one for each kind of parent.
TYPES = {"mtty": "mtty-2", "mdpy": "mdpy-vga", "mbochs": "mbochs-small",
         testhost.GPU: "i915-GVTg_V5_8"}
UUIDS = {parent: f"0facefac-0000-4000-8000-{number:012}" for number, parent in enumerate(TYPES)}
# What the firmware must have seen of each.
SEEN = {"mtty": r"mtty: registers ok", "mdpy": r"mdpy: memory ok",
        "mbochs": r"bochs: registers memory ok",
        testhost.GPU: r"fake-gvt: registers size=04000300 dma pin msi ok"}
MAC = "02:00:00:fa:ce:01"


def read(host, path):
    return host.run(f"cat {path}").strip()


def write(host, path, text):
    host.run(f"echo {text} >{path}")


def refuses(host, path, text):
    """Why a write fails; the shell's own echo would not say."""
    code, output = host.attempt(f"/usr/bin/printf {text} | dd of={path} status=none")
    assert code, f"{path} took {text}"
    return output


def vf_of(host, pf, index):
    return host.run(f"basename $(readlink {PCI}/{pf}/virtfn{index})").strip()


def inner(host, device):
    """The firmware with this device: QEMU's exit code, and what both said."""
    argv = ["timeout", "240", "qemu-system-x86_64", *firmware.MACHINE, "-display", "none",
            "-serial", "stdio", "-bios", "/facet/firmware.bin", "-device", device]
    return host.attempt(f"{shlex.join(argv)} 2>&1")


def takes(host, device, seen):
    code, output = inner(host, device)
    assert code == firmware.GOOD and re.search(seen, output), f"{code}: {output}"


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
        inventory = host.run("facet gpus --host --all --json")
        for name in TYPES.values():
            assert name in inventory, inventory


def mediated(world, host):
    """One of each kind of mediated device, in the hands of a guest."""
    with world.check("mdevctl lists what was created"):
        listed_by_mdevctl(host)
    for parent, uuid in UUIDS.items():
        with world.check(f"{TYPES[parent]}: a guest has it"):
            takes(host, f"vfio-pci,sysfsdev={MDEV}/{uuid}", SEEN[parent])
    with world.check("i915-GVTg_V5_8: its plane is the screen of a QEMU"):
        shows_plane(host, UUIDS[testhost.GPU])


def persistent(world, host):
    """What is defined outlives the host; each of the two tools finds what the other wrote."""
    keep = "mkdir -p mdevctl.d /etc/mdevctl.d && mount --bind mdevctl.d /etc/mdevctl.d"
    host.run(keep)
    for parent, uuid in UUIDS.items():
        host.run(f"mdevctl define --auto --parent {parent} --type {TYPES[parent]} --uuid {uuid}")
    host.rebooted()
    host.qmp("system_reset")
    host.wait_ready()
    host.run(keep)
    host.bind(testhost.GPU, "i915")
    with world.check("mdevctl lists what was defined before the host was started again"):
        listed_by_mdevctl(host, "-d", "auto")
    for uuid in UUIDS.values():
        host.run(f"mdevctl start --uuid {uuid}")


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


def nvme_vf(host):
    """A VF, which its PF has to give something first."""
    host.run(f"echo 0 >{PCI}/{testhost.NVME}/sriov_drivers_autoprobe &&\n"
             f"echo 1 >{PCI}/{testhost.NVME}/sriov_numvfs &&\n"
             "for words in '-r 0 -n 2 -a 8' '-r 1 -n 1 -a 8' '-a 9'; do "
             "nvme virt-mgmt /dev/nvme0 -c 1 $words || exit; done &&\n"
             "nvme attach-ns /dev/nvme0 -n 1 -c 1")
    return vf_of(host, testhost.NVME, 0)


def igb_vfs(host, count):
    """VFs of the network card, whose PF answers them only while it is up."""
    # Not busybox' ip, which the shell would take.
    ip = f"/bin/ip link set dev $(ls {PCI}/{testhost.IGB}/net)"
    host.run(f"{ip} up &&\n"
             f"echo 0 >{PCI}/{testhost.IGB}/sriov_drivers_autoprobe &&\n"
             f"echo {count} >{PCI}/{testhost.IGB}/sriov_numvfs &&\n{ip} vf 0 mac {MAC}")
    return [vf_of(host, testhost.IGB, n) for n in range(count)]


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


def creatable(host, vf):
    return re.findall(r"(?m)^(\d+)", read(host, f"{PCI}/{vf}/nvidia/creatable_vgpu_types"))


def nvidia(world, host, one, two):
    """The flow of NVIDIA's driver, with what it refuses."""
    current = [f"{PCI}/{vf}/nvidia/current_vgpu_type" for vf in (one, two)]
    with world.check("fake NVIDIA VF: no type, no device"):
        assert creatable(host, one) == ["1001", "1002", "1004"] and read(host, current[0]) == "0"
        code, output = inner(host, f"vfio-pci,host={one}")
        assert code != firmware.GOOD and "No such device" in output, output
    with world.check("fake NVIDIA VF: one size on a GPU, and the pool is shared"):
        write(host, current[0], 1004)
        assert creatable(host, two) == ["1004"]
        assert "No space" in refuses(host, current[1], 1001)
        assert "Invalid" in refuses(host, current[1], 7)
        write(host, current[1], 1004)
        assert not creatable(host, two)
        write(host, current[1], 0)
    with world.check("fake NVIDIA VF: a guest has it"):
        takes(host, f"vfio-pci,host={one}", "igb-vf: registers .*dma ok")
    with world.check("fake NVIDIA VF: 0 gives it back"):
        write(host, current[0], 0)
        assert creatable(host, two) == ["1001", "1002", "1004"]
        write(host, f"{PCI}/{testhost.IGB}/sriov_numvfs", 0)


def xe(world, host):
    """The card once more, with xe's files."""
    host.bind(testhost.IGB, "xe")
    admin = f"/sys/bus/pci/drivers/xe/{testhost.IGB}/sriov_admin"
    numvfs = f"{PCI}/{testhost.IGB}/sriov_numvfs"
    with world.check("fake xe: a profile for the PF and each VF there could be"):
        assert read(host, f"{admin}/pf/profile/sched_priority") == "[low] normal high"
        assert host.run(f"ls -d {admin}/vf* | wc -l").strip() == read(host, 
            f"{PCI}/{testhost.IGB}/sriov_totalvfs")
        assert host.run(f"ls {admin}/*/device -d").split() == [f"{admin}/pf/device"]
    with world.check("fake xe: what is written is kept, rounded or refused"):
        write(host, f"{admin}/vf1/profile/exec_quantum_ms", 20)
        write(host, f"{admin}/vf1/profile/vram_quota", 3000000)
        assert read(host, f"{admin}/vf1/profile/vram_quota") == "4194304"
        assert "Invalid" in refuses(host, f"{admin}/vf1/profile/exec_quantum_ms", "much")
        assert "Input/output" in refuses(host, f"{admin}/vf2/profile/vram_quota", 8 << 30)
    with world.check("fake xe: a quota given before stops it from giving its own"):
        write(host, numvfs, 2)
        assert read(host, f"{admin}/vf[12]/profile/vram_quota").split() == ["4194304", "0"]
        assert host.run(f"readlink {admin}/vf2/device").strip().endswith(vf_of(host, testhost.IGB, 1))
    with world.check("fake xe: it is released with the VFs; without one, each gets its part"):
        write(host, numvfs, 0)
        assert read(host, f"{admin}/vf1/profile/vram_quota") == "0"
        write(host, numvfs, 2)
        assert read(host, f"{admin}/vf[12]/profile/vram_quota").split() == [str(4 << 30)] * 2
        write(host, numvfs, 0)


def let_go(world, host):
    """Nothing is held any more."""
    with world.check("every module can be unloaded, and the kernel complained about nothing"):
        host.run("for uuid in /sys/bus/mdev/devices/*; do echo 1 >$uuid/remove || exit; done")
        host.run("rmmod mtty mdpy mbochs fake_gvt fake_nvidia_vf fake_xe_pf")
        trouble = host.attempt("dmesg | grep -E 'WARNING:|BUG:|Oops|refcount'")[1]
        assert not trouble, trouble


def prepared(world, kernel):
    host = world.test_host(kernel, modules=True)
    shutil.copy(firmware.build(), host.share / "firmware.bin")
    return host.start().wait_ready()


def hand_out(world, kernel):
    host = prepared(world, kernel)
    for step in (types, persistent, mediated, whole, nvme, igb, xe, let_go):
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
