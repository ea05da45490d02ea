# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory that machines share, with doorbells: stock QEMUs and a booted guest on our ivshmem server."""
import contextlib
import pathlib
import re
import subprocess

from facetlib import ivshmem, procs, qemu

from harness import Skip, scenario

SILENCE_S = 0.5  # for what must not come


class Region:
    """A server, and what has to end with it."""

    def __init__(self, world, name, *args):
        self.world, self.place = world, world.place / name
        self.place.mkdir()
        self.facet = pathlib.Path(world.prefix) / "bin" / "facet"
        self.stack = contextlib.ExitStack()
        self.server = ivshmem.Server(self.facet, self.place, *args)
        self.stack.callback(self.server.close)
        try:
            self.socket = self.server.wait_ready().region()["socket"]
        except BaseException:
            self.stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def peer(self):
        peer = ivshmem.Peer(self.socket)
        self.stack.callback(peer.close)
        return peer

    def machine(self, using, name, vectors=2, *options):
        machine = ivshmem.Machine(using, self.place / name,
                                  self.server.qemu_args("ivshmem", *options), vectors)
        self.stack.callback(machine.close)
        return machine


def registers(world, region, host, one):
    """What the device looks like, and the ways between it and a host program."""
    with world.check("the device: BARs, id, MSI-X"):
        assert one.bars == [256, 4096, 1 << 20], one.bars
        assert one.config(8) >> 16 == 0x0500 and one.config(8) & 0xFF == 1, hex(one.config(8))
        assert one.position == 1, one.position
        assert one("readl", one.BAR0 + 12) == 0
        assert one.config(one.capability(0x11)) >> 16 & 0x7FF == 1  # two entries
    with world.check("memory is the same on both sides"):
        one.write(0x1000, 0xFACE7001)
        assert host.memory[0x1000:0x1004] == b"\x01\x70\xce\xfa"
        host.memory[0xFFFFC:] = b"\x78\x56\x34\x12"
        assert one.read(0xFFFFC) == 0x12345678
    with world.check("doorbell to a host program"):
        one.ring(0, 1)
        assert host.rung(1) == 1
        assert not host.rung(0, 0)
    with world.check("a host program rings: the MSI-X message is in guest memory"):
        host.wait_for(lambda: len(host.others.get(1, [])) == 2, "QEMU's doorbells")
        host.ring(1, 0)
        assert one.interrupted(0)
        assert not one.interrupted(1, 0)
        host.ring(1, 1)
        assert one.interrupted(1)
        assert not one.interrupted(0, 0)
    with world.check("a flood of rings is one"):
        for _ in range(500):
            one.ring(0, 0)
        assert host.rung(0) == 500  # added up by the kernel
        assert not host.rung(0, 0)
    with world.check("unknown peers and vectors are ignored"):
        for number, vector in ((7, 0), (65535, 0), (0, 2), (0, 200), (1, 5)):
            one.ring(number, vector)
        assert one.position == 1
        assert not host.rung(0, SILENCE_S) and not host.rung(1, 0)
    with world.check("facet ivshmem ls knows QEMU"):
        peers = region.server.peers()
        assert sorted(peers) == [0, 1] and peers[1]["pid"] == one.process.pid, peers
        assert all(p["waiting"] == 0 and p["sent"] >= 5 for p in peers.values()), peers


