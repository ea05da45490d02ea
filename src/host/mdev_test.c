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

static struct facet_edit *begin(struct fake_vgpu *fake)
{
	struct facet_edit *edit;

	assert_int_equal(fake_vgpu_edit(fake, &edit), 0);
	return edit;
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
	struct facet_edit *edit = begin(fake);

	assert_int_equal(facet_mdev_start(edit, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_stop(edit, UUID, PARENT, NULL, false, NULL), 0);
	assert_string_equal(fake->log, "class/mdev_bus/" PARENT
				       "/mdev_supported_types/i915-GVTg_V5_4/create=" UUID "\n"
				       "bus/mdev/devices/" UUID "/one=1\n"
				       "bus/mdev/devices/" UUID "/intel_vgpu/two=a=1,b=2\n"
				       "bus/mdev/devices/" UUID "/remove=1\n");
	assert_false(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID));
	facet_edit_close(edit);
	facet_mdev_spec_fini(&spec);
}

static void test_refused(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_2");
	struct facet_edit *edit = begin(fake);
	struct facet_error err;

	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), 0);
	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), -EEXIST);
	assert_non_null(strstr(err.text, "runs already"));
	strcpy(spec.uuid, OTHER);
	strcpy(spec.type, "i915-GVTg_V5_1");
	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), -ENOENT);
	strcpy(spec.parent, "0000:00:03.0");
	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), -ENOENT);
	strcpy(spec.parent, "..");
	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), -EINVAL);
	strcpy(spec.parent, PARENT);
	strcpy(spec.type, "i915-GVTg_V5_2");
	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), 0);
	strcpy(spec.uuid, "83c32df7-d52e-4ec1-9668-1f3c7e4df109");
	assert_int_equal(facet_mdev_start(edit, &spec, false, &err), -ENOSPC);
	assert_int_equal(facet_mdev_stop(edit, spec.uuid, NULL, NULL, false, &err), -ENOENT);
	assert_int_equal(facet_mdev_stop(edit, UUID, "other", NULL, false, &err), -ESTALE);
	facet_edit_close(edit);
}

/* An attribute that the device does not have: it is removed again. */
static void test_no_such_attribute(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_edit *edit = begin(fake);
	struct facet_error err;

	assert_int_equal(facet_mdev_spec_add(&spec, "none", "1", NULL), 0);
	assert_int_equal(facet_mdev_start(edit, &spec, true, &err), -ENOENT);
	assert_non_null(strstr(err.text, "none of that name"));
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	assert_false(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID));
	assert_false(fake_exists(fake, FACET_EDIT_STATE "/mdev/" UUID));
	facet_edit_close(edit);
	facet_mdev_spec_fini(&spec);
}

static void test_held(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_edit *edit = begin(fake);
	struct facet_error err;

	assert_int_equal(facet_mdev_start(edit, &spec, false, NULL), 0);
	fake_vgpu_hold(fake, 4711, 31, true);
	fake_vgpu_hold(fake, 4712, 30, true);
	assert_int_equal(facet_mdev_stop(edit, UUID, NULL, NULL, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "4712 (qemu-system-x86) has /dev/vfio/30 open"));
	fake_vgpu_hold(fake, 4712, 30, false);
	/* A handle that does not say of what, and one that does. */
	fake_link(fake, "anon_inode:[vfio-device]", "proc/4712/fd/9");
	assert_int_equal(facet_mdev_stop(edit, UUID, NULL, NULL, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "could not be told"));
	fake_put(fake, "pos:\t0\nvfio-device-syspath: /sys/devices/pci0/" PARENT "/" OTHER "\n",
		 "proc/4712/fdinfo/9");
	fake_put(fake, "pos:\t0\nvfio-device-syspath: /sys/devices/pci0/" PARENT "/" UUID "\n",
		 "proc/4712/fdinfo/10");
	fake_link(fake, "anon_inode:[vfio-device]", "proc/4712/fd/10");
	assert_int_equal(facet_mdev_stop(edit, UUID, NULL, NULL, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "a handle of it"));
	fake_delete(fake, "proc/4712/fd/10");
	assert_int_equal(facet_mdev_stop(edit, UUID, NULL, NULL, false, &err), 0);
	facet_edit_close(edit);
}

static void test_forced(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_edit *edit = begin(fake);

	assert_int_equal(facet_mdev_start(edit, &spec, false, NULL), 0);
	fake_vgpu_hold(fake, 4712, 30, true);
	assert_int_equal(facet_mdev_stop(edit, UUID, NULL, NULL, true, NULL), 0);
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	facet_edit_close(edit);
}

/* --- definitions --- */

