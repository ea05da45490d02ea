// SPDX-License-Identifier: GPL-2.0-or-later
/* client.c - one client of the server: what it has to be told, and when its socket takes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "ivshmem/internal.h"
#include "wire/ivshmem.h"

enum {
	FDS_KEPT_FREE = 16,
	FIRST_ROOM = 16,
	/*
	 * A message takes some 800 bytes of the kernel's, so that 20 are on their way: descriptors
	 * that nobody has received count against all that this user may have open.
	 */
	SEND_BUFFER = 8 << 10,
};

/* --- life --- */

struct client *client_create(struct facet_ivshmem_server *server, unsigned int id, int fd)
{
	unsigned int vectors = server->cfg.vectors;
	struct client *client = calloc(1, sizeof(*client) + vectors * sizeof(int));
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.u32 = id };
	int size = SEND_BUFFER;

	if (!client)
		return NULL;
	client->server = server;
	client->pub.id = id;
	client->pub.vector_fds = client->vector_fds;
	for (unsigned int v = 0; v < vectors; v++)
		client->vector_fds[v] = -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(client);
		return NULL;
	}
	client->pub.fd = fd;
	return client;
}

void client_destroy(struct client *client)
{
	close(client->pub.fd);
	for (unsigned int v = 0; v < client->server->cfg.vectors; v++)
		if (client->vector_fds[v] >= 0)
			close(client->vector_fds[v]);
	for (unsigned int id = 0; id < 8 * client->told_bytes; id++)
		if (client->told[id / 8] & 1 << id % 8)
			client->server->told[id]--;
	free(client->told);
	free(client->notes);
	free(client);
}

bool client_remember(struct client *client, unsigned int id)
{
	unsigned int bytes = id / 8 + 1;
	uint8_t *told = client->told;

	if (bytes > client->told_bytes) {
		told = realloc(told, bytes);
		if (!told)
			return false;
		memset(told + client->told_bytes, 0, bytes - client->told_bytes);
		client->told = told;
		client->told_bytes = bytes;
	}
	if (!(told[id / 8] & 1 << id % 8))
		client->server->told[id]++;
	told[id / 8] |= (uint8_t)(1 << id % 8);
	return true;
}

int client_make_vectors(struct client *client)
{
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned int v = 0; v < client->server->cfg.vectors; v++) {
		int fd = client->vector_fds[v] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0)
			return -errno;
		/* The lowest free number is taken: so many are in use. */
		if ((rlim_t)fd + FDS_KEPT_FREE >= limit.rlim_cur)
			return -EMFILE;
	}
	return 0;
}

void client_doom(struct client *client, const char *why, bool is_leave)
{
	if (client->doom)
		return;
	client->doom = why;
	client->doom_is_leave = is_leave;
	client->server->doomed++;
}

/* --- the queue --- */

static bool make_room(struct client *client)
{
	unsigned int room = client->room ? 2 * client->room : FIRST_ROOM;
	struct note *notes;

	if (client->first + client->pub.waiting < client->room)
		return true;
	if (client->first) {
		memmove(client->notes, client->notes + client->first,
			client->pub.waiting * sizeof(*client->notes));
		client->first = 0;
	}
	if (client->pub.waiting < client->room / 2)
		return true;
	notes = reallocarray(client->notes, room, sizeof(*notes));
	if (!notes)
		return client->pub.waiting < client->room;
	client->notes = notes;
	client->room = room;
	return true;
}

static void add(struct client *client, int number, int vector)
{
	struct facet_ivshmem_server *server = client->server;

	if (client->doom)
		return;
	if (!make_room(client)) {
		client_doom(client, "out of memory", false);
		return;
	}
	if (!client->behind && server->cfg.changed)
		server->cfg.changed(server->cfg.owner, &client->pub, true);
	client->behind = client->fresh = true;
	client->notes[client->first + client->pub.waiting++] = (struct note){ number, vector };
	if (client->pub.waiting > client->pub.waiting_max)
		client->pub.waiting_max = client->pub.waiting;
}

void client_tell_arrival(struct client *client, const struct client *other)
{
	for (unsigned int v = 0; v < client->server->cfg.vectors; v++)
		add(client, (int)other->pub.id, (int)v);
}

