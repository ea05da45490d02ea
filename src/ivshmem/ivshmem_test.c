// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem_test.c - the server's side: greetings, departures, bad clients. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/log.h"
#include "ivshmem/internal.h"
#include "ivshmem/receive.h"

enum {
	SIZE = 1 << 16,
	COUNTED = 64,
};

static struct {
	char dir[64], path[80];
	struct facet_ivshmem_listener listener;
	struct facet_ivshmem_memory memory;
	struct facet_ivshmem_server *server;
	unsigned int left[COUNTED], told[COUNTED], late[COUNTED], waiting_max;
} t;

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

static void on_changed(void *owner, const struct facet_ivshmem_client *client, bool behind)
{
	if (client->id < COUNTED)
		(behind ? t.late : t.told)[client->id]++;
}

static void on_left(void *owner, unsigned int id)
{
	if (id < COUNTED)
		t.left[id]++;
}

static void note_waiting(void *owner, const struct facet_ivshmem_client *client)
{
	t.waiting_max = client->waiting_max;
}

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	facet_log_set(drop_log, FACET_LOG_DEBUG);
	strcpy(t.dir, "/tmp/facet-ivshmem-XXXXXX"); /* a pattern */
	assert_non_null(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/sock", t.dir);
	t.listener.fd = t.memory.fd = -1;
	return 0;
}

static int tear_down(void **state)
{
	facet_ivshmem_server_destroy(t.server);
	facet_ivshmem_unlisten(&t.listener);
	if (t.memory.fd >= 0)
		close(t.memory.fd);
	return rmdir(t.dir);
}

static void serve(const struct facet_ivshmem_server_config *with)
{
	struct facet_ivshmem_server_config cfg = *with;
	struct facet_error err;

	assert_int_equal(
		facet_ivshmem_memory_open(&(struct facet_ivshmem_memory_config){ .size = SIZE },
					  &t.memory, &err),
		0);
	assert_int_equal(facet_ivshmem_listen(t.path, 0600, (gid_t)-1, &t.listener, &err), 0);
	cfg.name = "test";
	cfg.listen_fd = t.listener.fd;
	cfg.memory_fd = t.memory.fd;
	cfg.changed = on_changed;
	cfg.left = on_left;
	assert_int_equal(facet_ivshmem_server_create(&cfg, &t.server, &err), 0);
}

static void step(void)
{
	struct pollfd p = { .fd = facet_ivshmem_server_fd(t.server), .events = POLLIN };

	for (int i = 0; i < 50 && poll(&p, 1, 0) > 0; i++)
		facet_ivshmem_server_dispatch(t.server);
}

/* Not taken in yet. */
static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, t.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int join(void)
{
	int fd = dial();

	step();
	return fd;
}

/* What comes next, -2 when nothing does, -3 at the end. @ret_fd is closed here: did one come? */
static int64_t next(int sock, bool *ret_fd)
{
	struct receiver receiver;
	int64_t number = -2;
	int fd = -1, r;

	receiver_init(&receiver);
	r = receiver_next(&receiver, sock, &number, &fd);
	assert_true(r == 0 || r == -EAGAIN || r == -ENOTCONN);
	*ret_fd = fd >= 0;
	if (fd >= 0)
		close(fd);
	return r == -ENOTCONN ? -3 : number;
}

static void expect(int sock, int64_t wanted, bool with_fd)
{
	bool fd;

	assert_int_equal(next(sock, &fd), wanted);
	assert_int_equal(fd, with_fd);
}

static void expect_nothing(int sock)
{
	expect(sock, -2, false);
}

static void expect_vectors(int sock, unsigned int id, unsigned int vectors)
{
	while (vectors--)
		expect(sock, id, true);
}

static void expect_greeting(int sock, unsigned int id)
{
	expect(sock, 0, false);
	expect(sock, id, false);
	expect(sock, -1, true);
}

/* All that is there for a new client; its id. */
static unsigned int take_greeting(int sock)
{
	bool fd;
	int64_t id;

	step();
	expect(sock, 0, false);
	id = next(sock, &fd);
	assert_true(id >= 0 && !fd);
	expect(sock, -1, true);
	while (next(sock, &fd) >= 0)
		step();
	return (unsigned int)id;
}

static struct facet_ivshmem_server_stats stats(void)
{
	struct facet_ivshmem_server_stats s;

	facet_ivshmem_server_stats(t.server, &s);
	return s;
}

