/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu.h - a VM's part of the host's CPUs: shares and caps of its threads, and where they run. */
#ifndef FACET_CPU_CPU_H
#define FACET_CPU_CPU_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "cgroup/cgroup.h"

enum {
	FACET_CPU_VCPUS = 1024,
	FACET_CPU_SHARE = 100, /* what nobody asked for */
	FACET_CPU_SHARE_MAX = 10000,
	FACET_CPU_CAP_MIN = 10000, /* ppm of one CPU; the kernel cannot do less */
	FACET_CPU_ALL = 1000000,   /* ppm: one CPU */
	FACET_CPU_CAP_MAX = 1024 * FACET_CPU_ALL,
};

struct facet_cpu_limits {
	unsigned int share; /* weight among those beside it, 1 to FACET_CPU_SHARE_MAX; 0: 100 */
	uint64_t cap_ppm;   /* of one CPU, so 2000000 are two; 0: none */
};

/*
 * The control groups of one VM's QEMU: "facet-vm-ID-NAME" for all of it, and below that one for
 * each vCPU and one for QEMU's other threads. Version 2: a threaded subtree.
 *
 * VMs beside each other share CPUs by their VM's share, and inside a VM by the shares of its vCPUs
 * and of its emulator. The cap of a VM holds its emulator as well.
 *
 * Not thread-safe; nothing here waits.
 */
struct facet_cpu_vm;

/* NULL: shares and caps work here; else why not, and what to do. */
const char *facet_cpu_why(const struct facet_cgroups *groups);

/**
 * facet_cpu_vm_create() - make the groups, or take over those that are there.
 * @groups: borrowed, as long as the VM's lives
 * @name: of the VM
 * @vcpus: 1 to FACET_CPU_VCPUS
 *
 * Return: 0; -EOPNOTSUPP: facet_cpu_why(); another -errno, then nothing is left.
 */
int facet_cpu_vm_create(const struct facet_cgroups *groups, const char *name, unsigned int vcpus,
			struct facet_cpu_vm **ret, struct facet_error *err);
/* The groups stay: a next facetd takes them over. */
void facet_cpu_vm_destroy(struct facet_cpu_vm *vm);
/* And the groups too. Those with processes in them stay, -EBUSY. */
int facet_cpu_vm_remove(struct facet_cpu_vm *vm);
/* What VMs of this id left that run no more. */
void facet_cpu_clean(const struct facet_cgroups *groups);

/**
 * facet_cpu_vm_move() - put QEMU's threads where they belong.
 * @proc_fd: "/proc"; borrowed, as long as @vm lives
 * @pid: QEMU; -ESRCH when it is gone
 * @tids: of its vCPUs in order, as query-cpus-fast says; QEMU is not trusted: those of other
 *        processes are refused, -EPERM
 *
 * Call it when the vCPUs are there (-S is a good moment), and again when some were plugged in.
 */
int facet_cpu_vm_move(struct facet_cpu_vm *vm, int proc_fd, pid_t pid, const pid_t *tids,
		      unsigned int count, struct facet_error *err);

/*
 * Live, before or after move(). What is not possible changes nothing. A vCPU's cap above the VM's
 * is kept, and works once the VM's is raised.
 */
int facet_cpu_vm_limit(struct facet_cpu_vm *vm, const struct facet_cpu_limits *limits,
		       struct facet_error *err);
int facet_cpu_vm_limit_vcpu(struct facet_cpu_vm *vm, unsigned int vcpu,
			    const struct facet_cpu_limits *limits, struct facet_error *err);
int facet_cpu_vm_limit_emulator(struct facet_cpu_vm *vm, const struct facet_cpu_limits *limits,
				struct facet_error *err);

/* Since it began; differences of two readings are rates. */
struct facet_cpu_usage {
	uint64_t used_ns;      /* ran */
	uint64_t steal_ns;     /* wanted to run and did not: others ran, or a cap held it */
	uint64_t throttled_ns; /* its own cap held it, summed over the CPUs of the group */
};

/* Of a vCPU that move() put; -ENODATA: none there (yet, or any more). */
int facet_cpu_vm_usage_vcpu(const struct facet_cpu_vm *vm, unsigned int vcpu,
			    struct facet_cpu_usage *ret);
/* Of all threads together; throttled_ns is by the cap of the VM. */
int facet_cpu_vm_usage(const struct facet_cpu_vm *vm, struct facet_cpu_usage *ret);

/**
 * facet_cpu_pin() - have threads run on these CPUs only. Needs no control groups.
 * @vcpus: a set for each of @tids; NULL: vCPUs stay where they may run now
 * @emulator: for all other threads of the process; NULL: they stay
 *
 * Return: 0; -ESRCH; -EPERM as in facet_cpu_vm_move(); -EINVAL: a set has no CPU we may use.
 */
int facet_cpu_pin(int proc_fd, pid_t pid, const pid_t *tids, const cpu_set_t *vcpus,
		  unsigned int count, const cpu_set_t *emulator, struct facet_error *err);

#endif
