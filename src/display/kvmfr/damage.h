/* SPDX-License-Identifier: GPL-2.0-or-later */
/* damage.h - a few rectangles that changed: a clock and a text cursor are not a whole screen. */
#ifndef FACET_DISPLAY_KVMFR_DAMAGE_H
#define FACET_DISPLAY_KVMFR_DAMAGE_H

#include "display/rect.h"

enum { KVMFR_DAMAGE_RECTS = 8 };

struct kvmfr_damage {
	unsigned int count;
	struct facet_rect rects[KVMFR_DAMAGE_RECTS];
};

/* Rectangles that overlap, touch or are too many are replaced by one around them. */
void facet_kvmfr_damage_add(struct kvmfr_damage *damage, const struct facet_rect *rect);
void facet_kvmfr_damage_add_all(struct kvmfr_damage *damage, const struct kvmfr_damage *more);
void facet_kvmfr_damage_whole(struct kvmfr_damage *damage, uint32_t width, uint32_t height);

#endif
