// SPDX-License-Identifier: GPL-2.0-or-later
/* server.c - takes clients in, introduces them to each other, and sees them off. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "ivshmem/internal.h"
#include "wire/ivshmem.h"

#define LOG_AREA "ivshmem"

enum {
	DEFAULT_CLIENTS = 256,
	EVENTS_A_STEP = 64,
	CLIENTS_A_STEP = 16, /* taken in */
	LINES_A_SECOND = 20,
	OTHER_FDS = 32, /* of a process with one server */
	MAX_GROUPS = 64,
};

/* In the epoll set, where clients have their ids. */
#define LISTENER UINT32_MAX

/* What clients cause, of which a few lines a second are news. */
__attribute__((format(printf, 2, 3))) static void log_client(struct facet_ivshmem_server *server,
							     const char *fmt, ...)
{
	struct timespec now;
	char text[200];
	va_list args;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (server->log_second != now.tv_sec) {
		if (server->log_lines > LINES_A_SECOND)
			log_info("%s: %u more lines like the last were dropped", server->name,
				 server->log_lines - LINES_A_SECOND);
		server->log_second = now.tv_sec;
		server->log_lines = 0;
	}
	if (server->log_lines++ >= LINES_A_SECOND)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_info("%s: %s", server->name, text);
}

/* --- out --- */

/* Who has been doomed goes, which the others are told, who may be doomed by that. */
static void remove_client(struct client *client)
{
	struct facet_ivshmem_server *server = client->server;
	unsigned int id = client->pub.id;

	log_client(server, "client %u (process %d): %s", id, (int)client->pub.pid, client->doom);
	server->stats.left++;
	server->stats.dropped += !client->doom_is_leave;
	server->stats.clients--;
	server->doomed--;
	server->clients[id] = NULL;
	while (server->top && !server->clients[server->top - 1])
		server->top--;
	/* While its eventfds are open: notes in others' queues name them. */
	facet_ivshmem_server_announce_gone(server, id);
	client_destroy(client);
	if (server->cfg.left)
		server->cfg.left(server->cfg.owner, id);
}

static void settle(struct facet_ivshmem_server *server)
{
	bool again = true;

	while (again) {
		again = false;
		for (unsigned int id = 0; server->doomed && id < server->top; id++)
			if (server->clients[id] && server->clients[id]->doom)
				remove_client(server->clients[id]);
		for (unsigned int id = 0; id < server->top; id++) {
			struct client *client = server->clients[id];

			if (client && client->fresh)
				client_flush(client);
		}
		again = server->doomed > 0;
	}
}

void facet_ivshmem_server_announce_gone(struct facet_ivshmem_server *server, unsigned int id)
{
	for (unsigned int other = 0; other < server->top; other++)
		if (server->clients[other])
			client_tell_gone(server->clients[other], id);
}

/* --- in --- */

static bool listed(const gid_t *list, unsigned int count, gid_t wanted)
{
	for (unsigned int i = 0; i < count; i++)
		if (list[i] == wanted)
			return true;
	return false;
}

static bool allowed(const struct facet_ivshmem_server *server, int fd, const struct ucred *who)
{
	const struct facet_ivshmem_server_config *cfg = &server->cfg;
	gid_t groups[MAX_GROUPS];
	socklen_t size = sizeof(groups);

	if (!cfg->uid_count && !cfg->gid_count)
		return true;
	if (listed(cfg->uids, cfg->uid_count, who->uid) ||
	    listed(cfg->gids, cfg->gid_count, who->gid))
		return true;
	if (!cfg->gid_count || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return false;
	for (unsigned int i = 0; i < size / sizeof(groups[0]); i++)
		if (listed(cfg->gids, cfg->gid_count, groups[i]))
			return true;
	return false;
}

static void fill_in(struct client *client, const struct ucred *who)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	client->pub.since_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	client->pub.pid = who->pid;
	client->pub.uid = who->uid;
	client->pub.gid = who->gid;
}

/*
 * QEMU, up to 11.1 at least, frees what it keeps of a peer that leaves and goes on to use it when
 * one with the same id comes: its heap is then in disorder. So nobody hears of an id twice.
 */
static unsigned int lowest_free(const struct facet_ivshmem_server *server)
{
	unsigned int id = 0;

	while (id < MAX_IDS && (server->clients[id] || server->told[id]))
		id++;
	return id;
}

