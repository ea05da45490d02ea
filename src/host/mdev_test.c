// SPDX-License-Identifier: GPL-2.0-or-later
/* mdev_test.c - mediated devices: mdevctl's files, the order of writes, and a fault at each. */
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

#include "base/cleanup.h"
#include "host/fake_vgpu.h"
#include "host/holders.h"
#include "host/mdev.h"

#define UUID   "83c32df7-d52e-4ec1-9668-1f3c7e4df107"
#define OTHER  "83c32df7-d52e-4ec1-9668-1f3c7e4df108"
#define PARENT "0000:00:02.0"

static int set_up(void **state)
{
	static struct fake_vgpu fake;

	fake_vgpu_init(&fake);
	fake_vgpu_add_gvtg(&fake);
	*state = &fake;
	return 0;
}

static int tear_down(void **state)
{
	fake_vgpu_fini(*state);
	return 0;
}

/* The caller releases it. */
static struct facet_mdev_spec make_spec(const char *uuid, const char *type)
{
	struct facet_mdev_spec spec = { .autostart = true };

	strcpy(spec.uuid, uuid);
	strcpy(spec.parent, PARENT);
	strcpy(spec.type, type);
	return spec;
}

static struct facet_mdev_spec with_attributes(const char *uuid, const char *type)
{
	struct facet_mdev_spec spec = make_spec(uuid, type);

	assert_int_equal(facet_mdev_spec_add(&spec, "one", "1", NULL), 0);
	assert_int_equal(facet_mdev_spec_add(&spec, "intel_vgpu/two", "a=1,b=2", NULL), 0);
	return spec;
}

static void test_format(void **state)
{
	/* As mdevctl 1.2.0 wrote it. */
	static const char text[] = "{\n"
				   "  \"mdev_type\": \"i915-GVTg_V5_4\",\n"
				   "  \"start\": \"manual\",\n"
				   "  \"attrs\": [\n"
				   "    {\n"
				   "      \"nvidia/vgpu_params\": \"a=1,b=2\\\"\\\\\xc3\xa9/\"\n"
				   "    },\n"
				   "    {\n"
				   "      \"x\": \"\"\n"
				   "    }\n"
				   "  ]\n"
				   "}";
	static const char plain[] = "{\n  \"mdev_type\": \"i915-GVTg_V5_4\",\n"
				    "  \"start\": \"auto\",\n  \"attrs\": []\n}";
	struct facet_mdev_spec spec = { 0 };
	facet_autofree char *again = NULL, *empty = NULL;

	assert_int_equal(facet_mdev_spec_parse(text, strlen(text), &spec, NULL), 0);
	assert_string_equal(spec.type, "i915-GVTg_V5_4");
	assert_false(spec.autostart);
	assert_int_equal(spec.count, 2);
	assert_string_equal(spec.attributes[0].name, "nvidia/vgpu_params");
	again = facet_mdev_spec_format(&spec);
	assert_string_equal(again, text);
	facet_mdev_spec_clear(&spec);
	spec.autostart = true;
	empty = facet_mdev_spec_format(&spec);
	assert_string_equal(empty, plain);
	facet_mdev_spec_fini(&spec);
}

static void test_broken(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{\"mdev_type\": \"a\"}",
		"{\"start\": \"auto\"}",
		"{\"mdev_type\": 3, \"start\": \"auto\"}",
		"{\"mdev_type\": \"../x\", \"start\": \"auto\"}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": {}}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [\"b\"]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"b\": 1}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"b\": \"1\", \"c\": "
		"\"\"}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"../b\": \"1\"}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"/b\": \"1\"}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"b/\": \"1\"}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"\": \"1\"}]}",
		"{\"mdev_type\": \"a\", \"start\": \"auto\", \"attrs\": [{\"remove\": \"1\"}]}",
	};
	struct facet_mdev_spec spec = make_spec(UUID, "kept");
	struct facet_error err;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(facet_mdev_spec_parse(texts[i], strlen(texts[i]), &spec, &err),
				 -EINVAL);
		assert_true(*err.text);
		assert_string_equal(spec.type, "kept");
	}
}

