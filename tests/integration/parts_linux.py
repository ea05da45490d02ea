# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian kernel as the guest inside of the test host, with one part of each kind at once."""
import re
import shlex
import shutil

from harness import scenario
from inner import MAC, MDEV, igb_vfs, nvme_vf, prepared, write
from parts import UUIDS, type_of

# Made in the test host, of its own modules: what three drivers need, in the order of loading.
INITRD = r"""
set -e
mkdir -p /tmp/l2/bin /tmp/l2/mod
cd /tmp/l2
cp /usr/bin/busybox bin
cp /facet/l2-init init
chmod 755 init
for driver in bochs igbvf nvme; do modprobe --show-depends $driver; done |
	sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
	name=$(basename "${module%.xz}")
	case $module in *.xz) unxz -c "$module" ;; *) cat "$module" ;; esac >"mod/$name"
	echo "$name" >>mod/list
done
find . | busybox cpio -o -H newc >/tmp/l2.cpio
"""
INIT = r"""#!/bin/busybox sh
bb=/bin/busybox
$bb mkdir -p /proc /sys /dev
$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev
while read -r module; do $bb insmod "/mod/$module" || echo "L2: $module did not load"; done </mod/list
net=$($bb ls /sys/class/net | $bb grep -v lo)
$bb ip link set "$net" up
tries=0
until [ -b /dev/nvme0n1 ] && [ -e /sys/class/drm/card0 ] &&
	[ "$($bb cat "/sys/class/net/$net/carrier")" = 1 ] || [ $tries -ge 600 ]; do
	$bb sleep 0.1
	tries=$((tries + 1))
done
for device in /sys/bus/pci/devices/*; do
	[ -e "$device/driver" ] || continue
	echo "L2: $($bb cat "$device/vendor") $($bb cat "$device/device")" \
		"has $($bb basename "$($bb readlink -f "$device/driver")")"
done
echo "L2: $net is $($bb cat "/sys/class/net/$net/address"), carrier $($bb cat "/sys/class/net/$net/carrier")"
$bb dd if=/dev/urandom of=/written bs=4096 count=16 2>/dev/null
$bb dd if=/written of=/dev/nvme0n1 bs=4096 conv=fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
$bb dd if=/dev/nvme0n1 of=/read bs=4096 count=16 2>/dev/null
$bb cmp /written /read && echo "L2: nvme0n1 keeps what is written"
$bb cat /sys/class/drm/card0-*/modes | $bb grep -q . && echo "L2: the screen has modes"
echo "L2: done"
$bb poweroff -f
"""
# Little to emulate, and no clock that has to be measured: the guest is emulated twice over.
MACHINE = shlex.split("""-nodefaults -no-user-config -no-reboot -machine q35,hpet=off -cpu qemu64
    -bios qboot.rom -accel tcg,tb-size=128 -m 384 -display none -serial stdio
    -kernel /facet/vmlinuz -initrd /tmp/l2.cpio""")
APPEND = ("console=ttyS0 quiet panic=-1 no_timer_check tsc=reliable mitigations=off nokaslr "
          "random.trust_cpu=on")


@scenario(slow=True)
def parts_linux(world):
    """Linux in the test host, on an mbochs mdev, an igb VF and an nvme VF: their own drivers."""
    host = prepared(world, "6.12")
    shutil.copy(host.image.kernel, host.share / "vmlinuz")
    (host.share / "l2-init").write_text(INIT, encoding="ascii")
    host.run(INITRD)
    write(host, f"{type_of('mbochs')}/create", UUIDS["mbochs"])
    devices = [f"sysfsdev={MDEV}/{UUIDS['mbochs']}"]
    for vf in (igb_vfs(host, 1)[0], nvme_vf(host)):
        host.bind(vf)
        devices.append(f"host={vf}")
    argv = [*MACHINE, "-append", APPEND]
    for device in devices:
        argv += ["-device", f"vfio-pci,{device}"]
    code, output = host.attempt(f"timeout 3000 qemu-system-x86_64 {shlex.join(argv)} 2>&1", 3100)
    said = re.findall(r"(?m)^L2: (.*?)\r?$", output)
    with world.check("it boots and ends"):
        assert code == 0 and said[-1:] == ["done"], output[-2000:]
    for what, line in (("mbochs mdev: bochs-drm", "0x1234 0x1111 has bochs-drm"),
                       ("its screen", "the screen has modes"),
                       ("igb VF: igbvf", "0x8086 0x10ca has igbvf"),
                       ("nvme VF: nvme", "0x1b36 0x0010 has nvme"),
                       ("nvme VF: its blocks", "nvme0n1 keeps what is written")):
        with world.check(what):
            assert line in said, said
    with world.check("igb VF: its address, and a link"):
        assert any(f"is {MAC}, carrier 1" in line for line in said), said
    assert host.shut_down() == 0
