/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_display.h - for the engines' tests: a display that only notes what it was told. */
#ifndef FACET_ENGINE_FAKE_DISPLAY_H
#define FACET_ENGINE_FAKE_DISPLAY_H

#include "display/display.h"

struct facet_display {
	unsigned int outputs;
	const struct facet_frame *shown[FACET_MAX_OUTPUTS];
	unsigned int modes, commits, refreshes, captures;
	unsigned int last_output; /* of the last commit */
	struct facet_rect damage;
	struct facet_cursor cursor;
};

/* The pixels of an output inside @rect, as the frame gives them; free() it. */
uint32_t *fake_display_read(struct facet_display *display, unsigned int output,
			    const struct facet_rect *rect);

#endif
