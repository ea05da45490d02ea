// SPDX-License-Identifier: GPL-2.0-or-later
/* fds.c - reads a stream socket, and loses no descriptor that comes along. */
#include "base/fds.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* #syscalls recvmsg close */

/* Keep what came along; false when that is more than there is room for. */
static bool take(struct msghdr *msg, int *fds, unsigned int *count, unsigned int max)
{
	bool fits = !(msg->msg_flags & MSG_CTRUNC);
	struct cmsghdr *c;
	size_t came;
	int fd;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < came; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*count < max) {
				fds[(*count)++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

ssize_t facet_fds_receive(int sock, void *to, size_t size, int *fds, unsigned int *count,
			  unsigned int max)
{
	union {
		char buf[CMSG_SPACE(FACET_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { to, size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	if (!take(&msg, fds, count, max))
		return -EPROTO;
	return n ? n : -ECONNRESET;
}
