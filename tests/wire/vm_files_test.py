#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`facet validate` on files that are wrong: one sentence each that names the line, and exit code 2."""
import os
import pathlib
import subprocess
import sys
import tempfile

FACET = os.environ["FACET"]
HEAD = "name: a\nguest: {image: debian}\n"  # two lines that are in order

# What follows HEAD; the line; what the sentence has in it.
AFTER_HEAD = [
    # --- keys ---
    ("colour: red", 3, "key colour: not known: must be one of name, qemu"),
    ("Name: b", 3, "key Name: not known"),
    ("cpus: 2", 3, "key cpus: not known"),
    ("cpu: {cores: 2}", 3, "key cpu.cores: not known: must be one of count, topology"),
    ("cpu:\n  count: 2\n  colour: 1", 5, "key cpu.colour: not known"),
    ("memory: {amount: 2G}", 3, "key memory.amount: not known: must be one of size"),
    ("gpus:\n- share: 1\n- colour: 2", 5, "key gpus[1].colour: not known"),
    ("gpus: [{sriov: {pf: '0000:01:00.0', vf: 1}}]", 3, "key gpus[0].sriov.vf: not known"),
    ("gpus: [{mdev: {kind: x}}]", 3, "key gpus[0].mdev.kind: not known"),
    ("network: [{type: user}]", 3, "key network[0].type: not known: must be one of mode"),
    ("folders: [{path: a, tag: b, mode: c}]", 3, "key folders[0].mode: not known"),
    ("ivshmem: [{path: a}]", 3, "key ivshmem[0].path: not known"),
    ("display: {sdl: true}", 3, "key display.sdl: not known: must be one of looking-glass"),
    ("hooks: {before: x}", 3, "key hooks.before: not known: must be one of prepare"),
    ("\"\": 1", 3, "key : not known"),
    ("\"na\\x1bme\": 1", 3, "key na?me: not known"),
    ("vms: []", 1, "key name: not known: must be one of vms"),
    # --- given twice, or not ---
    ("name: b", 3, "key name: given twice, first in line 1"),
    ("cpu: {count: 1, count: 2}", 3, "key cpu.count: given twice"),
    ("gpus: []\nmemory: {size: 1G}\ngpus: []", 5, "key gpus: given twice, first in line 3"),
    ("folders: [{path: a}]", 3, "key folders[0].tag is missing"),
    ("folders:\n- tag: b", 4, "key folders[0].path is missing"),
    ("gpus: [{sriov: {}}]", 3, "key gpus[0].sriov.pf is missing"),
    # --- kinds ---
    ("cpu: 2", 3, "cpu 2: must be a mapping of count"),
    ("cpu: [2]", 3, "cpu a list: must be a mapping"),
    ("cpu: {count: [2]}", 3, "cpu.count a list: must be one value"),
    ("cpu: {count: {a: 1}}", 3, "cpu.count a mapping: must be one value"),
    ("gpus: {share: 1}", 3, "gpus a mapping: must be a list"),
    ("gpus: virgl", 3, "gpus virgl: must be a list"),
    ("gpus: [virgl]", 3, "gpus[0] virgl: must be a mapping of gpu"),
    ("gpus: [[1]]", 3, "gpus[0] a list: must be a mapping"),
    ("extra: -nodefaults", 3, "extra -nodefaults: must be a list"),
    ("extra: [[a]]", 3, "extra[0] a list: must be one value"),
    ("memory:", 3, "memory nothing: must be a mapping"),
    ("display: true", 3, "display true: must be a mapping of looking-glass"),
    ("network: [{ports: tcp}]", 3, "network[0].ports tcp: must be a list"),
    # --- numbers ---
    ("cpu: {count: 0}", 3, "cpu.count 0: must be a number from 1 to 1024"),
    ("cpu: {count: 1025}", 3, "cpu.count 1025: must be a number from 1"),
    ("cpu: {count: -1}", 3, "cpu.count -1: must be"),
    ("cpu: {count: 010}", 3, "cpu.count 010: must be"),
    ("cpu: {count: 0x10}", 3, "cpu.count 0x10: must be"),
    ("cpu: {count: 2.5}", 3, "cpu.count 2.5: must be"),
    ("cpu: {count: many}", 3, "cpu.count many: must be"),
    ("cpu: {count: 99999999999999999999}", 3, "cpu.count 99999999999999999999: must be"),
    ("cpu: {count: }", 3, "cpu.count nothing: must be"),
    ("cpu: {share: 10001}", 3, "cpu.share 10001: must be a weight from 1 to 10000"),
    ("gpus: [{share: 0}]", 3, "gpus[0].share 0: must be a weight"),
    ("gpus: [{outputs: 17}]", 3, "gpus[0].outputs 17: must be a number from 1 to 16"),
    ("stop-seconds: 3601", 3, "stop-seconds 3601: must be a number of seconds"),
    ("ivshmem: [{server: s, vectors: 65}]", 3, "ivshmem[0].vectors 65: must be"),
    # --- amounts ---
    ("memory: {size: 2 GB}", 3, "memory.size 2 GB: must be a size from 1M to 16T"),
    ("memory: {size: 512}", 3, "memory.size 512: must be a size"),
    ("memory: {size: 17T}", 3, "memory.size 17T: must be a size"),
    ("memory: {size: -1G}", 3, "memory.size -1G: must be"),
    ("memory: {size: 1500K}", 3, "memory.size: must be whole megabytes"),
    ("memory: {size: 3M, hugepages: 2M}", 3, "memory.size: must be whole hugepages"),
    ("memory: {hugepages: 4K}", 3, "memory.hugepages 4K: must be 2M, 1G"),
    ("gpus: [{vram: 1M}]", 3, "gpus[0].vram 1M: must be a size from 16M"),
    ("gpus: [{cap: 0%}]", 3, "gpus[0].cap 0%: must be a part of the GPU"),
    ("gpus: [{cap: 101%}]", 3, "gpus[0].cap 101%: must be a part of the GPU"),
    ("gpus: [{cap: 20%, reservation: 30%}]", 3, "reservation 30% is more than the cap 20%"),
    ("cpu: {cap: 50}", 3, "cpu.cap 50: must be percent of one CPU"),
    ("cpu: {cap: 0%}", 3, "cpu.cap 0%: must be percent"),
    ("cpu: {cap: 12.5%}", 3, "cpu.cap 12.5%: must be percent"),
    ("gpus: [{size: 800}]", 3, "gpus[0].size 800: must be WIDTHxHEIGHT"),
    ("gpus: [{size: 8x8}]", 3, "gpus[0].size 8x8: must be WIDTHxHEIGHT"),
    ("ivshmem: [{file: f, size: 3M}]", 3, "size 3M: must be a power of two"),
    # --- words ---
    ("accel: hvf", 3, "accel hvf: must be one of auto, kvm, tcg"),
    ("memory: {policy: nearest}", 3, "memory.policy nearest: must be one of prefer, strict"),
    ("network: [{mode: nat}]", 3, "network[0].mode nat: must be one of user, bridge, tap"),
    ("gpus: [{mechanism: opengl}]", 3, "gpus[0].mechanism opengl: must be virgl, 2d"),
    ("gpus: [{transport: pci}]", 3, "gpus[0].transport pci: must be vhost-user, vfio-user"),
    ("memory: {shared: yes}", 3, "memory.shared yes: must be true or false"),
    ("autostart: 1", 3, "autostart 1: must be true or false"),
    ("machine: q35,accel=kvm", 3, "machine q35,accel=kvm: must be"),
    ("display: {vnc: \"\"}", 3, "display.vnc nothing: must be true, false, or a path"),
    # --- addresses and lists ---
    ("gpus: [{vfio: 1:00.0}]", 3, "gpus[0].vfio 1:00.0: must be a PCI address"),
    ("gpus: [{mdev: {uuid: 1234}}]", 3, "gpus[0].mdev.uuid 1234: must be a UUID"),
    ("network: [{mac: 01:00:5e:00:00:01}]", 3, "network[0].mac 01:00:5e:00:00:01: must be a unicast"),
    ("network: [{ports: [22]}]", 3, "network[0].ports[0] 22: must be tcp:HOST:GUEST"),
    ("network: [{ports: ['tcp:1:70000']}]", 3, "network[0].ports[0] tcp:1:70000: must be"),
    ("cpu: {pinning: 3-1}", 3, "cpu.pinning 3-1: must be auto, none, or CPUs"),
    ("cpu: {pinning: '1,'}", 3, "cpu.pinning 1,: must be"),
    ("memory: {nodes: 64}", 3, "memory.nodes 64: must be auto, none, or NUMA nodes"),
    # --- together ---
    ("cpu: {count: 4, topology: {cores: 3}}", 3, "sockets x cores x threads are 3, and count is 4"),
    ("gpus: [{vfio: '0000:01:00.0', share: 2}]", 3, "take no other keys"),
    ("gpus: [{vfio: '0000:01:00.0', sriov: {pf: '0000:01:00.0'}}]", 3, "only one of vfio, sriov, mdev"),
    ("gpus: [{mdev: {type: x}}]", 3, "gpus[0].mdev: needs a uuid, or parent and type"),
    ("network: [{mode: bridge}]", 3, "mode bridge needs the bridge's name"),
    ("network: [{interface: tap0}]", 3, "interface needs `mode: tap`"),
    ("ivshmem: [{file: f}]", 3, "a file needs a size"),
    ("ivshmem: [{size: 1M}]", 3, "needs either a file, or a server"),
    ("display: {looking-glass: true}", 3, "display.looking-glass: needs a vGPU"),
    ("folders: [{path: a, tag: t}, {path: b, tag: t}]", 3, "t is taken by folders[0]"),
    # --- YAML itself ---
    ("cpu: &x {count: 1}", 3, "&x: anchors are not allowed"),
    ("cpu: *x", 3, "*x: aliases are not allowed"),
    ("cpu: !!map {count: 1}", 3, "tags are not allowed"),
    ("---\nname: b", 3, "a second document begins"),
    ("cpu: {count: 1", 4, "not YAML"),
    ("\tcpu: 1", 3, "not YAML"),
    ("cpu: \"abc", 4, "not YAML"),
    ("? [a, b]\n: 1", 3, "a key must be a word"),
    ("extra: " + "[" * 12 + "]" * 12, 3, "nested too deep"),
    ("guest: " + "x" * 5000, 3, "too long"),
    ("extra: [" + ", ".join(["a"] * 300) + "]", 3, "must be of at most 256 items"),
    ("extra: [" + ", ".join(["a"] * 9000) + "]", 3, "too much: a file has at most 4096 values"),
]