void client_greet(struct client *client)
{
	const struct facet_ivshmem_server *server = client->server;

	add(client, WIRE_IVSHMEM_VERSION, NOTE_ALONE);
	add(client, (int)client->pub.id, NOTE_ALONE);
	add(client, WIRE_IVSHMEM_MEMORY, NOTE_MEMORY);
	for (unsigned int id = 0; id < server->top; id++)
		if (server->clients[id] && server->clients[id] != client)
			client_tell_arrival(client, server->clients[id]);
	client_tell_arrival(client, client);
}

/* Takes the arrival of @id out, as far as it has not been sent. True: none of it has. */
static bool forget_arrival(struct client *client, unsigned int id)
{
	unsigned int kept = 0, count = client->pub.waiting;
	struct note *notes = client->notes + client->first;

	for (unsigned int i = 0; i < count; i++) {
		bool begun = i == 0 && client->bytes_done;

		if (begun || notes[i].vector < 0 || notes[i].number != (int)id)
			notes[kept++] = notes[i];
	}
	client->pub.waiting = kept;
	return count - kept == client->server->cfg.vectors;
}

void client_tell_gone(struct client *client, unsigned int id)
{
	if (!forget_arrival(client, id))
		add(client, (int)id, NOTE_ALONE);
}

/* --- the socket --- */

static int note_fd(const struct client *client, const struct note *note)
{
	const struct facet_ivshmem_server *server = client->server;

	if (client->bytes_done || note->vector == NOTE_ALONE)
		return -1;
	if (note->vector == NOTE_MEMORY)
		return server->cfg.memory_fd;
	return server->clients[note->number]->vector_fds[note->vector];
}

/* The first note, or what is left of it. Bytes, or -errno. */
static ssize_t send_first(struct client *client)
{
	const struct note *note = client->notes + client->first;
	struct wire_ivshmem_message message = { le64_of((uint64_t)(int64_t)note->number) };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (char *)&message + client->bytes_done,
			     sizeof(message) - client->bytes_done };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = note_fd(client, note);
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *header = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.buf);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	n = sendmsg(client->pub.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static void wait_for_room(struct client *client, bool wait)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLRDHUP | (wait ? EPOLLOUT : 0),
		.data.u32 = client->pub.id,
	};

	if (client->waits_for_room == wait)
		return;
	epoll_ctl(client->server->epoll_fd, EPOLL_CTL_MOD, client->pub.fd, &event);
	client->waits_for_room = wait;
}

static void note_done(struct client *client)
{
	const struct note *note = client->notes + client->first;

	if (note->vector == 0 && note->number != (int)client->pub.id &&
	    !client_remember(client, (unsigned int)note->number))
		client_doom(client, "out of memory", false);
	client->bytes_done = 0;
	client->first++;
	client->pub.waiting--;
	client->pub.sent++;
}

void client_flush(struct client *client)
{
	const struct facet_ivshmem_server_config *cfg = &client->server->cfg;
	ssize_t n = 0;

	client->fresh = false;
	while (!client->doom && client->pub.waiting && n >= 0) {
		n = send_first(client);
		if (n == -EPIPE || n == -ECONNRESET)
			client_doom(client, "it has gone", true);
		else if (n == -ETOOMANYREFS)
			client_doom(client, "too many descriptors are on their way (LimitNOFILE=)",
				    false);
		else if (n < 0 && n != -EAGAIN && n != -EINTR)
			client_doom(client, strerror((int)-n), false);
		else if (n > 0)
			client->bytes_done += (unsigned int)n;
		if (client->bytes_done == sizeof(struct wire_ivshmem_message))
			note_done(client);
	}
	wait_for_room(client, client->pub.waiting > 0);
	if (client->doom || client->pub.waiting || !client->behind)
		return;
	client->behind = false;
	if (cfg->changed)
		cfg->changed(cfg->owner, &client->pub, false);
}

void client_read(struct client *client)
{
	char byte;
	ssize_t n = recv(client->pub.fd, &byte, 1, MSG_DONTWAIT);

	/* Half of a connection is none: nobody sends here, so that only an end can be told. */
	if (n == 0)
		client_doom(client, "it has gone", true);
	else if (n > 0)
		client_doom(client, "it sent something, and clients only listen", false);
	else if (errno != EAGAIN && errno != EINTR)
		client_doom(client, "it has gone", true);
}
