// SPDX-License-Identifier: GPL-2.0-or-later
/* request.c - asks a vfio-user server, and answers what it asks. */
#include <errno.h>
#include <string.h>

#include "host/vfio/socket.h"

enum {
	MAX_ERRNO = 4095,
	MAX_STEPS = 64, /* requests answered by one dispatch */
};

static const char *const names[VFIO_USER_COMMANDS] = {
	[VFIO_USER_VERSION] = "the version",
	[VFIO_USER_DMA_MAP] = "a mapping for DMA",
	[VFIO_USER_DMA_UNMAP] = "the end of a mapping for DMA",
	[VFIO_USER_DEVICE_GET_INFO] = "what the device is",
	[VFIO_USER_DEVICE_GET_REGION_INFO] = "what a region is",
	[VFIO_USER_DEVICE_GET_IRQ_INFO] = "what interrupts there are",
	[VFIO_USER_DEVICE_SET_IRQS] = "setting interrupts",
	[VFIO_USER_REGION_READ] = "reading a region",
	[VFIO_USER_REGION_WRITE] = "writing a region",
	[VFIO_USER_DEVICE_RESET] = "a reset",
};

static int lost(struct facet_vfio_socket *sock, int code, struct facet_error *err)
{
	facet_vfio_channel_close(&sock->channel);
	return facet_error_set(err, code, "%s: the server %s", sock->base.name,
			       code == -ECONNRESET  ? "has gone"
			       : code == -ETIMEDOUT ? "does not answer"
			       : code == -EPROTO    ? "does not speak vfio-user"
						    : strerror(-code));
}

int facet_vfio_socket_protest(struct facet_vfio_socket *sock, const char *what,
			      struct facet_error *err)
{
	facet_vfio_channel_close(&sock->channel);
	return facet_error_set(err, -EPROTO, "%s: the server broke the protocol: %s",
			       sock->base.name, what);
}

/* --- what the server asks --- */

/* The request is in the channel. Writes up to @ret_size bytes of a reply over it. */
static int perform(struct facet_vfio_socket *sock, size_t *ret_size)
{
	struct facet_vfio_channel *channel = &sock->channel;
	const bool write = channel->header.command == VFIO_USER_DMA_WRITE;
	struct vfio_user_dma_access access;

	if (!write && channel->header.command != VFIO_USER_DMA_READ)
		return -ENOTSUP;
	if (channel->size < sizeof(access))
		return -EINVAL;
	memcpy(&access, channel->payload, sizeof(access));
	if (access.count > VFIO_USER_DEFAULT_XFER ||
	    channel->size != sizeof(access) + (write ? access.count : 0))
		return -EINVAL;
	*ret_size = sizeof(access) + (write ? 0 : access.count);
	return facet_vfio_socket_copy(sock, access.address, channel->payload + sizeof(access),
				      access.count, write);
}

static int answer(struct facet_vfio_socket *sock, int64_t deadline_ms)
{
	struct facet_vfio_channel *channel = &sock->channel;
	struct vfio_user_header reply = { .id = channel->header.id,
					  .command = channel->header.command,
					  .flags = VFIO_USER_TYPE_REPLY };
	struct iovec part = { channel->payload, 0 };
	int r = perform(sock, &part.iov_len);

	if (r < 0) {
		part.iov_len = 0;
		reply.flags |= VFIO_USER_ERROR;
		reply.error = (uint32_t)-r;
	}
	r = 0;
	if (!(channel->header.flags & VFIO_USER_NO_REPLY))
		r = facet_vfio_channel_send(channel, &reply, &part, 1, NULL, 0, deadline_ms);
	facet_vfio_channel_done(channel);
	return r;
}

/*
 * Takes one message, if there is one. 1: it is a reply, and stays. 0: it was none, or not there
 * yet, which *@ret_idle says.
 */
static int step(struct facet_vfio_socket *sock, int64_t deadline_ms, bool *ret_idle)
{
	struct facet_vfio_channel *channel = &sock->channel;
	int r = facet_vfio_channel_receive(channel);

	*ret_idle = r == 0;
	if (r <= 0)
		return r;
	switch (channel->header.flags & VFIO_USER_TYPE_MASK) {
	case VFIO_USER_TYPE_REPLY:
		return 1;
	case VFIO_USER_TYPE_COMMAND:
		return answer(sock, deadline_ms);
	default:
		return -EPROTO;
	}
}

int facet_vfio_socket_dispatch(struct facet_vfio *vfio, struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	const int64_t deadline = facet_vfio_now_ms() + sock->timeout_ms;
	bool idle = false;
	int r = 0;

	if (sock->channel.fd < 0)
		return facet_error_set(err, -ENOTCONN, "%s: the connection is closed", vfio->name);
	for (int i = 0; i < MAX_STEPS && r == 0 && !idle; i++)
		r = step(sock, deadline, &idle);
	if (r > 0)
		return facet_vfio_socket_protest(sock, "a reply to nothing", err);
	return r < 0 ? lost(sock, r, err) : 0;
}

/* --- what we ask --- */

static int await(struct facet_vfio_socket *sock, int64_t deadline_ms)
{
	bool idle;
	int r = 0;

	do {
		/* Also when it never stops asking. */
		if (facet_vfio_now_ms() >= deadline_ms)
			return -ETIMEDOUT;
		r = step(sock, deadline_ms, &idle);
		if (r == 0 && idle)
			r = facet_vfio_channel_wait(&sock->channel, deadline_ms);
	} while (r == 0);
	return r;
}

static int refused(struct facet_vfio_socket *sock, uint16_t command, struct facet_error *err)
{
	const uint32_t error = sock->channel.header.error;
	const int code = error && error <= MAX_ERRNO ? -(int)error : -EIO;

	facet_vfio_channel_done(&sock->channel);
	return facet_error_set(err, code, "%s: the server refuses %s: %s", sock->base.name,
			       names[command], strerror(-code));
}

int facet_vfio_socket_request(struct facet_vfio_socket *sock, uint16_t command,
			      const struct iovec *parts, unsigned int part_count, const int *fds,
			      unsigned int fd_count, struct facet_error *err)
{
	const int64_t deadline = facet_vfio_now_ms() + sock->timeout_ms;
	struct vfio_user_header header = { .id = sock->next_id++, .command = command };
	struct facet_vfio_channel *channel = &sock->channel;
	int r;

	if (channel->fd < 0)
		return facet_error_set(err, -ENOTCONN, "%s: the connection is closed",
				       sock->base.name);
	r = facet_vfio_channel_send(channel, &header, parts, part_count, fds, fd_count, deadline);
	if (r == 0)
		r = await(sock, deadline);
	if (r < 0)
		return lost(sock, r, err);
	if (channel->header.id != header.id || channel->header.command != command)
		return facet_vfio_socket_protest(sock, "a reply to something else", err);
	if (channel->header.flags & VFIO_USER_ERROR)
		return refused(sock, command, err);
	return (int)channel->size;
}
