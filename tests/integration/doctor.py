# SPDX-License-Identifier: GPL-2.0-or-later
"""facet doctor and facet gpus --host on the test host, beside facts from elsewhere."""
import json
import pathlib
import subprocess

from facetlib import testhost

import facts


def told(machine, *args):
    """Exit code, and what facet says to programs."""
    code, output = machine.attempt(f"facet {' '.join(args)} --json 2>/dev/null")
    return code, json.loads(output)


def verdict(said, address, mechanism):
    gpu = next(g for g in said["gpus"] if g["address"] == address)
    return gpu["mechanisms"][mechanism]["outcome"], gpu["mechanisms"][mechanism]["because"]


def finding(said, rule, subject="host"):
    return next(f for f in said["findings"] if (f["rule"], f["subject"]) == (rule, subject))


def device(machine, address):
    said = told(machine, "gpus", "--host", "--all")[1]
    return next(g for g in said["gpus"] if g["address"] == address)


def inventory(world, machine):
    """Every device as lspci, numactl and the directories of the groups tell it."""
    looked = facts.Facts(machine)
    for options in ([], ["--all"]):
        said = told(machine, "gpus", "--host", *options)[1]
        with world.check(f"gpus --host {' '.join(options)}: all of them, and no others"):
            assert said["pci_functions"] == len(looked.numbers), said["pci_functions"]
            addresses = [gpu["address"] for gpu in said["gpus"]]
            assert addresses == looked.interesting(bool(options)), addresses
    for gpu in said["gpus"]:
        with world.check(f"{gpu['address']}: what is told is what lspci tells"):
            looked.compare(gpu)
    with world.check("the IOMMU is on, and remaps interrupts"):
        said = told(machine, "doctor")[1]
        assert finding(said, "iommu.present")["outcome"] == "ok", said
        assert finding(said, "iommu.remapping")["outcome"] == "ok", said


def whole_group(world, machine):
    """From a card that the host uses to one that can be given away; what is in the way each time."""
    gpu, sound = testhost.GPU, testhost.SOUND
    group = device(machine, gpu)["iommu_group"]["id"]
    machine.run("modprobe pci-pf-stub")
    machine.bind(gpu)
    machine.bind(sound, "pci-pf-stub")
    with world.check("another function with a driver of the host: it is named"):
        code, said = told(machine, "doctor")
        assert code == 3 and verdict(said, gpu, "vfio") == ("fix", "group.viable"), said
        assert f"{sound} (pci-pf-stub)" in finding(said, "group.viable", gpu)["verdict"]
        assert not facts.viable(machine, group), "the kernel does not agree"
    machine.bind(sound)
    with world.check("both with vfio-pci: it works, and the kernel calls the group viable"):
        said = told(machine, "doctor")[1]
        assert verdict(said, gpu, "vfio") == ("ok", None), verdict(said, gpu, "vfio")
        assert facts.viable(machine, group), "the kernel does not agree"


def behind_bridge(world, machine):
    """A card on an old bus: Debian's driver of the bridge has its group, and nothing resets it."""
    gpu = testhost.OLD_GPU
    group = device(machine, gpu)["iommu_group"]["id"]
    machine.bind(gpu)
    with world.check("a bridge with shpchp in the group: it is named, and what to do"):
        said = told(machine, "doctor")[1]
        found = finding(said, "group.viable", gpu)
        assert verdict(said, gpu, "vfio") == ("fix", "group.viable"), verdict(said, gpu, "vfio")
        assert f"{testhost.SHARED_BRIDGE} (shpchp)" in found["verdict"], found
        assert not facts.viable(machine, group), "the kernel does not agree"
    machine.unbind(testhost.SHARED_BRIDGE)
    with world.check("without it: no reset is left to complain of"):
        said = told(machine, "doctor")[1]
        assert verdict(said, gpu, "vfio") == ("fix", "vfio.reset"), verdict(said, gpu, "vfio")
        assert "no way to reset it" in finding(said, "vfio.reset", gpu)["verdict"]
        assert facts.viable(machine, group), "the kernel does not agree"
        assert machine.attempt(f"echo 1 >/sys/bus/pci/devices/{gpu}/reset")[0], "it was reset"
    machine.bind(gpu, "bochs-drm")


