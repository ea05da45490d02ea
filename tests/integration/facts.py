# SPDX-License-Identifier: GPL-2.0-or-later
"""What lspci, numactl and the group's own directories say of a host, beside what facet says."""
import re

SPLIT = "@@"
LOOK = f"""\
lspci -D -vmm -n; echo {SPLIT}
lspci -D -vmm -k; echo {SPLIT}
lspci -D -vv; echo {SPLIT}
cd /sys/kernel/iommu_groups; ls -d */devices/*; echo {SPLIT}
numactl -H"""
# Asks the kernel itself: only a group with a device of VFIO's has a file.
VIABLE = """\
python3 -c 'import fcntl, os, struct
group = os.open("/dev/vfio/{group}", os.O_RDWR)
status = bytearray(struct.pack("II", 8, 0))
fcntl.ioctl(group, 0x3b67, status)
print(struct.unpack("II", status)[1] & 1)'"""
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def records(text):
    """lspci -vmm: each device's lines."""
    found = {}
    for block in text.strip().split("\n\n"):
        fields = dict(re.findall(r"(?m)^(\w+):\t(.*)$", block))
        found[fields.pop("Slot")] = fields
    return found


def sizes(text):
    """Index and size of every region of one device of lspci -vv; not those of its VFs."""
    own = re.split(r"Single Root I/O", text)[0]
    return {int(index): int(count) * UNITS[unit] for index, count, unit in
            re.findall(r"Region (\d+): .*\[size=(\d+)([KMG]?)\]", own)}


class Facts:
    """Of a host that stands as it was when this was made."""

    def __init__(self, machine):
        numbers, names, long, groups, numa = machine.run(LOOK).split(f"{SPLIT}\n")
        self.numbers, self.names = records(numbers), records(names)
        self.long = {block.split()[0]: block for block in long.strip().split("\n\n")}
        self.groups = {}
        for number, address in re.findall(r"(?m)^(\d+)/devices/(\S+)$", groups):
            self.groups.setdefault(int(number), []).append(address)
        self.distances = dict(re.findall(r"(?m)^ +(\d+): +(.*?) *$", numa))

    def interesting(self, everything):
        """Displays and accelerators; with `everything`, also what can have VFs."""
        return sorted(a for a, fields in self.numbers.items()
                      if fields["Class"][:2] in ("03", "12")
                      or (everything and "Single Root I/O" in self.long[a]))

    def compare(self, told):
        """One device as `facet gpus --host --json` tells it."""
        address = told["address"]
        numbers, names = self.numbers[address], self.names[address]
        node = numbers.get("NUMANode", "-1")
        group = int(numbers["IOMMUGroup"])
        same(told, vendor=numbers["Vendor"], device=numbers["Device"], driver=names.get("Driver"),
             numa_node=int(node), numa_distance=" ".join(self.distances[node].split()))
        assert told["class"].startswith(numbers["Class"]), (told["class"], numbers)
        for word in (names["Vendor"], names["Device"].removeprefix("Device ")):
            assert word.removeprefix("Vendor ") in told["name"], (told["name"], names)
        assert {b["index"]: b["bytes"] for b in told["bars"]} == sizes(self.long[address]), told
        same(told["iommu_group"], id=group)
        members = told["iommu_group"]["members"]
        assert [m["address"] for m in members] == sorted(self.groups[group]), members
        for member in members:
            same(member, driver=self.names[member["address"]].get("Driver"),
                 device=self.numbers[member["address"]]["Device"])
        self.compare_vfs(address, told["sriov"])

    def compare_vfs(self, address, told):
        said = re.search(r"Total VFs: (\d+), Number of VFs: (\d+)", self.long[address])
        assert (said is None) == (told is None), (said, told)
        if said:
            # The driver may want fewer than the device could have.
            assert told["total"] <= int(said[1]) and told["enabled"] == int(said[2]), (said, told)


def same(told, **expected):
    for name, value in expected.items():
        assert told[name] == value, f"{name} is {told[name]!r}, not {value!r}, in {told}"


def viable(machine, group):
    """Does the kernel say that the group can be used?"""
    return machine.run(VIABLE.format(group=group)).strip() == "1"
