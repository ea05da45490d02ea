/* SPDX-License-Identifier: GPL-2.0-or-later */
/* worker.h - a thread for what the loop must not wait for: the kernel's drivers take seconds. */
#ifndef FACET_DAEMON_WORKER_H
#define FACET_DAEMON_WORKER_H

#include <systemd/sd-event.h>

#include "base/error.h"
#include "base/list.h"

struct facetd_worker;

/* The first member of whatever there is to do. */
struct facetd_job {
	struct facet_list link;
	void (*work)(struct facetd_job *job); /* on the worker's thread */
	void (*done)(
		struct facetd_job *job); /* afterwards, on the loop's, which it belongs to again */
};

int facetd_worker_create(sd_event *event, struct facetd_worker **ret, struct facet_error *err);
/* Waits until all that was added is done, and told so. NULL is accepted. */
void facetd_worker_destroy(struct facetd_worker *worker);

/* One after the other, in this order. */
void facetd_worker_add(struct facetd_worker *worker, struct facetd_job *job);

#endif
