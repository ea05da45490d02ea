// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio_user_fuzz.c - a client that sends the input's messages and descriptors, any way round. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/vfio_user/toy.h"
#include "transport/vfio_user/vfio_user.h"
#include "wire/vfio_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MEMORY = 1 << 16,
	MAX_FDS = 18, /* more than a message may carry */
	MAX_RECORDS = 200,
};

/* A record is its kind and a length byte, then that many bytes. */
enum record {
	MESSAGE, /* command, flags, fd count, fd kinds (2 bits each, 2 bytes), then the payload */
	RAW,     /* bytes as they are */
	GREET,   /* byte: as which client */
	ANSWER,  /* byte: with an error; then the payload of a reply to the server's last request */
	TWIN,    /* bytes on the socket of the server's own requests */
	INTERRUPT, /* byte: which vector the function raises, by itself */
	HANG_UP,   /* the client goes, and another comes */
	RECORDS,
};

enum fd_kind { FD_MEMORY, FD_EVENT, FD_SOCKET, FD_PIPE };

static const char *const greetings[] = {
	"{\"capabilities\":{\"max_msg_fds\":16,\"max_data_xfer_size\":1048576,"
	"\"max_dma_maps\":65535,\"pgsizes\":4096,\"write_multiple\":true}}",
	"{\"capabilities\":{\"max_data_xfer_size\":64,\"twin_socket\":{\"supported\":true}}}",
};

struct client {
	struct facet_vfio_user *server;
	int fd, twin, listen_fd;
	int kinds[4];
	int other[2]; /* ends of FD_SOCKET and FD_PIPE */
	struct vfio_user_header request;
	bool asked;
};

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

/* Take the server's messages; of its requests the last one's header, of its descriptors a twin. */
static void drain(struct client *c, int fd)
{
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	char junk[4096];
	struct iovec iov = { junk, sizeof(junk) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	ssize_t n;

	for (;;) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return;
		if (n >= (ssize_t)sizeof(c->request)) {
			memcpy(&c->request, junk, sizeof(c->request));
			c->asked = c->request.flags == VFIO_USER_TYPE_COMMAND;
		}
		for (cm = CMSG_FIRSTHDR(&msg); cm; cm = CMSG_NXTHDR(&msg, cm)) {
			for (size_t i = 0; i < (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
				if (c->twin >= 0)
					close(c->twin);
				memcpy(&c->twin, CMSG_DATA(cm) + i * sizeof(int), sizeof(int));
			}
		}
	}
}

static void dispatch(struct client *c)
{
	for (int i = 0; i < 3; i++)
		facet_vfio_user_dispatch(c->server);
	if (c->fd >= 0)
		drain(c, c->fd);
	if (c->twin >= 0)
		drain(c, c->twin);
}

static void send_with_fds(int to, const void *bytes, size_t size, const int *fds,
			  unsigned int count)
{
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align =
			(struct cmsghdr){ CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	}
	/* A connection that has been closed is a fine place to send to, here. */
	(void)!sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void send_framed(int to, struct vfio_user_header header, const void *payload, size_t size,
			const int *fds, unsigned int count)
{
	uint8_t buf[sizeof(header) + 512];

	header.size = (uint32_t)(sizeof(header) + size);
	memcpy(buf, &header, sizeof(header));
	memcpy(buf + sizeof(header), payload, size);
	send_with_fds(to, buf, header.size, fds, count);
}

static void send_message(struct client *c, const uint8_t *at, size_t size)
{
	unsigned int count, kinds;
	int fds[MAX_FDS];

	if (size < 5)
		return;
	count = at[2] % (MAX_FDS + 1);
	kinds = at[3] | (unsigned int)at[4] << 8;
	for (unsigned int i = 0; i < count; i++)
		fds[i] = c->kinds[kinds >> 2 * (i % 8) & 3];
	send_framed(c->fd, (struct vfio_user_header){ .command = at[0], .flags = at[1] }, at + 5,
		    size - 5, fds, count);
}

static void greet(struct client *c, unsigned int as)
{
	uint8_t payload[sizeof(struct vfio_user_version) + 256] = { 0 };
	const char *json = greetings[as % 2];

	memcpy(payload + sizeof(struct vfio_user_version), json, strlen(json) + 1);
	send_framed(c->fd, (struct vfio_user_header){ .command = VFIO_USER_VERSION }, payload,
		    sizeof(struct vfio_user_version) + strlen(json) + 1, NULL, 0);
}

static void answer(struct client *c, const uint8_t *at, size_t size)
{
	struct vfio_user_header header = c->request;

	if (!size || !c->asked)
		return;
	c->asked = false;
	header.flags = VFIO_USER_TYPE_REPLY | (at[0] & 1 ? VFIO_USER_ERROR : 0);
	send_framed(c->twin >= 0 ? c->twin : c->fd, header, at + 1, size - 1, NULL, 0);
}

static void connect_client(struct client *c)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (c->fd >= 0)
		close(c->fd);
	if (c->twin >= 0)
		close(c->twin);
	c->twin = -1;
	c->asked = false;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || getsockname(c->listen_fd, (void *)&address, &size) < 0 ||
	    connect(c->fd, (void *)&address, size) < 0)
		__builtin_trap();
}