static void test_uuid(void **state)
{
	char uuid[FACET_MDEV_UUID], again[FACET_MDEV_UUID];

	assert_true(facet_mdev_uuid_parse("83C32DF7-D52E-4EC1-9668-1F3C7E4DF107", uuid));
	assert_string_equal(uuid, UUID);
	assert_false(facet_mdev_uuid_parse("83c32df7d52e4ec196681f3c7e4df107", uuid));
	assert_false(facet_mdev_uuid_parse("83c32df7-d52e-4ec1-9668-1f3c7e4df10g", uuid));
	assert_false(facet_mdev_uuid_parse("", uuid));
	assert_int_equal(facet_mdev_uuid_random(uuid), 0);
	assert_int_equal(facet_mdev_uuid_random(again), 0);
	assert_true(facet_mdev_uuid_parse(uuid, uuid));
	assert_string_not_equal(uuid, again);
}

static void test_explain(void **state)
{
	struct facet_host_type type = { .id = "nvidia-63", .name = "GRID P4-1Q" };
	char text[200];

	strcpy(type.description, "num_heads=4, frl_config=60, framebuffer=1024M, "
				 "max_resolution=5120x2880, max_instance=8");
	facet_mdev_explain(&type, text, sizeof(text));
	assert_string_equal(text,
			    "1024 MiB of memory, 4 displays up to 5120x2880, 60 frames/s, 8 on "
			    "a GPU");
	strcpy(type.description, "num_heads=x");
	facet_mdev_explain(&type, text, sizeof(text));
	assert_string_equal(text, "num_heads=x");
	type.gvtg = (struct facet_host_gvtg){ true, 128, 512, 4, 1920, 1200, 4 };
	facet_mdev_explain(&type, text, sizeof(text));
	assert_string_equal(text, "640 MiB of graphics memory (128 of it mapped), 4 fences, one "
				  "display up to 1920x1200, weight 4 of 16");
}

/* Documentation/ABI/testing/sysfs-bus-vfio-mdev: the UUID into create, 1 into remove. */
static void test_order(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);

	assert_int_equal(facet_mdev_start(change, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_stop(change, UUID, PARENT, NULL, false, NULL), 0);
	assert_int_equal(fake->sysfs->writes, 4);
	assert_string_equal(fake->sysfs->log[0],
			    "sys/class/mdev_bus/" PARENT
			    "/mdev_supported_types/i915-GVTg_V5_4/create=" UUID);
	assert_string_equal(fake->sysfs->log[1], "sys/bus/mdev/devices/" UUID "/one=1");
	assert_string_equal(fake->sysfs->log[2],
			    "sys/bus/mdev/devices/" UUID "/intel_vgpu/two=a=1,b=2");
	assert_string_equal(fake->sysfs->log[3], "sys/bus/mdev/devices/" UUID "/remove=1");
	assert_false(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID));
	facet_change_close(change);
	facet_mdev_spec_fini(&spec);
}

static void test_refused(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_2");
	struct facet_change *change = fake_vgpu_change(fake);
	struct facet_error err;

	assert_int_equal(facet_mdev_start(change, &spec, false, &err), 0);
	assert_int_equal(facet_mdev_start(change, &spec, false, &err), -EEXIST);
	assert_non_null(strstr(err.text, "runs already"));
	strcpy(spec.uuid, OTHER);
	strcpy(spec.type, "i915-GVTg_V5_1");
	assert_int_equal(facet_mdev_start(change, &spec, false, &err), -ENOENT);
	strcpy(spec.parent, "0000:00:03.0");
	assert_int_equal(facet_mdev_start(change, &spec, false, &err), -ENOENT);
	strcpy(spec.parent, "..");
	assert_int_equal(facet_mdev_start(change, &spec, false, &err), -EINVAL);
	strcpy(spec.parent, PARENT);
	strcpy(spec.type, "i915-GVTg_V5_2");
	assert_int_equal(facet_mdev_start(change, &spec, false, &err), 0);
	strcpy(spec.uuid, "83c32df7-d52e-4ec1-9668-1f3c7e4df109");
	assert_int_equal(facet_mdev_start(change, &spec, false, &err), -ENOSPC);
	assert_int_equal(facet_mdev_stop(change, spec.uuid, NULL, NULL, false, &err), -ENOENT);
	assert_int_equal(facet_mdev_stop(change, UUID, "other", NULL, false, &err), -ESTALE);
	facet_change_close(change);
}

