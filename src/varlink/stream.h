/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stream.h - varlink messages on a stream socket: NUL-terminated JSON, with descriptors beside. */
#ifndef FACET_VARLINK_STREAM_H
#define FACET_VARLINK_STREAM_H

#include <jansson.h>
#include <stddef.h>

#include "base/list.h"

enum {
	FACET_STREAM_MAX_MESSAGE = 1 << 20, /* bytes, either way */
	FACET_STREAM_MAX_FDS = 253,         /* as many as the kernel lets one message carry */
};

/* Nothing here blocks; the socket is used with MSG_DONTWAIT. */
struct facet_stream {
	int fd;
	char *in;
	size_t in_room, in_size, in_scanned;
	int fds[FACET_STREAM_MAX_FDS]; /* that arrived, oldest first */
	unsigned int fd_count;
	struct facet_list out; /* messages not yet sent */
	size_t out_bytes;
};

/* @fd is taken. */
void facet_stream_init(struct facet_stream *stream, int fd);
void facet_stream_fini(struct facet_stream *stream);

/*
 * Reads once. 0: something came; -EAGAIN: nothing there; -ENOTCONN: end of stream; -EMSGSIZE: a
 * message without end; -EPROTO: too many descriptors.
 */
int facet_stream_read(struct facet_stream *stream);

/* The next whole message: 1 and an object, 0 when more has to be read, -EPROTO if it is no object.
 */
int facet_stream_next(struct facet_stream *stream, json_t **ret);

/* The oldest descriptor that arrived, now the caller's; -1: none. */
int facet_stream_take_fd(struct facet_stream *stream);
void facet_stream_drop_fds(struct facet_stream *stream);

/* Puts a message in line; @fds are duplicated. -ENOBUFS: the other side does not read. */
int facet_stream_queue(struct facet_stream *stream, const json_t *message, const int *fds,
		       unsigned int fd_count);

/* Sends what it can: 0 all went out, -EAGAIN not yet, or the error of the socket. */
int facet_stream_flush(struct facet_stream *stream);

#endif
