# SPDX-License-Identifier: GPL-2.0-or-later
"""Steps with the test host's devices: files of sysfs, VFs, and a QEMU in there on a part of one."""
import json
import re
import shlex
import shutil

from facetlib import firmware, testhost

PCI = "/sys/bus/pci/devices"
MDEV = "/sys/bus/mdev/devices"
MAC = "02:00:00:fa:ce:01"


def prepared(world, kernel):
    """The test host with the modules of tests/kmod and the firmware, started."""
    host = world.test_host(kernel, modules=True)
    shutil.copy(firmware.build(), host.share / "firmware.bin")
    return host.start().wait_ready()


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


def inventory(host):
    """What facet finds: GPUs and all else that can be split, by address or name."""
    found = json.loads(host.run("facet gpus --host --all --json"))
    return {**{gpu["address"]: gpu for gpu in found["gpus"]},
            **{parent["name"]: parent for parent in found["other_mdev_parents"]}}


def inner(host, device):
    """The firmware with this device: QEMU's exit code, and what both said."""
    argv = ["timeout", "240", "qemu-system-x86_64", *firmware.MACHINE, "-display", "none",
            "-serial", "stdio", "-bios", "/facet/firmware.bin", "-device", device]
    return host.attempt(f"{shlex.join(argv)} 2>&1")


def takes(host, device, seen):
    code, output = inner(host, device)
    assert code == firmware.GOOD and re.search(seen, output), f"{code}: {output}"


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
