/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what a sink provides to show frames. Only display/ includes this. */
#ifndef FACET_DISPLAY_OPS_H
#define FACET_DISPLAY_OPS_H

#include "display/display.h"

struct facet_sink_ops {
	const char *name;

	/* Takes @fd on success. */
	int (*create)(struct facet_display *display, int fd, struct facet_sink **ret,
		      struct facet_error *err);
	void (*destroy)(struct facet_sink *sink);

	/* A new picture, or NULL for off. Thread: engine. */
	void (*mode)(struct facet_sink *sink, unsigned int output, const struct facet_frame *frame);
	/*
	 * The picture changed inside @damage. Never blocks: a sink that is busy keeps the damage,
	 * and calls facet_display_released() when it can take it. Thread: engine.
	 */
	void (*show)(struct facet_sink *sink, unsigned int output, const struct facet_frame *frame,
		     const struct facet_rect *damage);
	/* Optional. @image: false when only position or visibility changed. Thread: any. */
	void (*cursor)(struct facet_sink *sink, unsigned int output,
		       const struct facet_cursor *cursor, bool image);

	/* Optional, loop thread. query: 0 when it will answer by facet_display_answer(). */
	int (*query)(struct facet_sink *sink, unsigned int output);
	int (*fd)(struct facet_sink *sink);
	int (*dispatch)(struct facet_sink *sink);
};

/* First member of every sink. The display fills it in. */
struct facet_sink {
	const struct facet_sink_ops *ops;
	struct facet_display *display;
	struct facet_sink *next;
};

/* For sinks: a frame can be taken again. Any thread. */
void facet_display_released(struct facet_display *display);
/* For sinks: what the other side wants, asked for or not. Thread: loop. */
void facet_display_answer(struct facet_display *display, unsigned int output,
			  const struct facet_output *state);

extern const struct facet_sink_ops facet_vhost_user_gpu_sink, facet_png_sink, facet_null_sink;

#endif
