#!/bin/busybox sh
# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-or-later
# Process 1 of the guest: loads the GPU driver, runs the script the host asked for, powers off.
#
# Words on the kernel command line:
#   facet.run=NAME    runs /facet/NAME from the host's share; without it, a shell on the console
#   facet.gpu=none    leaves the GPU driver to the script; "early" has it loaded by the initramfs

export PATH=/usr/bin:/usr/sbin HOME=/root TERM=dumb
export XDG_RUNTIME_DIR=/run MESA_SHADER_CACHE_DISABLE=true

busybox mkdir -p /dev/pts /dev/shm
busybox mount -t devpts devpts /dev/pts
busybox mount -t tmpfs tmpfs /dev/shm
busybox mount -t tmpfs tmpfs /run
busybox mount -t tmpfs tmpfs /tmp

script=
gpu=late
read -r cmdline </proc/cmdline
for word in $cmdline; do
	case $word in
	facet.run=*) script=${word#facet.run=} ;;
	facet.gpu=*) gpu=${word#facet.gpu=} ;;
	esac
done

if [ "$gpu" != none ]; then
	[ "$gpu" = early ] || modprobe virtio-gpu
	tries=0
	# Bounded: a device that never answers must still end in a result, not in a hang.
	until [ -e /dev/dri/card0 ] || [ $tries -ge 150 ]; do
		busybox sleep 0.1
		tries=$((tries + 1))
	done
	[ -e /dev/dri/card0 ] || echo "facet-init: no /dev/dri/card0 after 15 s"
fi

if [ -z "$script" ]; then
	echo "facet-init: no facet.run= on the kernel command line, so here is a shell"
	busybox setsid busybox cttyhack /bin/sh
	rc=$?
elif [ -f "/facet/$script" ]; then
	read -r uptime _ </proc/uptime
	echo "FACET-START=$uptime"
	cd /facet || exit 1
	busybox sh "./$script"
	rc=$?
else
	echo "facet-init: /facet/$script is not there: does QEMU share a directory with mount_tag=facet?"
	rc=127
fi

echo "FACET-RC=$rc"
busybox sync
busybox poweroff -f
