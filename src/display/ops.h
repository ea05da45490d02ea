/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what a sink provides to show frames. Only display/ includes this. */
#ifndef FACET_DISPLAY_OPS_H
#define FACET_DISPLAY_OPS_H

#include <stdatomic.h>

#include "display/display.h"

struct facet_sink_ops {
	const char *name;

	/* Takes cfg->fd on success. */
	int (*create)(struct facet_display *display, const struct facet_sink_config *cfg,
		      struct facet_sink **ret, struct facet_error *err);
	void (*destroy)(struct facet_sink *sink);

	/* Another picture, or NULL for off; show() follows in its time. Thread: engine. */
	void (*mode)(struct facet_sink *sink, unsigned int output, const struct facet_frame *frame);
	/*
	 * The picture changed inside @damage; empty damage: show only what is owed. Never blocks:
	 * a sink that is busy keeps the damage, and calls facet_display_released() when it can
	 * take it. @frame is valid during the call. Thread: engine.
	 */
	void (*show)(struct facet_sink *sink, unsigned int output, const struct facet_frame *frame,
		     const struct facet_rect *damage);
	/*
	 * Optional. @image: false when only position or visibility changed. Thread: any, but one at
	 * a time; called under the display's lock: copy and return.
	 */
	void (*cursor)(struct facet_sink *sink, unsigned int output,
		       const struct facet_cursor *cursor, bool image);

	/*
	 * Optional, loop thread. query: 0 when it will answer by facet_display_answer(), within a
	 * second, whatever the other side does.
	 */
	int (*query)(struct facet_sink *sink, unsigned int output);
	int (*fd)(struct facet_sink *sink);
	int (*dispatch)(struct facet_sink *sink);
};

/* First member of every sink. The display fills it in. */
struct facet_sink {
	const struct facet_sink_ops *ops;
	struct facet_display *display;
	unsigned int users;          /* calls under way; under the display's lock */
	bool introduced;             /* knows the scanouts; engine thread */
	atomic_uint_fast64_t frames; /* counted by the sink itself */
};

/* For sinks: a frame can be taken again. Any thread. */
void facet_display_released(struct facet_display *display);
/* For sinks: what the other side wants, asked for or not; NULL: nobody knows. Thread: loop. */
void facet_display_answer(struct facet_display *display, unsigned int output,
			  const struct facet_output *state);

extern const struct facet_sink_ops facet_vhost_user_gpu_sink, facet_kvmfr_sink, facet_png_sink,
	facet_null_sink;

#endif
