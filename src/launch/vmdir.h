/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdir.h - the runtime directory of a VM, and what is written there of it. */
#ifndef FACET_LAUNCH_VMDIR_H
#define FACET_LAUNCH_VMDIR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "launch/vm.h"

/*
 * DOC: Theory of Operation
 *
 * $XDG_RUNTIME_DIR/facet/vm/NAME (root without one: /run/facet/vm/NAME) holds all of a VM that is
 * not in its file: sockets, logs, overlays, and state.json. Its supervisor holds a lock on the file
 * `lock` in there for as long as it lives, whatever ends it. A directory whose lock is free is what
 * somebody left: the next `facet ps`, `run` or `stop` sweeps it, by what state.json says.
 *
 * The file vm/.lock is held while directories are made or swept.
 */

enum facet_vm_phase {
	FACET_VM_STARTING,
	FACET_VM_RUNNING,
	FACET_VM_STOPPING,
	FACET_VM_ENDED,   /* its vGPUs could not be removed: no facetd */
	FACET_VM_CRASHED, /* only logs are left, for somebody to read */
};

struct facet_vm_vgpu {
	char name[80];
	uint64_t created; /* as facetd says; 0: about to be made, not before `since` */
};

struct facet_vm_state {
	enum facet_vm_phase phase;
	char reason[256];                      /* why it ended */
	char file[PATH_MAX], daemon[PATH_MAX]; /* daemon: facetd's socket, "": the usual one */
	pid_t supervisor, qemu;
	uint64_t supervisor_start, qemu_start; /* 0: none */
	uint64_t since;                        /* seconds since 1970 */
	unsigned int vcpus;
	uint64_t memory;
	unsigned int vgpu_count;
	struct facet_vm_vgpu vgpus[FACET_VM_LIST];
};

extern const char *const facet_vm_phases[];

/* The directory of all VMs, made if it is not there. */
int facet_vmdir_base(char ret[static PATH_MAX], struct facet_error *err);
/* Of one: nothing is looked at. */
int facet_vmdir_path(const char *name, char ret[static PATH_MAX], struct facet_error *err);

/* Makes and locks it; -EEXIST: it runs. What a dead one left has to be swept before. */
int facet_vmdir_create(const char *name, char ret[static PATH_MAX], int *ret_lock,
		       struct facet_error *err);
/* All that is in it, and itself. */
int facet_vmdir_remove(const char *path);

int facet_vmdir_write(const char *path, const struct facet_vm_state *state,
		      struct facet_error *err);
int facet_vmdir_read(const char *path, struct facet_vm_state *ret, struct facet_error *err);

/* vm/.lock; to be closed. Negative errno after a sentence. */
int facet_vmdir_lock(struct facet_error *err);
/* The lock of a VM's directory, if nobody has it; -EBUSY: its supervisor lives. */
int facet_vmdir_take(const char *path);

/* The names of all, sorted; malloc()ed, ends with NULL; each and the list are free()d. */
char **facet_vmdir_list(void);

/* The last lines of a file in it, at most @size; "" if there are none. */
void facet_vmdir_tail(const char *path, const char *file, char *ret, size_t size);

#endif
