// SPDX-License-Identifier: GPL-2.0-or-later
/* peer.c - a host program among virtual machines that share memory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "base/eventfd.h"
#include "ivshmem/ivshmem.h"
#include "ivshmem/receive.h"
#include "wire/ivshmem.h"

enum {
	DEFAULT_VECTORS = 64,
	EVENTS_A_STEP = 32,
	MESSAGES_A_STEP = 64,
};

/* In the epoll set, where our vectors have their numbers. */
#define SOCKET UINT32_MAX

/* The doorbells of one peer. */
struct bells {
	unsigned int count, room;
	int *fds;
};

struct facet_ivshmem_peer {
	struct facet_ivshmem_peer_config cfg;
	int fd, epoll_fd; /* fd -1: the server has gone */
	struct receiver receiver;
	enum { WANT_VERSION, WANT_ID, WANT_MEMORY, READY } state;
	unsigned int id;
	void *memory;
	uint64_t size;
	struct bells own;
	struct bells *others; /* by id */
	unsigned int other_count;
};

/* --- doorbells --- */

static struct bells *find_bells(const struct facet_ivshmem_peer *peer, unsigned int id)
{
	if (peer->state > WANT_ID && id == peer->id)
		return (struct bells *)&peer->own;
	return id < peer->other_count ? &peer->others[id] : NULL;
}

/* The same, making room. NULL: out of memory. */
static struct bells *want_bells(struct facet_ivshmem_peer *peer, unsigned int id)
{
	unsigned int count = peer->other_count;
	struct bells *others;

	if (id != peer->id && id >= count) {
		others = reallocarray(peer->others, id + 1, sizeof(*others));
		if (!others)
			return NULL;
		memset(others + count, 0, (id + 1 - count) * sizeof(*others));
		peer->others = others;
		peer->other_count = id + 1;
	}
	return find_bells(peer, id);
}

static void drop_bells(struct bells *bells)
{
	for (unsigned int i = 0; i < bells->count; i++)
		close(bells->fds[i]);
	free(bells->fds);
	*bells = (struct bells){ 0 };
}

/* Takes @fd. */
static int add_bell(struct facet_ivshmem_peer *peer, struct bells *bells, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = bells->count };
	/* Writing to a pipe or a socket could end this process by SIGPIPE. */
	int r = facet_eventfd_check(fd) ? 0 : -EPROTO;

	if (!r && bells->count == bells->room) {
		unsigned int room = bells->room ? 2 * bells->room : 1;
		int *fds = reallocarray(bells->fds, room, sizeof(*fds));

		if (fds) {
			bells->fds = fds;
			bells->room = room;
		} else {
			r = -ENOMEM;
		}
	}
	if (!r && bells == &peer->own && epoll_ctl(peer->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		r = -errno;
	if (r)
		close(fd);
	else
		bells->fds[bells->count++] = fd;
	return r;
}

/* --- what the server tells --- */

static int refuse(struct facet_error *err, const char *what, long long number)
{
	return facet_error_set(err, -EPROTO,
			       "the ivshmem server: %s (%lld): is it one, and of this protocol?",
			       what, number);
}

static int map(struct facet_ivshmem_peer *peer, int fd, struct facet_error *err)
{
	struct stat st;
	void *memory;

	if (fd < 0)
		return refuse(err, "sent no memory", WIRE_IVSHMEM_MEMORY);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > FACET_IVSHMEM_MAX_SIZE)
		return refuse(err, "sent something that is no memory", st.st_size);
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return facet_error_set(err, -errno, "the shared memory cannot be mapped: %s",
				       strerror(errno));
	peer->memory = memory;
	peer->size = (uint64_t)st.st_size;
	return 0;
}

/* Peer @number has a vector more (takes @fd), or has gone. */
static int take_news(struct facet_ivshmem_peer *peer, int64_t number, int fd,
		     struct facet_error *err)
{
	struct bells *bells = want_bells(peer, (unsigned int)number);
	int r;

