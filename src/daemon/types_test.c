// SPDX-License-Identifier: GPL-2.0-or-later
/* types_test.c - the built-in types, files of types, and sentences about wrong ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "daemon/types.h"

static int parse(struct facetd_types *types, const char *text, struct facet_error *err)
{
	return facetd_types_parse(types, "t.yaml", text, strlen(text), err);
}

static void test_file(void **state)
{
	static const char text[] = "# ours\n"
				   "types:\n"
				   "- name: office\n"
				   "  weight: 50\n"
				   "  cap: 30%\n"
				   "  reservation: 12.5%\n"
				   "  vram: 256M\n"
				   "  size: 1920x1200\n"
				   "  outputs: 2\n"
				   "  eus: 0-1\n"
				   "  eus-exclusive: true\n"
				   "  hang: 5\n"
				   "- {name: office, gpu: soft0, vram: 25%, mechanism: 2d}\n";
	struct facetd_types *types = facetd_types_create();
	const struct facetd_type *type;
	struct facetd_limits limits;
	struct facet_error err = { .text = "" };

	assert_int_equal(parse(types, text, &err), 0);
	type = facetd_types_find(types, "renderD128", "office");
	assert_non_null(type);
	limits = facetd_type_limits(type, 1ULL << 40);
	assert_int_equal(limits.share.weight, 50);
	assert_int_equal(limits.share.cap_ppm, 300000);
	assert_int_equal(limits.share.reservation_ppm, 125000);
	assert_int_equal(limits.vram_bytes, 256 << 20);
	assert_string_equal(limits.eus, "0-1");
	assert_true(limits.eus_exclusive);
	assert_int_equal(limits.hang_ms, 5000);
	assert_int_equal(type->width, 1920);
	assert_int_equal(type->outputs, 2);
	/* A GPU's own goes before everybody's. */
	type = facetd_types_find(types, "soft0", "office");
	assert_string_equal(type->mechanism, "2d");
	limits = facetd_type_limits(type, 4ULL << 30);
	assert_int_equal(limits.vram_bytes, 1ULL << 30);
	assert_int_equal(limits.share.weight, FACET_WEIGHT_DEFAULT);
	assert_int_equal(limits.share.cap_ppm, FACET_SHARE_ALL);
	assert_null(facetd_types_find(types, "soft0", "nowhere"));
	facetd_types_destroy(types);
}

