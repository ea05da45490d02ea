/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meter.h - what is under way and how long it takes, told on the shared page when there is one. */
#ifndef FACET_SCHED_METER_H
#define FACET_SCHED_METER_H

#include "sched/sched.h"

/*
 * A job is under way from its start to its done(), which for a fenced one is when the GPU has
 * finished it. No I/O but the doorbell; the clock is passed in. Under the scheduler's lock.
 */
struct facet_meter {
	struct facet_gate *gate;
	struct facet_list running;     /* jobs, oldest first */
	struct facet_share_page *page; /* the gate's, or own */
	struct facet_share_page own;
};

void facet_meter_init(struct facet_meter *meter, struct facet_gate *gate);

/* May this kind of work only begin when the gate is open? */
bool facet_meter_needs_gate(enum facet_job_kind kind);

/* In this order. A job that is cancelled is queued and done. */
void facet_meter_queued(struct facet_meter *meter, struct facet_job *job);
void facet_meter_started(struct facet_meter *meter, struct facet_job *job);
void facet_meter_done(struct facet_meter *meter, struct facet_job *job, uint64_t now_ns);

/* The engine thread was so long at a job, which may be gone. */
void facet_meter_executed(struct facet_meter *meter, enum facet_job_kind kind, uint64_t ns);

void facet_meter_usage(const struct facet_meter *meter, struct facet_usage *ret);

#endif
