/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A 5 x 7 bitmap font of capital letters, digits and a few signs. */

#include "common.h"

#include <ctype.h>
#include <string.h>

/* Seven rows of five pixels a character, top row first, leftmost pixel in bit 4. */
static const char names[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
static const uint8_t rows[][GLYPH_HEIGHT] = {
	{ 14, 17, 17, 31, 17, 17, 17 }, { 30, 17, 17, 30, 17, 17, 30 },
	{ 14, 17, 16, 16, 16, 17, 14 }, { 30, 17, 17, 17, 17, 17, 30 },
	{ 31, 16, 16, 30, 16, 16, 31 }, { 31, 16, 16, 30, 16, 16, 16 },
	{ 14, 17, 16, 23, 17, 17, 15 }, { 17, 17, 17, 31, 17, 17, 17 },
	{ 14, 4, 4, 4, 4, 4, 14 },      { 7, 2, 2, 2, 2, 18, 12 },
	{ 17, 18, 20, 24, 20, 18, 17 }, { 16, 16, 16, 16, 16, 16, 31 },
	{ 17, 27, 21, 21, 17, 17, 17 }, { 17, 25, 21, 19, 17, 17, 17 },
	{ 14, 17, 17, 17, 17, 17, 14 }, { 30, 17, 17, 30, 16, 16, 16 },
	{ 14, 17, 17, 17, 21, 18, 13 }, { 30, 17, 17, 30, 20, 18, 17 },
	{ 15, 16, 16, 14, 1, 1, 30 },   { 31, 4, 4, 4, 4, 4, 4 },
	{ 17, 17, 17, 17, 17, 17, 14 }, { 17, 17, 17, 17, 17, 10, 4 },
	{ 17, 17, 17, 21, 21, 27, 17 }, { 17, 17, 10, 4, 10, 17, 17 },
	{ 17, 17, 10, 4, 4, 4, 4 },     { 31, 1, 2, 4, 8, 16, 31 },
	{ 14, 17, 19, 21, 25, 17, 14 }, { 4, 12, 4, 4, 4, 4, 14 },
	{ 14, 17, 1, 6, 8, 16, 31 },    { 31, 2, 4, 2, 1, 17, 14 },
	{ 2, 6, 10, 18, 31, 2, 2 },     { 31, 16, 30, 1, 1, 17, 14 },
	{ 6, 8, 16, 30, 17, 17, 14 },   { 31, 1, 2, 4, 8, 8, 8 },
	{ 14, 17, 17, 14, 17, 17, 14 }, { 14, 17, 17, 15, 1, 2, 12 },
	{ 0, 0, 0, 31, 0, 0, 0 },       { 0, 0, 0, 0, 0, 0, 31 },
	{ 0, 0, 0, 0, 0, 12, 12 },      { 0, 12, 12, 0, 12, 12, 0 },
};

_Static_assert(sizeof(names) - 1 == sizeof(rows) / sizeof(rows[0]), "a glyph for each name");

bool glyph_pixel(char character, unsigned int x, unsigned int y)
{
	const char *at = strchr(names, toupper((unsigned char)character));

	if (!character || !at || x >= GLYPH_WIDTH || y >= GLYPH_HEIGHT)
		return false;
	return rows[at - names][y] >> (GLYPH_WIDTH - 1 - x) & 1;
}
