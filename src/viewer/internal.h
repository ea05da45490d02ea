/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - the state of one viewer. Only viewer/ and its tests include this. */
#ifndef FACET_VIEWER_INTERNAL_H
#define FACET_VIEWER_INTERNAL_H

#include "base/shm.h"
#include "viewer/viewer.h"
#include "wire/kvmfr.h"

enum {
	VIEWER_LOST_MS = 1000, /* without a sign of life */
	VIEWER_LATE_MS = 1000, /* for the bytes of a picture that is announced */
	VIEWER_MAX_SIDE = 32768,
	VIEWER_MAX_CURSOR = 512, /* pixels a side */
	VIEWER_MAX_USER = 64 << 10,
};

struct viewer_queue {
	uint32_t id;
	uint32_t at, ring, slots; /* checked when we attached */
	uint32_t position;        /* the slot that we read next */
	int bit;                  /* ours; -1: not subscribed */
};

/* A slot, copied. */
struct viewer_message {
	uint32_t user, size, offset;
};

/* A frame's header, copied; what it says lies inside the file. */
struct viewer_frame {
	uint32_t format_version, serial, type, flags;
	uint32_t screen_width, screen_height;
	uint32_t width, height, pitch;
	uint64_t written_at, pixels_at;
	uint32_t bits;
	uint32_t damage_count; /* 0: all */
	struct {
		uint32_t x, y, width, height;
	} damage[WIRE_KVMFR_MAX_DAMAGE];
};

struct facet_viewer {
	int fd;
	struct facet_shm shm;
	const struct wire_kvmfr_release *wire;
	struct facet_viewer_info info;
	uint32_t client_id;

	bool attached;
	uint64_t beat, beat_since; /* the last sign of life, and our ms then */
	bool lives;                /* it has changed since we attached */
	struct viewer_queue frame_queue, pointer_queue;

	uint32_t *pixels;
	size_t capacity; /* pixels */
	struct facet_viewer_picture picture;
	uint32_t format_version;
	bool whole;          /* what we have is not what the next damage is about */
	uint64_t late_since; /* ms: the bytes of the next picture are awaited; 0: they are not */
	uint8_t *halves;     /* half float to 8 bits */
	bool halves_linear;

	struct facet_viewer_cursor cursor;
	uint32_t *cursor_pixels;
};

/* --- attach.c --- */

/* Finds out who publishes here, and where. Subscribes to nothing. */
int facet_viewer_attach(struct facet_viewer *v, uint64_t now, struct facet_error *err);
void facet_viewer_detach(struct facet_viewer *v);

/* --- queue.c --- */

/* 0; -EAGAIN: the lock is held, try again; -EUSERS: there are 32 already; -EBADMSG */
int facet_viewer_subscribe(struct facet_viewer *v, struct viewer_queue *q);
void facet_viewer_unsubscribe(struct facet_viewer *v, struct viewer_queue *q);
/* 1: *ret is the next message; 0: none; -ESTALE: we were given up; -EBADMSG */
int facet_viewer_peek(struct facet_viewer *v, struct viewer_queue *q, struct viewer_message *ret);
void facet_viewer_done(struct facet_viewer *v, struct viewer_queue *q);

/* --- picture.c --- */

/* 1: v->picture is new; 0: not, or not yet (*ret_done: the message is finished with) */
int facet_viewer_take_picture(struct facet_viewer *v, const struct viewer_message *message,
			      uint64_t now, bool *ret_done, struct facet_error *err);

/* --- pixels.c --- */

/* @count pixels from @from, which others may write meanwhile, as B, G, R, 255. */
void facet_viewer_convert(uint32_t type, const uint8_t *halves, const uint8_t *from, uint32_t *to,
			  uint32_t count);
/* @linear: light as it adds up, as HDR pictures have it: a screen wants it bent. */
void facet_viewer_fill_halves(uint8_t table[1 << 16], bool linear);

/* --- pointer.c --- */

int facet_viewer_take_pointer(struct facet_viewer *v, const struct viewer_message *message);

/* --- viewer.c --- */

int facet_viewer_create(int fd, uint64_t size, uint32_t client_id, struct facet_viewer **ret,
			struct facet_error *err);
/*
 * One look, without waiting. 1: v->picture is new; 0: nothing, or not yet; else an error, after
 * which one may go on.
 */
int facet_viewer_step(struct facet_viewer *v, uint64_t now, struct facet_error *err);

#endif
