// SPDX-License-Identifier: GPL-2.0-or-later
/* change_test.c - steps that are made, refused, interrupted and undone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/change.h"
#include "host/fake_sysfs.h"

static int set_up(void **state)
{
	struct fake_sysfs *fake = fake_sysfs_create();

	fake_sysfs_put(fake, "1\n", "sys/a");
	fake_sysfs_put(fake, "2\n", "sys/b");
	fake_sysfs_put(fake, "old\n", "etc/known.conf");
	*state = fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_sysfs_destroy(*state);
	return 0;
}

static struct facet_change *open_change(struct fake_sysfs *fake)
{
	const struct facet_change_config cfg = { .tree = fake->tree };
	struct facet_change *change = NULL;

	assert_int_equal(facet_change_open(&cfg, &change, NULL), 0);
	return change;
}

/* 0 when all of it was made. */
static int make_all(struct facet_change *change)
{
	int r = facet_change_begin(change, "a test", NULL);

	if (r == 0)
		r = facet_change_set(change, "sys/a", "10", NULL);
	if (r == 0)
		r = facet_change_file(change, "etc/new/file.conf", "hello\n", NULL);
	if (r == 0)
		r = facet_change_file(change, "etc/known.conf", "changed\n", NULL);
	if (r == 0)
		r = facet_change_set(change, "sys/b", "20", NULL);
	return r == 0 ? facet_change_commit(change, NULL) : r;
}

static void assert_before(struct fake_sysfs *fake)
{
	assert_string_equal(fake_sysfs_get(fake, "sys/a"), "1");
	assert_string_equal(fake_sysfs_get(fake, "sys/b"), "2");
	assert_string_equal(fake_sysfs_get(fake, "etc/known.conf"), "old");
	assert_false(facet_tree_exists(fake->tree, "etc/new/file.conf"));
	assert_false(facet_tree_exists(fake->tree, "var/lib/facet/host/journal"));
}

static void assert_after(struct fake_sysfs *fake)
{
	assert_string_equal(fake_sysfs_get(fake, "sys/a"), "10");
	assert_string_equal(fake_sysfs_get(fake, "sys/b"), "20");
	assert_string_equal(fake_sysfs_get(fake, "etc/known.conf"), "changed");
	assert_string_equal(fake_sysfs_get(fake, "etc/new/file.conf"), "hello");
	assert_false(facet_tree_exists(fake->tree, "var/lib/facet/host/journal"));
}

static void test_made(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change = open_change(fake);

	assert_int_equal(make_all(change), 0);
	assert_after(fake);
	facet_change_close(change);
	assert_after(fake);
	assert_int_equal(fake->writes, 2);
	assert_string_equal(fake->log[0], "sys/a=10");
}

static void test_refused(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change = open_change(fake);

	fake->fail_at = 2;
	fake->fail_with = -ENOSPC;
	assert_int_equal(make_all(change), -ENOSPC);
	facet_change_close(change);
	assert_before(fake);
	/* The second run works. */
	change = open_change(fake);
	assert_string_equal(facet_change_recovered(change), "");
	assert_int_equal(make_all(change), 0);
	facet_change_close(change);
	assert_after(fake);
}

/* A process that dies at a write; returns when it is dead. */
static void die_at(struct fake_sysfs *fake, unsigned int write, bool after)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fake->fail_at = write;
		fake->fail_with = 0;
		fake->fail_after = after;
		make_all(open_change(fake));
		_exit(1); /* it should have died */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_killed(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change;

	for (unsigned int i = 0; i < 4; i++) {
		die_at(fake, 1 + i / 2, i & 1);
		assert_true(facet_tree_exists(fake->tree, "var/lib/facet/host/journal"));
		change = open_change(fake);
		assert_string_equal(facet_change_recovered(change), "a test");
		assert_before(fake);
		facet_change_close(change);
	}
}

/* After a reboot the kernel knows nothing of it; our files are still there. */
static void test_rebooted(void **state)
{
	struct fake_sysfs *fake = *state;

	die_at(fake, 2, true);
	fake_sysfs_put(fake, "another\n", "proc/sys/kernel/random/boot_id");
	fake_sysfs_put(fake, "10\n", "sys/a"); /* by the new kernel's own */
	facet_change_close(open_change(fake));
	assert_string_equal(fake_sysfs_get(fake, "sys/a"), "10");
	assert_string_equal(fake_sysfs_get(fake, "etc/known.conf"), "old");
	assert_false(facet_tree_exists(fake->tree, "etc/new/file.conf"));
}

/* What another tool changed since is not touched. */
static void test_foreign(void **state)
{
	struct fake_sysfs *fake = *state;

	die_at(fake, 2, true);
	fake_sysfs_put(fake, "77\n", "sys/a");
	fake_sysfs_put(fake, "mine\n", "etc/known.conf");
	facet_change_close(open_change(fake));
	assert_string_equal(fake_sysfs_get(fake, "sys/a"), "77");
	assert_string_equal(fake_sysfs_get(fake, "sys/b"), "2");
	assert_string_equal(fake_sysfs_get(fake, "etc/known.conf"), "mine");
}

