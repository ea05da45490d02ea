// SPDX-License-Identifier: GPL-2.0-or-later
/* peer_test.c - peers of our server in one process, and of servers that lie. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/log.h"
#include "ivshmem/ivshmem.h"
#include "wire/ivshmem.h"

enum { SIZE = 1 << 16 };

struct party {
	struct facet_ivshmem_peer *peer;
	unsigned int id, rang[4], changes;
	unsigned int vectors[8]; /* of others, as told */
	uint64_t *memory, size;
	bool ready;
};

static struct {
	struct facet_ivshmem_memory memory;
	struct facet_ivshmem_server *server;
	struct party a, b;
	int fake; /* a server's end */
} t;

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

static void on_ready(void *owner)
{
	struct party *party = owner;
	void *memory;

	assert_true(facet_ivshmem_peer_ready(party->peer, &party->id, &memory, &party->size));
	party->memory = memory;
	party->ready = true;
}

static void on_rang(void *owner, unsigned int vector)
{
	struct party *party = owner;

	assert_true(vector < 4);
	party->rang[vector]++;
}

static void on_changed(void *owner, unsigned int id, unsigned int vectors)
{
	struct party *party = owner;

	party->changes++;
	if (id < 8)
		party->vectors[id] = vectors;
}

static int set_up(void **state)
{
	struct facet_error err;

	memset(&t, 0, sizeof(t));
	t.fake = -1;
	facet_log_set(drop_log, FACET_LOG_DEBUG);
	assert_int_equal(
		facet_ivshmem_memory_open(&(struct facet_ivshmem_memory_config){ .size = SIZE },
					  &t.memory, &err),
		0);
	assert_int_equal(facet_ivshmem_server_create(
				 &(struct facet_ivshmem_server_config){
					 .name = "test",
					 .listen_fd = -1,
					 .memory_fd = t.memory.fd,
					 .vectors = 3,
				 },
				 &t.server, &err),
			 0);
	return 0;
}

static int tear_down(void **state)
{
	facet_ivshmem_peer_destroy(t.a.peer);
	facet_ivshmem_peer_destroy(t.b.peer);
	facet_ivshmem_server_destroy(t.server);
	close(t.memory.fd);
	if (t.fake >= 0)
		close(t.fake);
	return 0;
}

static void open_party(struct party *party, int fd)
{
	const struct facet_ivshmem_peer_config cfg = {
		.fd = fd,
		.ready = on_ready,
		.rang = on_rang,
		.changed = on_changed,
		.owner = party,
	};
	struct facet_error err;

	*party = (struct party){ 0 };
	assert_int_equal(facet_ivshmem_peer_create(&cfg, &party->peer, &err), 0);
}

static void attach(struct party *party)
{
	struct facet_error err;
	int fd;

	assert_int_equal(facet_ivshmem_server_attach(t.server, &fd, &err), 0);
	open_party(party, fd);
}

static int run(struct party *party)
{
	struct pollfd p = { .fd = facet_ivshmem_peer_fd(party->peer), .events = POLLIN };
	struct facet_error err = { 0 };
	int r = 0;

	for (int i = 0; i < 50 && r == 0 && poll(&p, 1, 0) > 0; i++) {
		facet_ivshmem_server_dispatch(t.server);
		r = facet_ivshmem_peer_dispatch(party->peer, &err);
		assert_int_equal(r == 0, err.text[0] == '\0');
	}
	return r;
}

static void test_two(void **state)
{
	attach(&t.a);
	assert_int_equal(run(&t.a), 0);
	assert_true(t.a.ready);
	assert_int_equal(t.a.id, 0);
	assert_int_equal(t.a.size, SIZE);
	attach(&t.b);
	assert_int_equal(run(&t.b), 0);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(t.b.id, 1);
	assert_int_equal(t.a.vectors[1], 3);
	assert_int_equal(t.b.vectors[0], 3);
	assert_int_equal(t.b.vectors[1], 3);
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 1), 3);
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 5), 0);

	t.a.memory[7] = 12345;
	assert_int_equal(t.b.memory[7], 12345);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 1, 2), 0);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 1, 3), -ENOENT);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 2, 0), -ENOENT);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 70000, 0), -ENOENT);
	assert_int_equal(run(&t.b), 0);
	assert_int_equal(t.b.rang[2], 1);
	assert_int_equal(t.b.rang[0] + t.b.rang[1], 0);

	/* A flood is one. */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(facet_ivshmem_peer_ring(t.b.peer, 0, 1), 0);
	assert_int_equal(facet_ivshmem_peer_ring(t.b.peer, 1, 0), 0); /* itself */
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(run(&t.b), 0);
	assert_int_equal(t.a.rang[1], 1);
	assert_int_equal(t.b.rang[0], 1);

	facet_ivshmem_peer_destroy(t.b.peer);
	t.b.peer = NULL;
	facet_ivshmem_server_dispatch(t.server);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(t.a.vectors[1], 0);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 1, 0), -ENOENT);
}

/* Memory and doorbells are between the peers alone. */
static void test_without_server(void **state)
{
	attach(&t.a);
	attach(&t.b);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(run(&t.b), 0);
	facet_ivshmem_server_destroy(t.server);
	t.server = NULL;
	assert_int_equal(facet_ivshmem_peer_dispatch(t.a.peer, NULL), -ENOTCONN);
	assert_int_equal(facet_ivshmem_peer_dispatch(t.a.peer, NULL), 0);
	assert_int_equal(facet_ivshmem_peer_ring(t.b.peer, 0, 0), 0);
	assert_int_equal(facet_ivshmem_peer_dispatch(t.a.peer, NULL), 0);
	assert_int_equal(t.a.rang[0], 1);
	t.a.memory[0] = 1;
	assert_int_equal(t.b.memory[0], 1);
}

