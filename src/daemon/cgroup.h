/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup.h - the kernel's own limits behind ours: a control group for each vGPU's process. */
#ifndef FACET_DAEMON_CGROUP_H
#define FACET_DAEMON_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum facetd_controller { FACETD_CPU, FACETD_MEMORY, FACETD_CONTROLLERS };

/* Where groups of a controller can be made. */
struct facetd_cgroup_place {
	char path[PATH_MAX]; /* below the root; "": nowhere, because: */
	char why[160];
};

struct facetd_cgroups {
	int root_fd; /* borrowed: "/sys/fs/cgroup", or a made-up tree; -1: none */
	bool v2;
	char id[16]; /* keeps several facetds apart */
	struct facetd_cgroup_place places[FACETD_CONTROLLERS];
};

/**
 * facetd_cgroups_init() - find out what this host lets us do.
 * @own: the text of /proc/self/cgroup
 * @id: of this facetd, in the names of groups: "facet-ID-NAME"
 *
 * v1: below our own group in each hierarchy. v2: below our own group if that may have children
 * with controllers, which the kernel grants to the root group, and to a group without processes of
 * its own: so if ours is called "facetd" (systemd's DelegateSubgroup=), below its parent.
 */
void facetd_cgroups_init(struct facetd_cgroups *groups, int root_fd, const char *own,
			 const char *id);

/* NULL: works; else why not. */
const char *facetd_cgroups_why(const struct facetd_cgroups *groups,
			       enum facetd_controller controller);

/* Makes the group if it is not there, and moves the process (all its threads) into it. */
int facetd_cgroup_put(const struct facetd_cgroups *groups, enum facetd_controller controller,
		      const char *name, pid_t pid, struct facet_error *err);

/* Of the group that put() made. @quota_us in each @period_us; 0: no limit. */
int facetd_cgroup_limit_cpu(const struct facetd_cgroups *groups, const char *name,
			    uint64_t quota_us, uint64_t period_us, struct facet_error *err);
/* How the kernel shares processors out, of one group; descriptors of its files. */
struct facetd_cgroup_cpu {
	int weight_fd, idle_fd;  /* -1: none */
	unsigned int unit, most; /* weights: of one thread, and the largest there is */
	unsigned int weight;     /* that was written; 0: not known */
	bool idle;
};

#define FACETD_CGROUP_NO_CPU ((struct facetd_cgroup_cpu){ .weight_fd = -1, .idle_fd = -1 })

/* Of the group that put() made. Close it in the end. */
int facetd_cgroup_open_cpu(const struct facetd_cgroups *groups, const char *name,
			   struct facetd_cgroup_cpu *ret, struct facet_error *err);
void facetd_cgroup_close_cpu(struct facetd_cgroup_cpu *cpu);
/* Against what is not in any group it counts as so many threads. Not while it idles. */
void facetd_cgroup_set_weight(struct facetd_cgroup_cpu *cpu, uint64_t threads_ppm);
/*
 * @idle: it runs only while nobody else wants to (Linux 5.15); after it set_weight is due again.
 * Returns whether it idles now.
 */
bool facetd_cgroup_set_idle(struct facetd_cgroup_cpu *cpu, bool idle);
/* 0: no limit. -EBUSY: more is in use now; nothing was changed. */
int facetd_cgroup_limit_memory(const struct facetd_cgroups *groups, const char *name,
			       uint64_t bytes, struct facet_error *err);
/* How often the kernel ended a process for it. */
uint64_t facetd_cgroup_oom_kills(const struct facetd_cgroups *groups, const char *name);

void facetd_cgroup_remove(const struct facetd_cgroups *groups, const char *name);
/* Removes groups of this id that have no processes: what an earlier facetd left. */
void facetd_cgroups_clean(const struct facetd_cgroups *groups);

#endif