/* An attribute that the device does not have: it is removed again. */
static void test_no_such_attribute(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);
	struct facet_error err;

	assert_int_equal(facet_mdev_spec_add(&spec, "none", "1", NULL), 0);
	assert_int_equal(facet_mdev_start(change, &spec, true, &err), -ENOENT);
	assert_non_null(strstr(err.text, "has no attribute"));
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	assert_false(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID));
	facet_change_close(change);
	facet_mdev_spec_fini(&spec);
}

static void test_held(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);
	struct facet_error err;

	assert_int_equal(facet_mdev_start(change, &spec, false, NULL), 0);
	fake_vgpu_hold(fake, 4711, 31, true);
	fake_vgpu_hold(fake, 4712, 30, true);
	assert_int_equal(facet_mdev_stop(change, UUID, NULL, NULL, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "4712 (qemu-system-x86) has /dev/vfio/30 open"));
	fake_vgpu_hold(fake, 4712, 30, false);
	/* A handle that does not say of what, and one that does. */
	fake_sysfs_link(fake->sysfs, "anon_inode:[vfio-device]", "proc/4712/fd/9");
	assert_int_equal(facet_mdev_stop(change, UUID, NULL, NULL, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "could not be told"));
	fake_sysfs_put(fake->sysfs,
		       "pos:\t0\nvfio-device-syspath: /sys/devices/pci0/" PARENT "/" OTHER "\n",
		       "proc/4712/fdinfo/9");
	fake_sysfs_put(fake->sysfs,
		       "pos:\t0\nvfio-device-syspath: /sys/devices/pci0/" PARENT "/" UUID "\n",
		       "proc/4712/fdinfo/10");
	fake_sysfs_link(fake->sysfs, "anon_inode:[vfio-device]", "proc/4712/fd/10");
	assert_int_equal(facet_mdev_stop(change, UUID, NULL, NULL, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "a handle of it"));
	fake_sysfs_remove(fake->sysfs, "proc/4712/fd/10");
	assert_int_equal(facet_mdev_stop(change, UUID, NULL, NULL, false, &err), 0);
	facet_change_close(change);
}

static void test_forced(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);

	assert_int_equal(facet_mdev_start(change, &spec, false, NULL), 0);
	fake_vgpu_hold(fake, 4712, 30, true);
	assert_int_equal(facet_mdev_stop(change, UUID, NULL, NULL, true, NULL), 0);
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	facet_change_close(change);
}

/* --- definitions --- */

static void test_list(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);
	struct facet_mdev *list;
	unsigned int count;

	assert_int_equal(facet_mdev_start(change, &spec, true, NULL), 0);
	facet_mdev_spec_fini(&spec);
	spec = make_spec(OTHER, "i915-GVTg_V5_8");
	assert_int_equal(facet_mdev_start(change, &spec, false, NULL), 0);
	/* The same UUID on another parent, a broken one, and what is none. */
	strcpy(spec.uuid, UUID);
	strcpy(spec.parent, "mtty");
	assert_int_equal(facet_mdev_define(change, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_define(change, &spec, false, NULL), -EEXIST);
	fake_sysfs_put(fake->sysfs, "{", "etc/mdevctl.d/zero/" UUID);
	fake_sysfs_put(fake->sysfs, "{}", "etc/mdevctl.d/zero/README");
	fake_sysfs_put(fake->sysfs, "#!/bin/sh\n", "etc/mdevctl.d/scripts.d/" UUID);
	assert_int_equal(facet_mdev_list(facet_change_tree(change), &list, &count, NULL), 0);
	assert_int_equal(count, 4);
	assert_string_equal(list[0].spec.uuid, UUID);
	assert_true(list[0].defined && list[0].active && list[0].spec.autostart);
	assert_int_equal(list[0].spec.count, 2);
	assert_int_equal(list[0].group, 30);
	assert_string_equal(list[0].api, "vfio-pci");
	assert_true(!list[1].defined && list[1].active);
	assert_string_equal(list[1].spec.type, "i915-GVTg_V5_8");
	assert_true(list[2].defined && !list[2].active);
	assert_string_equal(list[3].spec.parent, "zero");
	assert_non_null(strstr(list[3].fault, "no JSON"));
	facet_mdev_list_fini(list, count);
	facet_change_close(change);
}