/* What cannot be undone stays in the journal until somebody put it right. */
static void test_stuck(void **state)
{
	struct fake_sysfs *fake = *state;
	const struct facet_change_config cfg = { .tree = fake->tree };
	struct facet_change *change;
	struct facet_error err;

	die_at(fake, 2, true);
	fake->fail_at = fake->writes + 1;
	fake->fail_with = -EIO;
	assert_int_equal(facet_change_open(&cfg, &change, &err), -EUCLEAN);
	assert_non_null(strstr(err.text, "/sys/b cannot be set back to \"2\""));
	assert_true(facet_tree_exists(fake->tree, "var/lib/facet/host/journal"));
	fake->fail_at = 0;
	facet_change_close(open_change(fake));
	assert_before(fake);
}

/* An undoing that comes before its step, and is for when others are undone. */
static void test_ahead(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change = open_change(fake);
	const struct facet_change_step ahead = {
		.undo_path = "sys/b",
		.undo_text = "again",
		.guard_path = "sys/a",
		.guard_text = "1",
	};

	assert_int_equal(facet_change_begin(change, "a test", NULL), 0);
	assert_int_equal(facet_change_do(change, &ahead, NULL), 0);
	assert_int_equal(facet_change_set(change, "sys/a", "10", NULL), 0);
	assert_int_equal(fake->writes, 1);
	assert_int_equal(facet_change_end(change, -EIO, NULL), -EIO);
	assert_string_equal(fake->log[1], "sys/a=1");
	assert_string_equal(fake->log[2], "sys/b=again");
	facet_change_close(change);
}

/* What a device was told goes with it; what is there and refuses is said. */
static void test_gone(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_change *change = open_change(fake);

	fake_sysfs_put(fake, "1\n", "sys/device/c");
	assert_int_equal(facet_change_begin(change, "a test", NULL), 0);
	assert_int_equal(facet_change_set(change, "sys/device/c", "2", NULL), 0);
	fake_sysfs_remove(fake, "sys/device");
	assert_int_equal(facet_change_rollback(change, NULL), 0);
	assert_int_equal(facet_change_begin(change, "a test", NULL), 0);
	assert_int_equal(facet_change_set(change, "sys/a", "2", NULL), 0);
	fake->fail_at = fake->writes + 1;
	fake->fail_with = -ENODEV;
	assert_int_equal(facet_change_end(change, -EIO, NULL), -EUCLEAN);
	assert_int_equal(facet_change_begin(change, "another", NULL), -EUCLEAN);
	facet_change_close(change);
	assert_true(facet_tree_exists(fake->tree, "var/lib/facet/host/journal"));
}

static void test_torn(void **state)
{
	struct fake_sysfs *fake = *state;
	const struct facet_change_config cfg = { .tree = fake->tree };
	struct facet_change *change;

	/* Nothing of it was written yet. */
	fake_sysfs_put(fake, "", "var/lib/facet/host/journal");
	facet_change_close(open_change(fake));
	assert_before(fake);
	fake_sysfs_put(fake, "{\"what\":\"x\",\"boot\":\"y\"}\n{\"path\":\"sys/a\",\"te",
		       "var/lib/facet/host/journal");
	facet_change_close(open_change(fake));
	assert_before(fake);
	fake_sysfs_put(fake, "{\"what\":\"x\",\"boot\":\"y\"}\n{\"path\":\"/etc/passwd\"}\n",
		       "var/lib/facet/host/journal");
	assert_int_equal(facet_change_open(&cfg, &change, NULL), -EUCLEAN);
}

static void test_two(void **state)
{
	struct fake_sysfs *fake = *state;
	const struct facet_change_config cfg = { .tree = fake->tree, .wait_ms = 30 };
	struct facet_change *first = open_change(fake), *second;

	assert_int_equal(facet_change_open(&cfg, &second, NULL), -EBUSY);
	facet_change_close(first);
	assert_int_equal(facet_change_open(&cfg, &second, NULL), 0);
	facet_change_close(second);
}

static void count_tells(void *arg, const char *path, const char *text)
{
	assert_non_null(path);
	assert_non_null(text);
	++*(unsigned int *)arg;
}

static void test_dry(void **state)
{
	struct fake_sysfs *fake = *state;
	unsigned int told = 0;
	const struct facet_change_config cfg = {
		.tree = fake->tree,
		.dry_run = true,
		.tell = count_tells,
		.tell_arg = &told,
	};
	struct facet_change *change;

	assert_int_equal(facet_change_open(&cfg, &change, NULL), 0);
	assert_int_equal(make_all(change), 0);
	facet_change_close(change);
	assert_int_equal(told, 4);
	assert_int_equal(fake->writes, 0);
	assert_before(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rebooted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stuck, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ahead, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_torn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dry, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
