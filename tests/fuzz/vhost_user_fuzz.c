// SPDX-License-Identifier: GPL-2.0-or-later
/* vhost_user_fuzz.c - a front-end that sends the input's messages and descriptors, any way round.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/transport.h"
#include "wire/vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MEMORY = 1 << 16,
	MAX_FDS = 10, /* more than a message may carry */
	MAX_RECORDS = 200,
};

/* A record is its kind and a length byte, then that many bytes. */
enum record {
	MESSAGE, /* request, flags, fd count, fd kinds (2 bits each, 2 bytes), then the payload */
	RAW,     /* bytes as they are */
	POKE,    /* u16 where in guest memory, then bytes */
	KICK,    /* byte: which queue's eventfd */
	BACK,    /* bytes on the socket of the back-end's own requests */
	HANG_UP, /* the front-end goes, and another comes */
	RECORDS,
};

enum fd_kind {
	FD_MEMORY,
	FD_EVENT,
	FD_SOCKET,
	FD_PIPE,
};

struct front {
	struct facet_transport *transport;
	int fd, listen_fd;
	int kinds[4];
	int back; /* our end of FD_SOCKET */
	int pipe; /* other end of FD_PIPE */
	uint8_t *base;
};

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

static void dispatch(struct front *f)
{
	char junk[4096];

	for (int i = 0; i < 3; i++)
		facet_transport_dispatch(f->transport);
	while (f->fd >= 0 && recv(f->fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
}

static void send_with_fds(struct front *f, const void *bytes, size_t size, const int *fds,
			  unsigned int count)
{
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	/* A connection that has been closed is a fine place to send to, here. */
	(void)!sendmsg(f->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_message(struct front *f, const uint8_t *at, size_t size)
{
	struct vhost_user_header header;
	uint8_t buf[sizeof(header) + 256];
	int fds[MAX_FDS];
	unsigned int count, kinds;

	if (size < 5)
		return;
	count = at[2] % (MAX_FDS + 1);
	kinds = at[3] | (unsigned int)at[4] << 8;
	for (unsigned int i = 0; i < count; i++)
		fds[i] = f->kinds[kinds >> 2 * (i % 8) & 3];
	header = (struct vhost_user_header){ at[0], at[1], (uint32_t)size - 5 };
	memcpy(buf, &header, sizeof(header));
	memcpy(buf + sizeof(header), at + 5, size - 5);
	send_with_fds(f, buf, sizeof(header) + size - 5, fds, count);
}

static void connect_front(struct front *f)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (f->fd >= 0)
		close(f->fd);
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0 || getsockname(f->listen_fd, (void *)&address, &size) < 0 ||
	    connect(f->fd, (void *)&address, size) < 0)
		__builtin_trap();
}

static void poke(struct front *f, const uint8_t *at, size_t size)
{
	unsigned int where;

	if (size < 2)
		return;
	where = at[0] | (unsigned int)at[1] << 8;
	size -= 2;
	if (size > MEMORY - where)
		size = MEMORY - where;
	memcpy(f->base + where, at + 2, size);
}

static void play(struct front *f, unsigned int kind, const uint8_t *at, size_t size)
{
	uint64_t one = 1;

	switch (kind) {
	case MESSAGE:
		send_message(f, at, size);
		break;
	case RAW:
		send_with_fds(f, at, size, NULL, 0);
		break;
	case POKE:
		poke(f, at, size);
		break;
	case KICK:
		(void)!write(f->kinds[FD_EVENT], &one, sizeof(one));
		break;
	case BACK:
		(void)!send(f->back, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	default:
		connect_front(f);
		break;
	}
	dispatch(f);
}

static void open_front(struct front *f)
{
	struct facet_transport_config cfg = { .device = "null", .fd = -1 };
	struct sockaddr name = { .sa_family = AF_UNIX };
	int pair[2];

	f->listen_fd = cfg.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The kernel finds an abstract address. */
	if (bind(cfg.listen_fd, &name, sizeof(sa_family_t)) < 0 || listen(cfg.listen_fd, 4) < 0 ||
	    facet_transport_create("vhost-user", &cfg, &f->transport, NULL) < 0)
		__builtin_trap();
	f->fd = -1;
	connect_front(f);
	f->kinds[FD_MEMORY] = memfd_create("fuzz", MFD_CLOEXEC);
	f->kinds[FD_EVENT] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		__builtin_trap();
	f->kinds[FD_SOCKET] = pair[0];
	f->back = pair[1];
	if (pipe(pair) < 0 || ftruncate(f->kinds[FD_MEMORY], MEMORY) < 0)
		__builtin_trap();
	f->kinds[FD_PIPE] = pair[0];
	f->pipe = pair[1];
	f->base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, f->kinds[FD_MEMORY], 0);
	if (f->base == MAP_FAILED)
		__builtin_trap();
	dispatch(f);
}

static void close_front(struct front *f)
{
	facet_transport_destroy(f->transport);
	close(f->fd);
	for (int i = 0; i < 4; i++)
		close(f->kinds[i]);
	close(f->back);
	close(f->pipe);
	munmap(f->base, MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct front f;
	int before, after;
	size_t n;

	facet_log_set(drop_log, FACET_LOG_ERROR);
	before = dup(0);
	close(before);
	open_front(&f);
	for (unsigned int i = 0; i < MAX_RECORDS && size >= 2; i++) {
		n = data[1] < size - 2 ? data[1] : size - 2;
		play(&f, data[0] % RECORDS, data + 2, n);
		data += 2 + n;
		size -= 2 + n;
	}
	close_front(&f);
	/* The lowest free descriptor is what it was: none was left open. */
	after = dup(0);
	close(after);
	if (after != before)
		__builtin_trap();
	return 0;
}
