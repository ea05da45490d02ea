// SPDX-License-Identifier: LGPL-2.1-or-later
/* stream.c - frames varlink messages and carries the descriptors that come with them. */
#include "varlink/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strange.h"

enum {
	READ_SIZE = 16 << 10,
	MAX_WAITING = 4 << 20, /* bytes in line before a peer counts as not reading */
};

struct message {
	struct facet_list link;
	size_t size, sent;
	unsigned int fd_count;
	int *fds;
	char *text;
};

union control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int) * FACET_STREAM_MAX_FDS)];
};

void facet_stream_init(struct facet_stream *stream, int fd)
{
	*stream = (struct facet_stream){ .fd = fd };
	facet_list_init(&stream->out);
}

static void message_destroy(struct message *message)
{
	while (message->fd_count)
		facet_strange_close(message->fds[--message->fd_count]);
	free(message->fds);
	free(message->text);
	free(message);
}

void facet_stream_fini(struct facet_stream *stream)
{
	struct facet_list *link;

	while ((link = facet_list_pop(&stream->out)))
		message_destroy(facet_container_of(link, struct message, link));
	facet_stream_drop_fds(stream);
	free(stream->in);
	if (stream->fd >= 0)
		close(stream->fd);
	facet_stream_init(stream, -1);
}

static int make_room(struct facet_stream *stream)
{
	size_t room = stream->in_room ? stream->in_room : READ_SIZE;
	char *in;

	while (room - stream->in_size < READ_SIZE / 2)
		room *= 2;
	if (room == stream->in_room)
		return 0;
	in = realloc(stream->in, room);
	if (!in)
		return -ENOMEM;
	stream->in = in;
	stream->in_room = room;
	return 0;
}

/* Every descriptor that the kernel gave us is kept or closed; none is forgotten. */
static int take_control(struct facet_stream *stream, struct msghdr *header)
{
	int ret = header->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
	struct cmsghdr *c;
	size_t i, count;
	int fd;

	for (c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (stream->fd_count < FACET_STREAM_MAX_FDS) {
				stream->fds[stream->fd_count++] = fd;
			} else {
				facet_strange_close(fd);
				ret = -EPROTO;
			}
		}
	}
	return ret;
}

int facet_stream_read(struct facet_stream *stream)
{
	union control control;
	struct iovec iov;
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t size;
	int err;

	if (stream->in_size > FACET_STREAM_MAX_MESSAGE)
		return -EMSGSIZE;
	err = make_room(stream);
	if (err)
		return err;
	iov.iov_base = stream->in + stream->in_size;
	iov.iov_len = stream->in_room - stream->in_size;
	header.msg_control = control.room;
	header.msg_controllen = sizeof(control.room);
	do {
		size = recvmsg(stream->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == ECONNRESET ? -ENOTCONN : -errno;
	err = take_control(stream, &header);
	if (err)
		return err;
	if (size == 0)
		return -ENOTCONN;
	stream->in_size += (size_t)size;
	return 0;
}

static void consume(struct facet_stream *stream, size_t size)
{
	stream->in_size -= size;
	stream->in_scanned = 0;
	memmove(stream->in, stream->in + size, stream->in_size);
	/* An idle connection costs next to nothing. */
	if (stream->in_size == 0) {
		free(stream->in);
		stream->in = NULL;
		stream->in_room = 0;
	}
}

int facet_stream_next(struct facet_stream *stream, json_t **ret)
{
	char *end;
	json_t *message;
	size_t size;

	if (stream->in_size == stream->in_scanned)
		return 0;
	end = memchr(stream->in + stream->in_scanned, 0, stream->in_size - stream->in_scanned);
	if (!end) {
		stream->in_scanned = stream->in_size;
		return 0;
	}
	size = (size_t)(end - stream->in);
	message = json_loadb(stream->in, size, JSON_REJECT_DUPLICATES, NULL);
	consume(stream, size + 1);
	if (!json_is_object(message)) {
		json_decref(message);
		return -EPROTO;
	}
	*ret = message;
	return 1;
}

int facet_stream_take_fd(struct facet_stream *stream)
{
	int fd;

	if (!stream->fd_count)
		return -1;
	fd = stream->fds[0];
	memmove(stream->fds, stream->fds + 1, --stream->fd_count * sizeof(int));
	return fd;
}

void facet_stream_drop_fds(struct facet_stream *stream)
{
	while (stream->fd_count)
		facet_strange_close(stream->fds[--stream->fd_count]);
}

static int message_fill(struct message *message, const json_t *json, const int *fds,
			unsigned int fd_count)
{
	message->text = json_dumps(json, JSON_COMPACT);
	message->fds = calloc(fd_count + 1, sizeof(int));
	if (!message->text || !message->fds)
		return -ENOMEM;
	message->size = strlen(message->text) + 1;
	if (message->size > FACET_STREAM_MAX_MESSAGE || fd_count > FACET_STREAM_MAX_FDS)
		return -EMSGSIZE;
	for (; message->fd_count < fd_count; message->fd_count++) {
		int fd = fcntl(fds[message->fd_count], F_DUPFD_CLOEXEC, 3);

		if (fd < 0)
			return -errno;
		message->fds[message->fd_count] = fd;
	}
	return 0;
}

int facet_stream_queue(struct facet_stream *stream, const json_t *json, const int *fds,
		       unsigned int fd_count)
{
	struct message *message;
	int err;

	if (stream->out_bytes > MAX_WAITING)
		return -ENOBUFS;
	message = calloc(1, sizeof(*message));
	if (!message)
		return -ENOMEM;
	err = message_fill(message, json, fds, fd_count);
	if (err) {
		message_destroy(message);
		return err;
	}
	facet_list_append(&stream->out, &message->link);
	stream->out_bytes += message->size;
	return 0;
}

/* One sendmsg per message: descriptors travel with the first byte of theirs. */
static int send_some(struct facet_stream *stream, struct message *message)
{
	union control control;
	struct iovec iov = { message->text + message->sent, message->size - message->sent };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = &control.align;
	ssize_t size;

	if (message->sent == 0 && message->fd_count) {
		memset(&control, 0, sizeof(control));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(message->fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), message->fds, message->fd_count * sizeof(int));
		header.msg_control = control.room;
		header.msg_controllen = CMSG_SPACE(message->fd_count * sizeof(int));
	}
	size = sendmsg(stream->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (size < 0)
		return errno == EINTR ? 0 : -errno;
	message->sent += (size_t)size;
	return 0;
}

int facet_stream_flush(struct facet_stream *stream)
{
	while (!facet_list_empty(&stream->out)) {
		struct message *message =
			facet_container_of(stream->out.next, struct message, link);
		int err = send_some(stream, message);

		if (err)
			return err;
		if (message->sent < message->size)
			continue;
		stream->out_bytes -= message->size;
		facet_list_remove(&message->link);
		message_destroy(message);
	}
	return 0;
}
