// SPDX-License-Identifier: GPL-2.0-or-later
/* display.c - keeps what each output shows and what is wanted of it, and tells everybody who
 * watches. */
#include "display/ops.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "display/png/encode.h"

enum { MAX_SINKS = FACET_MAX_OUTPUTS + 4 };

static const struct facet_sink_ops *const sink_kinds[] = {
	&facet_vhost_user_gpu_sink,
	&facet_kvmfr_sink,
	&facet_png_sink,
	&facet_null_sink,
};

struct facet_display {
	unsigned int output_count;
	void (*released)(void *owner);
	void *owner;

	pthread_mutex_t lock;
	pthread_cond_t unused; /* a sink's users dropped to none */
	struct facet_sink *sinks[MAX_SINKS];
	bool has_cursor[FACET_MAX_OUTPUTS];
	struct facet_cursor cursors[FACET_MAX_OUTPUTS];

	/* Engine thread. */
	const struct facet_frame *frames[FACET_MAX_OUTPUTS];

	/* Loop thread. */
	struct facet_display_listener listener;
	struct facet_output outputs[FACET_MAX_OUTPUTS]; /* wanted now */
	struct {
		bool asked;    /* a sink owes an answer */
		bool sizeless; /* nobody has said a size yet */
		bool told;     /* a sink has said .last */
		struct facet_output last;
	} wishes[FACET_MAX_OUTPUTS];
};

int facet_display_create(const struct facet_display_config *cfg, struct facet_display **ret,
			 struct facet_error *err)
{
	struct facet_display *display;
	struct facet_output *output;
	unsigned int i;

	if (cfg->output_count < 1 || cfg->output_count > FACET_MAX_OUTPUTS)
		return facet_error_set(err, -EINVAL,
				       "display: %u outputs are not possible; ask for 1 to %d",
				       cfg->output_count, FACET_MAX_OUTPUTS);
	display = calloc(1, sizeof(*display));
	if (!display)
		return facet_error_set(err, -ENOMEM, "display: not enough memory");
	display->output_count = cfg->output_count;
	display->released = cfg->released;
	display->owner = cfg->owner;
	pthread_mutex_init(&display->lock, NULL);
	pthread_cond_init(&display->unused, NULL);
	for (i = 0; i < cfg->output_count; i++) {
		output = &display->outputs[i];
		*output = cfg->outputs[i];
		display->wishes[i].sizeless = !output->width || !output->height;
		if (!display->wishes[i].sizeless)
			continue;
		output->connected = i == 0;
		output->width = 1280;
		output->height = 800;
	}
	*ret = display;
	return 0;
}

void facet_display_destroy(struct facet_display *display)
{
	unsigned int i;

	if (!display)
		return;
	for (i = 0; i < MAX_SINKS; i++) {
		if (display->sinks[i])
			display->sinks[i]->ops->destroy(display->sinks[i]);
	}
	pthread_cond_destroy(&display->unused);
	pthread_mutex_destroy(&display->lock);
	free(display);
}

unsigned int facet_display_output_count(const struct facet_display *display)
{
	return display->output_count;
}

/* --- who watches: a sink in use by a thread cannot go away, and no lock is held meanwhile --- */

static struct facet_sink *hold(struct facet_display *display, unsigned int slot)
{
	struct facet_sink *sink;

	pthread_mutex_lock(&display->lock);
	sink = display->sinks[slot];
	if (sink)
		sink->users++;
	pthread_mutex_unlock(&display->lock);
	return sink;
}

static void drop(struct facet_display *display, struct facet_sink *sink)
{
	pthread_mutex_lock(&display->lock);
	if (--sink->users == 0)
		pthread_cond_broadcast(&display->unused);
	pthread_mutex_unlock(&display->lock);
}

static const struct facet_sink_ops *find_kind(const char *type)
{
	size_t i;

	for (i = 0; i < sizeof(sink_kinds) / sizeof(sink_kinds[0]); i++) {
		if (!strcmp(sink_kinds[i]->name, type))
			return sink_kinds[i];
	}
	return NULL;
}

/* Only the loop thread changes the slots: what it finds free stays free. */
static unsigned int free_slot(const struct facet_display *display)
{
	unsigned int slot = 0;

	while (slot < MAX_SINKS && display->sinks[slot])
		slot++;
	return slot;
}

int facet_display_add_sink(struct facet_display *display, const struct facet_sink_config *cfg,
			   struct facet_sink **ret, struct facet_error *err)
{
	const struct facet_sink_ops *ops = find_kind(cfg->type);
	unsigned int i, slot = free_slot(display);
	struct facet_sink *sink;
	int r;

