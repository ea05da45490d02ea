# SPDX-License-Identifier: GPL-2.0-or-later
"""facet doctor and facet gpus --host on emulated hardware: a guest with an IOMMU is the host."""
import json
import pathlib
import re
import shlex
import shutil
import subprocess

from facetlib import guest, qemu

from harness import load_image, scenario

# A display with a sound function in its IOMMU group, as cards have them; and a device with VFs.
DEVICES = ["-device", "pcie-root-port,id=gpu-port,bus=pcie.0,addr=0x10,chassis=1,slot=1",
           "-device", "bochs-display,bus=gpu-port,addr=0.0,multifunction=on",
           "-device", "ich9-intel-hda,bus=gpu-port,addr=0.1",
           "-device", "pcie-root-port,id=net-port,bus=pcie.0,addr=0x11,chassis=2,slot=2",
           "-device", "igb,bus=net-port", "-display", "none"]
UNIT = "intel-iommu,caching-mode=on,aw-bits=48,intremap="
BIND = """\
cd /sys/bus/pci/devices/{address} &&
echo {driver} >driver_override &&
{{ [ ! -e driver ] || echo {address} >driver/unbind; }} &&
echo {address} >/sys/bus/pci/drivers_probe"""


class Facet:
    """facet with its libraries in a guest that has none of them."""

    def __init__(self, machine, prefix):
        self.machine = machine
        place = machine.share / "bin"
        place.mkdir()
        program = pathlib.Path(prefix).resolve() / "bin" / "facet"
        listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        for path in {program, *re.findall(r"(/\S+) \(0x", listed)}:
            shutil.copy(path, place)
        loader = re.search(r"(?m)^\s*(/\S*ld-linux\S*)", listed)[1]
        self.command = f"/facet/bin/{pathlib.Path(loader).name} --library-path /facet/bin " \
                       "/facet/bin/facet"

    def __call__(self, *args):
        return self.machine.attempt(f"{self.command} {shlex.join(args)} 2>&1")

    def json(self, *args):
        """Exit code, and what was said."""
        code, output = self.machine.attempt(
            f"{self.command} {shlex.join(args)} --json 2>/dev/null")
        return code, json.loads(output)


def address_of(machine, kind):
    """Of the first PCI device of a class, as the kernel tells it."""
    return machine.run(f"grep -l '^{kind}' /sys/bus/pci/devices/*/class | head -n 1"
                       ).split("/")[5]


def verdict(told, address, mechanism):
    gpu = next(g for g in told["gpus"] if g["address"] == address)
    return gpu["mechanisms"][mechanism]["outcome"], gpu["mechanisms"][mechanism]["because"]


def finding(told, rule, subject="host"):
    return next(f for f in told["findings"] if (f["rule"], f["subject"]) == (rule, subject))


def started(world, name, devices, **options):
    return guest.Guest(load_image("guest"), world.place / name, devices,
                       using=qemu.newer(), **options)


def whole_group(world, machine, facet):
    """From a card that the host uses to one that can be given away; what is in the way each time."""
    gpu, sound = address_of(machine, "0x0380"), address_of(machine, "0x0403")
    group = machine.run(f"basename $(readlink /sys/bus/pci/devices/{gpu}/iommu_group)").strip()
    with world.check("the inventory has the display, and its group has the sound"):
        _, told = facet.json("gpus", "--host")
        found = next(g for g in told["gpus"] if g["address"] == gpu)
        assert found["iommu_group"]["id"] == int(group), found
        assert [m["address"] for m in found["iommu_group"]["members"]] == [gpu, sound], found
    with world.check("the IOMMU is on, and remaps interrupts"):
        told = facet.json("doctor")[1]
        assert finding(told, "iommu.present")["outcome"] == "ok", told
        assert finding(told, "iommu.remapping")["outcome"] == "ok", told
    machine.run("modprobe vfio-pci && modprobe pci-pf-stub")
    machine.run(BIND.format(address=gpu, driver="vfio-pci"))
    machine.run(BIND.format(address=sound, driver="pci-pf-stub"))
    with world.check("another function with a driver of the host: it is named"):
        code, told = facet.json("doctor")
        assert code == 3 and verdict(told, gpu, "vfio") == ("fix", "group.viable"), told
        assert f"{sound} (pci-pf-stub)" in finding(told, "group.viable", gpu)["verdict"]
    machine.run(BIND.format(address=sound, driver="vfio-pci"))
    with world.check("both with vfio-pci: it works"):
        code, told = facet.json("doctor")
        assert verdict(told, gpu, "vfio") == ("ok", None), verdict(told, gpu, "vfio")
    with world.check("it was right: the kernel calls the group viable"):
        assert machine.run(f"ls /dev/vfio/{group}").strip() == f"/dev/vfio/{group}"


