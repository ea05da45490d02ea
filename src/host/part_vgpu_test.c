// SPDX-License-Identifier: GPL-2.0-or-later
/* part_vgpu_test.c - parts that are GVT-g's vGPUs, and types of NVIDIA's VFs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/fake_vgpu.h"
#include "host/part_internal.h"

#define IGD "0000:00:02.0"
#define PF  "0000:41:00.0"

struct place {
	struct fake_vgpu fake;
	struct facet_parts *parts;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fake_vgpu *fake = &place->fake;

	fake_vgpu_init(fake);
	fake_vgpu_add_gvtg(fake);
	fake_vgpu_add_vfs(fake);
	fake_sysfs_put(fake->sysfs, "0x030000\n", "sys/bus/pci/devices/" IGD "/class");
	fake_sysfs_put(fake->sysfs, "0x030200\n", "sys/bus/pci/devices/" PF "/class");
	fake_sysfs_put(fake->sysfs, "16\n", "sys/bus/pci/devices/" PF "/sriov_totalvfs");
	assert_int_equal(facet_parts_open_tree(fake->sysfs->tree, &place->parts, NULL), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	facet_parts_close(place->parts);
	fake_vgpu_fini(&place->fake);
	free(place);
	return 0;
}

static int take(struct place *place, const char *gpu, enum facet_mechanism mechanism,
		const char *type, struct facet_part *ret, struct facet_error *err)
{
	char token[FACET_PART_TOKEN];

	facet_part_token(token);
	return facet_part_take(place->parts,
			       &(struct facet_part_request){ .gpu = gpu,
							     .mechanism = mechanism,
							     .type = type,
							     .owner = "desk",
							     .keeper = "/run/facet",
							     .token = token },
			       ret, err);
}

static void test_gvtg(void **state)
{
	struct place *place = *state;
	struct facet_part_limit limit;
	struct facet_part one, two;
	struct facet_error err;

	assert_int_equal(take(place, IGD, FACET_GVTG, NULL, &one, &err), -EINVAL);
	assert_int_equal(take(place, IGD, FACET_MDEV, "i915-GVTg_V5_4", &one, &err), -EINVAL);
	assert_non_null(strstr(err.text, "gvtg-hw"));
	assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_9", &one, &err), -EINVAL);
	assert_non_null(strstr(err.text, "i915-GVTg_V5_4"));
	assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_2", &one, &err), 0);
	assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_2", &two, &err), 0);
	assert_string_not_equal(one.uuid, two.uuid);
	assert_true(fake_exists(&place->fake, "sys/bus/mdev/devices/%s", two.uuid));
	assert_true(facet_part_limit(place->parts, &one, 0, &limit));
	assert_string_equal(limit.what, "share");
	assert_non_null(strstr(limit.text, "weight"));
	assert_false(facet_part_limit(place->parts, &one, 3, &limit));
	/* The pool is empty. */
	assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_4", &two, &err), -ENOSPC);
	assert_int_equal(facet_part_release(place->parts, one.token, &err), 0);
	assert_false(fake_exists(&place->fake, "sys/bus/mdev/devices/%s", one.uuid));
	assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_4", &two, &err), 0);
}

/* A device of its UUID that another made is not ours. */
static void test_gvtg_foreign(void **state)
{
	struct place *place = *state;
	struct facet_part part;
	struct facet_error err;

	assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_4", &part, &err), 0);
	fake_sysfs_link(place->fake.sysfs, "../mdev_supported_types/i915-GVTg_V5_8",
			"sys/bus/mdev/devices/%s/mdev_type", part.uuid);
	assert_int_equal(facet_part_release(place->parts, part.token, &err), -ESTALE);
	assert_true(fake_exists(&place->fake, "sys/bus/mdev/devices/%s", part.uuid));
}