	/* More than we keep: not an error, others may need them. */
	if (fd >= 0 && (!bells || bells->count >= peer->cfg.max_vectors))
		close(fd);
	if (!bells)
		return facet_error_set(err, -ENOMEM, "an ivshmem peer: out of memory");
	if (fd >= 0 && bells->count >= peer->cfg.max_vectors)
		return 0;
	if (fd < 0 && bells == &peer->own)
		return refuse(err, "says that we have gone", number);
	if (fd < 0) {
		drop_bells(bells);
	} else {
		r = add_bell(peer, bells, fd);
		if (r == -EPROTO)
			return refuse(err, "sent a doorbell that is no eventfd", number);
		if (r)
			return facet_error_set(err, r, "a doorbell of peer %lld: %s",
					       (long long)number, strerror(-r));
	}
	if (peer->cfg.changed)
		peer->cfg.changed(peer->cfg.owner, (unsigned int)number, bells->count);
	return 0;
}

/* Before all is known, everything has its place. @fd is the caller's. */
static int take_greeting(struct facet_ivshmem_peer *peer, int64_t number, int fd,
			 struct facet_error *err)
{
	int r = 0;

	switch (peer->state) {
	case WANT_VERSION:
		if (number != WIRE_IVSHMEM_VERSION || fd >= 0)
			return refuse(err, "begins with another version", number);
		peer->state = WANT_ID;
		break;
	case WANT_ID:
		if (number < 0 || number > WIRE_IVSHMEM_MAX_ID || fd >= 0)
			return refuse(err, "gave us no id", number);
		peer->id = (unsigned int)number;
		peer->state = WANT_MEMORY;
		break;
	case WANT_MEMORY:
	case READY:
		if (number != WIRE_IVSHMEM_MEMORY)
			return refuse(err, "sent something else than the memory", number);
		r = map(peer, fd, err);
		if (r)
			return r;
		peer->state = READY;
		if (peer->cfg.ready)
			peer->cfg.ready(peer->cfg.owner);
		break;
	}
	return r;
}

