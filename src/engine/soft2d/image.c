// SPDX-License-Identifier: GPL-2.0-or-later
/* image.c - pictures in ordinary memory, and how guest pages are copied into them. */
#include "engine/soft2d/image.h"

#include <errno.h>
#include <libdrm/drm_fourcc.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/copy.h"

/*
 * virgl names formats by the order of bytes in memory, DRM by the order of bits in a little-endian
 * word. The sRGB ones hold the same bytes. In ARGB8888 the shifts are 16, 8, 0 and 24.
 */
static const struct format {
	uint32_t virgl, srgb, fourcc;
	uint8_t red, green, blue, alpha; /* shift of each in the word */
} formats[] = {
	{ 1, 100, DRM_FORMAT_ARGB8888, 16, 8, 0, 24 },
	{ 2, 101, DRM_FORMAT_XRGB8888, 16, 8, 0, 24 },
	{ 3, 102, DRM_FORMAT_BGRA8888, 8, 16, 24, 0 },
	{ 4, 103, DRM_FORMAT_BGRX8888, 8, 16, 24, 0 },
	{ 67, 104, DRM_FORMAT_ABGR8888, 0, 8, 16, 24 },
	{ 68, 99, DRM_FORMAT_RGBX8888, 24, 16, 8, 0 },
	{ 121, 98, DRM_FORMAT_RGBA8888, 24, 16, 8, 0 },
	{ 134, 230, DRM_FORMAT_XBGR8888, 0, 8, 16, 24 },
};

uint32_t facet_format_fourcc(uint32_t format)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(formats); i++)
		if (formats[i].virgl == format || formats[i].srgb == format)
			return formats[i].fourcc;
	return 0;
}

bool facet_format_is_2d(uint32_t format)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(formats); i++)
		if (formats[i].virgl == format)
			return true;
	return false;
}

void *facet_image_alloc(uint32_t width, uint32_t height)
{
	if (!width || !height || width > FACET_IMAGE_MAX_SIDE || height > FACET_IMAGE_MAX_SIDE)
		return NULL;
	return calloc(height, (size_t)width * FACET_IMAGE_PIXEL);
}

bool facet_rect_inside(const struct facet_rect *rect, uint32_t width, uint32_t height)
{
	return rect->width && rect->height && facet_inside(rect->x, rect->width, width) &&
	       facet_inside(rect->y, rect->height, height);
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size, uint32_t *ret,
		    uint32_t *ret_size)
{
	uint64_t start = a > b ? a : b;
	uint64_t a_end = (uint64_t)a + a_size, b_end = (uint64_t)b + b_size;
	uint64_t end = a_end < b_end ? a_end : b_end;

	if (start >= end)
		return false;
	*ret = (uint32_t)start;
	*ret_size = (uint32_t)(end - start);
	return true;
}

bool facet_rect_intersect(const struct facet_rect *a, const struct facet_rect *b,
			  struct facet_rect *ret)
{
	struct facet_rect r;

	if (!overlap(a->x, a->width, b->x, b->width, &r.x, &r.width) ||
	    !overlap(a->y, a->height, b->y, b->height, &r.y, &r.height))
		return false;
	*ret = r;
	return true;
}

/* A place in scattered memory; it only moves forward, so a whole transfer is one walk. */
struct walk {
	const struct iovec *iov;
	unsigned int left;
	uint64_t start; /* of the current piece, from the first byte of all */
};

/* The caller has made sure that the bytes are there. */
static void walk_read(struct walk *w, uint64_t offset, uint8_t *to, size_t size)
{
	while (size) {
		size_t skip, part;

		while (offset - w->start >= w->iov->iov_len) {
			w->start += w->iov->iov_len;
			w->iov++;
			w->left--;
		}
		skip = offset - w->start;
		part = w->iov->iov_len - skip < size ? w->iov->iov_len - skip : size;
		memcpy(to, (const uint8_t *)w->iov->iov_base + skip, part);
		to += part;
		offset += part;
		size -= part;
	}
}

static uint64_t iov_size(const struct iovec *iov, unsigned int count)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < count; i++)
		sum += iov[i].iov_len;
	return sum;
}

int facet_image_upload(void *pixels, uint32_t width, const struct facet_rect *rect,
		       const struct iovec *iov, unsigned int count, uint64_t offset)
{
	size_t stride = (size_t)width * FACET_IMAGE_PIXEL;
	size_t line = (size_t)rect->width * FACET_IMAGE_PIXEL;
	uint64_t all = (uint64_t)(rect->height - 1) * stride + line;
	struct walk walk = { .iov = iov, .left = count };
	uint8_t *to = (uint8_t *)pixels + rect->y * stride + (size_t)rect->x * FACET_IMAGE_PIXEL;

	if (!facet_inside(offset, all, iov_size(iov, count)))
		return -EINVAL;
	if (line == stride) {
		walk_read(&walk, offset, to, all);
		return 0;
	}
	for (uint32_t y = 0; y < rect->height; y++)
		walk_read(&walk, offset + y * stride, to + y * stride, line);
	return 0;
}

void facet_image_read(const void *pixels, uint32_t width, const struct facet_rect *rect, void *to,
		      size_t to_stride)
{
	size_t stride = (size_t)width * FACET_IMAGE_PIXEL;
	size_t line = (size_t)rect->width * FACET_IMAGE_PIXEL;
	const uint8_t *from =
		(const uint8_t *)pixels + rect->y * stride + (size_t)rect->x * FACET_IMAGE_PIXEL;

	facet_copy_lines(to, to_stride, from, stride, line, rect->height);
}

bool facet_pixels_to_argb(uint32_t *pixels, size_t count, uint32_t fourcc)
{
	const struct format *f = formats;

	if (fourcc == DRM_FORMAT_ARGB8888)
		return true;
	while (f->fourcc != fourcc)
		if (++f == formats + FACET_ARRAY_SIZE(formats))
			return false;
	for (size_t i = 0; i < count; i++) {
		uint32_t p = pixels[i];

		pixels[i] = (p >> f->alpha & 0xff) << 24 | (p >> f->red & 0xff) << 16 |
			    (p >> f->green & 0xff) << 8 | (p >> f->blue & 0xff);
	}
	return true;
}
