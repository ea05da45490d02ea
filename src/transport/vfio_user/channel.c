// SPDX-License-Identifier: GPL-2.0-or-later
/* channel.c - receives and sends single vfio-user messages. */
#include "transport/vfio_user/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fds.h"

/* #syscalls sendmsg close */

enum { GREEDY = 64 << 10 }; /* bytes read ahead */

static const size_t head = sizeof(struct vfio_user_header);

int vfu_channel_open(struct vfu_channel *channel, int fd)
{
	*channel = (struct vfu_channel){ .fd = fd };
	channel->in = malloc(VFU_MAX_MESSAGE);
	channel->out = malloc(VFU_MAX_MESSAGE);
	if (channel->in && channel->out)
		return 0;
	vfu_channel_close(channel);
	return -ENOMEM;
}

static void drop_fds(struct vfu_channel *channel)
{
	for (unsigned int i = 0; i < channel->fd_count; i++)
		facet_close_ptr(&channel->fds[i]);
	channel->fd_count = 0;
}

void vfu_channel_close(struct vfu_channel *channel)
{
	drop_fds(channel);
	facet_close_ptr(&channel->fd);
	free(channel->in);
	free(channel->out);
	*channel = (struct vfu_channel){ .fd = -1 };
}

/* The size that the message at @at says it has; 0: its header is not complete. */
static size_t message_size(const struct vfu_channel *channel, size_t at)
{
	struct vfio_user_header header;

	if (channel->have - at < head)
		return 0;
	memcpy(&header, channel->in + at, head);
	return header.size;
}

/* The message that begins last. */
static size_t last_message(const struct vfu_channel *channel)
{
	size_t at = channel->taken, size;

	for (;;) {
		size = message_size(channel, at);
		if (size < head || size >= channel->have - at)
			return at;
		at += size;
	}
}

/* Up to @size more bytes: 1, 0 when none wait, or negative. */
static int receive_some(struct vfu_channel *channel, size_t size)
{
	unsigned int before = channel->fd_count;
	ssize_t n = facet_fds_receive(channel->fd, channel->in + channel->have, size, channel->fds,
				      &channel->fd_count, VFIO_USER_MAX_FDS);

	if (n <= 0)
		return (int)n;
	channel->have += (size_t)n;
	if (channel->fd_count != before)
		channel->fds_at = last_message(channel);
	return 1;
}

/* Bytes missing from the first message; 0: it is complete. */
static int missing(const struct vfu_channel *channel, size_t *ret)
{
	const size_t have = channel->have - channel->taken;
	size_t size = message_size(channel, channel->taken);

	if (have < head) {
		*ret = head - have;
		return 0;
	}
	if (size < head || size > VFU_MAX_MESSAGE)
		return -EPROTO;
	*ret = size > have ? size - have : 0;
	return 0;
}

static void move_to_front(struct vfu_channel *channel)
{
	if (!channel->taken)
		return;
	memmove(channel->in, channel->in + channel->taken, channel->have - channel->taken);
	channel->have -= channel->taken;
	channel->fds_at -= channel->taken;
	channel->taken = 0;
}

int vfu_channel_receive(struct vfu_channel *channel, struct vfu_message *ret)
{
	size_t want = 0;
	int r;

	for (;;) {
		r = missing(channel, &want);
		if (r < 0)
			return r;
		if (!want)
			break;
		move_to_front(channel);
		r = receive_some(channel, channel->have ? want : GREEDY);
		if (r <= 0)
			return r;
	}
	memcpy(&ret->header, channel->in + channel->taken, head);
	ret->payload = channel->in + channel->taken + head;
	ret->size = ret->header.size - head;
	ret->fds = channel->fds;
	ret->fd_count = channel->fds_at == channel->taken ? channel->fd_count : 0;
	return 1;
}

void vfu_channel_done(struct vfu_channel *channel)
{
	if (channel->fds_at == channel->taken)
		drop_fds(channel);
	channel->taken += message_size(channel, channel->taken);
	channel->received_messages++;
}

uint8_t *vfu_channel_payload(struct vfu_channel *channel)
{
	return channel->out + head;
}

bool vfu_channel_blocked(const struct vfu_channel *channel)
{
	return channel->filled;
}

static ssize_t send_some(struct vfu_channel *channel, const int *fds, unsigned int fd_count)
{
	union {
		char buf[CMSG_SPACE(VFIO_USER_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { channel->out + channel->sent, channel->filled - channel->sent };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd_count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fd_count * sizeof(int)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
	}
	n = sendmsg(channel->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
	channel->sent += (size_t)n;
	if (channel->sent == channel->filled)
		channel->sent = channel->filled = 0;
	return n;
}

int vfu_channel_send(struct vfu_channel *channel, const struct vfio_user_header *header,
		     const int *fds, unsigned int fd_count)
{
	ssize_t n;

	memcpy(channel->out, header, head);
	channel->sent = 0;
	channel->filled = header->size;
	n = send_some(channel, fds, fd_count);
	channel->sent_messages++;
	if (n < 0)
		return (int)n;
	return !n && fd_count ? -EAGAIN : 0;
}

int vfu_channel_flush(struct vfu_channel *channel)
{
	ssize_t n = 1;

	while (channel->filled && n > 0)
		n = send_some(channel, NULL, 0);
	return n < 0 ? (int)n : 0;
}
