// SPDX-License-Identifier: GPL-2.0-or-later
/* refresh.c - asks the engine thread to show again what a sink has missed. */
#include "vgpu/vgpu.h"

enum {
	IDLE,
	QUEUED,
	QUEUED_AND_WANTED, /* a wish that came while one is under way may have come too late for it
			    */
};

static void refresh_submit(struct facet_refresh *refresh)
{
	/* Never refused: what this process makes itself is not bounded by the guest's quota. */
	if (facet_sched_submit(refresh->sched, &refresh->job) < 0)
		atomic_store(&refresh->state, IDLE);
}

static void refresh_done(struct facet_job *job, int status)
{
	struct facet_refresh *refresh = job->owner;

	/* Two steps down to idle; from the first of them one more round is due. */
	if (atomic_fetch_sub(&refresh->state, 1) == QUEUED_AND_WANTED)
		refresh_submit(refresh);
}

void facet_refresh_init(struct facet_refresh *refresh)
{
	*refresh = (struct facet_refresh){
		.job = { .kind = FACET_JOB_REFRESH, .done = refresh_done, .owner = refresh },
	};
}

void facet_refresh_wanted(void *owner)
{
	struct facet_refresh *refresh = owner;
	int state = atomic_load(&refresh->state);

	do {
		if (state == QUEUED_AND_WANTED)
			return;
	} while (!atomic_compare_exchange_weak(&refresh->state, &state, state + 1));
	if (state == IDLE)
		refresh_submit(refresh);
}
