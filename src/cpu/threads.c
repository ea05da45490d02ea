// SPDX-License-Identifier: GPL-2.0-or-later
/* threads.c - the threads of a QEMU: found, pinned, metered. */
#include "cpu/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { MAX_ROUNDS = 8 }; /* over the threads of a process that makes new ones all the time */

int facet_cpu_threads_check(const struct facet_cpu_threads *threads, struct facet_error *err)
{
	char path[48];

	snprintf(path, sizeof(path), "%d", (int)threads->pid);
	if (threads->pid <= 0 || faccessat(threads->proc_fd, path, F_OK, 0) < 0)
		return facet_error_set(err, -ESRCH, "process %d is gone", (int)threads->pid);
	for (unsigned int i = 0; i < threads->count; i++) {
		snprintf(path, sizeof(path), "%d/task/%d", (int)threads->pid,
			 (int)threads->tids[i]);
		if (threads->tids[i] <= 0 || faccessat(threads->proc_fd, path, F_OK, 0) < 0)
			return facet_error_set(err, -EPERM,
					       "vCPU %u: thread %d is none of process %d's", i,
					       (int)threads->tids[i], (int)threads->pid);
	}
	return 0;
}

/* With one thread for all vCPUs (TCG, thread=single) it is the first's. */
static int find_vcpu(const struct facet_cpu_threads *threads, pid_t tid)
{
	for (unsigned int i = 0; i < threads->count; i++)
		if (threads->tids[i] == tid)
			return (int)i;
	return -1;
}

/* One round. @ret_sum: changes when a thread comes. */
static int visit_round(const struct facet_cpu_threads *threads, DIR *dir,
		       int (*visit)(void *arg, int vcpu, pid_t tid), void *arg, uint64_t *ret_sum)
{
	struct dirent *entry;

	*ret_sum = 0;
	rewinddir(dir);
	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);
		int vcpu, r;

		if (tid <= 0)
			continue;
		*ret_sum = *ret_sum * 31 + (uint64_t)tid;
		vcpu = find_vcpu(threads, tid);
		r = visit(arg, vcpu, tid);
		if (r && (r != -ESRCH || vcpu >= 0))
			return r;
	}
	return *ret_sum ? 0 : -ESRCH;
}

static DIR *open_threads(int proc_fd, pid_t pid)
{
	char path[32];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%d/task", (int)pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

int facet_cpu_threads_visit(const struct facet_cpu_threads *threads,
			    int (*visit)(void *arg, int vcpu, pid_t tid), void *arg)
{
	DIR *dir = open_threads(threads->proc_fd, threads->pid);
	uint64_t before = 0, now = 1;
	int r = 0;

	if (!dir)
		return -ESRCH;
	for (int round = 0; round < MAX_ROUNDS && !r && now != before; round++) {
		before = now;
		r = visit_round(threads, dir, visit, arg, &now);
	}
	closedir(dir);
	return r;
}

/* --- pinning --- */

struct sets {
	const cpu_set_t *vcpus, *emulator;
};

static int pin(void *arg, int vcpu, pid_t tid)
{
	const struct sets *sets = arg;
	const cpu_set_t *set = vcpu < 0 ? sets->emulator : sets->vcpus ? &sets->vcpus[vcpu] : NULL;

	return set && sched_setaffinity(tid, sizeof(*set), set) < 0 ? -errno : 0;
}

int facet_cpu_pin(int proc_fd, pid_t pid, const pid_t *tids, const cpu_set_t *vcpus,
		  unsigned int count, const cpu_set_t *emulator, struct facet_error *err)
{
	const struct facet_cpu_threads threads = { proc_fd, pid, tids, count };
	struct sets sets = { vcpus, emulator };
	int r = facet_cpu_threads_check(&threads, err);

	if (r)
		return r;
	r = facet_cpu_threads_visit(&threads, pin, &sets);
	if (r == -EINVAL)
		return facet_error_set(
			err, r, "process %d: none of the CPUs for one of its threads is there",
			(int)pid);
	return r ? facet_error_set(err, r, "process %d: its threads cannot be pinned: %s", (int)pid,
				   strerror(-r))
		 : 0;
}

/* --- metering --- */

int facet_cpu_threads_read(int proc_fd, pid_t pid, pid_t tid, struct facet_cpu_usage *ret)
{
	facet_autoclose int fd = -1;
	char path[64], text[96];
	uint64_t used, waited;
	ssize_t n;

	snprintf(path, sizeof(path), "%d/task/%d/schedstat", (int)pid, (int)tid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ENODATA;
	text[n] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &used, &waited) != 2)
		return -ENODATA;
	ret->used_ns = used;
	ret->steal_ns = waited;
	return 0;
}

int facet_cpu_threads_read_all(int proc_fd, pid_t pid, struct facet_cpu_usage *ret)
{
	struct facet_cpu_usage one;
	struct timespec used;
	struct dirent *entry;
	clockid_t clock;
	DIR *dir;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used) < 0)
		return -ENODATA;
	dir = open_threads(proc_fd, pid);
	if (!dir)
		return -ENODATA;
	ret->used_ns = (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
	ret->steal_ns = 0;
	while ((entry = readdir(dir)))
		if (atoi(entry->d_name) > 0 &&
		    facet_cpu_threads_read(proc_fd, pid, atoi(entry->d_name), &one) == 0)
			ret->steal_ns += one.steal_ns;
	closedir(dir);
	return 0;
}
