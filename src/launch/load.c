// SPDX-License-Identifier: GPL-2.0-or-later
/* load.c - asks the kernel where threads are pinned: what was written down may have been changed.
 */
#include "launch/load.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "launch/launch.h"
#include "launch/vmdir.h"
#include "place/place.h"

enum { WHOLE = 100 }; /* hundredths of a CPU */

static void add_thread(struct facet_place_load *load, pid_t tid)
{
	cpu_set_t set;

	if (sched_getaffinity(tid, sizeof(set), &set) < 0 || CPU_COUNT(&set) != 1)
		return;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			load->cpu[cpu] += WHOLE;
}

void facet_load_add_process(struct facet_place_load *load, pid_t pid)
{
	char path[32];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			add_thread(load, atoi(entry->d_name));
	if (dir)
		closedir(dir);
}

static void add_vm(struct facet_place_load *load, const char *name)
{
	struct facet_vm_state *state = malloc(sizeof(*state));
	char path[PATH_MAX];

	if (state && facet_vmdir_path(name, path, NULL) == 0 &&
	    facet_vmdir_read(path, state, NULL) == 0 && state->phase == FACET_VM_RUNNING &&
	    state->qemu)
		facet_load_add_process(load, state->qemu);
	free(state);
}

void facet_load_read(struct facet_place_load *load)
{
	char **names = facet_vmdir_list();

	for (char **name = names; name && *name; name++) {
		add_vm(load, *name);
		free(*name);
	}
	free(names);
}
