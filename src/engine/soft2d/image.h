/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image.h - pictures in ordinary memory, and how guest pages are copied into them. */
#ifndef FACET_ENGINE_SOFT2D_IMAGE_H
#define FACET_ENGINE_SOFT2D_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "display/display.h"

enum {
	FACET_IMAGE_MAX_SIDE = 16384, /* as the 3D renderers have it, so that promotion works */
	FACET_IMAGE_PIXEL = 4,        /* bytes; virtio-gpu has no other 2D formats */
};

/* What a virgl format is called by DRM, or 0 when its pixels are not 32 bits of R, G, B and A/X. */
uint32_t facet_format_fourcc(uint32_t format);
/* Is it one of the eight that RESOURCE_CREATE_2D allows? */
bool facet_format_is_2d(uint32_t format);

/* Zeroed pixels, lines width * 4 bytes apart; NULL when too large or out of memory. free() it. */
void *facet_image_alloc(uint32_t width, uint32_t height);

/* Is the rectangle inside the picture, and not empty? No sum can wrap. */
bool facet_rect_inside(const struct facet_rect *rect, uint32_t width, uint32_t height);
/* False when they do not meet; *ret may be one of the two. */
bool facet_rect_intersect(const struct facet_rect *a, const struct facet_rect *b,
			  struct facet_rect *ret);

/**
 * facet_image_upload() - copy a rectangle out of scattered pages.
 * @pixels: the picture's first pixel, lines @width * 4 bytes apart
 * @rect: inside the picture
 * @offset: of the rectangle's first pixel in the pages; lines there are as wide as the picture
 *
 * Return: 0; -EINVAL when the pages end too early (nothing was copied then).
 */
int facet_image_upload(void *pixels, uint32_t width, const struct facet_rect *rect,
		       const struct iovec *iov, unsigned int count, uint64_t offset);

/*
 * The other way round: @rect's first pixel is at @offset of scattered pages, lines there are
 * @from_stride bytes apart, which is at least a line. The caller has made sure that they are there.
 */
void facet_image_gather(const struct iovec *iov, unsigned int count, uint64_t offset,
			uint32_t from_stride, const struct facet_rect *rect, void *to,
			size_t to_stride);

/* Copies @rect of the picture to @to, lines @to_stride bytes apart. */
void facet_image_read(const void *pixels, uint32_t width, const struct facet_rect *rect, void *to,
		      size_t to_stride);

/*
 * Turns @count pixels of @fourcc into ARGB8888, in place. False when it is not known. The fourth
 * byte is alpha in every format: Linux draws cursors, which have alpha, into XRGB buffers.
 */
bool facet_pixels_to_argb(uint32_t *pixels, size_t count, uint32_t fourcc);

#endif