def neighbours(world, region, host, one, using):
    """Several machines, coming and going."""
    two = region.machine(using, "two")
    with world.check("two machines ring each other and see the same memory"):
        assert two.position == 2
        one.write(0, 0xAA55AA55)
        assert two.read(0) == 0xAA55AA55
        # The first one is told in its own time that there is another: it may take a few rings.
        procs.wait_until(lambda: one.ring(2, 1) or two.interrupted(1, 0.1), 60, "VM 1's ring")
        two.ring(1, 0)
        assert one.interrupted(0)
    with world.check("a machine leaves; the others are told and go on"):
        one.close()
        host.wait_for(lambda: 1 not in host.others, "peer 1 to leave")
        two.ring(1, 0)
        two.ring(0, 0)
        assert host.rung(0) == 1
        host.ring(2, 0)
        assert two.interrupted(0)
    with world.check("the next one works, under an id of which QEMU has not heard"):
        # A second peer with the id of one that left would destroy the heap of VM 2's QEMU.
        again = region.machine(using, "again")
        assert again.position == 3, again.position
        host.wait_for(lambda: len(host.others.get(3, [])) == 2, "peer 3 to come")
        host.ring(3, 1)
        assert again.interrupted(1)
        procs.wait_until(lambda: two.ring(3, 0) or again.interrupted(0, 0.1), 60, "VM 2's ring")
        again.ring(2, 0)
        assert two.interrupted(0)
        assert again.read(0) == 0xAA55AA55
    with world.check("the host program leaves and comes back"):
        host.sock.close()
        procs.wait_until(lambda: 0 not in region.server.peers(), 60, "peer 0 to leave")
        back = region.peer()
        assert back.id == 4 and sorted(back.others) == [2, 3], (back.id, back.others)
        procs.wait_until(lambda: again.ring(4, 1) or back.rung(1, 0.1), 60, "VM 3's ring")
        back.ring(3, 0)
        assert again.interrupted(0)
    with world.check("a killed server: memory and doorbells go on"):
        region.server.process.kill()
        region.server.process.wait()
        again.ring(4, 0)
        assert back.rung(0) == 1
        back.ring(2, 1)
        assert two.interrupted(1)
        again.ring(2, 0)
        assert two.interrupted(0)


def rejoin(world, using):
    """One machine comes and goes while another stays, many times."""
    with Region(world, f"rejoin-{using.text}", "--size", "1M", "--vectors", "2") as region:
        stays = region.machine(using, "stays")
        with world.check("peers that come and go again and again harm nobody"):
            for number in range(1, 33):
                peer = ivshmem.Peer(region.socket)
                assert peer.id == number, peer.id
                procs.wait_until(lambda p=peer: stays.ring(p.id, 1) or p.rung(1, 0.1), 60,
                                 f"a ring for peer {peer.id}")
                peer.ring(0, 0)
                assert stays.interrupted(0)
                peer.close()
        with world.check("ids that nobody knows any more are given again"):
            stays.close()
            procs.wait_until(lambda: not region.server.peers(), 60, "all to leave")
            assert region.machine(using, "anew").position == 0


def fewer_and_more_vectors(world, using):
    """A device that has another number of vectors than the server gives."""
    with Region(world, f"odd-{using.text}", "--size", "1M", "--vectors", "4") as region:
        host = region.peer()
        args = [a.replace("vectors=4", "vectors=2") for a in region.server.qemu_args()]
        machine = ivshmem.Machine(using, region.place / "few", args, 2)
        region.stack.callback(machine.close)
        with world.check("a device with fewer vectors than the server works"):
            host.wait_for(lambda: len(host.others.get(1, [])) == 4, "QEMU's doorbells")
            host.ring(1, 3)
            host.ring(1, 1)
            assert machine.interrupted(1)


def plain(world, using):
    """The same memory by its file, without a server's doorbells."""
    with Region(world, f"plain-{using.text}", "--size", "1M", "--file",
                str(world.place / f"file-{using.text}")) as region:
        host = region.peer()
        machine = region.machine(using, "plain", 0, "--plain")
        with world.check("ivshmem-plain maps the server's file"):
            assert machine.capability(0x11) is None
            machine.write(16, 0x01020304)
            assert host.memory[16:20] == b"\x04\x03\x02\x01"
    with world.check("the file goes with the server that made it"):
        assert not (world.place / f"file-{using.text}").exists()


