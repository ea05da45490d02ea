// SPDX-License-Identifier: GPL-2.0-or-later
/* damage.c - keeps what changed in a few rectangles. */
#include "display/kvmfr/damage.h"

static uint64_t area(const struct facet_rect *r)
{
	return (uint64_t)r->width * r->height;
}

/* Pixels that one rectangle around both has and they have not; overlaps count against it. */
static int64_t growth(const struct facet_rect *a, const struct facet_rect *b)
{
	const struct facet_rect u = rect_union(a, b);

	return (int64_t)area(&u) - (int64_t)(area(a) + area(b));
}

/* The one that grows least by taking @rect in. */
static unsigned int nearest(const struct kvmfr_damage *damage, const struct facet_rect *rect)
{
	unsigned int best = 0;

	for (unsigned int i = 1; i < damage->count; i++) {
		if (growth(&damage->rects[i], rect) < growth(&damage->rects[best], rect))
			best = i;
	}
	return best;
}

/* Each turn takes one away, so it ends; what has grown may now touch another one. */
void facet_kvmfr_damage_add(struct kvmfr_damage *damage, const struct facet_rect *rect)
{
	struct facet_rect r = *rect;
	unsigned int i;

	if (rect_empty(&r))
		return;
	while (damage->count) {
		i = nearest(damage, &r);
		if (growth(&damage->rects[i], &r) > 0 && damage->count < KVMFR_DAMAGE_RECTS)
			break;
		r = rect_union(&damage->rects[i], &r);
		damage->rects[i] = damage->rects[--damage->count];
	}
	damage->rects[damage->count++] = r;
}

void facet_kvmfr_damage_add_all(struct kvmfr_damage *damage, const struct kvmfr_damage *more)
{
	for (unsigned int i = 0; i < more->count; i++)
		facet_kvmfr_damage_add(damage, &more->rects[i]);
}

void facet_kvmfr_damage_whole(struct kvmfr_damage *damage, uint32_t width, uint32_t height)
{
	damage->count = 1;
	damage->rects[0] = (struct facet_rect){ 0, 0, width, height };
}
