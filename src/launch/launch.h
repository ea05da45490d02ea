/* SPDX-License-Identifier: GPL-2.0-or-later */
/* launch.h - VMs from files: started, supervised, stopped, and swept up after. */
#ifndef FACET_LAUNCH_LAUNCH_H
#define FACET_LAUNCH_LAUNCH_H

#include <stdbool.h>

#include "launch/args.h"
#include "launch/vm.h"
#include "launch/vmdir.h"

/*
 * DOC: Theory of Operation
 *
 * Each VM has a supervisor: a process of `facet run` that stays. It makes what the VM needs (vGPUs
 * of facetd, overlays, control groups), starts QEMU, speaks QMP with it, and takes all of it away
 * in the end. It is not part of facetd: so a VM does not depend on facetd's life, facetd, which may
 * be root and others' too, starts no programs that a user's file names, and QEMU is whose
 * it is who ran it. QEMU is tied to its supervisor: the kernel ends it when that dies. What a
 * supervisor that was killed leaves are a directory, vGPUs and groups; they are written down and
 * swept (vmdir.h).
 *
 * Signals to a supervisor: SIGTERM stops by ACPI, as does one with a value V > 0 (sigqueue()) that
 * gives the guest V - 1 seconds for it; SIGINT stops at once.
 */

struct facet_launch_options {
	const char *daemon;    /* facetd's socket; NULL: the usual one */
	const char *file_name; /* for `facet ps` */
	bool foreground;       /* this process is the supervisor */
};

/**
 * facet_launch_run() - start a VM.
 *
 * Return: 0: QEMU executes (with `foreground`: has ended, as it was told); negative errno after a
 * sentence, and nothing is left.
 */
int facet_launch_run(const struct facet_vm_file *file, const struct facet_vm *vm,
		     const struct facet_launch_options *options, struct facet_error *err);

/**
 * facet_launch_stop() - stop a VM, and wait until nothing of it is left.
 * @seconds: for ACPI; -1: as its file says; 0: at once
 *
 * Also of one that is dead or has crashed. -ENOENT: there is none of that name.
 */
int facet_launch_stop(const char *name, int seconds, struct facet_error *err);

/* Takes away what dead supervisors have left. The first failure, 0: none. */
int facet_launch_sweep(struct facet_error *err);

/* The arguments with which it would be run; vGPUs are thought of as facetd would make them. */
int facet_launch_args(const struct facet_vm_file *file, const struct facet_vm *vm,
		      struct facet_args *ret, struct facet_error *err);

struct facet_topology;
struct facet_place_load;
struct facet_place_request;
/* What `place` is asked for it. */
int facet_vm_request(const struct facet_vm *vm, const struct facet_topology *topology,
		     struct facet_place_request *ret, struct facet_error *err);
/* Counts in what is pinned now of every VM of this user; who is not pinned is anywhere. */
void facet_load_read(struct facet_place_load *load);

#endif
