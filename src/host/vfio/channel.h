/* SPDX-License-Identifier: GPL-2.0-or-later */
/* channel.h - single messages of vfio-user over a socket. Only vfio/ includes this. */
#ifndef FACET_HOST_VFIO_CHANNEL_H
#define FACET_HOST_VFIO_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "wire/vfio_user.h"

enum {
	/* What one message from the server may carry, in bytes after the header. */
	FACET_VFIO_MAX_PAYLOAD = sizeof(struct vfio_user_dma_access) + VFIO_USER_DEFAULT_XFER,
	FACET_VFIO_MAX_PARTS = 3,
};

/* A socket and the message that is being received. */
struct facet_vfio_channel {
	int fd;      /* -1: closed */
	size_t have; /* bytes of header and payload */
	struct vfio_user_header header;
	uint8_t *payload; /* FACET_VFIO_MAX_PAYLOAD bytes */
	size_t size;      /* of the payload, when the message is complete */
	unsigned int fd_count;
	int fds[VFIO_USER_MAX_FDS]; /* who takes one leaves -1 */
};

/* CLOCK_MONOTONIC in milliseconds. */
int64_t facet_vfio_now_ms(void);

/* Takes @fd. -ENOMEM */
int facet_vfio_channel_open(struct facet_vfio_channel *channel, int fd);
void facet_vfio_channel_close(struct facet_vfio_channel *channel);

/*
 * 1: a message is complete, and stays until facet_vfio_channel_done(). 0: not yet. -ECONNRESET: the
 * other side has gone. -EPROTO: not a message, or one that is too large.
 */
int facet_vfio_channel_receive(struct facet_vfio_channel *channel);
/* Forget the message, and close the descriptors that nobody took. */
void facet_vfio_channel_done(struct facet_vfio_channel *channel);
/* 0 when there is something to receive; -ETIMEDOUT. */
int facet_vfio_channel_wait(struct facet_vfio_channel *channel, int64_t deadline_ms);

/*
 * Sends the header, whose size is filled in, and the parts, in whole. -ETIMEDOUT, or what the
 * socket says.
 */
int facet_vfio_channel_send(struct facet_vfio_channel *channel, struct vfio_user_header *header,
			    const struct iovec *parts, unsigned int part_count, const int *fds,
			    unsigned int fd_count, int64_t deadline_ms);

#endif
