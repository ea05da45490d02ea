/* SPDX-License-Identifier: GPL-2.0-or-later */
/* idle.h - what the engine thread waits for while it has no job. */
#ifndef FACET_SCHED_IDLE_H
#define FACET_SCHED_IDLE_H

#include "base/errands.h"
#include "engine/engine.h"

struct facet_idle {
	struct facet_engine *engine;
	struct facet_errands *errands; /* NULL: none */
	int wake_fd, epoll_fd;
	int engine_fd; /* in the epoll set; -1: the engine has none yet */
};

/* 0 or -errno. From now on the thread that waits helps with @errands. */
int facet_idle_init(struct facet_idle *idle, struct facet_engine *engine,
		    struct facet_errands *errands);
void facet_idle_fini(struct facet_idle *idle);

/* Any thread: ends the wait. */
void facet_idle_wake(struct facet_idle *idle);

/*
 * Engine thread: lets events in, the engine's own and errands among them. @timeout_ms: how long to
 * wait for one, -1 for ever. False when none came.
 */
bool facet_idle_wait(struct facet_idle *idle, int timeout_ms);

#endif