static void insert(struct facet_ivshmem_server *server, struct client *client)
{
	server->clients[client->pub.id] = client;
	if (client->pub.id >= server->top)
		server->top = client->pub.id + 1;
	server->stats.clients++;
}

/* @fd is taken on success. */
static int take_in(struct facet_ivshmem_server *server, int fd, const struct ucred *who)
{
	unsigned int id = lowest_free(server);
	struct client *client;
	int r;

	if (server->stats.clients == server->cfg.max_clients)
		return -EUSERS;
	if (id == MAX_IDS)
		return -EADDRNOTAVAIL;
	client = client_create(server, id, fd);
	if (!client)
		return -ENOMEM;
	r = client_make_vectors(client);
	if (r) {
		epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		client->pub.fd = -1;
		client_destroy(client);
		return r;
	}
	fill_in(client, who);
	insert(server, client);
	server->stats.joined++;
	client_greet(client);
	for (unsigned int other = 0; other < server->top; other++)
		if (other != id && server->clients[other])
			client_tell_arrival(server->clients[other], client);
	log_client(server, "client %u: process %d of user %u", id, (int)who->pid,
		   (unsigned int)who->uid);
	return 0;
}

static const char *why_refused(int error)
{
	return error == -EACCES          ? "its user is not on the list"
	       : error == -EUSERS        ? "there are as many clients as may be"
	       : error == -EADDRNOTAVAIL ? "clients that are there have heard of every id"
	       : error == -EMFILE        ? "too few descriptors are left (LimitNOFILE=)"
					 : strerror(-error);
}

/* Takes @fd. */
static void welcome(struct facet_ivshmem_server *server, int fd)
{
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		r = -errno;
	else
		r = allowed(server, fd, &who) ? take_in(server, fd, &who) : -EACCES;
	if (!r)
		return;
	server->stats.refused++;
	log_client(server, "process %d of user %u is refused: %s", (int)who.pid,
		   (unsigned int)who.uid, why_refused(r));
	close(fd);
}

static void accept_some(struct facet_ivshmem_server *server)
{
	for (int i = 0; i < CLIENTS_A_STEP; i++) {
		int fd = accept4(server->cfg.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			welcome(server, fd);
			continue;
		}
		if ((errno != EMFILE && errno != ENFILE) || server->reserve < 0)
			return;
		/* Without this who waits there would keep the loop spinning. */
		close(server->reserve);
		fd = accept4(server->cfg.listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		server->reserve = fcntl(server->cfg.listen_fd, F_DUPFD_CLOEXEC, 3);
		server->stats.refused++;
		log_client(server, "a client is refused: no descriptor is left (LimitNOFILE=)");
	}
}

int facet_ivshmem_server_attach(struct facet_ivshmem_server *server, int *ret_fd,
				struct facet_error *err)
{
	struct ucred self = { getpid(), geteuid(), getegid() };
	int fd[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) < 0)
		return facet_error_set(err, -errno, "%s: no connection to it: %s", server->name,
				       strerror(errno));
	r = take_in(server, fd[0], &self);
	if (r) {
		close(fd[0]);
		close(fd[1]);
		return facet_error_set(err, r, "%s: refused: %s", server->name, why_refused(r));
	}
	settle(server);
	*ret_fd = fd[1];
	return 0;
}

int facet_ivshmem_server_adopt(struct facet_ivshmem_server *server, unsigned int id, int fd,
			       const int *vector_fds)
{
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);
	struct client *client;

	if (id >= MAX_IDS || server->stats.clients == server->cfg.max_clients)
		return -ERANGE;
	if (server->clients[id])
		return -EEXIST;
	client = client_create(server, id, fd);
	if (!client)
		return -ENOMEM;
	memcpy(client->vector_fds, vector_fds, server->cfg.vectors * sizeof(int));
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	fill_in(client, &who);
	insert(server, client);
	return 0;
}

/* --- the loop --- */

void facet_ivshmem_server_dispatch(struct facet_ivshmem_server *server)
{
	struct epoll_event events[EVENTS_A_STEP];
	int count = epoll_wait(server->epoll_fd, events, EVENTS_A_STEP, 0);

	for (int i = 0; i < count; i++) {
		uint32_t id = events[i].data.u32;
		struct client *client = id < server->top ? server->clients[id] : NULL;

		if (id == LISTENER) {
			accept_some(server);
			continue;
		}
		/* Another one may have its id by now: what is done here harms nobody. */
		if (client && events[i].events & ~(uint32_t)EPOLLOUT)
			client_read(client);
		if (client && events[i].events & EPOLLOUT)
			client->fresh = true;
	}
	settle(server);
}