static void play(struct client *c, unsigned int kind, const uint8_t *at, size_t size)
{
	switch (kind) {
	case MESSAGE:
		send_message(c, at, size);
		break;
	case RAW:
		send_with_fds(c->fd, at, size, NULL, 0);
		break;
	case GREET:
		greet(c, size ? at[0] : 0);
		break;
	case ANSWER:
		answer(c, at, size);
		break;
	case TWIN:
		if (c->twin >= 0)
			send_with_fds(c->twin, at, size, NULL, 0);
		break;
	case INTERRUPT:
		facet_pci_interrupt(facet_vfio_user_function(c->server), size ? at[0] : 0);
		break;
	default:
		connect_client(c);
	}
	dispatch(c);
}

static void begin(struct client *c)
{
	struct facet_vfio_user_config cfg = { .function = &toy_function, .fd = -1 };
	struct sockaddr name = { .sa_family = AF_UNIX };
	int pair[2];

	c->listen_fd = cfg.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* The kernel finds an abstract address. */
	if (bind(cfg.listen_fd, &name, sizeof(sa_family_t)) < 0 || listen(cfg.listen_fd, 4) < 0 ||
	    facet_vfio_user_create(&cfg, &c->server, NULL) < 0)
		__builtin_trap();
	c->fd = c->twin = -1;
	connect_client(c);
	c->kinds[FD_MEMORY] = memfd_create("fuzz", MFD_CLOEXEC);
	c->kinds[FD_EVENT] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		__builtin_trap();
	c->kinds[FD_SOCKET] = pair[0];
	c->other[0] = pair[1];
	if (pipe(pair) < 0 || ftruncate(c->kinds[FD_MEMORY], MEMORY) < 0)
		__builtin_trap();
	c->kinds[FD_PIPE] = pair[0];
	c->other[1] = pair[1];
	dispatch(c);
}

static void end(struct client *c)
{
	facet_vfio_user_destroy(c->server);
	close(c->fd);
	if (c->twin >= 0)
		close(c->twin);
	for (int i = 0; i < 4; i++)
		close(c->kinds[i]);
	close(c->other[0]);
	close(c->other[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client c = { 0 };
	int before, after;
	size_t n;

	facet_log_set(drop_log, FACET_LOG_ERROR);
	before = dup(0);
	close(before);
	begin(&c);
	for (unsigned int i = 0; i < MAX_RECORDS && size >= 2; i++) {
		n = data[1] < size - 2 ? data[1] : size - 2;
		play(&c, data[0] % RECORDS, data + 2, n);
		data += 2 + n;
		size -= 2 + n;
	}
	end(&c);
	/* The lowest free descriptor is what it was: none was left open. */
	after = dup(0);
	close(after);
	if (after != before)
		__builtin_trap();
	return 0;
}
