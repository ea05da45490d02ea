// SPDX-License-Identifier: GPL-2.0-or-later
/* units_test.c - what is an amount, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"

static void test_percent(void **state)
{
	static const struct {
		const char *text;
		uint32_t ppm;
	} good[] = {
		{ "30", 300000 }, { "30%", 300000 },   { "12.5%", 125000 },    { "0.0001", 1 },
		{ "0", 0 },       { "100%", 1000000 }, { "33.3333%", 333333 }, { "007", 70000 },
	};
	static const char *const bad[] = {
		"",   "%",   "x",  "-1",  "101", "100.1",   "1.",  "1.%",
		".5", "1e1", " 1", "1 %", "1%%", "1.00000", "0x1", "1,5"
	};
	uint32_t ppm = 7;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(facet_units_percent(bad[i], &ppm), 0);
	assert_int_equal(ppm, 7);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(facet_units_percent(good[i].text, &ppm), 0);
		assert_int_equal(ppm, good[i].ppm);
	}
}

static void test_bytes(void **state)
{
	static const char *const bad[] = { "",
					   "0",
					   "M",
					   "-1",
					   "1m",
					   "1MB",
					   "1 M",
					   "99999999999999999999",
					   "9223372036854775808",
					   "9999999999999T" };
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(facet_units_bytes(bad[i], &bytes), 0);
	assert_int_equal(facet_units_bytes("77", &bytes), 0);
	assert_int_equal(bytes, 77);
	assert_int_equal(facet_units_bytes("512M", &bytes), 0);
	assert_int_equal(bytes, 512ULL << 20);
	assert_int_equal(facet_units_bytes("3T", &bytes), 0);
	assert_int_equal(bytes, 3ULL << 40);
}

static void test_size(void **state)
{
	static const char *const bad[] = { "",    "12",    "x",       "1x",  "x1",  "0x1",
					   "1x0", "1x2x3", "65536x1", "1X2", "-1x1" };
	uint32_t width, height;
	uint64_t number;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(facet_units_size(bad[i], &width, &height), 0);
	assert_int_equal(facet_units_size("1366x768", &width, &height), 0);
	assert_int_equal(width, 1366);
	assert_int_equal(height, 768);
	assert_int_equal(facet_units_number("16", 1, 16, &number), 0);
	assert_int_equal(number, 16);
	assert_int_not_equal(facet_units_number("17", 1, 16, &number), 0);
	assert_int_not_equal(facet_units_number("0", 1, 16, &number), 0);
	assert_int_not_equal(facet_units_number("1x", 1, 16, &number), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
