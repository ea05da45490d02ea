// SPDX-License-Identifier: GPL-2.0-or-later
/* edid.c - describes a screen of any size to the guest (VESA E-EDID 1.4, DisplayID 1.3). */
#include <string.h>

#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

enum {
	BLOCK = 128,
	DESCRIPTOR = 18,
	REFRESH_HZ = 60,
	DETAILED_MAX_SIZE = 4095,   /* 12 bits */
	DETAILED_MAX_CLOCK = 65535, /* units of 10 kHz */
	DEFAULT_WIDTH = 1280,
	DEFAULT_HEIGHT = 800,
	/* What the base block prefers when it cannot say what is wanted. */
	FALLBACK_WIDTH = 1920,
	FALLBACK_HEIGHT = 1080,
};

/* Pixels and lines; the clock in units of 10 kHz. */
struct timing {
	uint32_t width, height;
	uint32_t h_blank, h_front, h_sync;
	uint32_t v_blank, v_front, v_sync;
	uint32_t clock;
};

/* The aspect ratio shows in the length of the vertical sync pulse (VESA CVT 1.2, table 3). */
static uint32_t vertical_sync(uint32_t width, uint32_t height)
{
	if (width * 3 == height * 4)
		return 4;
	if (width * 9 == height * 16)
		return 5;
	if (width * 10 == height * 16)
		return 6;
	if (width * 4 == height * 5 || width * 9 == height * 15)
		return 7;
	return 10;
}

/* CVT with reduced blanking: at least 460 us between two pictures. */
static struct timing make_timing(uint32_t width, uint32_t height)
{
	const uint64_t blank_us = 460, second_us = 1000000;
	struct timing t = {
		.width = width,
		.height = height,
		.h_blank = 160,
		.h_front = 48,
		.h_sync = 32,
		.v_front = 3,
		.v_sync = vertical_sync(width, height),
	};
	uint64_t active_us = second_us - blank_us * REFRESH_HZ; /* of each second */
	uint32_t least = t.v_front + t.v_sync + 6;

	t.v_blank = (uint32_t)(blank_us * REFRESH_HZ * height / active_us) + 1;
	if (t.v_blank < least)
		t.v_blank = least;
	t.clock = (uint32_t)((uint64_t)REFRESH_HZ * (width + t.h_blank) * (height + t.v_blank) /
			     10000);
	if (!t.clock)
		t.clock = 1;
	return t;
}

static bool fits_detailed(const struct timing *t)
{
	return t->width <= DETAILED_MAX_SIZE && t->height <= DETAILED_MAX_SIZE &&
	       t->clock <= DETAILED_MAX_CLOCK;
}

/* A screen of 100 pixels an inch; of no known size when the base block cannot say it. */
struct size_mm {
	uint32_t x, y;
};

static struct size_mm size_of_screen(uint32_t width, uint32_t height)
{
	struct size_mm mm = { width * 254 / 1000, height * 254 / 1000 };

	if (mm.x < 10 || mm.y < 10 || mm.x >= 2560 || mm.y >= 2560)
		return (struct size_mm){ 0, 0 };
	return mm;
}

static uint8_t low(uint32_t v)
{
	return (uint8_t)v;
}

/* Bits 8 to 11 of two numbers in one byte. */
static uint8_t high_nibbles(uint32_t a, uint32_t b)
{
	return (uint8_t)((a >> 8 & 15) << 4 | (b >> 8 & 15));
}

static void put_detailed(uint8_t *d, const struct timing *t, const struct size_mm *mm)
{
	d[0] = low(t->clock);
	d[1] = low(t->clock >> 8);
	d[2] = low(t->width);
	d[3] = low(t->h_blank);
	d[4] = high_nibbles(t->width, t->h_blank);
	d[5] = low(t->height);
	d[6] = low(t->v_blank);
	d[7] = high_nibbles(t->height, t->v_blank);
	d[8] = low(t->h_front);
	d[9] = low(t->h_sync);
	d[10] = (uint8_t)((t->v_front & 15) << 4 | (t->v_sync & 15));
	d[11] = 0; /* the high bits of the four above */
	d[12] = low(mm->x);
	d[13] = low(mm->y);
	d[14] = high_nibbles(mm->x, mm->y);
	d[17] = 0x1a; /* digital separate sync: horizontal positive, vertical negative */
}

