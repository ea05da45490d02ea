// SPDX-License-Identifier: GPL-2.0-or-later
/* channel.c - receives and sends single vhost-user messages. */
#include "transport/vhost_user/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fds.h"

/* #syscalls sendmsg close */

void vu_channel_open(struct vu_channel *channel, int fd)
{
	*channel = (struct vu_channel){ .fd = fd };
}

void vu_channel_close(struct vu_channel *channel)
{
	vu_channel_done(channel);
	if (channel->fd >= 0)
		close(facet_steal_fd(&channel->fd));
}

void vu_channel_done(struct vu_channel *channel)
{
	for (unsigned int i = 0; i < channel->fd_count; i++) {
		if (channel->fds[i] >= 0)
			close(channel->fds[i]);
	}
	channel->fd_count = 0;
	channel->have = 0;
}

/* Up to @size more bytes: their number, 0 when none wait, or negative. */
static ssize_t receive_some(struct vu_channel *channel, void *to, size_t size)
{
	return facet_fds_receive(channel->fd, to, size, channel->fds, &channel->fd_count,
				 VHOST_USER_MAX_FDS);
}

int vu_channel_receive(struct vu_channel *channel)
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
	if (channel->header.size > sizeof(channel->payload))
		return -EPROTO;
	while (channel->have < head + channel->header.size) {
		n = receive_some(channel, (uint8_t *)&channel->payload + (channel->have - head),
				 head + channel->header.size - channel->have);
		if (n <= 0)
			return (int)n;
		channel->have += (size_t)n;
	}
	return 1;
}

int vu_channel_send(struct vu_channel *channel, const struct vhost_user_header *header,
		    const void *payload)
{
	struct iovec iov[2] = { { (void *)header, sizeof(*header) },
				{ (void *)payload, header->size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = header->size ? 2 : 1 };
	ssize_t n;

	if (channel->fd < 0)
		return -ENOTCONN;
	n = sendmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(*header) + header->size ? 0 : -EPIPE;
}
