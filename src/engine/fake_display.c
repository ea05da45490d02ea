// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_display.c - for the engines' tests: a display that only notes what it was told. */
#include "engine/fake_display.h"

#include <errno.h>
#include <stdlib.h>

unsigned int facet_display_output_count(const struct facet_display *display)
{
	return display->outputs;
}

void facet_display_set_scanout(struct facet_display *display, unsigned int output,
			       const struct facet_frame *frame)
{
	display->shown[output] = frame;
	display->modes++;
}

void facet_display_commit(struct facet_display *display, unsigned int output,
			  const struct facet_rect *damage)
{
	display->commits++;
	display->last_output = output;
	display->damage = *damage;
}

void facet_display_set_cursor(struct facet_display *display, unsigned int output,
			      const struct facet_cursor *cursor)
{
	display->cursor = *cursor;
}

void facet_display_refresh(struct facet_display *display)
{
	display->refreshes++;
}

int facet_display_capture(struct facet_display *display, unsigned int output, int fd,
			  bool with_cursor, struct facet_error *err)
{
	if (!display->shown[output])
		return -ENODATA;
	display->captures++;
	return 0;
}

uint32_t *fake_display_read(struct facet_display *display, unsigned int output,
			    const struct facet_rect *rect)
{
	const struct facet_frame *frame = display->shown[output];
	uint32_t *pixels = calloc((size_t)rect->width * rect->height, sizeof(*pixels));

	if (frame->read(frame, rect, pixels, rect->width * sizeof(*pixels)) == 0)
		return pixels;
	free(pixels);
	return NULL;
}