static void test_list(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_edit *edit = begin(fake);
	struct facet_mdev *list;
	unsigned int count;

	assert_int_equal(facet_mdev_start(edit, &spec, true, NULL), 0);
	facet_mdev_spec_fini(&spec);
	spec = make_spec(OTHER, "i915-GVTg_V5_8");
	assert_int_equal(facet_mdev_start(edit, &spec, false, NULL), 0);
	/* The same UUID on another parent, a broken one, and what is none. */
	strcpy(spec.uuid, UUID);
	strcpy(spec.parent, "mtty");
	assert_int_equal(facet_mdev_define(edit, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_define(edit, &spec, false, NULL), -EEXIST);
	fake_put(fake, "{", "etc/mdevctl.d/zero/" UUID);
	fake_put(fake, "{}", "etc/mdevctl.d/zero/README");
	fake_put(fake, "#!/bin/sh\n", "etc/mdevctl.d/scripts.d/" UUID);
	assert_int_equal(facet_mdev_list(facet_edit_tree(edit), &list, &count, NULL), 0);
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
	facet_edit_close(edit);
}

static void test_definition(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4"), found = { 0 };
	struct facet_edit *edit = begin(fake);
	struct facet_tree *tree = facet_edit_tree(edit);
	unsigned int started;

	assert_int_equal(facet_mdev_find_definition(tree, UUID, NULL, &found, NULL), -ENOENT);
	assert_int_equal(facet_mdev_define(edit, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_find_definition(tree, UUID, NULL, &found, NULL), 0);
	assert_string_equal(found.parent, PARENT);
	strcpy(spec.parent, "mtty");
	spec.autostart = false;
	assert_int_equal(facet_mdev_define(edit, &spec, false, NULL), 0);
	assert_int_equal(facet_mdev_find_definition(tree, UUID, NULL, &found, NULL), -ENOTUNIQ);
	assert_int_equal(facet_mdev_find_definition(tree, UUID, "mtty", &found, NULL), 0);
	assert_int_equal(facet_mdev_undefine(edit, "mtty", UUID, NULL), 0);
	assert_int_equal(facet_mdev_undefine(edit, "mtty", UUID, NULL), -ENOENT);
	/* The one that is left starts with its parent, once. */
	assert_int_equal(facet_mdev_autostart(edit, "mtty", &started, NULL), 0);
	assert_int_equal(started, 0);
	assert_int_equal(facet_mdev_autostart(edit, NULL, &started, NULL), 0);
	assert_int_equal(started, 1);
	assert_int_equal(facet_mdev_autostart(edit, PARENT, &started, NULL), 0);
	assert_int_equal(started, 0);
	facet_edit_close(edit);
}

static void test_dry(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_edit_config cfg = { .root = fake->root, .dry = true };
	struct facet_edit *edit;

	assert_int_equal(facet_edit_open(&cfg, &edit, NULL), 0);
	assert_int_equal(facet_mdev_start(edit, &spec, true, NULL), 0);
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	assert_false(fake_exists(fake, "etc"));
	assert_false(fake_exists(fake, "run"));
	facet_edit_close(edit);
	facet_mdev_spec_fini(&spec);
}

static void test_two_at_once(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_edit *edit = begin(fake), *second;

	assert_int_equal(fake_vgpu_edit(fake, &second), -EBUSY);
	facet_edit_close(edit);
	second = begin(fake);
	facet_edit_close(second);
}

/* --- a fault at each call --- */

static int run_start(struct fake_vgpu *fake)
{
	struct facet_mdev_spec spec = with_attributes(UUID, "i915-GVTg_V5_4");
	struct facet_edit *edit;
	int r = fake_vgpu_edit(fake, &edit);

	if (r == 0) {
		r = facet_mdev_start(edit, &spec, true, NULL);
		facet_edit_close(edit);
	}
	facet_mdev_spec_fini(&spec);
	return r;
}

static int run_stop(struct fake_vgpu *fake)
{
	struct facet_edit *edit;
	int r = fake_vgpu_edit(fake, &edit);

	if (r == 0) {
		r = facet_mdev_stop(edit, UUID, NULL, NULL, false, NULL);
		facet_edit_close(edit);
	}
	return r;
}

/* In a process of its own where it may be killed: whether it was, and how many calls it made. */
static int run_apart(struct fake_vgpu *fake, int (*run)(struct fake_vgpu *fake))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(fake) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status) == 0 ? 0 : -WEXITSTATUS(status);
}

/* All of it, or nothing; in both cases nothing is left of the doing. */
static bool is_whole(struct fake_vgpu *fake)
{
	bool there = fake_exists(fake, "sys/bus/mdev/devices/" UUID);

	assert_int_equal(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID), there);
	assert_false(fake_exists(fake, FACET_EDIT_STATE "/mdev/" UUID));
	return there;
}

