// SPDX-License-Identifier: GPL-2.0-or-later
/* idle.c - an epoll set: being woken, the engine's own events, errands of the loop thread. */
#include "sched/idle.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/checked.h"

/* #syscalls eventfd2 epoll_create1 epoll_ctl epoll_wait epoll_pwait read write close */

static int add(struct facet_idle *idle, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return epoll_ctl(idle->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int facet_idle_init(struct facet_idle *idle, struct facet_engine *engine,
		    struct facet_errands *errands)
{
	int r;

	*idle = (struct facet_idle){ .engine = engine, .errands = errands, .engine_fd = -1 };
	idle->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	idle->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = idle->epoll_fd < 0 || idle->wake_fd < 0 ? -errno : add(idle, idle->wake_fd, idle);
	if (r)
		facet_idle_fini(idle);
	else if (errands)
		errands->epoll_fd = idle->epoll_fd;
	return r;
}

void facet_idle_fini(struct facet_idle *idle)
{
	if (idle->errands)
		idle->errands->epoll_fd = -1;
	if (idle->wake_fd >= 0)
		close(idle->wake_fd);
	if (idle->epoll_fd >= 0)
		close(idle->epoll_fd);
}

void facet_idle_wake(struct facet_idle *idle)
{
	const uint64_t one = 1;

	/* Cannot fail: the counter is read before it could be full. */
	while (write(idle->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* The engine has a descriptor from the day on that its renderer is loaded. */
static void watch_engine(struct facet_idle *idle)
{
	int fd = facet_engine_poll_fd(idle->engine);

	if (fd != idle->engine_fd && add(idle, fd, idle->engine) == 0)
		idle->engine_fd = fd;
}

static void serve(struct facet_idle *idle, void *what)
{
	uint64_t drained;

	if (what == idle->engine)
		facet_engine_poll(idle->engine);
	else if (what != idle)
		facet_errands_run(idle->errands, what);
	else if (read(idle->wake_fd, &drained, sizeof(drained)) < 0)
		return;
}

bool facet_idle_wait(struct facet_idle *idle, int timeout_ms)
{
	struct epoll_event events[4];
	int n;

	watch_engine(idle);
	n = epoll_wait(idle->epoll_fd, events, FACET_ARRAY_SIZE(events), timeout_ms);
	for (int i = 0; i < n; i++)
		serve(idle, events[i].data.ptr);
	return n != 0; /* a signal of the gate's is an event, too */
}
