// SPDX-License-Identifier: GPL-2.0-or-later
/* channel.c - receives and sends single vfio-user messages, with an end to every wait. */
#include "host/vfio/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fds.h"

int64_t facet_vfio_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int facet_vfio_channel_open(struct facet_vfio_channel *channel, int fd)
{
	*channel = (struct facet_vfio_channel){ .fd = fd };
	channel->payload = malloc(FACET_VFIO_MAX_PAYLOAD);
	return channel->payload ? 0 : -ENOMEM;
}

void facet_vfio_channel_close(struct facet_vfio_channel *channel)
{
	facet_vfio_channel_done(channel);
	if (channel->fd >= 0)
		close(facet_steal_fd(&channel->fd));
	free(facet_steal(channel->payload));
}

void facet_vfio_channel_done(struct facet_vfio_channel *channel)
{
	for (unsigned int i = 0; i < channel->fd_count; i++) {
		if (channel->fds[i] >= 0)
			close(channel->fds[i]);
	}
	channel->fd_count = 0;
	channel->have = 0;
}

static int wait_for(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline_ms - facet_vfio_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n < 0 ? -errno : -ETIMEDOUT;
}

int facet_vfio_channel_wait(struct facet_vfio_channel *channel, int64_t deadline_ms)
{
	return wait_for(channel->fd, POLLIN, deadline_ms);
}

/* --- receiving --- */

/* Up to @size more bytes: their number, 0 when none wait, or negative. */
static ssize_t receive_some(struct facet_vfio_channel *channel, void *to, size_t size)
{
	return facet_fds_receive(channel->fd, to, size, channel->fds, &channel->fd_count,
				 VFIO_USER_MAX_FDS);
}

int facet_vfio_channel_receive(struct facet_vfio_channel *channel)
{
	const size_t head = sizeof(channel->header);
	ssize_t n;

	while (channel->have < head) {
		n = receive_some(channel, (uint8_t *)&channel->header + channel->have,
				 head - channel->have);
		if (n <= 0)
			return (int)n;
		channel->have += (size_t)n;
	}
	if (channel->header.size < head || channel->header.size - head > FACET_VFIO_MAX_PAYLOAD)
		return -EPROTO;
	while (channel->have < channel->header.size) {
		n = receive_some(channel, channel->payload + (channel->have - head),
				 channel->header.size - channel->have);
		if (n <= 0)
			return (int)n;
		channel->have += (size_t)n;
	}
	channel->size = channel->header.size - head;
	return 1;
}

/* --- sending --- */

/* Takes @n sent bytes off the front. */
static void advance(struct msghdr *msg, size_t n)
{
	while (msg->msg_iovlen && n >= msg->msg_iov->iov_len) {
		n -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (msg->msg_iovlen) {
		msg->msg_iov->iov_base = (uint8_t *)msg->msg_iov->iov_base + n;
		msg->msg_iov->iov_len -= n;
	}
	msg->msg_control = NULL; /* the descriptors went with the first byte */
	msg->msg_controllen = 0;
}

static int send_all(int fd, struct msghdr *msg, int64_t deadline_ms)
{
	ssize_t n;
	int r;

	while (msg->msg_iovlen) {
		n = sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) {
			advance(msg, (size_t)n);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return errno == EPIPE ? -ECONNRESET : -errno;
		r = wait_for(fd, POLLOUT, deadline_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int facet_vfio_channel_send(struct facet_vfio_channel *channel, struct vfio_user_header *header,
			    const struct iovec *parts, unsigned int part_count, const int *fds,
			    unsigned int fd_count, int64_t deadline_ms)
{
	union {
		char buf[CMSG_SPACE(VFIO_USER_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov[1 + FACET_VFIO_MAX_PARTS] = { { header, sizeof(*header) } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 1 + part_count };
	struct cmsghdr *c = &control.align;

	header->size = sizeof(*header);
	for (unsigned int i = 0; i < part_count; i++) {
		iov[1 + i] = parts[i];
		header->size += (uint32_t)parts[i].iov_len;
	}
	if (fd_count) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	}
	return send_all(channel->fd, &msg, deadline_ms);
}