static void put_text(uint8_t *d, uint8_t tag, const char *text)
{
	size_t length = strlen(text);

	memset(d, 0, DESCRIPTOR);
	d[3] = tag;
	memset(d + 5, ' ', 13);
	memcpy(d + 5, text, length);
	d[5 + length] = '\n';
}

enum aspect {
	ASPECT_16_10,
	ASPECT_4_3,
	ASPECT_5_4,
	ASPECT_16_9,
};

struct standard_mode {
	uint16_t width;
	enum aspect aspect;
};

/* Besides 640x480, 800x600 and 1024x768, which have bits of their own. All at 60 Hz. */
static const struct standard_mode standard_modes[8] = {
	{ 1280, ASPECT_16_9 },  { 1280, ASPECT_16_10 }, { 1280, ASPECT_5_4 },
	{ 1440, ASPECT_16_10 }, { 1600, ASPECT_16_9 },  { 1680, ASPECT_16_10 },
	{ 1920, ASPECT_16_9 },  { 1920, ASPECT_16_10 },
};

static const struct standard_mode more_modes[6] = {
	{ 1152, ASPECT_4_3 }, { 1400, ASPECT_4_3 },  { 1440, ASPECT_4_3 },
	{ 1600, ASPECT_4_3 }, { 2048, ASPECT_16_9 }, { 2048, ASPECT_4_3 },
};

static void put_standard_modes(uint8_t *to, const struct standard_mode *modes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		to[2 * i] = (uint8_t)(modes[i].width / 8 - 31);
		to[2 * i + 1] = (uint8_t)(modes[i].aspect << 6); /* low bits: 60 Hz */
	}
}

static void put_more_modes(uint8_t *d)
{
	memset(d, 0, DESCRIPTOR);
	d[3] = 0xfa;
	put_standard_modes(d + 5, more_modes, FACET_ARRAY_SIZE(more_modes));
	d[17] = '\n';
}

/* The last byte makes the sum of all 0. */
static void put_checksum(uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i + 1 < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	bytes[size - 1] = (uint8_t)-sum;
}

