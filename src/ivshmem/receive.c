// SPDX-License-Identifier: GPL-2.0-or-later
/* receive.c - reads numbers with descriptors, and loses none of those. */
#include "ivshmem/receive.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "wire/ivshmem.h"

enum { FDS_TAKEN = 4 }; /* of one piece; the kernel closes what is more */

void receiver_init(struct receiver *receiver)
{
	*receiver = (struct receiver){ .fd = -1 };
}

void receiver_fini(struct receiver *receiver)
{
	if (receiver->fd >= 0)
		close(receiver->fd);
	receiver_init(receiver);
}

/* The first stays, as long as it is the only one. */
static int keep(struct receiver *receiver, const int *fds, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		if (receiver->fd < 0) {
			receiver->fd = fds[i];
		} else {
			close(fds[i]);
			r = -EPROTO;
		}
	}
	return r;
}

static int take_fds(struct receiver *receiver, struct msghdr *msg)
{
	int r = msg->msg_flags & MSG_CTRUNC ? -EMFILE : 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int fds[FDS_TAKEN];
		size_t size = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || size > sizeof(fds))
			continue;
		memcpy(fds, CMSG_DATA(c), size);
		if (keep(receiver, fds, size / sizeof(int)))
			r = -EPROTO;
	}
	return r;
}

static int read_piece(struct receiver *receiver, int sock)
{
	union {
		char buf[CMSG_SPACE(FDS_TAKEN * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { receiver->buf + receiver->have,
			     sizeof(receiver->buf) - receiver->have };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int r;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : errno == ECONNRESET ? -ENOTCONN : -errno;
	r = take_fds(receiver, &msg);
	if (r)
		return r;
	if (n == 0)
		return receiver->have ? -EPROTO : -ENOTCONN;
	receiver->have += (unsigned int)n;
	return 0;
}

int receiver_next(struct receiver *receiver, int sock, int64_t *ret_number, int *ret_fd)
{
	struct wire_ivshmem_message message;

	while (receiver->have < sizeof(receiver->buf)) {
		int r = read_piece(receiver, sock);

		if (r)
			return r;
	}
	memcpy(&message, receiver->buf, sizeof(message));
	receiver->have = 0;
	*ret_number = (int64_t)le64_get(message.number);
	*ret_fd = facet_steal_fd(&receiver->fd);
	return 0;
}
