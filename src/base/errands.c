// SPDX-License-Identifier: GPL-2.0-or-later
/* errands.c - offers them, and runs them one at a time. */
#include "base/errands.h"

#include <sys/epoll.h>

/* #syscalls epoll_ctl futex */

void facet_errands_init(struct facet_errands *errands)
{
	*errands = (struct facet_errands){ .epoll_fd = -1 };
	pthread_mutex_init(&errands->lock, NULL);
}

void facet_errands_fini(struct facet_errands *errands)
{
	pthread_mutex_destroy(&errands->lock);
}

bool facet_errands_offer(struct facet_errands *errands, int fd, struct facet_errand *errand)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = errand };

	return errands && errands->epoll_fd >= 0 &&
	       epoll_ctl(errands->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void facet_errands_withdraw(struct facet_errands *errands, int fd)
{
	if (errands && errands->epoll_fd >= 0)
		epoll_ctl(errands->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void facet_errands_run(struct facet_errands *errands, struct facet_errand *errand)
{
	pthread_mutex_lock(&errands->lock);
	if (!errands->closed)
		errand->run(errand);
	pthread_mutex_unlock(&errands->lock);
}
