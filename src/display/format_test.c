// SPDX-License-Identifier: GPL-2.0-or-later
/* format_test.c - each channel of each format arrives where screens want it. */
#include "display/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <drm_fourcc.h>

/* Where drm_fourcc.h puts the channels in memory: byte offsets of R, G, B. */
static const struct {
	uint32_t fourcc;
	unsigned int r, g, b;
} formats[] = {
	{ DRM_FORMAT_ARGB8888, 2, 1, 0 }, { DRM_FORMAT_XRGB8888, 2, 1, 0 },
	{ DRM_FORMAT_BGRA8888, 1, 2, 3 }, { DRM_FORMAT_BGRX8888, 1, 2, 3 },
	{ DRM_FORMAT_ABGR8888, 0, 1, 2 }, { DRM_FORMAT_XBGR8888, 0, 1, 2 },
	{ DRM_FORMAT_RGBA8888, 3, 2, 1 }, { DRM_FORMAT_RGBX8888, 3, 2, 1 },
};

/* Every value of one channel, the others apart from it, in rows of an odd length. */
static void test_channels(void **state)
{
	uint8_t pixels[257][4];
	unsigned int f, i;

	for (f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		memset(pixels, 0x5a, sizeof(pixels));
		for (i = 0; i < 257; i++) {
			pixels[i][formats[f].r] = (uint8_t)i;
			pixels[i][formats[f].g] = (uint8_t)(i * 7 + 1);
			pixels[i][formats[f].b] = (uint8_t)(255 - i);
		}
		assert_true(facet_format_known(formats[f].fourcc));
		facet_format_to_xrgb(formats[f].fourcc, (uint32_t *)(void *)pixels, 257);
		for (i = 0; i < 257; i++) {
			assert_int_equal(pixels[i][2], (uint8_t)i);
			assert_int_equal(pixels[i][1], (uint8_t)(i * 7 + 1));
			assert_int_equal(pixels[i][0], (uint8_t)(255 - i));
		}
	}
}

static void test_count(void **state)
{
	uint32_t pixels[3] = { 0x11223344, 0x11223344, 0x11223344 };

	facet_format_to_xrgb(DRM_FORMAT_BGRX8888, pixels, 2);
	assert_int_equal(pixels[1], 0x44332211);
	assert_int_equal(pixels[2], 0x11223344);
}

static void test_unknown(void **state)
{
	assert_false(facet_format_known(0));
	assert_false(facet_format_known(DRM_FORMAT_RGB565));
	assert_false(facet_format_known(DRM_FORMAT_NV12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
