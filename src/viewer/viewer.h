/* SPDX-License-Identifier: GPL-2.0-or-later */
/* viewer.h - the door to somebody's screen in a KVMFR file: reads what a publisher shows there. */
#ifndef FACET_VIEWER_VIEWER_H
#define FACET_VIEWER_VIEWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * Who publishes may be facet, Looking Glass's host program in a guest, or nobody we can trust: what
 * stands in the file is checked each time it is used, and neither a publisher that stops, lies or
 * goes away nor a file that becomes shorter does more than end a call with an error.
 *
 * A viewer belongs to one thread at a time. Reading needs write access: a reader has to say what it
 * is done with.
 */
struct facet_viewer;

/* What the file says of itself; known after facet_viewer_open(). */
struct facet_viewer_info {
	const char *release; /* of Looking Glass: "B7" */
	uint32_t lgmp_version, kvmfr_version;
	uint32_t session;
	char publisher[64]; /* "facet 0.1.0" */
	char os[64], model[64], capture[64];
};

struct facet_viewer_picture {
	/* Lines from top to bottom, no gaps: bytes B, G, R, X. Valid until the next call. */
	const uint32_t *pixels;
	uint32_t width, height; /* lines that are there: fewer than the screen has if truncated */
	uint32_t screen_width, screen_height;
	uint32_t serial; /* of the picture; the same one may come again */
	bool truncated;  /* the file is too small for the screen */
	bool late;       /* the publisher has not finished it: some lines are older */
	uint32_t type;   /* enum wire_kvmfr_type, of the pixels as they were published */
};

struct facet_viewer_cursor {
	bool visible;
	int32_t x, y; /* of the image's top left, in screen pixels */
	int32_t hot_x, hot_y;
	uint32_t width, height; /* 0: no image has come yet */
	const uint32_t *pixels; /* B, G, R, A, premultiplied; valid until the next call */
};

/**
 * facet_viewer_open() - begin to watch.
 * @path: a regular file (in /dev/shm, say) or a node /dev/kvmfrN
 * @timeout_ms: how long a publisher may take to show that it lives
 *
 * Return: 0; -ENOENT, -EACCES and the like for the file; -ENODATA when it is no KVMFR file, or
 * not yet; -EPROTONOSUPPORT for another version (@err names both); -EHOSTDOWN when nobody
 * publishes in it (any more).
 */
int facet_viewer_open(const char *path, int timeout_ms, struct facet_viewer **ret,
		      struct facet_error *err);
/* Unsubscribes. Accepts NULL. */
void facet_viewer_close(struct facet_viewer *viewer);

const struct facet_viewer_info *facet_viewer_info(const struct facet_viewer *viewer);

/**
 * facet_viewer_next() - wait for the next picture.
 * @timeout_ms: 0: look once; a publisher that started again is found again meanwhile
 *
 * The first call after facet_viewer_open() gets the picture that is on the screen, as soon as the
 * publisher has noticed us. Looks each millisecond.
 *
 * Return: 0; -ETIMEDOUT when nothing changed; -EHOSTDOWN when the publisher shows no life;
 * -EBADMSG when what it wrote makes no sense; -EIO when the file was made shorter; -ENOMEM.
 */
int facet_viewer_next(struct facet_viewer *viewer, int timeout_ms, struct facet_viewer_picture *ret,
		      struct facet_error *err);

/* What is known of the pointer; facet_viewer_next() learns it, also when it times out. */
void facet_viewer_cursor(struct facet_viewer *viewer, struct facet_viewer_cursor *ret);

#endif
