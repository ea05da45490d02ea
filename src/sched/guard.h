/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard.h - the last word on memory: what the process really takes. */
#ifndef FACET_SCHED_GUARD_H
#define FACET_SCHED_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

/*
 * Quotas count what can be foreseen. Compilers, linked programs and caches cannot: so the process's
 * own memory is looked at, and when there is too much of it, what could make more is refused until
 * there is less. Engine thread.
 */
struct facet_guard {
	int statm_fd;      /* /proc/self/statm, borrowed; 0: nobody can look */
	uint64_t baseline; /* bytes, without anything of the guest's */
	uint64_t before;   /* the job that may load the renderer */
	bool loaded;       /* the baseline is one with a renderer in it */
	bool full;
	uint64_t looked_ns, tidied_ns;
};

/* Before there is anything of a guest. */
void facet_guard_init(struct facet_guard *guard, int statm_fd);

/*
 * May this job run? False: it could make the process larger, and there is no room. @quota: 0 means
 * no limit. Cheap: looks every few milliseconds at most.
 */
bool facet_guard_allows(struct facet_guard *guard, enum facet_job_kind kind, uint64_t quota,
			uint64_t now_ns);
/* It ran. The one that loaded the renderer made the process larger, for all. */
void facet_guard_ran(struct facet_guard *guard, bool has_renderer);

/* Pure. Bytes of private memory in a line of statm, with pages of @page bytes; 0: none is said. */
uint64_t facet_guard_private_bytes(const char *statm, uint64_t page);

#endif
