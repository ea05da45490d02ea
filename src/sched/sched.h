/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sched.h - the door to the scheduler: who runs next on the engine, within which quotas. */
#ifndef FACET_SCHED_SCHED_H
#define FACET_SCHED_SCHED_H

#include "base/errands.h"
#include "engine/engine.h"
#include "share/share.h"

struct facet_sched;

#define FACET_SCHED_THREAD "facet-engine" /* the engine thread's name */

struct facet_sched_config {
	struct facet_engine *engine; /* borrowed */
	uint64_t vram_bytes;         /* quota of host memory for resources; 0: none */
	unsigned int max_contexts;   /* 0: none */
	unsigned int max_queued;     /* the guest's jobs waiting; 0: none */
	struct facet_gate *gate;     /* that the guest's jobs pass; borrowed; NULL: none */
	int statm_fd; /* /proc/self/statm: holds the whole process to the quota; borrowed; -1 or 0:
			 no */

	/* Run by the engine thread while it is idle; borrowed, NULL: none. */
	struct facet_errands *errands;
};

/* From a submit, transfer or flush to its start, or to its end, in us; half of them take less. */
struct facet_delay {
	uint64_t p50_us, p99_us;
};

/* What this vGPU used; all counters grow only. */
struct facet_usage {
	uint64_t jobs;
	uint64_t busy_ns; /* engine thread inside a job */
	uint64_t wait_ns; /* sum over jobs: from submit to start */
	uint64_t flushes; /* frames the guest finished */
	uint64_t vram_bytes, vram_peak_bytes, vram_quota_bytes;
	unsigned int contexts, queued;
	uint64_t stopped_ns;   /* the gate held work back */
	unsigned int preempts; /* threads were stopped inside a job */
	struct facet_delay wait, latency;
};

/* Starts the engine thread. */
int facet_sched_create(const struct facet_sched_config *cfg, struct facet_sched **ret,
		       struct facet_error *err);
/*
 * Finishes what was submitted, ends the thread; every job is done when this returns. The gate is
 * released for it; the caller must not hold the errands' lock.
 */
void facet_sched_destroy(struct facet_sched *sched);

/*
 * Takes the job; job->done fires exactly once. Any thread.
 * Return: 0; -EDQUOT when max_queued wait (the job stays the caller's: try again after a done).
 * CAPTURE, REFRESH and RESET are never refused.
 */
int facet_sched_submit(struct facet_sched *sched, struct facet_job *job);

/* Account host memory or a context before it is made. 0, or -EDQUOT. Any thread. */
int facet_sched_charge(struct facet_sched *sched, uint64_t bytes);
void facet_sched_uncharge(struct facet_sched *sched, uint64_t bytes);
int facet_sched_charge_context(struct facet_sched *sched);
void facet_sched_uncharge_context(struct facet_sched *sched);

/* Less than what is used is allowed: then nothing more fits until so much was given back. */
void facet_sched_set_vram(struct facet_sched *sched, uint64_t bytes);

void facet_sched_usage(struct facet_sched *sched, struct facet_usage *ret);
const struct facet_engine_caps *facet_sched_caps(const struct facet_sched *sched);

#endif