def virtual_functions(world, machine, facet):
    """VFs of a device that is no GPU, which --all looks at."""
    pf = address_of(machine, "0x0200")
    total = int(machine.run(f"cat /sys/bus/pci/devices/{pf}/sriov_totalvfs"))
    with world.check("a device with VFs and no driver: they cannot be made"):
        told = facet.json("doctor", "--all")[1]
        assert verdict(told, pf, "sriov") == ("fix", "sriov.driver"), told["gpus"]
    machine.run(BIND.format(address=pf, driver="pci-pf-stub"))
    with world.check("with one: after a step"):
        told = facet.json("doctor", "--all")[1]
        assert verdict(told, pf, "sriov") == ("step", "sriov.vfs"), told["gpus"]
    machine.run(f"cd /sys/bus/pci/devices/{pf} && echo 0 >sriov_drivers_autoprobe && "
                "echo 2 >sriov_numvfs")
    with world.check("two of them are there, each in a group of its own"):
        told = facet.json("gpus", "--host", "--all")[1]
        found = next(g for g in told["gpus"] if g["address"] == pf)["sriov"]
        assert (found["total"], found["enabled"]) == (total, 2), found
        links = machine.run(f"cd /sys/bus/pci/devices/{pf} && readlink virtfn0 && "
                            "readlink virtfn1").split()
        assert [vf["address"] for vf in found["vfs"]] == [link[3:] for link in links], found
        assert found["vfs"][0]["group"] != found["vfs"][1]["group"], found
        assert verdict(facet.json("doctor", "--all")[1], pf, "sriov") == ("ok", None)


def replay(world, machine, facet):
    """A bundle of the guest says the same out here."""
    code, output = facet("doctor", "--bundle", "/facet/host.tar")
    assert code == 0, output
    root = world.place / "replayed"
    root.mkdir()
    subprocess.run(["tar", "-xf", machine.share / "host.tar", "-C", root], check=True)
    here = subprocess.run([pathlib.Path(world.prefix) / "bin" / "facet", "doctor", "--json",
                           "--root", root], check=False, capture_output=True, text=True)
    with world.check("its bundle says the same on another machine"):
        strip = [{k: v for k, v in f.items() if k != "name"}
                 for f in json.loads(here.stdout)["findings"]]
        assert strip == facet.json("doctor")[1]["findings"]


@scenario()
def doctor(world):
    """facet doctor on a host with an IOMMU, a card of two functions, and a device with VFs."""
    with started(world, "iommu", DEVICES, first=["-device", UNIT + "on"],
                 append="intel_iommu=on facet.gpu=none") as machine:
        facet = Facet(machine, world.prefix)
        machine.start().wait_ready()
        whole_group(world, machine, facet)
        virtual_functions(world, machine, facet)
        replay(world, machine, facet)
        assert machine.shut_down() == 0


@scenario()
def doctor_broken(world):
    """The same where interrupts are not remapped, and where the kernel does not use the IOMMU."""
    for name, remap, argument, rule in (("intremap", "off", "intel_iommu=on", "iommu.remapping"),
                                        ("unused", "on", "intel_iommu=off", "iommu.present")):
        with started(world, name, DEVICES, first=["-device", UNIT + remap],
                     append=f"{argument} facet.gpu=none") as machine:
            facet = Facet(machine, world.prefix)
            machine.start().wait_ready()
            machine.run("modprobe vfio-pci")
            for kind in ("0x0380", "0x0403"):
                machine.run(BIND.format(address=address_of(machine, kind), driver="vfio-pci"))
            with world.check(f"{name}: {rule} says so first"):
                code, told = facet.json("doctor")
                said = verdict(told, address_of(machine, "0x0380"), "vfio")
                assert (code, said) == (3, ("fix", rule)), (code, said)
            assert machine.shut_down() == 0
