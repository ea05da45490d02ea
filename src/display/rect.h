/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rect.h - sums of damage. Rectangles lie inside a picture, so no edge can wrap. */
#ifndef FACET_DISPLAY_RECT_H
#define FACET_DISPLAY_RECT_H

#include "display/display.h"

static inline bool rect_empty(const struct facet_rect *r)
{
	return !r->width || !r->height;
}

/* The part of @r inside a picture of @width by @height. */
static inline struct facet_rect rect_clip(const struct facet_rect *r, uint32_t width,
					  uint32_t height)
{
	struct facet_rect c = *r;

	if (r->x >= width || r->y >= height)
		return (struct facet_rect){ 0 };
	if (c.width > width - r->x)
		c.width = width - r->x;
	if (c.height > height - r->y)
		c.height = height - r->y;
	return c;
}

/* The smallest rectangle around both. */
static inline struct facet_rect rect_union(const struct facet_rect *a, const struct facet_rect *b)
{
	struct facet_rect u;
	uint32_t right, bottom;

	if (rect_empty(a))
		return *b;
	if (rect_empty(b))
		return *a;
	u.x = a->x < b->x ? a->x : b->x;
	u.y = a->y < b->y ? a->y : b->y;
	right = a->x + a->width > b->x + b->width ? a->x + a->width : b->x + b->width;
	bottom = a->y + a->height > b->y + b->height ? a->y + a->height : b->y + b->height;
	u.width = right - u.x;
	u.height = bottom - u.y;
	return u;
}

#endif
