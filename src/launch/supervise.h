/* SPDX-License-Identifier: GPL-2.0-or-later */
/* supervise.h - the process that stays with a VM. Inside the room only. */
#ifndef FACET_LAUNCH_SUPERVISE_H
#define FACET_LAUNCH_SUPERVISE_H

#include <limits.h>

#include "launch/qemu.h"

struct facet_supervisor_config {
	const struct facet_vm_file *file;
	const struct facet_vm *vm;
	const struct facet_qemu *qemu;
	const char *image, *daemon, *file_name; /* may be NULL */
	bool foreground;
	char directory[PATH_MAX];
	int lock_fd;  /* of the directory: held as long as we live */
	int ready_fd; /* "+" when QEMU executes, "-" and a sentence when it will not; -1: none */
};

/* Starts QEMU, stays with it, and takes all away. */
int facet_supervise(struct facet_supervisor_config *config, struct facet_error *err);

#endif
