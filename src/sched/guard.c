// SPDX-License-Identifier: GPL-2.0-or-later
/* guard.c - looks how large this process is, and says when there is no room for more. */
#include "sched/guard.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

/* #syscalls pread64 madvise */

enum {
	LOOK_NS = 2 * 1000 * 1000,
	/* Giving back what was freed takes a while: not so often. */
	TIDY_NS = 250 * 1000 * 1000,
	/* Above the quota. What a job takes until the next look comes on top of it. */
	SLACK = 40 << 20,
	/* More is not believed to be the renderer's own: a guest may have made it load. */
	RENDERER = 128 << 20,
};

static bool can_grow(enum facet_job_kind kind)
{
	return kind == FACET_JOB_SUBMIT || kind == FACET_JOB_RESOURCE_CREATE ||
	       kind == FACET_JOB_CONTEXT_ATTACH;
}

/* Memory that others see, too (the guest's own), is no growth of ours. */
uint64_t facet_guard_private_bytes(const char *statm, uint64_t page)
{
	unsigned long long size, resident, shared;

	if (sscanf(statm, "%llu %llu %llu", &size, &resident, &shared) != 3 || shared > resident)
		return 0;
	return (resident - shared) * page;
}

static uint64_t look(const struct facet_guard *guard)
{
	char text[128];
	ssize_t n = pread(guard->statm_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return facet_guard_private_bytes(text, (uint64_t)sysconf(_SC_PAGESIZE));
}

void facet_guard_init(struct facet_guard *guard, int statm_fd)
{
	*guard = (struct facet_guard){ .statm_fd = statm_fd > 0 ? statm_fd : 0 };
	if (guard->statm_fd)
		guard->baseline = look(guard);
}

static bool fits(const struct facet_guard *guard, uint64_t quota)
{
	return look(guard) <= guard->baseline + quota + SLACK;
}

static bool has_room(struct facet_guard *guard, uint64_t quota, uint64_t now_ns)
{
	if (guard->looked_ns && now_ns - guard->looked_ns < LOOK_NS)
		return !guard->full;
	guard->looked_ns = now_ns;
	guard->full = !fits(guard, quota);
	if (guard->full && (!guard->tidied_ns || now_ns - guard->tidied_ns >= TIDY_NS)) {
		malloc_trim(0);
		guard->tidied_ns = now_ns;
		guard->full = !fits(guard, quota);
	}
	return !guard->full;
}

bool facet_guard_allows(struct facet_guard *guard, enum facet_job_kind kind, uint64_t quota,
			uint64_t now_ns)
{
	if (!guard->statm_fd)
		return true;
	guard->before = 0;
	if (!guard->loaded && (can_grow(kind) || kind == FACET_JOB_CAPSET))
		guard->before = look(guard);
	return !quota || !can_grow(kind) || has_room(guard, quota, now_ns);
}

void facet_guard_ran(struct facet_guard *guard, bool has_renderer)
{
	uint64_t now;

	if (!guard->before || guard->loaded || !has_renderer)
		return;
	guard->loaded = true;
	now = look(guard);
	if (now > guard->before)
		guard->baseline += now - guard->before < RENDERER ? now - guard->before : RENDERER;
}
