# SPDX-License-Identifier: GPL-2.0-or-later
"""Parts of the test host's devices as facet's vGPUs: facetd gives each to one name, and takes it back."""
import json

from facetlib import firmware, testhost

from inner import MAC, MDEV, PCI, igb_vfs, read, takes

SOCKET = "/run/facet/io.facet"
# What each is made as, and what the firmware sees of it.
PARTS = {
    "intel": (testhost.GPU, "gvtg-hw", "i915-GVTg_V5_8",
              r"fake-gvt: registers size=04000300 dma pin msi ok"),
    "screen": ("mbochs", "mdev", "mbochs-small", r"bochs: registers memory ok"),
    "card": (testhost.IGB, "sriov", None, f"igb-vf: registers mac={MAC.replace(':', '')} dma ok"),
    "nvidia": (testhost.IGB, "vendor-vf", "1004", r"igb-vf: registers .*dma ok"),
    "whole": (testhost.EDU_ALONE, "vfio", None, r"edu: registers dma msi ok"),
}


TINY = f"""\
name: tiny
guest: {{iso: /root/empty.iso}}
accel: tcg
cpu: {{count: 1}}
memory: {{size: 64M}}
gpus:
- mdev: {{parent: "{testhost.GPU}", type: i915-GVTg_V5_8}}
- sriov: {{pf: "{testhost.IGB}"}}
extra: ["-bios", /facet/firmware.bin, "-device", isa-debug-exit]
"""


def start_facetd(host):
    host.run(f"rm -f {SOCKET}\nfacetd >>/root/facetd.log 2>&1 </dev/null & echo $! >/root/facetd.pid\n"
             f"for n in $(seq 300); do [ -S {SOCKET} ] && exit; sleep 0.1; done; exit 1")


def create(host, name):
    gpu, mechanism, kind, _ = PARTS[name]
    host.run(f"facet create {name} --gpu {gpu} --mechanism {mechanism}"
             + (f" --type {kind}" if kind else ""))


def names(host):
    return sorted(vgpu["name"] for vgpu in json.loads(host.run("facet ls --json")))


def facts(host):
    """What giving parts away changes."""
    return host.run(f"ls {MDEV}; cat {PCI}/*/nvidia/current_vgpu_type; "
                    f"ls -l {PCI}/{testhost.EDU_ALONE}/driver 2>/dev/null; true")


def runs(host):
    """A VM in a file: its guest ends by itself, having found both of its devices."""
    (host.share / "tiny.yaml").write_text(TINY, encoding="ascii")
    host.run("truncate -s 1M /root/empty.iso && timeout 200 facet run /facet/tiny.yaml\n"
             "for n in $(seq 600); do facet ps | grep -q crashed && exit; sleep 0.2; done; exit 1")
    said = host.run("facet ps")
    assert f"exit code {firmware.GOOD}" in said, said
    assert not [name for name in names(host) if name.startswith("tiny")]


def owned(world, host):
    host.bind(testhost.GPU, "i915")
    for vf in igb_vfs(host, 4)[2:]:
        host.bind(vf, "nvidia")
    host.unbind(testhost.EDU_ALONE)
    before = facts(host)
    start_facetd(host)
    for name, (_, mechanism, _, seen) in PARTS.items():
        with world.check(f"facet create --mechanism {mechanism}: a guest has it"):
            create(host, name)
            device = host.run(f"facet qemu-args {name} --memory none").splitlines()[-1]
            takes(host, device, seen)
    with world.check("what is given to one is not given to another"):
        code, said = host.attempt(f"facet create other --gpu {testhost.GPU} --mechanism vfio 2>&1")
        assert code == 1 and "is given to intel" in said, said
        code, said = host.attempt(f"facet create other --gpu {testhost.EDU_ALONE} "
                                  "--mechanism vfio 2>&1")
        assert code == 1 and "is given to whole" in said, said
    with world.check("facet run takes parts for its VM, and gives them back when that has ended"):
        runs(host)
    with world.check("a facetd that was killed is followed by one that knows them"):
        host.run("kill -9 $(cat /root/facetd.pid)")
        start_facetd(host)
        assert names(host) == sorted(PARTS), names(host)
    with world.check("facet rm gives each back: the host is as it was"):
        for name in PARTS:
            host.run(f"facet rm {name}")
        assert not names(host) and facts(host) == before, f"{before} became {facts(host)}"
        assert host.run("ls /run/facet-parts").split() == ["lock"]
    host.run(f"kill $(cat /root/facetd.pid); echo 0 >{PCI}/{testhost.IGB}/sriov_numvfs")
    assert read(host, f"{PCI}/{testhost.IGB}/sriov_numvfs") == "0"