WHOLE = [
    (b"", 1, "empty"),
    (b"# nothing\n", 1, "empty"),
    (b"hello\n", 1, "hello: must be a mapping of name"),
    (b"- name: a\n", 1, "a list: must be a mapping"),
    (b"name: a\n", 1, "key guest is missing"),
    (b"guest: {image: debian}\n", 1, "key name is missing"),
    (b"name: -a\nguest: {image: debian}\n", 1, "name -a: must be 1 to 48 of"),
    (b"name: a/b\nguest: {image: debian}\n", 1, "name a/b: must be"),
    (b"name: a\nguest: {}\n", 2, "nothing to boot"),
    (b"name: a\nguest: {image: windows}\n", 2, "guest.image windows: must be debian"),
    (b"name: a\nguest: {image: debian, kernel: k}\n", 2, "brings its own kernel"),
    (b"name: a\nguest: {iso: i, append: quiet}\n", 2, "guest.append: needs a kernel"),
    (b"name: a\nguest:\n  disks:\n  - {file: a, format: vmdk}\n", 4,
     "guest.disks[0].format vmdk: must be one of raw, qcow2"),
    (b"name: a\nguest:\n  disks:\n  - {file: a, overlay: true, snapshot: true}\n", 4,
     "only one of overlay, snapshot, readonly"),
    (b"vms: []\n", 1, "vms a list: must be of at least 1 items"),
    (b"vms:\n- {name: a, guest: {image: debian}}\n- {name: a, guest: {image: debian}}\n", 3,
     "a is the name of vms[0] already"),
    (b"vms:\n- {name: a, guest: {image: debian}}\n- {guest: {image: debian}}\n", 3,
     "key vms[1].name is missing"),
    (b"\x00\x01\x02\xff" * 40, 1, "not YAML"),
    (b"\x7fELF" + bytes(range(256)) * 8, 1, "not YAML"),
    (b"name: a\nguest: {image: \"debi\\0an\"}\n", 2, "zero byte"),
    (b"name: a\nguest: {image: debian}\n" + b"#" * 300000, 1, "too large"),
    (b"a: &a [*a, *a]\n", 1, "anchors are not allowed"),
]


def check(place, number, text, line, words):
    path = place / f"{number}.yaml"
    path.write_bytes(text)
    done = subprocess.run([FACET, "validate", str(path)], capture_output=True, text=True,
                          errors="replace", timeout=60, check=False)
    assert done.returncode == 2, f"exit code {done.returncode}: {done.stderr}"
    assert done.stdout == "", done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"facet: {path}:{line}: "), lines[0]
    assert words in lines[0], lines[0]


def main():
    cases = [((HEAD + tail + "\n").encode(), line, words) for tail, line, words in AFTER_HEAD]
    cases += WHOLE
    failed = 0
    with tempfile.TemporaryDirectory(prefix="facet-vm-") as place:
        for number, (text, line, words) in enumerate(cases):
            try:
                check(pathlib.Path(place), number, text, line, words)
                print(f"ok {number + 1} {text[len(HEAD) if text.startswith(HEAD.encode()) else 0:][:60]}")
            except AssertionError as why:
                failed += 1
                print(f"not ok {number + 1} {text[:100]}\n  wanted {line}: {words}\n  got {why}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
