// SPDX-License-Identifier: LGPL-2.1-or-later
/* strange.c - lets go of descriptors whose closing somebody else may hold up. */
#include "base/strange.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* #syscalls fcntl getsockopt statx close rt_sigprocmask */

enum {
	MAX_THREADS = 64,
	STACK_BYTES = 128 << 10,
};

static atomic_uint threads;

bool facet_strange_is_prompt(int fd)
{
	struct statx st;
	int domain;

	if (fcntl(fd, F_GET_SEALS) >= 0)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof(domain) }) == 0)
		return domain == AF_UNIX;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) < 0)
		return false;
	/* File systems without a disk of their own have numbers of no driver; FUSE is one. */
	return !(st.stx_mode & S_IFMT) || S_ISFIFO(st.stx_mode) ||
	       (S_ISREG(st.stx_mode) && st.stx_dev_major);
}

static void *close_slowly(void *fd)
{
	close((int)(intptr_t)fd);
	atomic_fetch_sub(&threads, 1);
	return NULL;
}

/* All signals are others'. */
static bool start_thread(int fd)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, close_slowly, (void *)(intptr_t)fd);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return r == 0;
}

void facet_strange_close(int fd)
{
	if (fd < 0)
		return;
	if (facet_strange_is_prompt(fd)) {
		close(fd);
		return;
	}
	/* One that stays open is a smaller loss than a program that stands still. */
	if (atomic_fetch_add(&threads, 1) >= MAX_THREADS || !start_thread(fd))
		atomic_fetch_sub(&threads, 1);
}
