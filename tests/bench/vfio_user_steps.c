// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vfio_user_steps.c - what a vfio-user server costs beyond its socket: the same bytes go to facet's
 * server and to a process that does nothing but read and write them, in turns.
 *
 * usage: vfio-user-steps ROUNDS OPERATIONS; prints "ROW WHO NUMBER" lines, operations in a second.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "transport/vfio_user/client.h"
#include "transport/vfio_user/toy.h"
#include "transport/vfio_user/vfio_user.h"

enum { PAGE = 4096, MAPPED = 64 * PAGE, MESSAGES_AT = 1 << 30 };

static const uint32_t config = VFIO_PCI_CONFIG_REGION_INDEX;

static void fail(const char *what)
{
	fprintf(stderr, "vfio-user-steps: %s failed\n", what);
	exit(1);
}

static void must(bool ok, const char *what)
{
	if (!ok)
		fail(what);
}

/* --- the two servers --- */

static void serve(int fd)
{
	struct facet_vfio_user_config cfg = { &toy_function, NULL, -1, fd };
	struct facet_vfio_user *vfu;
	struct facet_error err;

	facet_log_set(NULL, FACET_LOG_ERROR);
	must(!facet_vfio_user_create(&cfg, &vfu, &err), "making a server");
	do
		poll(&(struct pollfd){ facet_vfio_user_fd(vfu), POLLIN, 0 }, 1, -1);
	while (!facet_vfio_user_dispatch(vfu));
	facet_vfio_user_destroy(vfu);
}

/* What the other server would send, of the same size; nothing is looked at that need not be. */
static void echo_one(int fd, struct vfio_user_header header, const uint8_t *payload)
{
	static uint8_t reply[sizeof(header) + 2 * PAGE];
	struct vfio_user_region_access access = { 0 };
	size_t size = 0;

	if (header.size >= sizeof(header) + sizeof(access))
		memcpy(&access, payload, sizeof(access));
	if (header.command == VFIO_USER_REGION_READ)
		size = sizeof(access) + access.count;
	else if (access.offset == TOY_DMA_COMMAND && header.command == VFIO_USER_REGION_WRITE)
		size = sizeof(struct vfio_user_dma_access) +
		       (payload[sizeof(access)] & 2 ? PAGE : 0);
	else if (header.flags & (VFIO_USER_NO_REPLY | VFIO_USER_TYPE_REPLY))
		return;
	header.size = (uint32_t)(sizeof(header) + size);
	header.flags = VFIO_USER_TYPE_REPLY;
	memcpy(reply, &header, sizeof(header));
	must(send(fd, reply, header.size, MSG_NOSIGNAL) == (ssize_t)header.size, "echoing");
}

/* More bytes behind the @have that are there; descriptors that come along are dropped. */
static ssize_t take(int fd, uint8_t *in, size_t have, size_t room)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { in + have, room - have };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	int came;

	if (n > 0 && msg.msg_controllen) {
		memcpy(&came, CMSG_DATA(&control.align), sizeof(came));
		close(came);
	}
	return n;
}

/* The least that one can do: blocking calls, as few of them as there can be. */
static void echo(int fd)
{
	static uint8_t in[64 << 10];
	size_t have = 0, at;
	ssize_t n;

	while ((n = take(fd, in, have, sizeof(in))) > 0) {
		struct vfio_user_header header;

		have += (size_t)n;
		for (at = 0; have - at >= sizeof(header); at += header.size) {
			memcpy(&header, in + at, sizeof(header));
			if (header.size > have - at)
				break;
			echo_one(fd, header, in + at + sizeof(header));
		}
		memmove(in, in + at, have - at);
		have -= at;
	}
}

static void start(void (*server)(int fd), struct vfu_client *client)
{
	int pair[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "socketpair");
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[1]);
		server(pair[0]);
		_exit(0);
	}
	close(pair[0]);
	vfu_client_init(client, pair[1]);
}

/* --- what is measured; each ends when the server has done all of it --- */

static void reads(struct vfu_client *client, unsigned int count)
{
	uint32_t value;

	for (unsigned int i = 0; i < count; i++)
		must(!vfu_client_read(client, 0, TOY_PLAIN, &value, 4), "reading");
}

