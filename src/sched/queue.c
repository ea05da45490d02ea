// SPDX-License-Identifier: GPL-2.0-or-later
/* queue.c - first come, first served; what a reset makes pointless is not run. */
#include "sched/queue.h"

#include <errno.h>
#include <string.h>

void facet_job_queue_init(struct facet_job_queue *queue, unsigned int max)
{
	memset(queue, 0, sizeof(*queue));
	facet_list_init(&queue->jobs);
	queue->max = max;
}

/* A guest's reset does not cancel them, and their makers bound their number. */
bool facet_job_is_ours(enum facet_job_kind kind)
{
	return kind == FACET_JOB_CAPTURE || kind == FACET_JOB_REFRESH || kind == FACET_JOB_RESET;
}

int facet_job_queue_push(struct facet_job_queue *queue, struct facet_job *job, uint64_t now_ns)
{
	if (queue->max && queue->queued >= queue->max && !facet_job_is_ours(job->kind))
		return -EDQUOT;
	if (job->kind == FACET_JOB_RESET)
		queue->stale = queue->queued;
	job->queued_ns = now_ns;
	facet_list_append(&queue->jobs, &job->link);
	queue->queued++;
	return 0;
}

struct facet_job *facet_job_queue_pop(struct facet_job_queue *queue, uint64_t now_ns,
				      int *ret_status)
{
	struct facet_list *link = facet_list_pop(&queue->jobs);
	struct facet_job *job;

	if (!link)
		return NULL;
	job = facet_container_of(link, struct facet_job, link);
	queue->queued--;
	*ret_status = queue->stale && !facet_job_is_ours(job->kind) ? -ECANCELED : 0;
	if (queue->stale)
		queue->stale--;
	queue->count++;
	queue->wait_ns += now_ns - job->queued_ns;
	job->started_ns = now_ns;
	return job;
}

void facet_job_queue_ran(struct facet_job_queue *queue, enum facet_job_kind kind, uint64_t start_ns,
			 uint64_t now_ns)
{
	queue->busy_ns += now_ns - start_ns;
	if (kind == FACET_JOB_FLUSH)
		queue->flushes++;
}
