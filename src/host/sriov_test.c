// SPDX-License-Identifier: GPL-2.0-or-later
/* sriov_test.c - virtual functions that come and go, also when it goes wrong. */
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

#include "host/fake_sysfs.h"
#include "host/sriov.h"

#define PF     "0000:03:00.0"
#define DEVICE "sys/bus/pci/devices/"
#define XE     DEVICE PF "/sriov_admin/"
#define GT     "sys/kernel/debug/dri/" PF "/gt"

static int set_up(void **state)
{
	struct fake_sysfs *fake = fake_sysfs_create();

	fake_sysfs_add_device(fake, PF, 0x030000, "xe", 1);
	fake_sysfs_add_sriov(fake, PF, 4, "xe");
	for (unsigned int vf = 1; vf <= 4; vf++) {
		fake_sysfs_put(fake, "0\n", XE "vf%u/profile/exec_quantum_ms", vf);
		fake_sysfs_put(fake, "0\n", XE "vf%u/profile/vram_quota", vf);
		fake_sysfs_put(fake, "[low] normal high\n", XE "vf%u/profile/sched_priority", vf);
	}
	*state = fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_sysfs_destroy(*state);
	return 0;
}

static int set(struct fake_sysfs *fake, unsigned int count,
	       const struct facet_sriov_options *options, struct facet_error *err)
{
	const struct facet_change_config cfg = { .tree = fake->tree };
	struct facet_change *change = NULL;
	int r;

	assert_int_equal(facet_change_open(&cfg, &change, NULL), 0);
	r = facet_sriov_set(change, PF, count, options, err);
	facet_change_close(change);
	return r;
}

static const struct facet_sriov_options plain, half = {
	.profile = { .exec_quantum_ms = "20", .vram_quota = "1073741824" },
	.keep_free = true,
};

static void assert_count(struct fake_sysfs *fake, const char *count)
{
	assert_string_equal(fake_sysfs_get(fake, DEVICE PF "/sriov_numvfs"), count);
	for (int i = 0; i < 4; i++)
		assert_int_equal(facet_tree_exists(fake->tree, DEVICE PF "/virtfn%d", i),
				 i < atoi(count));
}

static void test_order(void **state)
{
	static const char *const expected[] = {
		XE "vf1/profile/vram_quota=1073741824", XE "vf1/profile/exec_quantum_ms=20",
		XE "vf2/profile/vram_quota=1073741824", XE "vf2/profile/exec_quantum_ms=20",
		DEVICE PF "/sriov_drivers_autoprobe=0", DEVICE PF "/sriov_numvfs=2",
	};
	struct fake_sysfs *fake = *state;

	assert_int_equal(set(fake, 2, &half, NULL), 0);
	assert_int_equal(fake->writes, 6);
	for (unsigned int i = 0; i < 6; i++)
		assert_string_equal(fake->log[i], expected[i]);
	assert_count(fake, "2");
	assert_string_equal(fake_sysfs_get(fake, DEVICE "0000:03:01.0/driver"), "");
}

/* There is no way from one number to another but over none. */
static void test_changed(void **state)
{
	struct fake_sysfs *fake = *state;

	assert_int_equal(set(fake, 2, &plain, NULL), 0);
	assert_string_equal(fake_sysfs_get(fake, DEVICE "0000:03:01.0/driver"), "xe");
	fake->writes = 0;
	assert_int_equal(set(fake, 2, &plain, NULL), 0);
	assert_int_equal(fake->writes, 0);
	assert_int_equal(set(fake, 4, &plain, NULL), 0);
	assert_string_equal(fake->log[0], DEVICE PF "/sriov_numvfs=0");
	assert_count(fake, "4");
	assert_int_equal(set(fake, 0, &plain, NULL), 0);
	assert_count(fake, "0");
}

static void assert_untouched(struct fake_sysfs *fake, const char *count)
{
	assert_count(fake, count);
	assert_string_equal(fake_sysfs_get(fake, XE "vf1/profile/exec_quantum_ms"), "0");
	assert_string_equal(fake_sysfs_get(fake, XE "vf2/profile/vram_quota"), "0");
	assert_string_equal(fake_sysfs_get(fake, DEVICE PF "/sriov_drivers_autoprobe"), "1");
}

static void test_failures(void **state)
{
	static const int codes[] = { -EIO, -EBUSY, -EINTR, -EPERM };
	struct fake_sysfs *fake = *state;

	assert_int_equal(set(fake, 1, &plain, NULL), 0);
	for (unsigned int at = 2; at <= 15; at++)
		for (unsigned int i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
			fake->fail_at = fake->writes + at / 2;
			fake->fail_with = codes[i];
			fake->fail_after = at & 1;
			assert_int_equal(set(fake, 2, &half, NULL), codes[i]);
			fake->fail_at = 0;
			assert_untouched(fake, "1");
		}
	assert_int_equal(set(fake, 2, &half, NULL), 0);
	assert_count(fake, "2");
}

static void test_killed(void **state)
{
	struct fake_sysfs *fake = *state;
	int status;

	for (unsigned int i = 0; i < 12; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			fake->fail_at = fake->writes + 1 + i / 2;
			fake->fail_after = i & 1;
			set(fake, 2, &half, NULL);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		assert_int_equal(set(fake, 0, &plain, NULL), 0);
		assert_untouched(fake, "0");
	}
}

static int fewer(struct fake_sysfs *fake, const char *path, const char *text)
{
	if (!strstr(path, "sriov_numvfs") || strcmp(text, "3") != 0)
		return 1;
	fake_sysfs_put(fake, "2\n", "%s", path); /* and says nothing */
	return 0;
}