static void posted_writes(struct vfu_client *client, unsigned int count)
{
	uint32_t value;

	for (value = 0; value < count; value++)
		must(!vfu_client_write(client, 0, TOY_PLAIN, &value, 4, true), "writing");
	reads(client, 1);
}

static int memory_fd;

static void maps(struct vfu_client *client, unsigned int count)
{
	const struct vfio_user_dma_unmap gone = { sizeof(gone), 0, 0, MAPPED };

	for (unsigned int i = 0; i < count; i++) {
		must(!vfu_client_map(client, 0, MAPPED, memory_fd, 0), "mapping");
		must(!vfu_client_call(client, VFIO_USER_DMA_UNMAP, &gone, sizeof(gone), NULL, 0),
		     "unmapping");
	}
}

static void transfers(struct vfu_client *client, unsigned int count, uint32_t command)
{
	static uint8_t reply[sizeof(struct vfio_user_dma_access) + PAGE];
	const size_t size = command & 2 ? sizeof(struct vfio_user_dma_access) : sizeof(reply);

	for (unsigned int i = 0; i < count; i++) {
		must(!vfu_client_write(client, 0, TOY_DMA_COMMAND, &command, 4, true), "starting");
		must(vfu_client_receive(client), "being asked");
		memcpy(reply, client->payload, sizeof(struct vfio_user_dma_access));
		must(vfu_client_answer(client, reply, size, 0), "answering");
	}
	reads(client, 1);
}

static void dma_reads(struct vfu_client *client, unsigned int count)
{
	transfers(client, count, 1);
}

static void dma_writes(struct vfu_client *client, unsigned int count)
{
	transfers(client, count, 2);
}

static const struct {
	const char *name;
	void (*run)(struct vfu_client *client, unsigned int count);
	unsigned int share; /* of the operations, in percent */
} rows[] = {
	{ "read", reads, 100 },        { "posted-write", posted_writes, 1000 }, { "map", maps, 50 },
	{ "dma-read", dma_reads, 50 }, { "dma-write", dma_writes, 50 },
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void prepare(struct vfu_client *client)
{
	const uint32_t command = PCI_COMMAND_MASTER;
	const uint64_t dma[] = { MESSAGES_AT, PAGE };

	must(!vfu_client_version(client, NULL), "agreeing on a version");
	must(!vfu_client_write(client, config, PCI_COMMAND, &command, 4, false), "enabling DMA");
	must(!vfu_client_map(client, MESSAGES_AT, PAGE, -1, 0), "mapping");
	must(!vfu_client_write(client, 0, TOY_DMA_ADDRESS, dma, sizeof(dma), false), "writing");
}

int main(int argc, char **argv)
{
	const char *const names[] = { "facet", "echo" };
	unsigned int rounds, operations;
	struct vfu_client clients[2];

	if (argc != 3) {
		fprintf(stderr, "usage: vfio-user-steps ROUNDS OPERATIONS\n");
		return 2;
	}
	rounds = (unsigned int)atoi(argv[1]);
	operations = (unsigned int)atoi(argv[2]);
	memory_fd = memfd_create("steps", MFD_CLOEXEC);
	must(memory_fd >= 0 && !ftruncate(memory_fd, MAPPED), "making memory");
	start(serve, &clients[0]);
	start(echo, &clients[1]);
	prepare(&clients[0]);
	for (unsigned int n = 0; n < 2 * rounds * FACET_ARRAY_SIZE(rows); n++) {
		/* Who begins changes from turn to turn. */
		unsigned int row = n / 2 % FACET_ARRAY_SIZE(rows), who = (n + n / 2) % 2;
		unsigned int count = operations * rows[row].share / 100 + 1;
		double begin = seconds();

		rows[row].run(&clients[who], count);
		printf("%s %s %.1f\n", rows[row].name, names[who], count / (seconds() - begin));
	}
	for (int i = 0; i < 2; i++)
		vfu_client_fini(&clients[i]);
	while (wait(NULL) > 0)
		;
	return 0;
}
