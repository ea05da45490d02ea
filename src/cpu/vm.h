/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm.h - what is kept of a VM's groups. Inside the room only. */
#ifndef FACET_CPU_VM_H
#define FACET_CPU_VM_H

#include <limits.h>

#include "base/cleanup.h"
#include "cpu/cpu.h"

/* In place of a vCPU's number. */
enum { FACET_CPU_VM_ALL = -2, FACET_CPU_VM_EMULATOR = -1 };

struct facet_cpu_group {
	struct facet_cpu_limits limits; /* as they were asked for */
	pid_t tid;                      /* of a vCPU; 0: none */
};

struct facet_cpu_vm {
	const struct facet_cgroups *groups;
	char name[NAME_MAX], path[PATH_MAX]; /* below groups->root_fd */
	unsigned int vcpus;
	struct facet_cpu_group all, emulator, *vcpu;
	pid_t pid;   /* that was moved; 0: none */
	int proc_fd; /* borrowed */
};

FACET_DEFINE_CLEANUP(struct facet_cpu_vm, facet_cpu_vm_destroy)

#endif