static void test_definition(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4"), found = { 0 };
	struct facet_change *change = fake_vgpu_change(fake);
	struct facet_tree *tree = facet_change_tree(change);
	unsigned int started;

	assert_int_equal(facet_mdev_find_definition(tree, UUID, NULL, &found, NULL), -ENOENT);
	assert_int_equal(facet_mdev_define(change, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_find_definition(tree, UUID, NULL, &found, NULL), 0);
	assert_string_equal(found.parent, PARENT);
	strcpy(spec.parent, "mtty");
	spec.autostart = false;
	assert_int_equal(facet_mdev_define(change, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_find_definition(tree, UUID, NULL, &found, NULL), -ENOTUNIQ);
	assert_int_equal(facet_mdev_find_definition(tree, UUID, "mtty", &found, NULL), 0);
	assert_int_equal(facet_mdev_undefine(change, "mtty", UUID, NULL), 0);
	assert_int_equal(facet_mdev_undefine(change, "mtty", UUID, NULL), -ENOENT);
	/* The one that is left starts with its parent, once. */
	assert_int_equal(facet_mdev_autostart(change, "mtty", &started, NULL), 0);
	assert_int_equal(started, 0);
	assert_int_equal(facet_mdev_autostart(change, NULL, &started, NULL), 0);
	assert_int_equal(started, 1);
	assert_int_equal(facet_mdev_autostart(change, PARENT, &started, NULL), 0);
	assert_int_equal(started, 0);
	facet_change_close(change);
}

static void test_dry(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_change_config cfg = { .tree = fake->sysfs->tree, .dry_run = true };
	struct facet_change *change;

	assert_int_equal(facet_change_open(&cfg, &change, NULL), 0);
	assert_int_equal(facet_mdev_start(change, &spec, true, NULL), 0);
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	assert_false(fake_exists(fake, "etc"));
	assert_false(fake_exists(fake, "var"));
	facet_change_close(change);
	facet_mdev_spec_fini(&spec);
}

/* --- a fault at each write to the kernel --- */

enum fault { FULL, INTERRUPTED, SHORT, DONE_SHORT, DIE, DIE_BEHIND, FAULTS };

static void set_fault(struct fake_vgpu *fake, enum fault fault, unsigned int at)
{
	static const int codes[FAULTS] = { -ENOSPC, -EINTR, -EIO, -EIO };

	fake->sysfs->writes = 0;
	fake->sysfs->fail_at = fault == DONE_SHORT ? 0 : at;
	fake->sysfs->fail_with = codes[fault];
	fake->sysfs->fail_after = fault == DIE_BEHIND;
	fake->lie_at = fault == DONE_SHORT ? at : 0;
	fake->lie_with = codes[fault];
}

static int run_start(struct fake_vgpu *fake)
{
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);
	int r = facet_mdev_start(change, &spec, true, NULL);

	facet_change_close(change);
	facet_mdev_spec_fini(&spec);
	return r;
}

static int run_stop(struct fake_vgpu *fake)
{
	struct facet_change *change = fake_vgpu_change(fake);
	int r = facet_mdev_stop(change, UUID, NULL, NULL, false, NULL);

	facet_change_close(change);
	return r;
}

enum { LIVED = 10 };

/* In a process of its own: whether it died. */
static bool dies(struct fake_vgpu *fake, int (*run)(struct fake_vgpu *fake))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(fake) == 0 ? LIVED : LIVED + 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0;
}

