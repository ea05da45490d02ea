/* SPDX-License-Identifier: GPL-2.0-or-later */
/* display.h - the door to the outputs of a vGPU: what each guest screen shows, and who watches. */
#ifndef FACET_DISPLAY_DISPLAY_H
#define FACET_DISPLAY_DISPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	FACET_MAX_OUTPUTS = 16, /* VIRTIO_GPU_MAX_SCANOUTS */
	FACET_CURSOR_SIZE = 64, /* pixels a side */
	FACET_MAX_EDID = 1024,  /* bytes */
	FACET_MAX_SIDE = 16384, /* pixels of a picture; a larger one is not shown */
};

struct facet_display;
struct facet_sink;

struct facet_rect {
	uint32_t x, y, width, height;
};

/*
 * What an engine shows: a rectangle of one of its surfaces. Valid from set_scanout to the next
 * set_scanout of that output; read on the engine thread only. Lines run top to bottom.
 */
struct facet_frame {
	uint32_t width, height; /* of the picture */
	uint32_t fourcc;        /* DRM_FORMAT_*, always 32 bits a pixel: what read() delivers */

	/* When the GPU exports it: a descriptor the frame's engine owns; sinks dup. Else -1. */
	int dmabuf_fd;
	uint32_t dmabuf_width, dmabuf_height, dmabuf_stride;
	uint32_t dmabuf_x, dmabuf_y; /* of the picture in the buffer */
	uint32_t dmabuf_fourcc;      /* as the GPU stores it; 0: as above */
	uint64_t dmabuf_modifier;
	bool y0_top;

	/* Copies @rect (inside the picture) to @to, lines @stride bytes apart. 0 or -errno. */
	int (*read)(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		    size_t stride);
	void *owner; /* of the engine */
};

struct facet_cursor {
	int32_t x, y; /* where the hot spot's image origin goes: top left of the image */
	uint32_t hot_x, hot_y;
	bool visible;
	uint32_t pixels[FACET_CURSOR_SIZE * FACET_CURSOR_SIZE]; /* ARGB8888, premultiplied */
};

/* What the guest should be told about an output. */
struct facet_output {
	bool connected;
	uint32_t x, y, width, height;
	uint32_t edid_size; /* 0: the device makes one from the size */
	uint8_t edid[FACET_MAX_EDID];
};

/*
 * The one way back up (display to device), fixed when the device attaches. Thread: loop.
 * Called after a change of what a person wants, and always once after facet_display_query().
 */
struct facet_display_listener {
	void (*wanted)(void *owner, unsigned int output, const struct facet_output *state);
	void *owner;
};

struct facet_display_config {
	/*
	 * An output without a size takes the one that a sink (QEMU's console) names first. One with
	 * a size keeps it until a person changes the wish, here or in QEMU's window: the last
	 * change wins, and what QEMU says anyway is no change.
	 */
	unsigned int output_count;
	struct facet_output outputs[FACET_MAX_OUTPUTS];
	/*
	 * A sink could not take a frame and now can again: run facet_display_refresh() on the
	 * engine thread. Called from any thread ("frame released", sink to engine); must not wait
	 * for the loop thread. Also called by facet_display_add_sink().
	 */
	void (*released)(void *owner);
	void *owner;
};

int facet_display_create(const struct facet_display_config *cfg, struct facet_display **ret,
			 struct facet_error *err);
void facet_display_destroy(struct facet_display *display);
unsigned int facet_display_output_count(const struct facet_display *display);

/* --- loop thread --- */

void facet_display_listen(struct facet_display *display,
			  const struct facet_display_listener *listener);

/* What is wanted now, from memory. */
const struct facet_output *facet_display_output(const struct facet_display *display,
						unsigned int output);

/*
 * Ask for the newest wish. If a sink has to be asked (QEMU's console), the answer comes later;
 * else at once. Either way listener->wanted is called, within a second at the latest.
 */
void facet_display_query(struct facet_display *display, unsigned int output);

/* A person wants another size, or (dis)connects an output: tells the listener. */
int facet_display_want(struct facet_display *display, unsigned int output,
		       const struct facet_output *state, struct facet_error *err);

/* The cursor moved: position and visibility only. Any thread. */
void facet_display_move_cursor(struct facet_display *display, unsigned int output, int32_t x,
			       int32_t y, bool visible);

struct facet_sink_config {
	const char *type;    /* "vhost-user-gpu", "kvmfr", "png", "null" */
	int fd;              /* a socket or a file, as the sink needs; -1: none */
	unsigned int output; /* which one a sink of one output shows */
	const char *title;   /* the vGPU's name, for those who look at it; NULL: none */
};

/**
 * facet_display_add_sink() - let somebody watch.
 * @cfg: borrowed for the call; its fd is taken on success
 *
 * "vhost-user-gpu": a display socket that QEMU gave. "kvmfr": a regular file, as long as it is to
 * be (facet_kvmfr_size), or the node of Looking Glass's module, in which others find one output:
 * frames, damage and the pointer. What stood in it is overwritten; it stays when the sink goes.
 * "png": a regular file, which always holds the newest picture of output 0 (tests, thumbnails: it
 * costs an encoding a frame). "null": counts. The sink is shown the current picture by the refresh
 * that this call asks for. Thread: loop.
 */
int facet_display_add_sink(struct facet_display *display, const struct facet_sink_config *cfg,
			   struct facet_sink **ret, struct facet_error *err);
/*
 * Ends the watching; returns when no thread uses the sink any more (at most one read-back later).
 * Questions it owes an answer are answered from memory. Thread: loop.
 */
void facet_display_remove_sink(struct facet_display *display, struct facet_sink *sink);
/* Pictures and changes of pictures it has taken. Any thread, while the sink lives. */
uint64_t facet_sink_frames(const struct facet_sink *sink);

/*
 * A descriptor to poll for input, or -1; it never changes. And one non-blocking step: 0, or
 * -ENOTCONN when the other side has gone or talks nonsense (remove the sink then). Thread: loop.
 */
int facet_sink_fd(struct facet_sink *sink);
int facet_sink_dispatch(struct facet_sink *sink);

/* --- engine thread --- */

/*
 * NULL: the output is off. The frame is borrowed until the next call for that output. Its picture
 * appears with the first commit.
 */
void facet_display_set_scanout(struct facet_display *display, unsigned int output,
			       const struct facet_frame *frame);
/* @damage is in picture coordinates and already clipped. */
void facet_display_commit(struct facet_display *display, unsigned int output,
			  const struct facet_rect *damage);
void facet_display_set_cursor(struct facet_display *display, unsigned int output,
			      const struct facet_cursor *cursor);
/* Show again what sinks missed. */
void facet_display_refresh(struct facet_display *display);

/**
 * facet_display_capture() - write the picture of one output as PNG.
 * @fd: borrowed; written from its current position
 * @with_cursor: as a viewer sees it
 *
 * Takes the engine thread for one read-back and one fast encoding, and then at most a second of
 * waiting when @fd is a pipe or socket whose reader is slow; a file or memfd never waits. The
 * program has to ignore SIGPIPE.
 *
 * Return: 0; -ENODATA when the output is off; or the error of reading or writing.
 */
int facet_display_capture(struct facet_display *display, unsigned int output, int fd,
			  bool with_cursor, struct facet_error *err);

#endif
