// SPDX-License-Identifier: GPL-2.0-or-later
/* args_test.c - values that QEMU or a shell would take apart. */
#include "launch/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_option(void **state)
{
	struct facet_args args = { 0 };

	facet_args_option(&args, "-drive", NULL, "if", "none", "file", "/a,b/c=d", "snapshot", NULL,
			  NULL);
	facet_args_option(&args, "-device", "vfio-pci", "host", "0000:01:00.0", NULL);
	assert_false(args.failed);
	assert_int_equal(args.count, 4);
	assert_string_equal(args.items[0], "-drive");
	assert_string_equal(args.items[1], "if=none,file=/a,,b/c=d");
	assert_string_equal(args.items[3], "vfio-pci,host=0000:01:00.0");
	assert_null(args.items[4]);
	facet_args_fini(&args);
}

static void test_many(void **state)
{
	struct facet_args args = { 0 };

	for (unsigned int i = 0; i < 1000; i++)
		facet_args_addf(&args, "%u", i);
	assert_int_equal(args.count, 1000);
	assert_string_equal(args.items[999], "999");
	assert_null(args.items[1000]);
	facet_args_fini(&args);
}

static void check_quote(const char *text, const char *quoted)
{
	char *got = facet_args_quote(text);

	assert_string_equal(got, quoted);
	free(got);
}

static void test_quote(void **state)
{
	check_quote("-m", "-m");
	check_quote("", "''");
	check_quote("a b", "'a b'");
	check_quote("it's", "'it'\\''s'");
	check_quote("$(x)", "'$(x)'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_option),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