/* False: it is over before the fault. Then and else: all of it, or nothing. */
static bool run_with(struct fake_vgpu *fake, enum fault fault, unsigned int at,
		     int (*run)(struct fake_vgpu *fake), int *ret)
{
	bool reached;

	set_fault(fake, fault, at);
	if (fault >= DIE) {
		reached = dies(fake, run);
		*ret = reached ? -EINTR : 0;
	} else {
		*ret = run(fake);
		reached = fake->sysfs->writes >= at;
	}
	set_fault(fake, FULL, 0);
	/* Whoever comes next undoes it. */
	facet_change_close(fake_vgpu_change(fake));
	return reached;
}

static bool is_whole(struct fake_vgpu *fake)
{
	bool there = fake_exists(fake, "sys/bus/mdev/devices/" UUID);

	assert_int_equal(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID), there);
	assert_false(fake_exists(fake, "var/lib/facet/host/journal"));
	return there;
}

static bool start_with(enum fault fault, unsigned int at)
{
	struct fake_vgpu fake;
	bool reached;
	int r;

	fake_vgpu_init(&fake);
	fake_vgpu_add_gvtg(&fake);
	reached = run_with(&fake, fault, at, run_start, &r);
	assert_int_equal(is_whole(&fake), r == 0);
	if (r < 0)
		assert_int_equal(run_start(&fake), 0);
	assert_true(is_whole(&fake));
	assert_string_equal(fake_sysfs_get(fake.sysfs, "sys/bus/mdev/devices/" UUID "/one"), "1");
	assert_string_equal(
		fake_sysfs_get(fake.sysfs, "sys/bus/mdev/devices/" UUID "/intel_vgpu/two"),
		"a=1,b=2");
	fake_vgpu_fini(&fake);
	return reached;
}

static void test_faults_of_start(void **state)
{
	unsigned int at;

	for (enum fault fault = FULL; fault < FAULTS; fault++) {
		for (at = 1; start_with(fault, at); at++)
			;
		assert_int_equal(at, 4); /* create, and two attributes */
	}
}

static bool stop_with(enum fault fault, unsigned int at)
{
	struct fake_vgpu fake;
	bool reached;
	int r;

	fake_vgpu_init(&fake);
	fake_vgpu_add_gvtg(&fake);
	assert_int_equal(run_start(&fake), 0);
	reached = run_with(&fake, fault, at, run_stop, &r);
	if (fault < DIE)
		assert_int_equal(fake_exists(&fake, "sys/bus/mdev/devices/" UUID), r < 0);
	if (fake_exists(&fake, "sys/bus/mdev/devices/" UUID))
		assert_int_equal(run_stop(&fake), 0);
	assert_false(fake_exists(&fake, "sys/bus/mdev/devices/" UUID));
	assert_true(fake_exists(&fake, "etc/mdevctl.d/" PARENT "/" UUID));
	fake_vgpu_fini(&fake);
	return reached;
}

static void test_faults_of_stop(void **state)
{
	unsigned int at;

	for (enum fault fault = FULL; fault < FAULTS; fault++) {
		for (at = 1; stop_with(fault, at); at++)
			;
		assert_int_equal(at, 2);
	}
}

/* Somebody makes the same UUID between our look and our write: it is his. */
static int (*kernel)(struct fake_sysfs *sysfs, const char *path, const char *text);

static int make_it_first(struct fake_sysfs *sysfs, const char *path, const char *text)
{
	int r = kernel(sysfs, path, text);

	return r == 0 && strstr(path, "/create") ? -EEXIST : r;
}

static void test_foreign_uuid(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_change *change = fake_vgpu_change(fake);

	kernel = fake->sysfs->also;
	fake->sysfs->also = make_it_first;
	assert_int_equal(facet_mdev_start(change, &spec, true, NULL), -EEXIST);
	facet_change_close(change);
	facet_change_close(fake_vgpu_change(fake));
	assert_true(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	assert_false(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID));
	assert_int_equal(fake->sysfs->writes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_explain),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_such_attribute, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_held, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_definition, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dry, set_up, tear_down),
		cmocka_unit_test(test_faults_of_start),
		cmocka_unit_test(test_faults_of_stop),
		cmocka_unit_test_setup_teardown(test_foreign_uuid, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
