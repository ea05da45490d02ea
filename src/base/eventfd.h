/* SPDX-License-Identifier: GPL-2.0-or-later */
/* eventfd.h - descriptors that strangers say are eventfds. */
#ifndef FACET_BASE_EVENTFD_H
#define FACET_BASE_EVENTFD_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

/*
 * Make @fd non-blocking. False: it is no eventfd, but something that may block us, or kill us by
 * SIGPIPE. Eventfds have no file type, unlike pipes and sockets.
 */
static inline bool facet_eventfd_check(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && !(st.st_mode & S_IFMT) && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

#endif