static void test_three(void **state)
{
	int a, b, c;

	serve(&(struct facet_ivshmem_server_config){ .vectors = 2 });
	a = join();
	expect_greeting(a, 0);
	expect_vectors(a, 0, 2);
	expect_nothing(a);
	b = join();
	expect_greeting(b, 1);
	expect_vectors(b, 0, 2);
	expect_vectors(b, 1, 2);
	expect_vectors(a, 1, 2);
	c = join();
	expect_greeting(c, 2);
	expect_vectors(c, 0, 2);
	expect_vectors(c, 1, 2);
	expect_vectors(c, 2, 2);
	expect_vectors(a, 2, 2);
	expect_vectors(b, 2, 2);

	/* The middle one goes. The others know its id, so that nobody else gets it. */
	close(b);
	step();
	expect(a, 1, false);
	expect(c, 1, false);
	b = join();
	expect_greeting(b, 3);
	expect_vectors(b, 0, 2);
	expect_vectors(b, 2, 2);
	expect_vectors(b, 3, 2);
	expect_vectors(a, 3, 2);
	expect_vectors(c, 3, 2);
	expect_nothing(a);
	expect_nothing(b);
	expect_nothing(c);
	assert_int_equal(stats().clients, 3);
	assert_int_equal(stats().joined, 4);
	assert_int_equal(stats().left, 1);
	assert_int_equal(stats().dropped, 0);
	assert_int_equal(t.left[1], 1);
	for (int id = 0; id < 4; id++)
		assert_int_equal(t.told[id], t.late[id]);
	/* Of 1 only who was there then has heard. */
	close(a);
	close(c);
	step();
	a = join();
	assert_int_equal(take_greeting(a), 1);
	close(a);
	close(b);
	step();
	assert_int_equal(stats().clients, 0);
	a = join();
	assert_int_equal(take_greeting(a), 0);
	close(a);
}

/* Ids come to an end when somebody stays for ever. */
static void test_ids(void **state)
{
	int a;

	serve(&(struct facet_ivshmem_server_config){ .vectors = 1 });
	a = join();
	take_greeting(a);
	/* As if it had heard of these: that takes its time. */
	for (int id = 1; id < 65534; id++)
		t.server->told[id]++;
	for (int id = 65534; id < 65536; id++) {
		int b = join();

		assert_int_equal(take_greeting(b), id);
		close(b);
		step();
		for (bool fd; next(a, &fd) != -2;)
			;
	}
	assert_int_equal(stats().refused, 0);
	close(join());
	assert_int_equal(stats().refused, 1);
	memset(t.server->told, 0, 65534 * sizeof(*t.server->told));
	close(a);
	step();
	assert_int_equal(t.server->told[65535], 0);
	a = join();
	assert_int_equal(take_greeting(a), 0);
	close(a);
}

/* One that does not read: nobody waits for it, and it hears only what is still true. */
static void test_slow(void **state)
{
	int slow, other, last = 0, have = 0;
	int64_t n;
	bool fd;

	serve(&(struct facet_ivshmem_server_config){ .vectors = 8 });
	slow = join();
	for (int i = 0; i < 100; i++) {
		other = join();
		last = (int)take_greeting(other);
		if (i < 99) {
			close(other);
			step();
		}
	}
	assert_true(last < 8); /* the slow one has not heard of more */
	assert_int_equal(t.late[0], t.told[0] + 1);
	expect_greeting(slow, 0);
	expect_vectors(slow, 0, 8);
	/* How much of the others it was sent before its socket was full is the kernel's choice. */
	while ((n = next(slow, &fd)) != -2) {
		assert_in_range(n, 1, last);
		have = fd && n == last ? have + 1 : have;
		step();
	}
	assert_int_equal(have, 8); /* who is there has all its vectors */
	assert_int_equal(t.late[0], t.told[0]);
	assert_int_equal(stats().clients, 2);
	assert_int_equal(stats().dropped, 0);
	close(slow);
	close(other);
}

/* How much may wait is bounded by how many clients there may be. */
static void test_bound(void **state)
{
	int slow, others[16];
	bool fd;

	serve(&(struct facet_ivshmem_server_config){ .vectors = 3, .max_clients = 17 });
	slow = join();
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 16; i++) {
			others[i] = join();
			for (int n = 0; n <= i; n++)
				while (next(others[n], &fd) != -2)
					step();
		}
		for (int i = 0; i < 16; i++)
			close(others[i]);
		step();
	}
	facet_ivshmem_server_each(t.server, note_waiting, NULL);
	assert_in_range(t.waiting_max, 16, 3 + 4 * 17);
	while (next(slow, &fd) != -2)
		step();
	assert_int_equal(t.late[0], t.told[0]);
	close(slow);
}

static void test_unclean(void **state)
{
	int a, b, c;
	char bytes[64] = { 0 };

	serve(&(struct facet_ivshmem_server_config){ .vectors = 1 });
	a = join();
	expect_greeting(a, 0);
	expect_vectors(a, 0, 1);

	b = join(); /* sends something */
	expect_vectors(a, 1, 1);
	assert_int_equal(send(b, bytes, sizeof(bytes), 0), sizeof(bytes));
	step();
	expect(a, 1, false);
	assert_int_equal(stats().dropped, 1);
	close(b);

	b = join(); /* closes a half */
	expect_vectors(a, 2, 1);
	shutdown(b, SHUT_WR);
	step();
	expect(a, 2, false);
	assert_int_equal(stats().dropped, 1);
	close(b);

	b = join(); /* the other half: that is seen when it is told something */
	expect_vectors(a, 3, 1);
	shutdown(b, SHUT_RD);
	c = join();
	step();
	expect_vectors(a, 4, 1);
	expect(a, 3, false);
	close(b);
	close(c);
	step();

	for (int i = 0; i < 20; i++) /* gone before they are seen */
		close(dial());
	step();
	assert_int_equal(stats().clients, 1);
	close(a);
}

