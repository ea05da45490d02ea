/* SPDX-License-Identifier: GPL-2.0-or-later */
/* errands.h - work of the loop thread that a thread with nothing else to do takes off it. */
#ifndef FACET_BASE_ERRANDS_H
#define FACET_BASE_ERRANDS_H

#include <pthread.h>
#include <stdbool.h>

/*
 * DOC: Theory of Operation
 *
 * A guest that waits for each of its frames would wait for two threads to wake up: the loop, which
 * decodes, and the engine, which draws. So while the engine thread has nothing to do it watches
 * the guest's kicks itself. Both have them in their epoll sets, with EPOLLEXCLUSIVE, the engine
 * first: the kernel wakes the engine thread if that waits, and the loop thread if it does not.
 *
 * Whoever does the loop's work holds the lock: the loop thread always but while it waits.
 */

/* Looks for itself whether there is something to do: somebody else may have been faster. */
struct facet_errand {
	void (*run)(struct facet_errand *errand);
};

struct facet_errands {
	pthread_mutex_t lock;
	int epoll_fd; /* of the thread that helps; -1: nobody does */
	bool closed;  /* under the lock: nothing is run any more */
};

void facet_errands_init(struct facet_errands *errands);
void facet_errands_fini(struct facet_errands *errands);

/*
 * @fd becomes readable: have @errand run, by the helper if it is idle. Has to come before @fd is
 * added to the loop's own set, with EPOLLEXCLUSIVE. False: nobody helps (@errands may be NULL).
 */
bool facet_errands_offer(struct facet_errands *errands, int fd, struct facet_errand *errand);
/* No more; but one that is on its way may still be run until the lock is given up. */
void facet_errands_withdraw(struct facet_errands *errands, int fd);

/* The helper's: runs it under the lock, unless all is closed. */
void facet_errands_run(struct facet_errands *errands, struct facet_errand *errand);

#endif
