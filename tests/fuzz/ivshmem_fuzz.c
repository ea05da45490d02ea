// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_fuzz.c - peers that do anything to our server, and a server that tells our peer anything.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "ivshmem/ivshmem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MEMORY = 1 << 14,
	CLIENTS = 8,
	MAX_STEPS = 400,
};

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

static int memory_fd(void)
{
	static int fd = -1;

	if (fd < 0) {
		facet_log_set(drop_log, FACET_LOG_ERROR);
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, MEMORY) < 0)
			__builtin_trap();
	}
	return fd;
}

/* --- a server that lies: pieces of bytes, each with some descriptors --- */

static void send_piece(int sock, const uint8_t *bytes, size_t size, const int *fds,
		       unsigned int count)
{
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	}
	(void)!sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

struct told {
	struct facet_ivshmem_peer *peer;
	unsigned int rings;
};

static void on_ready(void *owner)
{
	struct told *told = owner;
	unsigned int id;
	uint64_t size;
	void *memory;

	if (!facet_ivshmem_peer_ready(told->peer, &id, &memory, &size) || id > 65535 ||
	    size != MEMORY)
		__builtin_trap();
	memset(memory, 1, (size_t)size);
}

static void on_rang(void *owner, unsigned int vector)
{
	((struct told *)owner)->rings++;
}

static void on_changed(void *owner, unsigned int id, unsigned int vectors)
{
	struct told *told = owner;

	if (id > 65535 || vectors != facet_ivshmem_peer_vectors(told->peer, id))
		__builtin_trap();
	if (vectors)
		facet_ivshmem_peer_ring(told->peer, id, vectors - 1);
}

/* A piece: how many bytes (4 bits), how many descriptors (2), which kind (2). */
static void lie(const uint8_t *data, size_t size)
{
	struct told told = { 0 };
	struct facet_ivshmem_peer_config cfg = { .max_vectors = 8,
						 .ready = on_ready,
						 .rang = on_rang,
						 .changed = on_changed,
						 .owner = &told };
	int pair[2], kinds[4], fds[8], r = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    pipe2(kinds + 2, O_CLOEXEC) < 0)
		__builtin_trap();
	kinds[0] = memory_fd();
	kinds[1] = eventfd(0, EFD_CLOEXEC);
	cfg.fd = pair[1];
	if (facet_ivshmem_peer_create(&cfg, &told.peer, NULL))
		__builtin_trap();
	for (int i = 0; size && !r && i < MAX_STEPS; i++) {
		size_t bytes = (data[0] & 15) + 1;
		unsigned int count = data[0] >> 4 & 3;

		for (unsigned int n = 0; n < count; n++)
			fds[n] = kinds[data[0] >> 6];
		data++;
		size--;
		if (bytes > size)
			bytes = size;
		if (!bytes)
			break;
		send_piece(pair[0], data, bytes, fds, count);
		data += bytes;
		size -= bytes;
		r = facet_ivshmem_peer_dispatch(told.peer, NULL);
	}
	close(pair[0]);
	for (int i = 0; i < 20; i++)
		facet_ivshmem_peer_dispatch(told.peer, NULL);
	facet_ivshmem_peer_destroy(told.peer);
	for (int i = 1; i < 4; i++)
		close(kinds[i]);
}

/* --- clients that do anything --- */

struct crowd {
	struct facet_ivshmem_server *server;
	int fds[CLIENTS];
};

static void read_some(int fd, unsigned int messages)
{
	union {
		char buf[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;

	while (messages--) {
		char bytes[8];
		struct iovec iov = { bytes, sizeof(bytes) };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control.buf) };
		int got;

		if (recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
			return;
		if (msg.msg_controllen < CMSG_LEN(sizeof(int)))
			continue;
		memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(got));
		close(got);
	}
}

static void act(struct crowd *crowd, uint8_t what)
{
	int *fd = &crowd->fds[what & 7], junk = memory_fd();

	if (*fd < 0) {
		(void)facet_ivshmem_server_attach(crowd->server, fd, NULL);
		return;
	}
	switch (what >> 3 & 7) {
	case 0:
		close(*fd);
		*fd = -1;
		break;
	case 1:
		shutdown(*fd, what & 0x80 ? SHUT_RD : SHUT_WR);
		break;
	case 2:
		send_piece(*fd, &what, 1, &junk, what & 0x40 ? 1 : 0);
		break;
	case 3:
		read_some(*fd, 1);
		break;
	default:
		read_some(*fd, 64);
	}
}

static void check_client(void *owner, const struct facet_ivshmem_client *client)
{
	unsigned int *count = owner;

	++*count;
	/* A departure and an arrival for each id, and the greeting. */
	if (client->waiting > 3 + 5 * CLIENTS || client->id > 65535)
		__builtin_trap();
}

static void disturb(const uint8_t *data, size_t size)
{
	struct crowd crowd = { 0 };
	struct facet_ivshmem_server_stats stats;
	unsigned int count = 0;

	memset(crowd.fds, -1, sizeof(crowd.fds));
	if (facet_ivshmem_server_create(
		    &(struct facet_ivshmem_server_config){ .name = "fuzz",
							   .listen_fd = -1,
							   .memory_fd = memory_fd(),
							   .vectors = 4,
							   .max_clients = CLIENTS },
		    &crowd.server, NULL))
		__builtin_trap();
	for (size_t i = 0; i < size && i < MAX_STEPS; i++) {
		act(&crowd, data[i]);
		if (data[i] & 0x40)
			facet_ivshmem_server_dispatch(crowd.server);
	}
	facet_ivshmem_server_dispatch(crowd.server);
	facet_ivshmem_server_each(crowd.server, check_client, &count);
	facet_ivshmem_server_stats(crowd.server, &stats);
	if (stats.clients != count || stats.joined - stats.left != count)
		__builtin_trap();
	facet_ivshmem_server_destroy(crowd.server);
	for (int i = 0; i < CLIENTS; i++)
		if (crowd.fds[i] >= 0)
			close(crowd.fds[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		lie(data + 1, size - 1);
	else
		disturb(data + 1, size - 1);
	return 0;
}
