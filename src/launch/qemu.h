/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu.h - QEMU's arguments for a VM. */
#ifndef FACET_LAUNCH_QEMU_H
#define FACET_LAUNCH_QEMU_H

#include "launch/args.h"
#include "launch/binary.h"
#include "launch/vm.h"

/* How a GPU of the file is attached, in its order. */
struct facet_qemu_gpu {
	char *socket;   /* of the vGPU; NULL: a device of the host's */
	char *device;   /* its directory in sysfs; NULL: the file says which */
	bool vfio_user; /* its transport */
	unsigned int width, height, outputs;
};

struct facet_qemu_config {
	const struct facet_vm_file *file;
	const struct facet_vm *vm;
	const struct facet_qemu *qemu;
	const char *directory; /* its sockets and logs */
	const char *image;     /* of `image: debian`; NULL: not wanted */
	const struct facet_qemu_gpu *gpus;
	const char *host_nodes; /* memory only from these: "0", "0-1"; NULL: any */
	bool supervised;        /* QMP at descriptor 3, and it waits for `cont` */
};

/* @ret is complete: -ENOMEM if not. */
int facet_qemu_args(const struct facet_qemu_config *config, struct facet_args *ret,
		    struct facet_error *err);

/* The file that overlays disk @index, below the directory. malloc()ed. */
char *facet_qemu_overlay(const char *directory, unsigned int index);

/* The first that is there of the usual places of UEFI for guests; NULL: none. */
const char *facet_qemu_uefi(void);

#endif