def refused(world):
    with world.check("a region of 3 MiB is refused in words, before QEMU aborts"):
        done = subprocess.run([pathlib.Path(world.prefix) / "bin" / "facet", "ivshmem", "serve",
                               "--socket", world.place / "no.sock", "--size", "3M"],
                              capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2 and "power of two" in done.stderr and "4M" in done.stderr, done
        assert not (world.place / "no.sock").exists()
    with world.check("so is a file of 3 MiB"):
        path = world.place / "three"
        path.write_bytes(b"\0" * (3 << 20))
        done = subprocess.run([pathlib.Path(world.prefix) / "bin" / "facet", "ivshmem", "serve",
                               "--socket", world.place / "no.sock", "--file", path],
                              capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2 and "power of two" in done.stderr, done
        assert path.stat().st_size == 3 << 20 and not (world.place / "no.sock").exists()


def qtest(world, using):
    print(f"QEMU {using.text}", flush=True)
    with Region(world, f"region-{using.text}", "--size", "1M", "--vectors", "2") as region:
        host = region.peer()
        with world.check(f"QEMU {using.text} takes the server"):
            one = region.machine(using, "one")
        registers(world, region, host, one)
        neighbours(world, region, host, one, using)
    rejoin(world, using)
    fewer_and_more_vectors(world, using)
    plain(world, using)


@scenario()
def ivshmem_qtest(world):
    """ivshmem devices of this machine's QEMU and of the newest, without guests."""
    refused(world)
    mine = qemu.Qemu.system()
    qtest(world, mine)
    if mine.version < (11, 0):
        qtest(world, qemu.newer())


# --- a guest ------------------------------------------------------------------------------------

# Stock kernels have no VFIO without an IOMMU, and nothing else brings MSI-X to a program.
IOMMU = {"first": ["-device", "intel-iommu,intremap=off"], "append": "intel_iommu=on"}
BIND = """\
set -e
modprobe vfio_iommu_type1 allow_unsafe_interrupts=1
modprobe vfio-pci
for device in /sys/bus/pci/devices/*; do
	[ "$(cat $device/vendor):$(cat $device/device)" = 0x1af4:0x1110 ] || continue
	echo vfio-pci >$device/driver_override
	echo ${device##*/} >/sys/bus/pci/drivers_probe
	group=$(readlink $device/iommu_group)
	echo ${device##*/} ${group##*/}
done"""
ROUNDS = 512  # of 1 MiB each way: 1 GiB


@scenario()
def ivshmem_guest(world):
    """A booted Linux and a host program exchange 1 GiB through a region, by doorbells and MSI-X."""
    program = pathlib.Path(world.prefix).parent / "tests" / "bench" / "ivshmem-exchange"
    if not program.exists():
        raise Skip(f"no {program}: the prefix is in no build directory with tests")
    with Region(world, "region", "--size", "64M", "--vectors", "2") as region:
        host = subprocess.Popen([program, region.socket, str(ROUNDS)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        region.stack.callback(procs.end, host)
        assert host.stdout.readline() == "id=0\n"
        machine = world.plain_guest("guest", region.server.qemu_args(), memory=512, **IOMMU)
        machine.start().wait_ready()
        with world.check("stock vfio-pci takes the device"):
            address, group = machine.run(BIND).split()
        with world.check("1 GiB, checked on both sides"):
            out = machine.run(f"facet-ivshmem {address} {group} 0 {ROUNDS}", timeout=600)
            words = dict(re.findall(r"(\w+)=(\w+)", out))
            text, _ = host.communicate(timeout=60)
            assert host.returncode == 0, text
            mine = dict(re.findall(r"(\w+)=(\w+)", text))
            print(f"guest: {out.strip()}; host: {text.strip()}")
            assert words["position"] == "1" and int(words["size"]) == 64 << 20, words
            assert (words["sent"], words["received"]) == (mine["received"], mine["sent"])
            assert mine["sent"] != mine["received"] and 0 < int(mine["rings"]) <= ROUNDS, mine
        with world.check("the kernel complains of nothing"):
            log = machine.run("dmesg")
            assert "BUG:" not in log and "Call Trace" not in log, log[-2000:]
