/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue.h - the order of jobs and what they cost. No I/O, no locks; the clock is passed in. */
#ifndef FACET_SCHED_QUEUE_H
#define FACET_SCHED_QUEUE_H

#include "sched/sched.h"

struct facet_job_queue {
	struct facet_list jobs;
	unsigned int queued, max; /* max 0: no limit */
	unsigned int stale;       /* jobs at the front that a reset behind them made pointless */
	uint64_t count, busy_ns, wait_ns, flushes;
};

/* Is it the host's, not the guest's? */
bool facet_job_is_ours(enum facet_job_kind kind);

void facet_job_queue_init(struct facet_job_queue *queue, unsigned int max);

/* Puts the job at the end. 0, or -EDQUOT when full; capture, refresh and reset always find room. */
int facet_job_queue_push(struct facet_job_queue *queue, struct facet_job *job, uint64_t now_ns);

/* Takes the first job, or NULL. *ret_status: 0 run it, -ECANCELED when a reset waits behind it. */
struct facet_job *facet_job_queue_pop(struct facet_job_queue *queue, uint64_t now_ns,
				      int *ret_status);

/* A job of that kind ran from its start until now. The job itself may be gone already. */
void facet_job_queue_ran(struct facet_job_queue *queue, enum facet_job_kind kind, uint64_t start_ns,
			 uint64_t now_ns);

#endif