static void test_wrong_files(void **state)
{
	static const struct {
		const char *text, *where, *what;
	} wrong[] = {
		{ "types:\n- name: a\n  colour: red\n", "t.yaml:3: ", "colour" },
		{ "types:\n- name: a\n  colour: red\n", "t.yaml:3: ", "reservation" },
		{ "typos:\n- name: a\n", "t.yaml:1: ", "typos" },
		{ "types:\n- name: a\n- vram: 1G\n", "t.yaml:3: ", "name" },
		{ "types:\n- name: a\n  name: b\n", "t.yaml:3: ", "twice" },
		{ "types:\n- name: a\n  weight: heavy\n", "t.yaml:3: ", "weight heavy: must be" },
		{ "types:\n- name: b\n\n- name: a\n  weight: 0\n", "t.yaml:5: ", "1 to 10000" },
		{ "types:\n- name: a\n  cap: 101%\n", "t.yaml:3: ", "cap 101%" },
		{ "types:\n- name: a\n  cap: 0\n", "t.yaml:3: ", "cap 0" },
		{ "types:\n- name: a\n  cap: 10%\n  reservation: 20%\n", "t.yaml:4: ", "cap" },
		{ "types:\n- name: a\n  vram: 1M\n", "t.yaml:3: ", "vram 1M" },
		{ "types:\n- name: a\n  vram: 0%\n", "t.yaml:3: ", "vram 0%" },
		{ "types:\n- name: a\n  size: 10x10\n", "t.yaml:3: ", "64x64" },
		{ "types:\n- name: a\n  outputs: 17\n", "t.yaml:3: ", "1 to 16" },
		{ "types:\n- name: a\n  eus: all\n", "t.yaml:3: ", "0-3,6" },
		{ "types:\n- name: a\n  eus-exclusive: maybe\n", "t.yaml:3: ", "true or false" },
		{ "types:\n- name: a\n  hang: 4000\n", "t.yaml:3: ", "3600" },
		{ "types:\n- name: a\n  mechanism: magic\n", "t.yaml:3: ", "magic" },
		{ "types:\n- name: a/b\n", "t.yaml:2: ", "a/b" },
		{ "types:\n- name: a\n- name: a\n", "t.yaml:3: ", "already" },
		{ "types:\n- name: [a]\n", "t.yaml:2: ", "STRING" },
		{ "types: 7\n", "t.yaml:1: ", "SEQUENCE" },
		{ "types: [\n", "t.yaml:", "expected" },
		{ "types:\n- &a {name: b}\n- *a\n", "t.yaml:2: ", "alias" },
		{ "- a\n", "t.yaml:1: ", "MAPPING" },
		{ "", "t.yaml:1: ", "types:" },
		{ "types:\n- name: \xff\n", "t.yaml:", "UTF-8" },
	};
	struct facetd_types *types = facetd_types_create();
	unsigned int before = types->count;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(wrong); i++) {
		struct facet_error err = { .text = "" };

		assert_int_not_equal(parse(types, wrong[i].text, &err), 0);
		if (strncmp(err.text, wrong[i].where, strlen(wrong[i].where)) != 0 ||
		    !strstr(err.text, wrong[i].what))
			fail_msg("%s -> %s", wrong[i].text, err.text);
		assert_int_equal(types->count, before);
	}
	assert_int_equal(facetd_types_load(types, "/nowhere/t.yaml", NULL), -ENOENT);
	facetd_types_destroy(types);
}

static void test_too_many(void **state)
{
	struct facetd_types *types = facetd_types_create();
	struct facetd_type type = { .outputs = 1 };
	unsigned int before = types->count;

	for (unsigned int i = before; i < FACETD_MAX_TYPES; i++) {
		snprintf(type.name, sizeof(type.name), "t%u", i);
		assert_int_equal(facetd_types_add(types, &type, NULL), 0);
	}
	strcpy(type.name, "more");
	assert_int_equal(facetd_types_add(types, &type, NULL), -ENOSPC);
	facetd_types_destroy(types);
}

/* n of 1/n fit by memory, by reservation and, under policy fixed, by weight; a mix, too. */
static void test_fit(void **state)
{
	struct facetd_types *types = facetd_types_create();
	struct facetd_gpu_state gpu = { .policy = FACET_POLICY_BEST_EFFORT,
					.vram_bytes = 12ULL << 30 };
	struct facetd_limits limits = FACETD_LIMITS_DEFAULT;

	for (unsigned int i = 0; i < types->count; i++) {
		unsigned int n = (unsigned int)strtoul(types->items[i].name + 6, NULL, 10);

		limits = facetd_type_limits(&types->items[i], gpu.vram_bytes);
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 0, 256), n);
		gpu.policy = FACET_POLICY_FIXED;
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 0, 256), n);
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 50, 256), n / 2);
		gpu.policy = FACET_POLICY_BEST_EFFORT;
		gpu.reserved_ppm = 500000;
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 0, 256), n / 2);
		gpu.reserved_ppm = 0;
		gpu.vram_given_bytes = gpu.vram_bytes / 4 * 3;
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 0, 256), n / 4);
		gpu.vram_given_bytes = gpu.vram_bytes + 1;
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 0, 256), 0);
		gpu.vram_given_bytes = 0;
		assert_int_equal(facetd_limits_fit(&limits, &gpu, 0, 1), 1);
	}
	facetd_types_destroy(types);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
