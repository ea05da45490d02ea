/* SPDX-License-Identifier: GPL-2.0-or-later */
/* channel.h - vhost-user messages over a socket, never blocking. Only vhost_user/ includes this. */
#ifndef FACET_VHOST_USER_CHANNEL_H
#define FACET_VHOST_USER_CHANNEL_H

#include "wire/vhost_user.h"

/* One socket and the message that is being received. */
struct vu_channel {
	int fd;      /* -1: closed */
	size_t have; /* bytes of header and payload */
	struct vhost_user_header header;
	union vhost_user_payload payload;
	unsigned int fd_count;
	int fds[VHOST_USER_MAX_FDS]; /* a handler that takes one leaves -1 */
};

/* Takes @fd. */
void vu_channel_open(struct vu_channel *channel, int fd);
void vu_channel_close(struct vu_channel *channel);

/*
 * 1: a message is complete, and stays until vu_channel_done(). 0: not yet. -ECONNRESET: the other
 * side has gone. -EPROTO: not a message, or more descriptors than one may carry.
 */
int vu_channel_receive(struct vu_channel *channel);
/* Forget the message, and close the descriptors that nobody took. */
void vu_channel_done(struct vu_channel *channel);

/* 0, or -errno; also when the other side lets so many messages pile up that none fits any more. */
int vu_channel_send(struct vu_channel *channel, const struct vhost_user_header *header,
		    const void *payload);

#endif
