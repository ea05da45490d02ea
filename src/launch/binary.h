/* SPDX-License-Identifier: GPL-2.0-or-later */
/* binary.h - which QEMU runs a VM, and what it can do. */
#ifndef FACET_LAUNCH_BINARY_H
#define FACET_LAUNCH_BINARY_H

#include "launch/args.h"
#include "launch/vm.h"

struct facet_qemu {
	struct facet_args argv; /* how to call it: more than one when it is not installed */
	unsigned int program;   /* which of them is QEMU's file */
	char *module_dir;       /* for $QEMU_MODULE_DIR; NULL: its own */
	unsigned int major, minor;
	bool kvm;      /* it has made a vCPU with KVM here */
	char *devices; /* a line each, between newlines: of those a file can ask for */
};

/**
 * facet_qemu_find() - choose and probe.
 * @path: the file's, or NULL: $FACET_QEMU, else qemu-system-x86_64 of the PATH; where that cannot
 *        attach a vGPU without KVM, the newer one that scripts/guest-image has unpacked
 *
 * The answers are kept in the user's cache, for the same file.
 */
int facet_qemu_find(const char *path, struct facet_qemu *ret, struct facet_error *err);
void facet_qemu_fini(struct facet_qemu *qemu);

bool facet_qemu_has(const struct facet_qemu *qemu, const char *device);

/* Can it run that VM? */
int facet_qemu_check(const struct facet_qemu *qemu, const struct facet_vm *vm,
		     struct facet_error *err);

/* qemu-img of the PATH; malloc()ed, NULL: none. */
char *facet_qemu_img(void);

/* The newest directory "PREFIX-*" below facet's images in the user's cache; NULL: none. */
char *facet_image_find(const char *prefix);

#endif