/* Who holds an eventfd may fill it and make it blocking: neither side waits. */
static void test_full_bell(void **state)
{
	const uint64_t most = UINT64_MAX - 1;
	int fd;

	attach(&t.a);
	attach(&t.b);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(run(&t.b), 0);
	fd = facet_ivshmem_peer_vector_fd(t.b.peer, 0, 1);
	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(facet_ivshmem_peer_ring(t.b.peer, 0, 1), 0);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(t.a.rang[1], 1);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(t.a.rang[1], 1);
}

/* --- servers that lie --- */

static void tell(int64_t number, const int *fds, unsigned int count)
{
	struct wire_ivshmem_message message = { le64_of((uint64_t)number) };
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { &message, sizeof(message) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(t.fake, &msg, MSG_NOSIGNAL), sizeof(message));
}

static void connect_fake(void)
{
	int fd[2];

	if (t.fake >= 0)
		close(t.fake);
	facet_ivshmem_peer_destroy(t.a.peer);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	t.fake = fd[0];
	open_party(&t.a, fd[1]);
}

/* The greeting, up to the @steps-th message. */
static void begin(unsigned int steps)
{
	connect_fake();
	if (steps > 0)
		tell(0, NULL, 0);
	if (steps > 1)
		tell(3, NULL, 0);
	if (steps > 2)
		tell(-1, &t.memory.fd, 1);
}

static void expect_refusal(void)
{
	assert_int_equal(run(&t.a), -EPROTO);
	assert_int_equal(run(&t.a), 0); /* left alone */
}

static void test_lies(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), many[6] = { event, event, event, event, event, event };
	int null[2];

	assert_int_equal(pipe2(null, O_CLOEXEC), 0);
	begin(0);
	tell(1, NULL, 0); /* another version */
	expect_refusal();
	begin(0);
	tell(0, &event, 1);
	expect_refusal();
	begin(1);
	tell(65536, NULL, 0);
	expect_refusal();
	begin(1);
	tell(-5, NULL, 0);
	expect_refusal();
	begin(2);
	tell(-1, NULL, 0); /* no memory */
	expect_refusal();
	begin(2);
	tell(-1, null, 1);
	expect_refusal();
	begin(2);
	tell(4, &event, 1);
	expect_refusal();
	assert_false(t.a.ready);
	begin(3);
	tell(-1, &t.memory.fd, 1); /* again */
	expect_refusal();
	assert_true(t.a.ready);
	begin(3);
	tell(INT64_MAX, &event, 1);
	expect_refusal();
	begin(3);
	tell(4, many, 2);
	expect_refusal();
	begin(3);
	tell(4, many, 6);
	assert_int_not_equal(run(&t.a), 0);
	begin(3);
	tell(3, NULL, 0); /* we have gone */
	expect_refusal();
	close(event);
	close(null[0]);
	close(null[1]);
}

/* Who rang it would be killed by SIGPIPE. */
static void test_bells_that_kill(void **state)
{
	int pair[2];

	begin(3);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	tell(5, &pair[1], 1);
	close(pair[0]);
	close(pair[1]);
	run(&t.a);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 5, 0), -ENOENT);
	begin(3);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	tell(3, &pair[0], 1);
	close(pair[0]);
	close(pair[1]);
	expect_refusal();
}

/* Not lies, only more than we want, or of no use. */
static void test_odd(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC), bell;

	begin(3);
	for (int i = 0; i < 80; i++) {
		tell(5, &event, 1);
		tell(3, &event, 1);
		assert_int_equal(run(&t.a), 0);
	}
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 5), 64);
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 3), 64);
	tell(65535, &other, 1);
	tell(6, NULL, 0); /* never came */
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 65535), 1);
	assert_int_equal(facet_ivshmem_peer_ring(t.a.peer, 65535, 0), 0);
	tell(65535, NULL, 0);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 65535), 0);

	/* In pieces. */
	assert_int_equal(send(t.fake, "\5\0\0", 3, 0), 3);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(send(t.fake, "\0\0\0\0\0", 5, 0), 5);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(facet_ivshmem_peer_vectors(t.a.peer, 5), 0);

	/* A doorbell that is none, readable for ever; never asked not to wait again. */
	begin(3);
	bell = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(bell, EPOLL_CTL_ADD, event, &(struct epoll_event){ EPOLLOUT }),
			 0);
	tell(3, &bell, 1);
	assert_int_equal(run(&t.a), 0);
	assert_int_equal(facet_ivshmem_peer_dispatch(t.a.peer, NULL), 0);
	assert_int_equal(t.a.rang[0], 0);
	close(bell);

	/* It goes in the middle of a number. */
	begin(1);
	assert_int_equal(send(t.fake, "\1\0", 2, 0), 2);
	shutdown(t.fake, SHUT_WR);
	assert_int_equal(run(&t.a), -EPROTO);
	close(event);
	close(other);
}

static void test_nowhere(void **state)
{
	struct facet_ivshmem_peer_config cfg = { .fd = -1, .path = "/nowhere/at/all" };
	struct facet_error err;

	assert_int_equal(facet_ivshmem_peer_create(&cfg, &t.a.peer, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	cfg.path = NULL;
	assert_int_equal(facet_ivshmem_peer_create(&cfg, &t.a.peer, &err), -ENAMETOOLONG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_two),     TEST(test_without_server),  TEST(test_full_bell),
		TEST(test_lies),    TEST(test_bells_that_kill), TEST(test_odd),
		TEST(test_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