static void test_limits(void **state)
{
	struct facet_ivshmem_server_config cfg = { .name = "x", .listen_fd = -1, .memory_fd = -1 };
	struct facet_ivshmem_server *server;
	struct facet_error err;
	int a, b, c;

	assert_int_equal(facet_ivshmem_server_create(&cfg, &server, &err), -EINVAL);
	cfg.vectors = 2049;
	assert_int_equal(facet_ivshmem_server_create(&cfg, &server, &err), -EINVAL);
	cfg.vectors = 1;
	cfg.max_clients = 65537;
	assert_int_equal(facet_ivshmem_server_create(&cfg, &server, &err), -EINVAL);

	serve(&(struct facet_ivshmem_server_config){ .vectors = 1, .max_clients = 2 });
	a = join();
	b = join();
	c = join();
	expect(c, -3, false);
	assert_int_equal(stats().refused, 1);
	close(a);
	close(c);
	step();
	c = join();
	expect_greeting(c, 2);
	close(b);
	close(c);
}

static void test_descriptors(void **state)
{
	struct rlimit old, low;
	struct facet_ivshmem_server_config cfg = { .name = "x", .listen_fd = -1, .vectors = 40 };
	struct facet_ivshmem_server *server;
	struct facet_error err;
	int fds[40], count = 0, spare;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(facet_ivshmem_server_create(&cfg, &server, &err), -EMFILE);
	assert_non_null(strstr(err.text, "LimitNOFILE"));
	serve(&(struct facet_ivshmem_server_config){ .vectors = 8 });
	while (stats().refused == 0 && count < 40)
		fds[count++] = join();
	assert_true(count > 2);
	expect(fds[count - 1], -3, false);
	/* Others in this process can still open something. */
	spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(spare >= 0);
	close(spare);
	assert_int_equal(stats().clients, count - 1);
	while (count--)
		close(fds[count]);
	step();
	assert_int_equal(stats().clients, 0);
	close(join());
	assert_int_equal(stats().refused, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_list(void **state)
{
	uid_t uids[] = { getuid() + 1, getuid() };
	gid_t gids[] = { getgid() + 1 };
	int a;

	serve(&(struct facet_ivshmem_server_config){ .vectors = 1, .uids = uids, .uid_count = 1 });
	a = join();
	expect(a, -3, false);
	close(a);
	facet_ivshmem_server_destroy(t.server);
	facet_ivshmem_unlisten(&t.listener);
	close(t.memory.fd);
	serve(&(struct facet_ivshmem_server_config){
		.vectors = 1, .uids = uids, .uid_count = 2, .gids = gids, .gid_count = 1 });
	a = join();
	expect_greeting(a, 0);
	close(a);
	facet_ivshmem_server_destroy(t.server);
	facet_ivshmem_unlisten(&t.listener);
	close(t.memory.fd);
	gids[0] = getgid();
	serve(&(struct facet_ivshmem_server_config){ .vectors = 1, .gids = gids, .gid_count = 1 });
	a = join();
	expect_greeting(a, 0);
	close(a);
}

/* Another server had greeted these. */
static void test_adopt(void **state)
{
	int a[2], b, vectors[2];
	const int many[2] = { -1, -1 };

	serve(&(struct facet_ivshmem_server_config){ .vectors = 2 });
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a), 0);
	for (int v = 0; v < 2; v++)
		vectors[v] = memfd_create("eventfd", MFD_CLOEXEC);
	assert_int_equal(facet_ivshmem_server_adopt(t.server, 65536, a[0], many), -ERANGE);
	assert_int_equal(facet_ivshmem_server_adopt(t.server, 2, a[0], vectors), 0);
	assert_int_equal(facet_ivshmem_server_adopt(t.server, 2, a[0], many), -EEXIST);
	step();
	expect_nothing(a[1]);
	b = join();
	expect_greeting(b, 0);
	expect_vectors(b, 2, 2);
	expect_vectors(b, 0, 2);
	expect_vectors(a[1], 0, 2);
	facet_ivshmem_server_announce_gone(t.server, 3);
	facet_ivshmem_server_dispatch(t.server);
	expect(a[1], 3, false);
	expect(b, 3, false);
	close(a[1]);
	step();
	expect(b, 2, false);
	close(b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_three),       TEST(test_ids),     TEST(test_slow),
		TEST(test_bound),       TEST(test_unclean), TEST(test_limits),
		TEST(test_descriptors), TEST(test_list),    TEST(test_adopt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