static void test_refusals(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_sriov_options options = { .profile = { .preempt_timeout_us = "7" } };
	struct facet_error err;

	assert_int_equal(set(fake, 5, &plain, &err), -ERANGE);
	assert_non_null(strstr(err.text, "0 to 4"));
	assert_int_equal(set(fake, 1, &options, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "no preempt_timeout_us"));
	assert_untouched(fake, "0");
	fake->also = fewer;
	assert_int_equal(set(fake, 3, &plain, &err), -EIO);
	assert_non_null(strstr(err.text, "made 2"));
	fake->also = NULL;
	assert_untouched(fake, "0");
	assert_int_equal(set(fake, 2, &plain, NULL), 0);
	fake_sysfs_put(fake, "qemu\n", "proc/33/comm");
	fake_sysfs_link(fake, "/dev/vfio/101", "proc/33/fd/4");
	assert_int_equal(set(fake, 0, &plain, &err), -EBUSY);
	assert_non_null(strstr(err.text, "0000:03:01.1: process 33 (qemu)"));
	assert_count(fake, "2");
	fake_sysfs_remove(fake, DEVICE PF "/driver");
	assert_int_equal(set(fake, 1, &plain, &err), -ENOENT);
}

/* Shares may change while guests run; memory may not. */
static void test_running(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_sriov_options options = {
		.profile = { .exec_quantum_ms = "30", .sched_priority = "low" },
		.keep_free = true,
	};

	assert_int_equal(set(fake, 2, &half, NULL), 0);
	fake->writes = 0;
	assert_int_equal(set(fake, 2, &options, NULL), 0);
	assert_int_equal(fake->writes, 2); /* the priority was low */
	assert_string_equal(fake->log[0], XE "vf1/profile/exec_quantum_ms=30");
	assert_string_equal(fake->log[1], XE "vf2/profile/exec_quantum_ms=30");
	fake->writes = 0;
	options.profile.vram_quota = "7";
	assert_int_equal(set(fake, 2, &options, NULL), 0);
	assert_string_equal(fake->log[0], DEVICE PF "/sriov_numvfs=0");
	assert_string_equal(fake->log[fake->writes - 1], DEVICE PF "/sriov_numvfs=2");
}

/* It is switched off for our VFs, and on again after the last; what another switched off stays. */
static void test_autoprobe(void **state)
{
	struct fake_sysfs *fake = *state;

	assert_int_equal(set(fake, 2, &half, NULL), 0);
	assert_string_equal(fake_sysfs_get(fake, DEVICE PF "/sriov_drivers_autoprobe"), "0");
	assert_int_equal(set(fake, 3, &half, NULL), 0);
	assert_int_equal(set(fake, 0, &half, NULL), 0);
	assert_string_equal(fake_sysfs_get(fake, DEVICE PF "/sriov_drivers_autoprobe"), "1");
	fake_sysfs_put(fake, "0\n", DEVICE PF "/sriov_drivers_autoprobe");
	assert_int_equal(set(fake, 2, &half, NULL), 0);
	assert_int_equal(set(fake, 0, &half, NULL), 0);
	assert_string_equal(fake_sysfs_get(fake, DEVICE PF "/sriov_drivers_autoprobe"), "0");
}

/* Linux 6.12: of each GT, in debugfs. */
static void test_debugfs(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_sriov_options options = { .profile = { .sched_priority = "low" } };

	fake_sysfs_remove(fake, DEVICE PF "/sriov_admin");
	assert_int_equal(set(fake, 1, &half, NULL), -ENOTSUP);
	fake_sysfs_put(fake, "0\n", GT "0/vf1/lmem_quota");
	fake_sysfs_put(fake, "0\n", GT "0/vf1/exec_quantum_ms");
	fake_sysfs_put(fake, "0\n", GT "1/vf1/exec_quantum_ms");
	assert_int_equal(set(fake, 1, &half, NULL), 0);
	assert_string_equal(fake->log[0], GT "0/vf1/lmem_quota=1073741824");
	assert_string_equal(fake->log[1], GT "0/vf1/exec_quantum_ms=20");
	assert_string_equal(fake->log[2], GT "1/vf1/exec_quantum_ms=20");
	assert_int_equal(set(fake, 0, &half, NULL), 0);
	assert_int_equal(set(fake, 1, &options, NULL), -ENOTSUP);
}

static void assert_by_others(struct fake_sysfs *fake, const char *driver, const char *words)
{
	struct facet_error err;
	char target[128];

	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	fake_sysfs_link(fake, target, DEVICE PF "/driver");
	assert_int_equal(set(fake, 1, &plain, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, words));
	assert_int_equal(fake->writes, 0);
}

/* Drivers that make VFs by other means, or none. */
static void test_others(void **state)
{
	struct fake_sysfs *fake = *state;

	assert_by_others(fake, "nvidia", "sriov-manage -e " PF);
	assert_by_others(fake, "gim", "vf_num");
	assert_by_others(fake, "vfio-pci", "facet vfio unbind " PF);
}

/* One VF has a network that this host uses. */
static void test_host_uses(void **state)
{
	struct fake_sysfs *fake = *state;
	struct facet_sriov_options forced = { .forced = true };
	struct facet_error err;

	assert_int_equal(set(fake, 2, &plain, NULL), 0);
	fake_sysfs_put(fake, "up\n", DEVICE "0000:03:01.1/net/eth7/operstate");
	assert_int_equal(set(fake, 0, &plain, &err), -EBUSY);
	assert_non_null(strstr(err.text, "0000:03:01.1: in use by network eth7"));
	assert_count(fake, "2");
	assert_int_equal(set(fake, 0, &forced, NULL), 0);
	assert_count(fake, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_running, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_autoprobe, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_debugfs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_host_uses, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
