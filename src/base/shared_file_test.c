// SPDX-License-Identifier: GPL-2.0-or-later
/* shared_file_test.c - nothing of others is touched, and nothing half is seen. */
#include "base/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 1 << 20 };

struct place {
	char folder[40], path[60];
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->folder, "/dev/shm/facet-test-XXXXXX");
	assert_non_null(mkdtemp(place->folder));
	snprintf(place->path, sizeof(place->path), "%s/file", place->folder);
	*state = place;
	return 0;
}

/* Nothing may be left. */
static int tear_down(void **state)
{
	struct place *place = *state;
	int r = rmdir(place->folder);

	free(place);
	return r;
}

static struct facet_file_id make(const struct place *place)
{
	struct facet_file_id id;
	int fd;

	assert_int_equal(facet_shared_file_make(place->path, SIZE, (gid_t)-1, &fd, &id, NULL), 0);
	assert_int_equal(access(place->path, F_OK), -1);
	assert_int_equal(facet_shared_file_show(fd, place->path, NULL), 0);
	close(fd);
	return id;
}

static void test_life(void **state)
{
	const struct place *place = *state;
	struct facet_file_id id = make(place);
	struct stat st;
	int fd;

	assert_int_equal(lstat(place->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0660);
	assert_int_equal(st.st_size, SIZE);
	assert_true(st.st_blocks * 512 >= SIZE);
	assert_int_equal(facet_shared_file_find(place->path, &id, SIZE, &fd, NULL), 0);
	/* Somebody has cut it. */
	assert_int_equal(ftruncate(fd, 10), 0);
	close(fd);
	assert_int_equal(facet_shared_file_find(place->path, &id, SIZE, &fd, NULL), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_true(st.st_blocks * 512 >= SIZE);
	close(fd);
	facet_shared_file_remove(place->path, &id);
	assert_int_equal(facet_shared_file_find(place->path, &id, SIZE, &fd, NULL), -ENOENT);
}

/* Another file, a link to ours, a pipe: not followed, not waited for, not removed. */
static void test_others(void **state)
{
	const struct place *place = *state;
	struct facet_file_id id = make(place), fresh;
	struct facet_error err;
	char aside[70];
	int fd;

	snprintf(aside, sizeof(aside), "%s.aside", place->path);
	assert_int_equal(rename(place->path, aside), 0);
	for (int kind = 0; kind < 3; kind++) {
		if (kind == 0)
			close(open(place->path, O_CREAT | O_EXCL | O_WRONLY, 0600));
		else
			assert_int_equal(kind == 1 ? symlink(aside, place->path)
						   : mkfifo(place->path, 0600),
					 0);
		assert_int_equal(facet_shared_file_find(place->path, &id, SIZE, &fd, &err),
				 -EEXIST);
		assert_non_null(strstr(err.text, place->path));
		assert_int_equal(
			facet_shared_file_make(place->path, SIZE, (gid_t)-1, &fd, &fresh, NULL), 0);
		assert_int_equal(facet_shared_file_show(fd, place->path, &err), -EEXIST);
		assert_non_null(strstr(err.text, "not ours"));
		close(fd);
		facet_shared_file_remove(place->path, &id);
		assert_int_equal(unlink(place->path), 0);
	}
	facet_shared_file_remove(aside, &id);
}

static void test_no_room(void **state)
{
	const struct place *place = *state;
	struct rlimit before, small;
	struct facet_file_id id;
	struct facet_error err;
	int fd;

	/* Stands for a full file system: the kernel refuses at the same place. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = SIZE / 2;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(facet_shared_file_make(place->path, SIZE, (gid_t)-1, &fd, &id, &err),
			 -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(err.text, "1 MiB cannot be had"));
	assert_int_equal(facet_shared_file_make("/nowhere/file", SIZE, (gid_t)-1, &fd, &id, &err),
			 -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
