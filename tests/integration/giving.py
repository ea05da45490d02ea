# SPDX-License-Identifier: GPL-2.0-or-later
"""facet sriov and facet vfio on the test host: what they say they did, the kernel has to say too."""
import re

import doctor
import facts

DEVICES = "/sys/bus/pci/devices"
# Everything that a change could leave behind.
STATE = f"""\
cd {DEVICES} && grep -s . */driver_override */sriov_numvfs */sriov_drivers_autoprobe
for link in */driver */virtfn* */iommu_group; do
	[ ! -e $link ] || echo $link $(basename $(readlink -f $link))
done
ls /dev/vfio"""
# Ends facet at each of its writes in turn, before it is made; then somebody else comes.
KILL = """\
n=0
while n=$((n + 1)); [ $n -lt 200 ]; do
	strace -qq -o /dev/null -e trace={calls} -e inject={calls}:signal=KILL:when=$n {command} >/dev/null
	code=$?
	[ $code = 0 ] && break
	echo "$n: $code, then:"
	{again} || exit 1
done
echo "killed $((n - 1)) times" """
CALLS = "write,pwrite64,fsync,renameat,renameat2,unlinkat"


def read(machine, path):
    return machine.run(f"cat {DEVICES}/{path}").strip()


def state(machine):
    return machine.run(STATE)


def functions(machine, pf):
    """The addresses of a device's VFs, from its links."""
    links = machine.run(f"cd {DEVICES}/{pf} && for i in 0 1 2 3 4 5 6 7; do "
                        "readlink virtfn$i || break; done; true")
    return re.findall(r"(?m)^\.\./(\S+)$", links)


def driver(machine, address):
    return machine.run(f"basename $(readlink {DEVICES}/{address}/driver || echo nothing)").strip()


def virtual_functions(world, machine, pf):
    """From none to two, each to VFIO and back, and none again; then nothing is left."""
    before = state(machine)
    with world.check(f"{pf}: its driver makes VFs, which is a step"):
        said = doctor.told(machine, "doctor", "--all")[1]
        first = doctor.verdict(said, pf, "sriov")
        assert first == ("step", "sriov.vfs"), first
    with world.check(f"{pf}: two VFs, each in a group of its own, beside what lspci says"):
        machine.run(f"facet sriov set {pf} --vfs 2")
        found = doctor.device(machine, pf)
        facts.Facts(machine).compare(found)
        vfs = found["sriov"]["vfs"]
        assert [vf["address"] for vf in vfs] == functions(machine, pf), found
        assert len({found["iommu_group"]["id"], *(vf["group"] for vf in vfs)}) == 3, found
        assert read(machine, f"{pf}/sriov_numvfs") == "2"
    with world.check(f"{pf}: more VFs than there can be: refused, and nothing was changed"):
        two = state(machine)
        code, output = machine.attempt(f"facet sriov set {pf} --vfs 99")
        assert code == 1 and "99" in output, output
        assert state(machine) == two
    for vf in vfs:
        given(world, machine, vf["address"], vf["group"])
    with world.check(f"{pf}: no VFs any more, and nothing is left"):
        machine.run(f"facet sriov set {pf} --vfs 0")
        assert state(machine) == before, state(machine)


def given(world, machine, address, group):
    """To VFIO, opened, and back."""
    before = driver(machine, address)
    with world.check(f"{address}: bound to vfio-pci, opened by the VFIO client, and bound back"):
        machine.run(f"facet vfio bind {address}")
        assert driver(machine, address) == "vfio-pci", driver(machine, address)
        assert facts.viable(machine, group), "the kernel does not agree"
        print(machine.run(f"facet doctor --probe {address}").strip())
        machine.run(f"facet vfio unbind {address}")
        assert driver(machine, address) == before, driver(machine, address)
        assert read(machine, f"{address}/driver_override") == "(null)"


def killed(world, machine, pf):
    """kill -9 at each write: the next facet finds out, and does as it is told."""
    before = state(machine)
    commands = {f"facet sriov set {pf} --vfs 2": f"facet sriov set {pf} --vfs 0",
                f"facet vfio bind {pf}": f"facet vfio unbind {pf}"}
    for command, back in commands.items():
        with world.check(f"{command}: killed at any write, the next run repairs"):
            output = machine.run(KILL.format(calls=CALLS, command=command,
                                             again=f"{command} && {back}"))
            print(output)
            assert int(re.search(r"killed (\d+) times", output)[1]) > 3, output
            machine.run(back)
            assert state(machine) == before, state(machine)
