#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up hosts: trees of files that look like /sys, /proc and /dev of some machine.

    trees.py --list
    trees.py NAME DIRECTORY     writes the host NAME below DIRECTORY, for facet doctor --root

The hosts are written in *.trees beside this file, in lines:

    == NAME: what it is, and which kernel and document it follows
    like NAME                       begins as that host
    file PATH TEXT                  with \\n, \\t, \\xNN; a newline is added at the end
    link PATH TARGET
    dir PATH
    remove PATH                     with all below it, if it is there
    pci BDF VENDOR:DEVICE CLASS [driver=D] [group=N] [render=N] [vf_of=BDF,I] [ATTRIBUTE=TEXT]...
    mdev BDF TYPE FREE [used=N] [name=T] [description=T] [api=T]
    expect exit CODE
    expect BDF MECHANISM OUTCOME [RULE]     what facet doctor is to say
    expect finding RULE OUTCOME [BDF]

Values are quoted as in a shell.
"""
import pathlib
import shlex
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent


class Host:
    """Lines of one host, with those of the hosts that it is like before them."""

    def __init__(self, name, about):
        self.name, self.about, self.lines = name, about, []

    def expectations(self):
        """Only its own: what another expects it may have mended or broken."""
        return [words[1:] for words in self.lines if words[0] == "expect"]


def load():
    hosts = {}
    for path in sorted(HERE.glob("*.trees")):
        host = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("== "):
                name, _, about = line[3:].partition(": ")
                assert name not in hosts, f"{path}: there are two hosts {name}"
                host = hosts[name] = Host(name, about)
            elif line.strip() and not line.startswith("#"):
                host.lines.append(shlex.split(line))
    return hosts


class Builder:
    """Writes below a directory."""

    def __init__(self, root, hosts):
        self.root, self.hosts = pathlib.Path(root), hosts

    def path(self, name):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, name, *text):
        content = (" ".join(text) + "\n").encode("latin-1").decode("unicode_escape")
        self.path(name).write_bytes(content.encode("latin-1"))

    def link(self, name, target):
        path = self.path(name)
        if path.is_symlink():
            path.unlink()
        path.symlink_to(target)

    def dir(self, name):
        self.path(name).mkdir(exist_ok=True)

    def remove(self, name):
        path = self.root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def device(self, bdf):
        """Where it really is; /sys/bus/pci/devices has links."""
        return f"sys/devices/pci0000:00/{bdf}"

    def pci(self, bdf, ids, kind, *attributes):
        vendor, device = ids.split(":")
        here = self.device(bdf)
        self.link(f"sys/bus/pci/devices/{bdf}", f"../../../devices/pci0000:00/{bdf}")
        self.dir(here)
        for name, value in (("vendor", vendor), ("device", device), ("class", kind)):
            self.file(f"{here}/{name}", f"0x{value}")
        for attribute in attributes:
            name, _, value = attribute.partition("=")
            special = getattr(self, f"pci_{name}", None)
            if special:
                special(bdf, here, value)
            else:
                self.file(f"{here}/{name}", value)

    def pci_driver(self, bdf, here, driver):
        self.remove(f"{here}/driver")
        if driver:
            self.link(f"{here}/driver", f"../../../bus/pci/drivers/{driver}")
            self.link(f"sys/bus/pci/drivers/{driver}/{bdf}", f"../../../../devices/pci0000:00/{bdf}")

    def pci_group(self, bdf, here, group):
        self.link(f"{here}/iommu_group", f"../../../kernel/iommu_groups/{group}")
        self.link(f"sys/kernel/iommu_groups/{group}/devices/{bdf}",
                  f"../../../../devices/pci0000:00/{bdf}")
        self.file(f"sys/kernel/iommu_groups/{group}/reserved_regions",
                  "0x00000000fee00000 0x00000000feefffff msi")

    def pci_render(self, _bdf, here, number):
        self.dir(f"{here}/drm")
        self.dir(f"{here}/drm/renderD{number}")
        self.dir(f"{here}/drm/card{int(number) - 128}")
        self.file(f"dev/dri/renderD{number}", "")

    def pci_vf_of(self, bdf, here, value):
        parent, _, index = value.partition(",")
        self.link(f"{here}/physfn", f"../{parent}")
        self.link(f"{self.device(parent)}/virtfn{index}", f"../{bdf}")

    def mdev(self, bdf, kind, free, *attributes):
        here = f"{self.device(bdf)}/mdev_supported_types/{kind}"
        given = {"used": "0", "api": "vfio-pci", **dict(a.split("=", 1) for a in attributes)}
        self.file(f"{here}/available_instances", free)
        self.file(f"{here}/device_api", given["api"])
        for name in ("name", "description"):
            if name in given:
                self.file(f"{here}/{name}", given[name])
        self.dir(f"{here}/devices")
        for i in range(int(given["used"])):
            self.link(f"{here}/devices/c0ffee00-0000-4000-8000-{i:012}", f"../../../x{i}")
        self.link(f"sys/class/mdev_bus/{bdf}", f"../../devices/pci0000:00/{bdf}")

    def build(self, name):
        for verb, *words in self.hosts[name].lines:
            if verb == "like":
                self.build(*words)
            elif verb != "expect":
                getattr(self, verb)(*words)


def main():
    hosts = load()
    if sys.argv[1:] == ["--list"]:
        for host in hosts.values():
            print(f"{host.name:22} {host.about}")
        return 0
    if len(sys.argv) != 3 or sys.argv[1] not in hosts:
        print(__doc__, file=sys.stderr)
        return 2
    pathlib.Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    Builder(sys.argv[2], hosts).build(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