	if (!ops)
		return facet_error_set(err, -EINVAL,
				       "display: no sink is called \"%s\"; there are "
				       "vhost-user-gpu, kvmfr, png and null",
				       cfg->type);
	if (slot == MAX_SINKS)
		return facet_error_set(
			err, -EBUSY, "display: %d watch already; end one of them first", MAX_SINKS);
	r = ops->create(display, cfg, &sink, err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&display->lock);
	for (i = 0; ops->cursor && i < display->output_count; i++) {
		if (display->has_cursor[i])
			ops->cursor(sink, i, &display->cursors[i], true);
	}
	display->sinks[slot] = sink;
	pthread_mutex_unlock(&display->lock);
	facet_display_released(display);
	*ret = sink;
	return 0;
}

/* A guest waits for each answer: nobody else will give it now. */
static void answer_all(struct facet_display *display)
{
	unsigned int i;

	for (i = 0; i < display->output_count; i++) {
		if (display->wishes[i].asked)
			facet_display_answer(display, i, NULL);
	}
}

void facet_display_remove_sink(struct facet_display *display, struct facet_sink *sink)
{
	unsigned int slot;

	if (!sink)
		return;
	pthread_mutex_lock(&display->lock);
	for (slot = 0; slot < MAX_SINKS; slot++) {
		if (display->sinks[slot] == sink)
			display->sinks[slot] = NULL;
	}
	while (sink->users)
		pthread_cond_wait(&display->unused, &display->lock);
	pthread_mutex_unlock(&display->lock);
	if (sink->ops->query)
		answer_all(display);
	sink->ops->destroy(sink);
}

uint64_t facet_sink_frames(const struct facet_sink *sink)
{
	return atomic_load_explicit(&sink->frames, memory_order_relaxed);
}

int facet_sink_fd(struct facet_sink *sink)
{
	return sink->ops->fd ? sink->ops->fd(sink) : -1;
}

int facet_sink_dispatch(struct facet_sink *sink)
{
	return sink->ops->dispatch ? sink->ops->dispatch(sink) : 0;
}

void facet_display_released(struct facet_display *display)
{
	if (display->released)
		display->released(display->owner);
}

/* --- what is wanted: loop thread --- */

void facet_display_listen(struct facet_display *display,
			  const struct facet_display_listener *listener)
{
	display->listener = listener ? *listener : (struct facet_display_listener){ 0 };
}

const struct facet_output *facet_display_output(const struct facet_display *display,
						unsigned int output)
{
	return output < display->output_count ? &display->outputs[output] : NULL;
}

static void tell(struct facet_display *display, unsigned int output)
{
	display->wishes[output].asked = false;
	if (display->listener.wanted)
		display->listener.wanted(display->listener.owner, output,
					 &display->outputs[output]);
}

void facet_display_query(struct facet_display *display, unsigned int output)
{
	struct facet_sink *sink;
	bool accepted = false;
	unsigned int i;

	if (output >= display->output_count)
		return;
	display->wishes[output].asked = true;
	for (i = 0; i < MAX_SINKS && !accepted; i++) {
		sink = hold(display, i);
		if (!sink)
			continue;
		accepted = sink->ops->query && sink->ops->query(sink, output) == 0;
		drop(display, sink);
	}
	if (!accepted)
		tell(display, output);
}

static bool same(const struct facet_output *a, const struct facet_output *b)
{
	return a->connected == b->connected && a->x == b->x && a->y == b->y &&
	       a->width == b->width && a->height == b->height && a->edid_size == b->edid_size &&
	       !memcmp(a->edid, b->edid, a->edid_size);
}

/*
 * A sink repeats what it wants each time it is asked. Only a difference from its last words is a
 * person's doing, and only that overrides what we want.
 */
void facet_display_answer(struct facet_display *display, unsigned int output,
			  const struct facet_output *state)
{
	bool changed = false;

	if (output >= display->output_count)
		return;
	if (state) {
		changed = display->wishes[output].told ? !same(state, &display->wishes[output].last)
						       : display->wishes[output].sizeless;
		display->wishes[output].told = true;
		display->wishes[output].last = *state;
	}
	if (changed) {
		display->wishes[output].sizeless = false;
		display->outputs[output] = *state;
	}
	if (changed || display->wishes[output].asked)
		tell(display, output);
}

int facet_display_want(struct facet_display *display, unsigned int output,
		       const struct facet_output *state, struct facet_error *err)
{
	if (output >= display->output_count)
		return facet_error_set(err, -EINVAL,
				       "output %u: there is none; the outputs are 0 to %u", output,
				       display->output_count - 1);
	if (!state->width || !state->height || state->width > FACET_MAX_SIDE ||
	    state->height > FACET_MAX_SIDE)
		return facet_error_set(err, -EINVAL,
				       "output %u: a size of %ux%u is not possible; each side "
				       "can be 1 to %d",
				       output, state->width, state->height, FACET_MAX_SIDE);
	if (state->edid_size > FACET_MAX_EDID)
		return facet_error_set(err, -EINVAL,
				       "output %u: an EDID of %u bytes is too long; %d are "
				       "possible",
				       output, state->edid_size, FACET_MAX_EDID);
	display->wishes[output].sizeless = false;
	display->outputs[output] = *state;
	tell(display, output);
	return 0;
}

