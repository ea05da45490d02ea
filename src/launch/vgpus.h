/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgpus.h - a VM's vGPUs, which facetd makes and removes. */
#ifndef FACET_LAUNCH_VGPUS_H
#define FACET_LAUNCH_VGPUS_H

#include "launch/qemu.h"
#include "launch/vmdir.h"

/*
 * Makes those of the file. Each is written down in @state, in the directory @path, before it is
 * asked for: whoever sweeps knows of it whatever happens to us. @ret: as many as the file has GPUs.
 */
int facet_vgpus_create(const struct facet_vm_file *file, const struct facet_vm *vm,
		       const char *path, struct facet_vm_state *state, struct facet_qemu_gpu *ret,
		       struct facet_error *err);
void facet_vgpus_fini(struct facet_qemu_gpu *gpus, unsigned int count);

/*
 * Removes those that are written down, and only them: one of the same name that is not as old is
 * somebody else's. 0: none is left; else facetd could not be asked, or could not do it.
 */
int facet_vgpus_remove(struct facet_vm_state *state, struct facet_error *err);

#endif