static void recover(struct fake_vgpu *fake)
{
	struct facet_edit *edit = begin(fake);

	assert_int_equal(facet_mdev_recover(edit, NULL), 0);
	facet_edit_close(edit);
}

/* False: the operation is over before that call. */
static bool start_with(struct fake_vgpu *fake, enum fake_fault fault, unsigned int at)
{
	bool killed = fault == FAKE_KILL || fault == FAKE_KILL_BEHIND;
	int r;

	fake_vgpu_init(fake);
	fake_vgpu_add_gvtg(fake);
	fake->fault = fault;
	fake->at = at;
	r = killed ? run_apart(fake, run_start) : run_start(fake);
	at = killed && r == 0 ? 0 : fake->calls < at && !killed ? 0 : at;
	fake->at = 0;
	/* A note that could not be removed waits for the next of us as well. */
	recover(fake);
	/* What it said is so; and the second run gets what the first did not. */
	if (!is_whole(fake))
		assert_int_not_equal(r, 0);
	else if (!killed)
		assert_int_equal(r, 0);
	if (!is_whole(fake))
		assert_int_equal(run_start(fake), 0);
	assert_true(is_whole(fake));
	fake_vgpu_fini(fake);
	return at;
}

static void test_faults_of_start(void **state)
{
	struct fake_vgpu fake;

	for (enum fake_fault fault = FAKE_FAIL; fault < FAKE_FAULT_COUNT; fault++)
		for (unsigned int at = 1; start_with(&fake, fault, at); at++)
			assert_true(at < 30);
}

static bool stop_with(struct fake_vgpu *fake, enum fake_fault fault, unsigned int at)
{
	bool killed = fault == FAKE_KILL || fault == FAKE_KILL_BEHIND, reached;
	int r;

	fake_vgpu_init(fake);
	fake_vgpu_add_gvtg(fake);
	assert_int_equal(run_start(fake), 0);
	fake->calls = 0;
	fake->fault = fault;
	fake->at = at;
	r = killed ? run_apart(fake, run_stop) : run_stop(fake);
	reached = killed ? r != 0 : fake->calls >= at;
	fake->at = 0;
	if (fake_exists(fake, "sys/bus/mdev/devices/" UUID)) {
		assert_int_not_equal(r, 0);
		assert_int_equal(run_stop(fake), 0);
	} else if (!killed) {
		assert_int_equal(r, 0);
	}
	assert_true(fake_exists(fake, "etc/mdevctl.d/" PARENT "/" UUID));
	assert_false(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	fake_vgpu_fini(fake);
	return reached;
}

static void test_faults_of_stop(void **state)
{
	struct fake_vgpu fake;

	for (enum fake_fault fault = FAKE_FAIL; fault < FAKE_FAULT_COUNT; fault++)
		for (unsigned int at = 1; stop_with(&fake, fault, at); at++)
			assert_true(at < 30);
}

/* A note of another boot, of another's device, and of one that a guest has by now. */
static void test_notes_that_do_not_fit(void **state)
{
	struct fake_vgpu *fake = *state;
	struct facet_mdev_spec spec = make_spec(UUID, "i915-GVTg_V5_4");
	struct facet_edit *edit = begin(fake);

	assert_int_equal(facet_mdev_start(edit, &spec, false, NULL), 0);
	facet_edit_close(edit);
	fake_put(fake, "another " PARENT " i915-GVTg_V5_4 -\n", FACET_EDIT_STATE "/mdev/" UUID);
	recover(fake);
	fake_put(fake, "0c5c7a0e-5d8f-4c57-9a54-3f0f1b1f2d11 " PARENT " i915-GVTg_V5_8 -\n",
		 FACET_EDIT_STATE "/mdev/" UUID);
	recover(fake);
	fake_put(fake, "garbage", FACET_EDIT_STATE "/mdev/" UUID);
	recover(fake);
	fake_vgpu_hold(fake, 4711, 30, true);
	fake_put(fake, "0c5c7a0e-5d8f-4c57-9a54-3f0f1b1f2d11 " PARENT " i915-GVTg_V5_4 -\n",
		 FACET_EDIT_STATE "/mdev/" UUID);
	recover(fake);
	assert_true(fake_exists(fake, "sys/bus/mdev/devices/" UUID));
	assert_false(fake_exists(fake, FACET_EDIT_STATE "/mdev/" UUID));
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
		cmocka_unit_test_setup_teardown(test_two_at_once, set_up, tear_down),
		cmocka_unit_test(test_faults_of_start),
		cmocka_unit_test(test_faults_of_stop),
		cmocka_unit_test_setup_teardown(test_notes_that_do_not_fit, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
