// SPDX-License-Identifier: GPL-2.0-or-later
/* memory_test.c - what a server stands on: its memory and its socket. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ivshmem/ivshmem.h"

enum { SIZE = 1 << 16 };

static struct {
	char dir[64], path[80];
	struct facet_ivshmem_listener listener;
	struct facet_ivshmem_memory memory;
} t;

static int set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	strcpy(t.dir, "/tmp/facet-ivshmem-XXXXXX"); /* a pattern */
	assert_non_null(mkdtemp(t.dir));
	snprintf(t.path, sizeof(t.path), "%s/sock", t.dir);
	t.listener.fd = t.memory.fd = -1;
	return 0;
}

static int tear_down(void **state)
{
	char file[96];

	facet_ivshmem_unlisten(&t.listener);
	if (t.memory.fd >= 0)
		close(t.memory.fd);
	snprintf(file, sizeof(file), "%s/file", t.dir);
	unlink(file);
	return rmdir(t.dir);
}

/* --- memory --- */

static void refused_size(uint64_t size, const char *word)
{
	struct facet_error err;
	struct facet_ivshmem_memory memory;

	assert_int_equal(
		facet_ivshmem_memory_open(&(struct facet_ivshmem_memory_config){ .size = size },
					  &memory, &err),
		-EINVAL);
	assert_non_null(strstr(err.text, word));
}

static void test_sizes(void **state)
{
	refused_size(3 << 20, "3145728 bytes are no power of two");
	refused_size(3 << 20, "the next one is 4M");
	refused_size(0, "4K");
	refused_size(2048, "4K would do");
	refused_size(FACET_IVSHMEM_MAX_SIZE * 2, "1T would do");
	refused_size(4097, "the next one is 8K");
}

static void test_sealed(void **state)
{
	struct facet_error err;

	assert_int_equal(
		facet_ivshmem_memory_open(&(struct facet_ivshmem_memory_config){ .size = SIZE },
					  &t.memory, &err),
		0);
	assert_int_equal(t.memory.size, SIZE);
	assert_int_equal(ftruncate(t.memory.fd, 0), -1);
	assert_int_equal(ftruncate(t.memory.fd, 2 * SIZE), -1);
}

static int open_file(uint64_t size, struct facet_error *err)
{
	char path[96];
	struct facet_ivshmem_memory memory;
	int r;

	snprintf(path, sizeof(path), "%s/file", t.dir);
	r = facet_ivshmem_memory_open(
		&(struct facet_ivshmem_memory_config){
			.path = path, .size = size, .mode = 0640, .gid = (gid_t)-1 },
		&memory, err);
	if (r)
		return r;
	assert_int_equal(memory.size, SIZE);
	t.memory.created = memory.created;
	close(memory.fd);
	return 0;
}

static void test_file(void **state)
{
	char path[96];
	struct facet_error err;
	struct stat st;

	snprintf(path, sizeof(path), "%s/file", t.dir);
	assert_int_equal(open_file(0, &err), -EINVAL); /* which size? */
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(open_file(SIZE - 1, &err), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(open_file(SIZE, &err), 0);
	assert_true(t.memory.created);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(open_file(0, &err), 0); /* as it is */
	assert_false(t.memory.created);
	assert_int_equal(open_file(2 * SIZE, &err), -EINVAL);
	assert_non_null(strstr(err.text, "has 65536 bytes, not 131072"));
	assert_int_equal(truncate(path, 3 << 20), 0);
	assert_int_equal(open_file(0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no power of two"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3 << 20); /* not ours to change */
}

static void test_not_a_file(void **state)
{
	struct facet_ivshmem_memory_config cfg = { .path = "/dev/null", .size = SIZE };
	struct facet_error err;

	assert_int_equal(facet_ivshmem_memory_open(&cfg, &t.memory, &err), -EINVAL);
	cfg.path = "/nowhere/file";
	assert_int_equal(facet_ivshmem_memory_open(&cfg, &t.memory, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/file"));
}

/* --- the socket --- */

static void test_listen(void **state)
{
	struct facet_ivshmem_listener second = { .fd = -1 };
	struct facet_error err;
	struct stat st;
	char path[200];

	assert_int_equal(facet_ivshmem_listen(t.path, 0660, (gid_t)-1, &t.listener, &err), 0);
	assert_int_equal(stat(t.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(facet_ivshmem_listen(t.path, 0600, (gid_t)-1, &second, &err), -EADDRINUSE);

	/* Left behind: it makes room. And who had it removes nobody else's. */
	close(t.listener.fd);
	assert_int_equal(facet_ivshmem_listen(t.path, 0600, (gid_t)-1, &second, &err), 0);
	t.listener.fd = dup(second.fd);
	facet_ivshmem_unlisten(&t.listener);
	assert_int_equal(access(t.path, F_OK), t.listener.inode == second.inode ? -1 : 0);
	facet_ivshmem_unlisten(&second);
	assert_int_equal(access(t.path, F_OK), -1);

	snprintf(path, sizeof(path), "%s/file", t.dir);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(facet_ivshmem_listen(path, 0600, (gid_t)-1, &second, &err), -EEXIST);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(facet_ivshmem_listen(path, 0600, (gid_t)-1, &second, &err), -ENAMETOOLONG);
	assert_int_equal(facet_ivshmem_listen("/nowhere/x", 0600, (gid_t)-1, &second, &err),
			 -ENOENT);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_sizes),      TEST(test_sealed), TEST(test_file),
		TEST(test_not_a_file), TEST(test_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
