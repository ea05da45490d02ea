/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup.h - the kernel's control groups of both versions: where we may make them, limits of
 * vGPUs'. */
#ifndef FACET_CGROUP_CGROUP_H
#define FACET_CGROUP_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum facet_cgroup_controller { FACET_CGROUP_CPU, FACET_CGROUP_MEMORY, FACET_CGROUP_CONTROLLERS };

/* Where groups of a controller can be made. */
struct facet_cgroup_place {
	char path[PATH_MAX]; /* below the root; "": nowhere, because: */
	char why[160];
};

struct facet_cgroups {
	int root_fd; /* borrowed: "/sys/fs/cgroup", or a made-up tree; -1: none */
	bool v2;
	char id[16]; /* keeps several facetds apart */
	struct facet_cgroup_place places[FACET_CGROUP_CONTROLLERS];
};

/**
 * facet_cgroups_init() - find out what this host lets us do.
 * @own: the text of /proc/self/cgroup
 * @id: of this facetd, in the names of groups: "facet-ID-NAME"
 *
 * v1: below our own group in each hierarchy. v2: below our own group if that may have children
 * with controllers, which the kernel grants to the root group, and to a group without processes of
 * its own: so if ours is called "facetd" (systemd's DelegateSubgroup=), below its parent.
 */
void facet_cgroups_init(struct facet_cgroups *groups, int root_fd, const char *own, const char *id);

/* NULL: works; else why not. */
const char *facet_cgroups_why(const struct facet_cgroups *groups,
			      enum facet_cgroup_controller controller);

/* Makes the group if it is not there, and moves the process (all its threads) into it. */
int facet_cgroup_put(const struct facet_cgroups *groups, enum facet_cgroup_controller controller,
		     const char *name, pid_t pid, struct facet_error *err);

/* Of the group that put() made. @quota_us in each @period_us; 0: no limit. */
int facet_cgroup_limit_cpu(const struct facet_cgroups *groups, const char *name, uint64_t quota_us,
			   uint64_t period_us, struct facet_error *err);
/* How the kernel shares processors out, of one group; descriptors of its files. */
struct facet_cgroup_cpu {
	int weight_fd, idle_fd;  /* -1: none */
	unsigned int unit, most; /* weights: of one thread, and the largest there is */
	unsigned int weight;     /* that was written; 0: not known */
	bool idle;
};

#define FACET_CGROUP_NO_CPU ((struct facet_cgroup_cpu){ .weight_fd = -1, .idle_fd = -1 })

/* Of the group that put() made. Close it in the end. */
int facet_cgroup_open_cpu(const struct facet_cgroups *groups, const char *name,
			  struct facet_cgroup_cpu *ret, struct facet_error *err);
void facet_cgroup_close_cpu(struct facet_cgroup_cpu *cpu);
/* Against what is not in any group it counts as so many threads. Not while it idles. */
void facet_cgroup_set_weight(struct facet_cgroup_cpu *cpu, uint64_t threads_ppm);
/*
 * @idle: it runs only while nobody else wants to (Linux 5.15); after it set_weight is due again.
 * Returns whether it idles now.
 */
bool facet_cgroup_set_idle(struct facet_cgroup_cpu *cpu, bool idle);
/* 0: no limit. -EBUSY: more is in use now; nothing was changed. */
int facet_cgroup_limit_memory(const struct facet_cgroups *groups, const char *name, uint64_t bytes,
			      struct facet_error *err);
/* How often the kernel ended a process for it. */
uint64_t facet_cgroup_oom_kills(const struct facet_cgroups *groups, const char *name);

void facet_cgroup_remove(const struct facet_cgroups *groups, const char *name);
/* Removes groups of this id that have no processes: what an earlier facetd left. */
void facet_cgroups_clean(const struct facet_cgroups *groups);

/* --- for who makes other groups in such a place --- */

/* A file of a group, below the root: one write, one value. 0 or -errno. */
int facet_cgroup_write(int root_fd, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Its whole text, as much as there is room. */
int facet_cgroup_read(int root_fd, const char *path, char *ret, size_t size);
/* Of the group @path. @quota_us 0: none. There is no moment without a quota unless the period
 * changes. */
int facet_cgroup_write_quota(int root_fd, bool v2, const char *path, uint64_t quota_us,
			     uint64_t period_us);

#endif