int facet_ivshmem_server_fd(const struct facet_ivshmem_server *server)
{
	return server->epoll_fd;
}

void facet_ivshmem_server_stats(const struct facet_ivshmem_server *server,
				struct facet_ivshmem_server_stats *ret)
{
	*ret = server->stats;
}

void facet_ivshmem_server_each(const struct facet_ivshmem_server *server,
			       void (*use)(void *owner, const struct facet_ivshmem_client *client),
			       void *owner)
{
	for (unsigned int id = 0; id < server->top; id++)
		if (server->clients[id])
			use(owner, &server->clients[id]->pub);
}

/* --- life --- */

static int check_config(const struct facet_ivshmem_server_config *cfg, struct facet_error *err)
{
	struct rlimit limit = { 0 };

	if (!cfg->vectors || cfg->vectors > WIRE_IVSHMEM_MAX_VECTORS)
		return facet_error_set(err, -EINVAL, "%s: %u vectors: 1 to %d are possible",
				       cfg->name, cfg->vectors, WIRE_IVSHMEM_MAX_VECTORS);
	if (cfg->max_clients > FACET_IVSHMEM_MAX_CLIENTS)
		return facet_error_set(err, -EINVAL, "%s: %u clients: %d are possible", cfg->name,
				       cfg->max_clients, FACET_IVSHMEM_MAX_CLIENTS);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (2 * (cfg->vectors + 1) + OTHER_FDS > limit.rlim_cur)
		return facet_error_set(err, -EMFILE,
				       "%s: not even two clients with %u vectors each are possible "
				       "with %llu descriptors: take fewer, or raise the limit "
				       "(ulimit -n, LimitNOFILE=)",
				       cfg->name, cfg->vectors, (unsigned long long)limit.rlim_cur);
	return 0;
}

static void *copy(const void *list, size_t size)
{
	void *made = malloc(size + 1);

	return made && size ? memcpy(made, list, size) : made;
}

static int set_up(struct facet_ivshmem_server *server)
{
	struct facet_ivshmem_server_config *cfg = &server->cfg;
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = LISTENER };

	server->name = strdup(cfg->name);
	server->uids = copy(cfg->uids, cfg->uid_count * sizeof(uid_t));
	server->gids = copy(cfg->gids, cfg->gid_count * sizeof(gid_t));
	server->clients = calloc(MAX_IDS, sizeof(*server->clients));
	server->told = calloc(MAX_IDS, sizeof(*server->told));
	if (!server->name || !server->uids || !server->gids || !server->clients || !server->told)
		return -ENOMEM;
	cfg->name = server->name;
	cfg->uids = server->uids;
	cfg->gids = server->gids;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0)
		return -errno;
	if (cfg->listen_fd < 0)
		return 0;
	server->reserve = fcntl(cfg->listen_fd, F_DUPFD_CLOEXEC, 3);
	return epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, cfg->listen_fd, &event) < 0 ? -errno : 0;
}

int facet_ivshmem_server_create(const struct facet_ivshmem_server_config *cfg,
				struct facet_ivshmem_server **ret, struct facet_error *err)
{
	struct facet_ivshmem_server *server;
	int r = check_config(cfg, err);

	if (r)
		return r;
	server = calloc(1, sizeof(*server));
	if (!server)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", cfg->name);
	server->cfg = *cfg;
	server->epoll_fd = server->reserve = -1;
	server->stats.vectors = cfg->vectors;
	if (!cfg->max_clients)
		server->cfg.max_clients = DEFAULT_CLIENTS;
	server->stats.max_clients = server->cfg.max_clients;
	r = set_up(server);
	if (r) {
		facet_ivshmem_server_destroy(server);
		return facet_error_set(err, r, "%s: cannot be served: %s", cfg->name, strerror(-r));
	}
	*ret = server;
	return 0;
}

void facet_ivshmem_server_destroy(struct facet_ivshmem_server *server)
{
	if (!server)
		return;
	for (unsigned int id = 0; id < server->top; id++)
		if (server->clients[id])
			client_destroy(server->clients[id]);
	if (server->epoll_fd >= 0)
		close(server->epoll_fd);
	if (server->reserve >= 0)
		close(server->reserve);
	free(server->clients);
	free(server->told);
	free(server->name);
	free(server->uids);
	free(server->gids);
	free(server);
}