static int take_message(struct facet_ivshmem_peer *peer, struct facet_error *err)
{
	int64_t number;
	int fd = -1, r = receiver_next(&peer->receiver, peer->fd, &number, &fd);

	if (r == -ENOTCONN)
		return facet_error_set(err, r, "the ivshmem server has gone");
	if (r && r != -EAGAIN)
		return facet_error_set(err, r, "the ivshmem server cannot be heard: %s",
				       strerror(-r));
	if (r)
		return r;
	if (peer->state != READY) {
		r = take_greeting(peer, number, fd, err);
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (number < 0 || number > WIRE_IVSHMEM_MAX_ID) {
		if (fd >= 0)
			close(fd);
		return refuse(err, "names a peer that cannot be", number);
	}
	return take_news(peer, number, fd, err);
}

static int listen_to_server(struct facet_ivshmem_peer *peer, struct facet_error *err)
{
	int r = 0;

	for (int i = 0; !r && i < MESSAGES_A_STEP; i++)
		r = take_message(peer, err);
	if (!r || r == -EAGAIN)
		return 0;
	/* What is known stays: doorbells are between the peers alone. */
	close(facet_steal_fd(&peer->fd));
	return r;
}

/* --- rings --- */

/*
 * Others hold the same eventfds and can make them blocking again at any time, so that reading asks
 * not to wait each time. For writing the kernel knows no such thing; a look before leaves them a
 * moment that is hard to meet.
 */
static bool take_ring(struct facet_ivshmem_peer *peer, int fd)
{
	uint64_t count;
	struct iovec iov = { &count, sizeof(count) };
	ssize_t n = preadv2(fd, &iov, 1, -1, RWF_NOWAIT);

	/* No eventfd, and always readable perhaps: nothing good will come from there. */
	if (n != sizeof(count) && !(n < 0 && errno == EAGAIN))
		epoll_ctl(peer->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	return n == sizeof(count);
}

int facet_ivshmem_peer_ring(struct facet_ivshmem_peer *peer, unsigned int id, unsigned int vector)
{
	struct pollfd p = { .fd = facet_ivshmem_peer_vector_fd(peer, id, vector),
			    .events = POLLOUT };
	const uint64_t one = 1;

	if (p.fd < 0)
		return -ENOENT;
	/* A counter that is full has been rung often enough. */
	if (poll(&p, 1, 0) < 1 || !(p.revents & POLLOUT))
		return 0;
	return write(p.fd, &one, sizeof(one)) < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
}

int facet_ivshmem_peer_dispatch(struct facet_ivshmem_peer *peer, struct facet_error *err)
{
	struct epoll_event events[EVENTS_A_STEP];
	int count = epoll_wait(peer->epoll_fd, events, EVENTS_A_STEP, 0), r = 0;

	for (int i = 0; i < count; i++) {
		uint32_t vector = events[i].data.u32;

		if (vector == SOCKET)
			r = listen_to_server(peer, err);
		else if (take_ring(peer, peer->own.fds[vector]) && peer->cfg.rang)
			peer->cfg.rang(peer->cfg.owner, vector);
	}
	return r;
}

/* --- what is known --- */

int facet_ivshmem_peer_fd(const struct facet_ivshmem_peer *peer)
{
	return peer->epoll_fd;
}

bool facet_ivshmem_peer_ready(const struct facet_ivshmem_peer *peer, unsigned int *ret_id,
			      void **ret_memory, uint64_t *ret_size)
{
	if (peer->state != READY)
		return false;
	*ret_id = peer->id;
	*ret_memory = peer->memory;
	*ret_size = peer->size;
	return true;
}

unsigned int facet_ivshmem_peer_vectors(const struct facet_ivshmem_peer *peer, unsigned int id)
{
	const struct bells *bells = find_bells(peer, id);

	return bells ? bells->count : 0;
}

int facet_ivshmem_peer_vector_fd(const struct facet_ivshmem_peer *peer, unsigned int id,
				 unsigned int vector)
{
	const struct bells *bells = find_bells(peer, id);

	return bells && vector < bells->count ? bells->fds[vector] : -1;
}

/* --- life --- */

static int connect_to(const char *path, int *ret_fd, struct facet_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = -1;

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return facet_error_set(err, -ENAMETOOLONG, "socket %.40s...: no path of a socket",
				       path ? path : "");
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return facet_error_set(err, -errno, "socket %s: %s: is its server running?", path,
				       strerror(errno));
	*ret_fd = facet_steal_fd(&fd);
	return 0;
}

static int set_up(struct facet_ivshmem_peer *peer, struct facet_error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = SOCKET };
	int r = peer->fd < 0 ? connect_to(peer->cfg.path, &peer->fd, err) : 0;

	if (r)
		return r;
	peer->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (peer->epoll_fd < 0 || epoll_ctl(peer->epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) < 0)
		return facet_error_set(err, -errno, "an ivshmem peer cannot be made: %s",
				       strerror(errno));
	return 0;
}

int facet_ivshmem_peer_create(const struct facet_ivshmem_peer_config *cfg,
			      struct facet_ivshmem_peer **ret, struct facet_error *err)
{
	struct facet_ivshmem_peer *peer = calloc(1, sizeof(*peer));
	int r;

	if (!peer) {
		if (cfg->fd >= 0)
			close(cfg->fd);
		return facet_error_set(err, -ENOMEM, "an ivshmem peer: out of memory");
	}
	peer->cfg = *cfg;
	peer->fd = cfg->fd;
	peer->epoll_fd = -1;
	receiver_init(&peer->receiver);
	if (!cfg->max_vectors)
		peer->cfg.max_vectors = DEFAULT_VECTORS;
	r = set_up(peer, err);
	if (r)
		facet_ivshmem_peer_destroy(peer);
	else
		*ret = peer;
	return r;
}

void facet_ivshmem_peer_destroy(struct facet_ivshmem_peer *peer)
{
	if (!peer)
		return;
	receiver_fini(&peer->receiver);
	drop_bells(&peer->own);
	for (unsigned int id = 0; id < peer->other_count; id++)
		drop_bells(&peer->others[id]);
	free(peer->others);
	if (peer->memory)
		munmap(peer->memory, (size_t)peer->size);
	if (peer->fd >= 0)
		close(peer->fd);
	if (peer->epoll_fd >= 0)
		close(peer->epoll_fd);
	free(peer);
}
