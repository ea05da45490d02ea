// SPDX-License-Identifier: GPL-2.0-or-later
/* eus.c - lists of cores, the choice among them, and the affinity of running threads. */
#include "daemon/eus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cpulist.h"
#include "base/units.h"

enum {
	MAX_NODES = 64,
	MAX_ROUNDS = 8, /* over the threads of a process that makes new ones all the time */
};

/* --- lists --- */

unsigned int facetd_eus_number(const char *text)
{
	uint64_t number;

	return facet_units_number(text, 1, CPU_SETSIZE - 1, &number) ? 0 : (unsigned int)number;
}

int facetd_eus_format(const cpu_set_t *set, char *ret, size_t size)
{
	int core = 0;

	if (CPU_COUNT(set) != 1)
		return facet_cpulist_format(set, ret, size);
	while (!CPU_ISSET(core, set))
		core++;
	return snprintf(ret, size, "%d-%d", core, core) < (int)size ? 0 : -ENOSPC;
}

/* --- choosing --- */

/* Takes the least used first, the lowest of equals: the same choice each time. */
static unsigned int pick_among(const cpu_set_t *cores, unsigned int count,
			       const struct facetd_eus_load *load, cpu_set_t *ret)
{
	unsigned int sum = 0;

	CPU_ZERO(ret);
	while (count--) {
		int best = -1;

		for (int core = 0; core < CPU_SETSIZE; core++)
			if (CPU_ISSET(core, cores) && !CPU_ISSET(core, ret) &&
			    (best < 0 || load->users[core] < load->users[best]))
				best = core;
		CPU_SET(best, ret);
		sum += load->users[best];
	}
	return sum;
}

static int read_node(int sys_fd, unsigned int node, cpu_set_t *ret)
{
	facet_autoclose int fd = -1;
	char path[64], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "devices/system/node/node%u/cpulist", node);
	fd = openat(sys_fd, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -ENOENT;
	text[n] = '\0';
	return facet_cpulist_parse(text, ret);
}

int facetd_eus_pick(int sys_fd, unsigned int count, const cpu_set_t *allowed,
		    const struct facetd_eus_load *load, bool unused, cpu_set_t *ret)
{
	unsigned int best = ~0U, sum;
	cpu_set_t cores = *allowed, node, choice;

	for (int core = 0; unused && core < CPU_SETSIZE; core++)
		if (load->users[core])
			CPU_CLR(core, &cores);
	if (!count || (unsigned int)CPU_COUNT(&cores) < count)
		return -ENOSPC;
	for (unsigned int i = 0; i < MAX_NODES; i++) {
		if (read_node(sys_fd, i, &node))
			continue;
		CPU_AND(&node, &node, &cores);
		if ((unsigned int)CPU_COUNT(&node) < count)
			continue;
		sum = pick_among(&node, count, load, &choice);
		if (sum < best) {
			best = sum;
			*ret = choice;
		}
	}
	if (best == ~0U) /* no node has so many */
		pick_among(&cores, count, load, ret);
	return 0;
}

/* --- pinning --- */

/* One round; *ret_moved: those that were elsewhere. */
static int pin_round(DIR *dir, const cpu_set_t *cores, int *ret_moved)
{
	int threads = 0, moved = 0;
	struct dirent *entry;
	cpu_set_t now;

	rewinddir(dir);
	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);

		if (tid <= 0)
			continue;
		threads++;
		if (sched_getaffinity(tid, sizeof(now), &now) == 0 && CPU_EQUAL(&now, cores))
			continue;
		if (sched_setaffinity(tid, sizeof(*cores), cores) == 0)
			moved++;
		else if (errno != ESRCH)
			return -errno;
	}
	*ret_moved = moved;
	return threads;
}

int facetd_eus_pin(int proc_fd, pid_t pid, const cpu_set_t *cores)
{
	char path[32];
	int fd, threads, moved = 1;
	DIR *dir;

	snprintf(path, sizeof(path), "%d/task", (int)pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		threads = -errno;
		if (fd >= 0)
			close(fd);
		return threads;
	}
	/* A thread inherits from its parent, which may not have been moved yet. */
	threads = 0;
	for (int round = 0; round < MAX_ROUNDS && threads >= 0 && moved; round++)
		threads = pin_round(dir, cores, &moved);
	closedir(dir);
	return threads == 0 ? -ESRCH : threads;
}
