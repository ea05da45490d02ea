/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threads.h - the threads of a QEMU: which are vCPUs, which are not. Inside the room only. */
#ifndef FACET_CPU_THREADS_H
#define FACET_CPU_THREADS_H

#include "cpu/cpu.h"

struct facet_cpu_threads {
	int proc_fd;
	pid_t pid;
	const pid_t *tids; /* of vCPUs; what QEMU says */
	unsigned int count;
};

/* Are they all there, and of this process? */
int facet_cpu_threads_check(const struct facet_cpu_threads *threads, struct facet_error *err);

/*
 * Calls @visit for each thread, until none is new: a thread inherits from its parent, which may not
 * have been visited yet. @vcpu: its number, -1 for other threads. -ESRCH of @visit is no error but
 * for vCPUs; any other ends it.
 */
int facet_cpu_threads_visit(const struct facet_cpu_threads *threads,
			    int (*visit)(void *arg, int vcpu, pid_t tid), void *arg);

/* By the scheduler's own count; throttled_ns stays as it is. */
int facet_cpu_threads_read(int proc_fd, pid_t pid, pid_t tid, struct facet_cpu_usage *ret);
/* The process, with its threads that ended; steal_ns only of those that are there. */
int facet_cpu_threads_read_all(int proc_fd, pid_t pid, struct facet_cpu_usage *ret);

#endif
