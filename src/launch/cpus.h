/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpus.h - a VM's shares and caps of CPUs, and where its vCPUs and memory are. */
#ifndef FACET_LAUNCH_CPUS_H
#define FACET_LAUNCH_CPUS_H

#include <sys/types.h>

#include "launch/vm.h"

struct facet_cpus;

/* NULL is no memory, and nothing else: what the file does not ask for is not looked at. */
struct facet_cpus *facet_cpus_create(void);
/* The groups go, too: QEMU has ended. */
void facet_cpus_destroy(struct facet_cpus *cpus);

/**
 * facet_cpus_place() - where `auto` is to be.
 * @ret_nodes: of the memory, for QEMU; "": any
 */
int facet_cpus_place(struct facet_cpus *cpus, const struct facet_vm *vm, char *ret_nodes,
		     size_t size, struct facet_error *err);

/* Has QEMU's threads do as the file says. @tids: of its vCPUs. */
int facet_cpus_apply(struct facet_cpus *cpus, const struct facet_vm *vm, pid_t pid,
		     const pid_t *tids, unsigned int count, struct facet_error *err);

/* Groups whose VMs are gone. */
void facet_cpus_sweep(void);

#endif
