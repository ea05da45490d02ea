// SPDX-License-Identifier: GPL-2.0-or-later
/* pixels.c - every kind of pixel that is published, as bytes B, G, R. */
#include <math.h>
#include <string.h>

#include "viewer/internal.h"

static uint32_t bgr(uint32_t blue, uint32_t green, uint32_t red)
{
	return htole32(0xff000000 | red << 16 | green << 8 | blue);
}

static void from_bgra(const uint8_t *from, uint32_t *to, uint32_t count)
{
	uint32_t pixel;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(&pixel, from + (size_t)i * 4, 4);
		to[i] = pixel | htole32(0xff000000);
	}
}

static void from_rgba(const uint8_t *from, uint32_t *to, uint32_t count)
{
	uint32_t pixel;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(&pixel, from + (size_t)i * 4, 4);
		pixel = le32toh(pixel);
		to[i] = bgr(pixel >> 16 & 0xff, pixel >> 8 & 0xff, pixel & 0xff);
	}
}

static void from_rgba10(const uint8_t *from, uint32_t *to, uint32_t count)
{
	uint32_t pixel;

	for (uint32_t i = 0; i < count; i++) {
		memcpy(&pixel, from + (size_t)i * 4, 4);
		pixel = le32toh(pixel);
		to[i] = bgr(pixel >> 22 & 0xff, pixel >> 12 & 0xff, pixel >> 2 & 0xff);
	}
}

static void from_halves(const uint8_t *table, const uint8_t *from, uint32_t *to, uint32_t count)
{
	uint16_t pixel[4];

	for (uint32_t i = 0; i < count; i++) {
		memcpy(pixel, from + (size_t)i * 8, 8);
		to[i] = bgr(table[le16toh(pixel[2])], table[le16toh(pixel[1])],
			    table[le16toh(pixel[0])]);
	}
}

static void from_bgr24(const uint8_t *from, uint32_t *to, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, from += 3)
		to[i] = bgr(from[0], from[1], from[2]);
}

static void from_rgb24(const uint8_t *from, uint32_t *to, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, from += 3)
		to[i] = bgr(from[2], from[1], from[0]);
}

void facet_viewer_convert(uint32_t type, const uint8_t *halves, const uint8_t *from, uint32_t *to,
			  uint32_t count)
{
	switch (type) {
	case WIRE_KVMFR_BGRA:
		from_bgra(from, to, count);
		break;
	case WIRE_KVMFR_RGBA:
		from_rgba(from, to, count);
		break;
	case WIRE_KVMFR_RGBA10:
		from_rgba10(from, to, count);
		break;
	case WIRE_KVMFR_RGBA16F:
		from_halves(halves, from, to, count);
		break;
	case WIRE_KVMFR_BGR_32:
		from_bgr24(from, to, count);
		break;
	case WIRE_KVMFR_RGB_24:
		from_rgb24(from, to, count);
		break;
	default:
		break;
	}
}

/* Sign, 5 bits of exponent, 10 of mantissa. What no screen shows (NaN too) is black. */
static double half(uint32_t bits)
{
	const int exponent = (int)(bits >> 10 & 0x1f);
	const double mantissa = bits & 0x3ff;

	if (bits >> 15 || (exponent == 31 && mantissa > 0))
		return 0;
	if (exponent == 31)
		return INFINITY;
	return exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
}

static double srgb(double light)
{
	return light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

void facet_viewer_fill_halves(uint8_t table[1 << 16], bool linear)
{
	double level;

	for (uint32_t bits = 0; bits < 1 << 16; bits++) {
		level = fmin(half(bits), 1);
		table[bits] = (uint8_t)lrint((linear ? srgb(level) : level) * 255);
	}
}
