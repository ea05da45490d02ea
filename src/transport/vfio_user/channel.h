/* SPDX-License-Identifier: GPL-2.0-or-later */
/* channel.h - vfio-user messages over a socket, never blocking. Only vfio_user/ includes this. */
#ifndef FACET_VFIO_USER_CHANNEL_H
#define FACET_VFIO_USER_CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire/vfio_user.h"

enum {
	VFU_MAX_XFER = VFIO_USER_DEFAULT_XFER, /* data of one message, each way */
	VFU_MAX_MESSAGE = sizeof(struct vfio_user_header) + sizeof(struct vfio_user_region_access) +
			  VFU_MAX_XFER,
};

/* One message that has arrived: valid until the next is received. */
struct vfu_message {
	struct vfio_user_header header;
	const uint8_t *payload; /* unaligned; our own memory */
	size_t size;            /* of the payload */
	unsigned int fd_count;
	int *fds; /* a handler that takes one leaves -1 */
};

/*
 * DOC: who the descriptors belong to
 *
 * Many small messages are taken by one recvmsg(): posted writes come in flocks. The kernel ends
 * such a read behind the first piece that carries descriptors, so they belong to the message that
 * begins last in what was read. Of a message that is incomplete only the rest is asked for, so
 * there are never descriptors of two.
 */
struct vfu_channel {
	int fd;      /* -1: closed */
	uint8_t *in; /* [taken, have) was received and not served */
	size_t taken, have;
	int fds[VFIO_USER_MAX_FDS];
	unsigned int fd_count;
	size_t fds_at; /* in @in: the message that they came with */

	/* What is sent is built here, behind room for a header; [sent, filled) still waits. */
	uint8_t *out;
	size_t sent, filled;
	uint64_t received_messages, sent_messages;

	/* The server's: what it waits for, and whether the next message has to wait for room. */
	uint32_t events;
	bool stalled;
};

/* Takes @fd, also when it fails (-ENOMEM). */
int vfu_channel_open(struct vfu_channel *channel, int fd);
void vfu_channel_close(struct vfu_channel *channel);

/*
 * 1 with *ret: the next message; vfu_channel_done() when it was served. 0: not all is here yet.
 * -ECONNRESET: the other side has gone. -EPROTO: not a message, or too many descriptors.
 */
int vfu_channel_receive(struct vfu_channel *channel, struct vfu_message *ret);
/* Forget the message, and close the descriptors that nobody took. */
void vfu_channel_done(struct vfu_channel *channel);

/* Where to put the payload of the next message to send, VFU_MAX_MESSAGE with its header. */
uint8_t *vfu_channel_payload(struct vfu_channel *channel);
/* Nothing can be sent, nor built, until vfu_channel_flush() has emptied it. */
bool vfu_channel_blocked(const struct vfu_channel *channel);
/*
 * Send @header, whose size is set, with what was put behind it. @fds are borrowed. 0, also when
 * some of it still has to wait; -EPIPE: the other side has gone; -EAGAIN: with descriptors only,
 * which cannot wait.
 */
int vfu_channel_send(struct vfu_channel *channel, const struct vfio_user_header *header,
		     const int *fds, unsigned int fd_count);
int vfu_channel_flush(struct vfu_channel *channel);

#endif
