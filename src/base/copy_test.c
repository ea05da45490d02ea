// SPDX-License-Identifier: GPL-2.0-or-later
/* copy_test.c - every byte arrives, and none beside, whatever the size and place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/copy.h"

enum { ROWS = 40, WIDEST = 32 << 10, STRIDE = WIDEST + 128 };

static uint8_t from[ROWS * STRIDE], to[ROWS * STRIDE];

static void fill(void)
{
	for (size_t i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 2654435761U >> 24) | 1;
	memset(to, 0, sizeof(to));
}

static void check(size_t start, size_t from_start, size_t bytes)
{
	for (size_t y = 0; y < ROWS; y++) {
		const uint8_t *row = to + y * STRIDE;

		for (size_t x = 0; x < STRIDE; x++) {
			const bool inside = x >= start && x < start + bytes;
			const uint8_t want = inside ? from[y * STRIDE + x - start + from_start] : 0;

			if (row[x] != want)
				fail_msg("%zu bytes at %zu: row %zu, byte %zu", bytes, start, y, x);
		}
	}
}

static void test_lines(void **state)
{
	static const size_t sizes[] = { 0, 1, 63, 64, 65, 1000, 13108, WIDEST - 1, WIDEST };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t start = 0; start < 128; start += 31) {
			fill();
			facet_copy_lines(to + start, STRIDE, from + 5, STRIDE, sizes[i], ROWS);
			check(start, 5, sizes[i]);
		}
	}
}

static void test_at_once(void **state)
{
	fill();
	facet_copy_lines(to, STRIDE, from, STRIDE, STRIDE, ROWS); /* without gaps */
	assert_memory_equal(to, from, sizeof(to));
	fill();
	facet_copy_past_caches(to + 3, from + 1, 1000001);
	assert_memory_equal(to + 3, from + 1, 1000001);
	assert_int_equal(to[2] + to[1000004], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_at_once),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
