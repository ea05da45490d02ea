# SPDX-License-Identifier: GPL-2.0-or-later
"""VFs as NVIDIA's driver and xe give them out: the modules of tests/kmod, and facet beside them."""
import re

from facetlib import firmware, testhost

from inner import PCI, inner, inventory, read, refuses, takes, vf_of, write


def creatable(host, vf):
    return re.findall(r"(?m)^(\d+)", read(host, f"{PCI}/{vf}/nvidia/creatable_vgpu_types"))


def vfs_of(host):
    return inventory(host)[testhost.IGB]["sriov"]


def nvidia(world, host, one, two):
    """The flow of NVIDIA's driver, with what it refuses; index 1 and 2 of the VFs."""
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
    with world.check("fake NVIDIA VF: facet finds the types of both, and that nothing is left"):
        sriov = vfs_of(host)
        assert [vf["vgpu_type"] for vf in sriov["vfs"]] == [None, 1004, 1004], sriov
        assert sriov["creatable_types"] == [], sriov
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
        second = vf_of(host, testhost.IGB, 1)
        assert host.run(f"readlink {admin}/vf2/device").strip().endswith(second)
    with world.check("fake xe: facet finds the same"):
        sriov = vfs_of(host)
        assert sriov["enabled"] == 2 and len(sriov["profiles"]) == sriov["total"] + 1, sriov
        first = next(p for p in sriov["profiles"] if p["vf"] == 1)
        assert (first["exec_quantum_ms"], first["vram_quota"]) == (20, 4194304), first
        assert first["priority"] == "low", first
    with world.check("fake xe: it is released with the VFs; without one, each gets its part"):
        write(host, numvfs, 0)
        assert read(host, f"{admin}/vf1/profile/vram_quota") == "0"
        write(host, numvfs, 2)
        assert read(host, f"{admin}/vf[12]/profile/vram_quota").split() == [str(4 << 30)] * 2
        write(host, numvfs, 0)
    with world.check("fake xe: facet gives each VF its part and makes them, and takes both back"):
        host.run(f"facet sriov set {testhost.IGB} --vfs 2 --vram 1G --exec-quantum 20")
        assert read(host, f"{admin}/vf[12]/profile/vram_quota").split() == [str(1 << 30)] * 2
        assert read(host, f"{admin}/vf[12]/profile/exec_quantum_ms").split() == ["20", "20"]
        assert read(host, numvfs) == "2"
        host.run(f"facet sriov set {testhost.IGB} --vfs 0")
        assert read(host, f"{admin}/vf1/profile/vram_quota") == read(host, numvfs) == "0"
