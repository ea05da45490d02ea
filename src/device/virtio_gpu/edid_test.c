// SPDX-License-Identifier: GPL-2.0-or-later
/* edid_test.c - screens of every size: sums, preferred modes, and where they are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

static uint8_t sum(const uint8_t *bytes, size_t size)
{
	uint8_t total = 0;

	while (size--)
		total = (uint8_t)(total + *bytes++);
	return total;
}

static uint32_t word(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

/* The size that a guest will take from the EDID. */
static void preferred(const uint8_t *edid, uint32_t *width, uint32_t *height)
{
	const uint8_t *d = edid + 54, *block = edid + 128 + 5;

	*width = d[2] | (uint32_t)(d[4] >> 4) << 8;
	*height = d[5] | (uint32_t)(d[7] >> 4) << 8;
	if (!edid[126])
		return;
	while (block[0] != 0x03)
		block += 3 + block[2];
	assert_int_equal(block[3 + 3] & 0x80, 0x80);
	*width = word(block + 3 + 4) + 1;
	*height = word(block + 3 + 12) + 1;
}

static void test_sizes(void **state)
{
	static const struct {
		uint32_t width, height;
		size_t size;
	} cases[] = {
		{ 1280, 800, 128 },  { 1366, 768, 128 },    { 641, 479, 128 },
		{ 64, 64, 128 },     { 1, 1, 128 },         { 3840, 2160, 128 },
		{ 4095, 2160, 128 }, { 4096, 2160, 256 },   { 5120, 2880, 256 },
		{ 100, 5000, 256 },  { 16384, 16384, 256 },
	};
	uint8_t edid[FACET_MAX_EDID];
	uint32_t width, height;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		size_t size =
			facet_gpu_edid(edid, (unsigned int)i, cases[i].width, cases[i].height);

		assert_int_equal(size, cases[i].size);
		assert_int_equal(edid[126], size / 128 - 1);
		assert_int_equal(sum(edid, 128), 0);
		assert_memory_equal(edid, "\0\xff\xff\xff\xff\xff\xff\0", 8);
		assert_memory_equal(edid + 72, "\0\0\0\xfc\0facet\n", 11);
		assert_int_equal(edid[12], i + 1);
		if (size > 128) {
			assert_int_equal(sum(edid + 128, 128), 0);
			assert_int_equal(sum(edid + 129, 5u + edid[130]), 0);
		}
		preferred(edid, &width, &height);
		assert_int_equal(width, cases[i].width);
		assert_int_equal(height, cases[i].height);
	}
}

/* No size, and more than there can be. */
static void test_limits(void **state)
{
	uint8_t edid[FACET_MAX_EDID];
	uint32_t width, height;

	assert_int_equal(facet_gpu_edid(edid, 0, 0, 900), 128);
	preferred(edid, &width, &height);
	assert_int_equal(width, 1280);
	assert_int_equal(height, 800);
	assert_int_equal(facet_gpu_edid(edid, 15, UINT32_MAX, UINT32_MAX), 256);
	preferred(edid, &width, &height);
	assert_int_equal(width, 16384);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
