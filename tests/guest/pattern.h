/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The picture every pixel test compares with, as one integer formula per pixel.
 *
 * It is made so that each usual mistake changes it: the four edges have a colour of their own
 * (off by one), red grows with x and green with y (flips, channel swaps, stride), blue mixes both
 * (rows or tiles swapped, sizes beyond 256), and the tag moves all three (wrong output or frame).
 * Nothing in it exceeds 2^24, so a highp shader computes it exactly.
 */
#ifndef FACET_TESTS_GUEST_PATTERN_H
#define FACET_TESTS_GUEST_PATTERN_H

#include <stdint.h>

#define FACET_CURSOR_SIZE 64

/* 0x00RRGGBB at (x, y) of a w x h picture; (0, 0) is the top left. */
static inline uint32_t facet_pattern_pixel(uint32_t x, uint32_t y, uint32_t w, uint32_t h,
					   uint32_t tag)
{
	uint32_t r, g, b;

	if (y == 0)
		return 0xff0000;
	if (y == h - 1)
		return 0x00ff00;
	if (x == 0)
		return 0x0000ff;
	if (x == w - 1)
		return 0xffffff;

	r = (x + 3 * tag) & 255;
	g = (y + 5 * tag) & 255;
	b = ((x >> 8) * 64 + (y >> 8) * 16 + (x & 15) * (y & 15) + 7 * tag) & 255;
	return r << 16 | g << 8 | b;
}

/* 0xAARRGGBB of the test cursor: an opaque triangle, fully transparent elsewhere, so that any
 * way of blending gives the same picture. */
static inline uint32_t facet_pattern_cursor(uint32_t x, uint32_t y)
{
	if (x > y)
		return 0;
	return 0xff000000 | (x * 4) << 16 | (255 - y * 4) << 8 | (x * y & 255);
}

#endif
