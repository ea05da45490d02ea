/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eus.h - the execution units of soft0, which are cores: lists of them, choosing, pinning. */
#ifndef FACET_DAEMON_EUS_H
#define FACET_DAEMON_EUS_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* N of "N"; 0: that is no number. */
unsigned int facetd_eus_number(const char *text);
/* The list (base/cpulist.h); one core as "3-3", so that it is never taken for a number. 0, or
 * -ENOSPC. */
int facetd_eus_format(const cpu_set_t *set, char *ret, size_t size);

struct facetd_eus_load {
	unsigned short users[CPU_SETSIZE]; /* of each core: how many vGPUs are pinned to it */
};

/**
 * facetd_eus_pick() - choose cores for somebody new.
 * @sys_fd: "/sys" or a made-up tree: cores of one NUMA node are preferred
 * @allowed: the GPU's, without those that others have for themselves
 * @unused: only cores that nobody is pinned to
 *
 * Return: 0, or -ENOSPC: there are not so many.
 */
int facetd_eus_pick(int sys_fd, unsigned int count, const cpu_set_t *allowed,
		    const struct facetd_eus_load *load, bool unused, cpu_set_t *ret);

/**
 * facetd_eus_pin() - move all threads of a process to these cores.
 * @proc_fd: "/proc"
 *
 * Threads that begin meanwhile are found too.
 * Return: how many threads are there; -errno.
 */
int facetd_eus_pin(int proc_fd, pid_t pid, const cpu_set_t *cores);

#endif
