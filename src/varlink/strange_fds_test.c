// SPDX-License-Identifier: GPL-2.0-or-later
/* strange_fds_test.c - a file whose server never lets go of it, sent to us. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "varlink/stream.h"

enum { PATIENCE_S = 20 }; /* then the server answers all the same, and the test has failed */

/* A file system of one file, the root of it; who closes that waits until @may_answer. */
static struct {
	int dev;
	pthread_t thread;
	char path[32];
	sem_t may_answer;
	atomic_bool answered;
} server;

static void reply(uint64_t unique, int error, const void *payload, size_t size)
{
	char buf[512];
	struct fuse_out_header out = { (uint32_t)(sizeof(out) + size), error, unique };

	memcpy(buf, &out, sizeof(out));
	if (size)
		memcpy(buf + sizeof(out), payload, size);
	(void)!write(server.dev, buf, out.len);
}

static void flush(uint64_t unique)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	while (sem_timedwait(&server.may_answer, &until) < 0 && errno == EINTR)
		;
	atomic_store(&server.answered, true);
	reply(unique, 0, NULL, 0);
}

static void serve(const struct fuse_in_header *in)
{
	const struct fuse_init_out init = { .major = 7, .minor = 31, .max_write = 4096 };
	const struct fuse_open_out open = { .fh = 1 };
	const struct fuse_attr_out attr = {
		.attr = { .ino = 1, .mode = S_IFREG | 0644, .nlink = 1 }
	};

	switch (in->opcode) {
	case FUSE_INIT:
		reply(in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_OPEN:
		reply(in->unique, 0, &open, sizeof(open));
		break;
	case FUSE_GETATTR:
		reply(in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_FLUSH:
		flush(in->unique);
		break;
	case FUSE_RELEASE:
		reply(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(in->unique, -ENOSYS, NULL, 0);
	}
}

static void *run(void *arg)
{
	static union {
		struct fuse_in_header in;
		char bytes[64 << 10];
	} request;
	ssize_t n;

	/* Until it is unmounted. */
	while ((n = read(server.dev, &request, sizeof(request))) > 0 || errno == EINTR)
		if (n >= (ssize_t)sizeof(request.in))
			serve(&request.in);
	return NULL;
}

/* In a mount namespace of our own: it ends with this process. False: not possible here. */
static bool start_server(void)
{
	char options[64];

	server.dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (server.dev < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	strcpy(server.path, "/tmp/facet-strange-XXXXXX");
	close(mkstemp(server.path));
	snprintf(options, sizeof(options), "fd=%d,rootmode=100644,user_id=%d,group_id=%d",
		 server.dev, (int)getuid(), (int)getgid());
	if (mount("facet", server.path, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
		unlink(server.path);
		return false;
	}
	sem_init(&server.may_answer, 0, 0);
	assert_int_equal(pthread_create(&server.thread, NULL, run, NULL), 0);
	return true;
}

static void stop_server(void)
{
	assert_int_equal(umount2(server.path, MNT_DETACH), 0);
	pthread_join(server.thread, NULL); /* all that was open there has been closed */
	close(server.dev);
	unlink(server.path);
	sem_destroy(&server.may_answer);
}

static void test_a_file_that_is_held(void **state)
{
	struct facet_stream stream;

	if (!start_server())
		skip();
	facet_stream_init(&stream, -1);
	stream.fds[0] = open(server.path, O_RDONLY | O_CLOEXEC);
	assert_true(stream.fds[0] >= 0);
	stream.fd_count = 1;
	facet_stream_drop_fds(&stream);
	assert_false(atomic_load(&server.answered));
	sem_post(&server.may_answer);
	stop_server();
	assert_true(atomic_load(&server.answered));
}

/* What cannot be held is closed when we return. */
static void test_others_at_once(void **state)
{
	int fds[2][2];
	char byte;

	assert_int_equal(pipe2(fds[0], O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[1]), 0);
	for (int i = 0; i < 2; i++) {
		struct facet_stream stream;

		facet_stream_init(&stream, -1);
		stream.fds[stream.fd_count++] = fds[i][1];
		facet_stream_drop_fds(&stream);
		assert_int_equal(read(fds[i][0], &byte, 1), 0);
		close(fds[i][0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_that_is_held),
		cmocka_unit_test(test_others_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