/* --- the cursor --- */

static void tell_cursor(struct facet_display *display, unsigned int output, bool image)
{
	struct facet_sink *sink;
	unsigned int i;

	display->has_cursor[output] = true;
	for (i = 0; i < MAX_SINKS; i++) {
		sink = display->sinks[i];
		if (sink && sink->ops->cursor)
			sink->ops->cursor(sink, output, &display->cursors[output], image);
	}
}

void facet_display_move_cursor(struct facet_display *display, unsigned int output, int32_t x,
			       int32_t y, bool visible)
{
	if (output >= display->output_count)
		return;
	pthread_mutex_lock(&display->lock);
	display->cursors[output].x = x;
	display->cursors[output].y = y;
	display->cursors[output].visible = visible;
	tell_cursor(display, output, false);
	pthread_mutex_unlock(&display->lock);
}

void facet_display_set_cursor(struct facet_display *display, unsigned int output,
			      const struct facet_cursor *cursor)
{
	if (output >= display->output_count)
		return;
	pthread_mutex_lock(&display->lock);
	display->cursors[output] = *cursor;
	tell_cursor(display, output, true);
	pthread_mutex_unlock(&display->lock);
}

/* --- pictures: engine thread --- */

static struct facet_rect whole(const struct facet_frame *frame)
{
	return (struct facet_rect){ 0, 0, frame->width, frame->height };
}

/* A sink that came while pictures were on the screens: all of them, whole. */
static void introduce(struct facet_display *display, struct facet_sink *sink)
{
	const struct facet_frame *frame;
	struct facet_rect all;
	unsigned int i;

	sink->introduced = true;
	for (i = 0; i < display->output_count; i++) {
		frame = display->frames[i];
		if (!frame)
			continue;
		all = whole(frame);
		sink->ops->mode(sink, i, frame);
		sink->ops->show(sink, i, frame, &all);
	}
}

void facet_display_set_scanout(struct facet_display *display, unsigned int output,
			       const struct facet_frame *frame)
{
	struct facet_sink *sink;
	unsigned int i;

	if (output >= display->output_count)
		return;
	if (frame && (!frame->width || !frame->height || frame->width > FACET_MAX_SIDE ||
		      frame->height > FACET_MAX_SIDE))
		frame = NULL;
	display->frames[output] = frame;
	for (i = 0; i < MAX_SINKS; i++) {
		sink = hold(display, i);
		if (!sink)
			continue;
		if (sink->introduced)
			sink->ops->mode(sink, output, frame);
		drop(display, sink);
	}
}

static void show(struct facet_display *display, struct facet_sink *sink, unsigned int output,
		 const struct facet_rect *damage)
{
	const struct facet_frame *frame = display->frames[output];

	if (!sink->introduced)
		introduce(display, sink);
	else if (frame)
		sink->ops->show(sink, output, frame, damage);
}

void facet_display_commit(struct facet_display *display, unsigned int output,
			  const struct facet_rect *damage)
{
	struct facet_sink *sink;
	unsigned int i;

	if (output >= display->output_count || !display->frames[output])
		return;
	for (i = 0; i < MAX_SINKS; i++) {
		sink = hold(display, i);
		if (!sink)
			continue;
		show(display, sink, output, damage);
		drop(display, sink);
	}
}

void facet_display_refresh(struct facet_display *display)
{
	static const struct facet_rect nothing_new;
	struct facet_sink *sink;
	unsigned int i, output;

	for (i = 0; i < MAX_SINKS; i++) {
		sink = hold(display, i);
		if (!sink)
			continue;
		for (output = 0; output < display->output_count; output++)
			show(display, sink, output, &nothing_new);
		drop(display, sink);
	}
}

int facet_display_capture(struct facet_display *display, unsigned int output, int fd,
			  bool with_cursor, struct facet_error *err)
{
	struct facet_cursor cursor;

	if (output >= display->output_count || !display->frames[output])
		return facet_error_set(err, -ENODATA,
				       "output %u: it is off; wait until the guest shows something",
				       output);
	pthread_mutex_lock(&display->lock);
	cursor = display->cursors[output];
	pthread_mutex_unlock(&display->lock);
	return facet_png_write(fd, display->frames[output],
			       with_cursor && cursor.visible ? &cursor : NULL, err);
}