static void test_vendor(void **state)
{
	struct place *place = *state;
	struct facet_part parts[FAKE_VFS], more;
	struct facet_error err;

	assert_int_equal(take(place, PF, FACET_SRIOV, NULL, &more, &err), -EINVAL);
	assert_non_null(strstr(err.text, "vendor-vf"));
	assert_int_equal(take(place, PF, FACET_VENDOR_VF, "13", &more, &err), -EINVAL);
	assert_non_null(strstr(err.text, "NVIDIA X-4Q"));
	for (unsigned int i = 0; i < FAKE_VFS; i++) {
		/* By number or name. */
		assert_int_equal(take(place, PF, FACET_VENDOR_VF, i % 2 ? "11" : "NVIDIA X-4Q",
				      &parts[i], &err),
				 0);
		assert_string_equal(parts[i].type, "11");
		assert_int_equal(fake_vgpu_type(&place->fake, i), 11);
		assert_int_equal(facet_part_verify(place->parts, parts[i].token, &more, &err), 0);
	}
	assert_true(take(place, PF, FACET_VENDOR_VF, "11", &more, &err) < 0);
	/* Another tool made it anew: what is there is not ours, and stays. */
	fake_vgpu_set_type(&place->fake, 2, 12);
	assert_int_equal(facet_part_verify(place->parts, parts[2].token, &more, &err), -ESTALE);
	assert_int_equal(facet_part_release(place->parts, parts[2].token, &err), -ESTALE);
	assert_int_equal(fake_vgpu_type(&place->fake, 2), 12);
	assert_int_equal(facet_part_release(place->parts, parts[1].token, &err), 0);
	assert_int_equal(fake_vgpu_type(&place->fake, 1), 0);
	assert_int_equal(take(place, PF, FACET_VENDOR_VF, "12", &more, &err), 0);
	assert_int_equal(more.vf, 1);
	/* The old token ends nobody's vGPU. */
	assert_int_equal(facet_part_release(place->parts, parts[1].token, &err), -ENOENT);
	assert_int_equal(fake_vgpu_type(&place->fake, 1), 12);
}

static void test_vendor_in_use(void **state)
{
	struct place *place = *state;
	struct facet_part part;
	struct facet_error err;

	assert_int_equal(take(place, PF, FACET_VENDOR_VF, "11", &part, &err), 0);
	fake_vgpu_hold(&place->fake, 4711, part.group, true);
	assert_int_equal(facet_part_release(place->parts, part.token, &err), -EBUSY);
	assert_int_equal(fake_vgpu_type(&place->fake, 0), 11);
	fake_vgpu_hold(&place->fake, 4711, part.group, false);
	assert_int_equal(facet_part_release(place->parts, part.token, &err), 0);
}

/* --- whoever dies --- */

static bool die_at(struct place *place, unsigned int at, const char *gpu,
		   enum facet_mechanism mechanism, const char *type, char *ret_token)
{
	struct facet_part part;
	int status;
	pid_t pid;

	facet_part_token(ret_token);
	pid = fork();
	if (pid == 0) {
		place->fake.sysfs->writes = 0;
		place->fake.sysfs->fail_at = (at + 1) / 2;
		place->fake.sysfs->fail_with = 0;
		place->fake.sysfs->fail_after = at % 2;
		facet_part_take(place->parts,
				&(struct facet_part_request){ .gpu = gpu,
							      .mechanism = mechanism,
							      .type = type,
							      .owner = "desk",
							      .keeper = "/run/facet",
							      .token = ret_token },
				&part, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 1;
}

static void test_died(void **state)
{
	static const struct {
		const char *gpu, *type;
		enum facet_mechanism mechanism;
	} what[] = {
		{ IGD, "i915-GVTg_V5_2", FACET_GVTG },
		{ PF, "11", FACET_VENDOR_VF },
	};
	struct place *place = *state;
	char token[FACET_PART_TOKEN];
	struct facet_part part;
	struct facet_error err;
	unsigned int at;
	bool through;

	for (size_t i = 0; i < 2; i++) {
		for (at = 1, through = false; !through; at++) {
			through = die_at(place, at, what[i].gpu, what[i].mechanism, what[i].type,
					 token);
			assert_int_equal(facet_part_verify(place->parts, token, &part, &err),
					 through ? 0 : -EINPROGRESS);
			if (facet_part_release(place->parts, token, &err))
				fail_msg("%s", err.text);
			assert_int_equal(fake_vgpu_type(&place->fake, 0), 0);
			assert_true(at < 20);
		}
		assert_true(at >= 3);
	}
	/* Nothing is left: all of the pool can be had. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(take(place, IGD, FACET_GVTG, "i915-GVTg_V5_2", &part, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_gvtg, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_gvtg_foreign, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vendor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_vendor_in_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_died, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("part_vgpu", tests, NULL, NULL);
}
