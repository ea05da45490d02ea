// SPDX-License-Identifier: GPL-2.0-or-later
/* meter.c - counts the backlog, knows the oldest unfinished job, and fills the histograms. */
#include "sched/meter.h"

#include <string.h>

#include "sched/queue.h"

void facet_meter_init(struct facet_meter *meter, struct facet_gate *gate)
{
	memset(meter, 0, sizeof(*meter));
	meter->gate = gate;
	meter->page = gate ? facet_gate_page(gate) : &meter->own;
	facet_list_init(&meter->running);
}

/* What costs time on the GPU. The rest must not keep a guest's desktop from answering. */
bool facet_meter_needs_gate(enum facet_job_kind kind)
{
	switch (kind) {
	case FACET_JOB_RESOURCE_CREATE:
	case FACET_JOB_TRANSFER_TO_HOST:
	case FACET_JOB_TRANSFER_FROM_HOST:
	case FACET_JOB_FLUSH:
	case FACET_JOB_CONTEXT_ATTACH: /* makes the context */
	case FACET_JOB_SUBMIT:
		return true;
	default:
		return false;
	}
}

static bool is_measured(enum facet_job_kind kind)
{
	return kind == FACET_JOB_SUBMIT || kind == FACET_JOB_TRANSFER_TO_HOST ||
	       kind == FACET_JOB_TRANSFER_FROM_HOST || kind == FACET_JOB_FLUSH;
}

static void tell_oldest(struct facet_meter *meter)
{
	const struct facet_list *first = meter->running.next;
	uint64_t started = 0;

	if (first != &meter->running)
		started =
			facet_container_of(first, const struct facet_job, running.link)->started_ns;
	__atomic_store_n(&meter->page->job_started_ns, started, __ATOMIC_RELEASE);
}

void facet_meter_queued(struct facet_meter *meter, struct facet_job *job)
{
	facet_list_init(&job->running.link);
	if (!facet_job_is_ours(job->kind))
		facet_gate_arrived(meter->gate, 1);
}

void facet_meter_started(struct facet_meter *meter, struct facet_job *job)
{
	if (is_measured(job->kind))
		facet_histogram_add(&meter->page->wait, job->started_ns - job->queued_ns);
	if (facet_job_is_ours(job->kind))
		return;
	facet_list_append(&meter->running, &job->running.link);
	if (meter->running.next == &job->running.link)
		tell_oldest(meter);
}

void facet_meter_executed(struct facet_meter *meter, enum facet_job_kind kind, uint64_t ns)
{
	if (is_measured(kind))
		facet_histogram_add(&meter->page->execution, ns);
	if (kind == FACET_JOB_FLUSH)
		__atomic_fetch_add(&meter->page->flushes, 1, __ATOMIC_RELAXED);
}

void facet_meter_done(struct facet_meter *meter, struct facet_job *job, uint64_t now_ns)
{
	bool ran = !facet_list_empty(&job->running.link);

	if (facet_job_is_ours(job->kind))
		return;
	if (ran && is_measured(job->kind))
		facet_histogram_add(&meter->page->latency, now_ns - job->queued_ns);
	if (ran) {
		bool oldest = meter->running.next == &job->running.link;

		facet_list_remove(&job->running.link);
		if (oldest)
			tell_oldest(meter);
	}
	__atomic_fetch_add(&meter->page->jobs, 1, __ATOMIC_RELAXED);
	facet_gate_left(meter->gate, 1);
}

static struct facet_delay delay_of(const struct facet_histogram *histogram)
{
	return (struct facet_delay){
		.p50_us = facet_histogram_percentile(histogram, 50),
		.p99_us = facet_histogram_percentile(histogram, 99),
	};
}

void facet_meter_usage(const struct facet_meter *meter, struct facet_usage *ret)
{
	ret->stopped_ns = __atomic_load_n(&meter->page->stopped_ns, __ATOMIC_RELAXED);
	ret->preempts = __atomic_load_n(&meter->page->preempts, __ATOMIC_RELAXED);
	ret->wait = delay_of(&meter->page->wait);
	ret->latency = delay_of(&meter->page->latency);
}