/* Bytes 0 to 53: who made it, how big, which colours, which usual modes. */
static void put_head(uint8_t *e, unsigned int output, const struct size_mm *mm)
{
	static const uint8_t magic[] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	static const uint8_t maker[] = { 0x18, 0x34 }; /* "FAT": five bits a letter */
	static const uint8_t srgb[] = {
		0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54
	};

	memcpy(e, magic, sizeof(magic));
	memcpy(e + 8, maker, sizeof(maker));
	e[10] = 1;                     /* product */
	e[12] = (uint8_t)(output + 1); /* serial number */
	e[16] = 1;                     /* week */
	e[17] = 2025 - 1990;
	e[18] = 1;
	e[19] = 4;
	e[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
	e[21] = (uint8_t)(mm->x / 10);
	e[22] = (uint8_t)(mm->y / 10);
	e[23] = 220 - 100; /* gamma 2.2 */
	e[24] = 0x06;      /* sRGB; the first mode is the screen's own */
	memcpy(e + 25, srgb, sizeof(srgb));
	e[35] = 0x21; /* 640x480, 800x600 */
	e[36] = 0x08; /* 1024x768 */
	put_standard_modes(e + 38, standard_modes, FACET_ARRAY_SIZE(standard_modes));
}

static void put_word(uint8_t *to, uint32_t v)
{
	to[0] = low(v);
	to[1] = low(v >> 8);
}

/* Who made it and what it is: DisplayID wants to stand by itself. Return: past its end. */
static uint8_t *put_product(uint8_t *d, unsigned int output, const struct timing *t)
{
	static const uint8_t product[15] = {
		0x00, 0, 12, 'F', 'A', 'T', 1, 0, 0, 0, 0, 0, 1, 25, 0
	};
	static const uint8_t parameters[15] = { 0x01, 0, 12, [12] = 120, [14] = 0x77 };
	static const uint8_t interface[13] = { 0x0f, 0, 10, 0xa1 }; /* DisplayPort, one lane */

	memcpy(d, product, sizeof(product));
	d[8] = (uint8_t)(output + 1); /* serial number */
	d += sizeof(product);
	memcpy(d, parameters, sizeof(parameters)); /* gamma 2.2, 8 bits a colour */
	put_word(d + 7, t->width);
	put_word(d + 9, t->height);
	d += sizeof(parameters);
	memcpy(d, interface, sizeof(interface));
	return d + sizeof(interface);
}

/* A type 1 detailed timing: like the base block's, but with room; each number is less one. */
static uint8_t *put_wide_timing(uint8_t *d, const struct timing *t)
{
	uint8_t *mode = d + 3;

	d[0] = 0x03;
	d[2] = 20;
	mode[0] = low(t->clock - 1);
	mode[1] = low((t->clock - 1) >> 8);
	mode[2] = low((t->clock - 1) >> 16);
	mode[3] = 0x88; /* preferred; aspect ratio not one of the list */
	put_word(mode + 4, t->width - 1);
	put_word(mode + 6, t->h_blank - 1);
	put_word(mode + 8, (t->h_front - 1) | 0x8000); /* positive sync */
	put_word(mode + 10, t->h_sync - 1);
	put_word(mode + 12, t->height - 1);
	put_word(mode + 14, t->v_blank - 1);
	put_word(mode + 16, t->v_front - 1);
	put_word(mode + 18, t->v_sync - 1);
	return mode + 20;
}

static void put_display_id(uint8_t *e, unsigned int output, const struct timing *t)
{
	uint8_t *end;

	e[0] = 0x70;
	e[1] = 0x13; /* DisplayID 1.3 */
	e[3] = 0x03; /* a display of its own */
	end = put_wide_timing(put_product(e + 5, output, t), t);
	e[2] = (uint8_t)(end - (e + 5));
	put_checksum(e + 1, (size_t)(end - e));
	put_checksum(e, BLOCK);
}

size_t facet_gpu_edid(uint8_t *edid, unsigned int output, uint32_t width, uint32_t height)
{
	struct timing wanted, first;
	struct size_mm mm;
	char serial[] = "output 00";

	if (!width || !height) {
		width = DEFAULT_WIDTH;
		height = DEFAULT_HEIGHT;
	}
	if (width > GPU_MAX_DIMENSION)
		width = GPU_MAX_DIMENSION;
	if (height > GPU_MAX_DIMENSION)
		height = GPU_MAX_DIMENSION;
	mm = size_of_screen(width, height);
	wanted = make_timing(width, height);
	first = fits_detailed(&wanted) ? wanted : make_timing(FALLBACK_WIDTH, FALLBACK_HEIGHT);
	serial[7] = (char)('0' + output / 10 % 10);
	serial[8] = (char)('0' + output % 10);

	memset(edid, 0, 2 * BLOCK);
	put_head(edid, output, &mm);
	put_detailed(edid + 54, &first, &mm);
	put_text(edid + 72, 0xfc, "facet");
	put_text(edid + 90, 0xff, serial);
	put_more_modes(edid + 108);
	edid[126] = !fits_detailed(&wanted); /* extensions */
	put_checksum(edid, BLOCK);
	if (!edid[126])
		return BLOCK;
	put_display_id(edid + BLOCK, output, &wanted);
	return 2 * BLOCK;
}
