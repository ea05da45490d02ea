#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Process 1 of the initramfs: finds the read-only root on the first virtio disk, makes it writable
# in memory, brings in the host's share, and hands over to facet-init.

bb=/bin/busybox

die()
{
	echo "facet initramfs: $*; powering off"
	$bb poweroff -f
}

$bb mount -t proc proc /proc
$bb mount -t sysfs sysfs /sys
$bb mount -t devtmpfs dev /dev

load()
{
	while read -r module; do
		$bb insmod "/mod/$module" || echo "facet initramfs: $module did not load"
	done <"/mod/$1"
}

read -r cmdline </proc/cmdline
load boot
case " $cmdline " in *" facet.gpu=early "*) load gpu ;; esac

for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ -b /dev/vda ] && break
	$bb sleep 0.2
done
$bb mount -t erofs -o ro /dev/vda /lower || die "no erofs image on the first virtio disk"
$bb mount -t tmpfs tmpfs /upper
$bb mkdir /upper/data /upper/work
$bb mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root ||
	die "the overlay could not be mounted"

for tag in /sys/bus/virtio/drivers/9pnet_virtio/virtio*/mount_tag; do
	[ -f "$tag" ] || continue
	# The tag ends in a NUL on some kernels; read stops before it.
	case "$($bb tr -d '\0' <"$tag")" in
	facet)
		$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none \
			facet /root/facet || die "the share facet could not be mounted"
		;;
	esac
done

$bb mount --move /proc /root/proc
$bb mount --move /sys /root/sys
$bb mount --move /dev /root/dev
exec $bb switch_root /root /sbin/facet-init