def virtual_functions(world, machine):
    """VFs of devices that are no GPUs, which --all looks at."""
    for pf in (testhost.IGB, testhost.NVME):
        with world.check(f"{pf}: its driver makes VFs, which is a step"):
            said = told(machine, "doctor", "--all")[1]
            assert verdict(said, pf, "sriov") == ("step", "sriov.vfs"), verdict(said, pf, "sriov")
        machine.run(f"cd /sys/bus/pci/devices/{pf} && echo 0 >sriov_drivers_autoprobe && "
                    "echo 2 >sriov_numvfs")
        with world.check(f"{pf}: two VFs, each in a group of its own, and beside the device"):
            found = device(machine, pf)
            facts.Facts(machine).compare(found)
            links = machine.run(f"cd /sys/bus/pci/devices/{pf} && readlink virtfn0 && "
                                "readlink virtfn1").split()
            vfs = found["sriov"]["vfs"]
            assert [vf["address"] for vf in vfs] == [link[3:] for link in links], found
            assert len({found["iommu_group"]["id"], *(vf["group"] for vf in vfs)}) == 3, found
            assert verdict(told(machine, "doctor", "--all")[1], pf, "sriov") == ("ok", None)
        machine.run(f"echo 0 >/sys/bus/pci/devices/{pf}/sriov_numvfs")


def without_driver(world, machine):
    pf = testhost.IGB
    machine.unbind(pf)
    with world.check("a device with VFs and no driver: they cannot be made"):
        said = told(machine, "doctor", "--all")[1]
        assert verdict(said, pf, "sriov") == ("fix", "sriov.driver"), verdict(said, pf, "sriov")


def token(world, machine):
    """vfio-pci makes VFs too, and keeps them."""
    pf = testhost.IGB
    machine.run("echo Y >/sys/module/vfio_pci/parameters/enable_sriov")
    machine.bind(pf)
    machine.run(f"echo 1 >/sys/bus/pci/devices/{pf}/sriov_numvfs")
    with world.check("VFs by vfio-pci: they want a token, and the kernel refuses without"):
        said = told(machine, "doctor", "--all")[1]
        assert verdict(said, pf, "sriov") == ("fix", "sriov.driver"), verdict(said, pf, "sriov")
        assert "token" in finding(said, "sriov.driver", pf)["verdict"], said
        code, output = machine.attempt(f"edu-test {device(machine, pf)['sriov']['vfs'][0]['address']}")
        assert code == 1 and "token" in output, output
    machine.run(f"echo 0 >/sys/bus/pci/devices/{pf}/sriov_numvfs")
    machine.bind(pf, "igb")


def replay(world, machine):
    """A bundle of the host says the same out here."""
    machine.run("facet doctor --bundle /facet/host.tar")
    root = world.place / f"replayed-{machine.kernel}"
    root.mkdir()
    subprocess.run(["tar", "-xf", machine.share / "host.tar", "-C", root], check=True)
    here = subprocess.run([pathlib.Path(world.prefix) / "bin" / "facet", "doctor", "--json",
                           "--root", root], check=False, capture_output=True, text=True)
    with world.check("its bundle says the same on another machine"):
        strip = [{k: v for k, v in f.items() if k != "name"}
                 for f in json.loads(here.stdout)["findings"]]
        assert strip == told(machine, "doctor")[1]["findings"]


def broken(world, machine, rule, sentence):
    """A host whose card is bound and still cannot be given away; what the client says to that."""
    machine.run("modprobe vfio_iommu_type1 && modprobe vfio-pci")
    for address in (testhost.GPU, testhost.SOUND, testhost.EDU_ALONE):
        machine.bind(address)
    with world.check(f"{machine.name}: {rule} says so first"):
        code, said = told(machine, "doctor")
        first = verdict(said, testhost.GPU, "vfio")
        assert (code, first) == (3, ("fix", rule)), (code, first)
        print(finding(said, rule)["verdict"])
    with world.check(f"{machine.name}: the device cannot be had, and it is said why"):
        code, output = machine.attempt(f"edu-test {testhost.EDU_ALONE}")
        assert code == 1 and sentence in output, output
