/* SPDX-License-Identifier: GPL-2.0-or-later */
/* publisher.h - what stands in a KVMFR file, by us: no thread, no clock, never waits. */
#ifndef FACET_DISPLAY_KVMFR_PUBLISHER_H
#define FACET_DISPLAY_KVMFR_PUBLISHER_H

#include "base/error.h"
#include "base/shm.h"
#include "display/kvmfr/damage.h"
#include "wire/kvmfr.h"

enum {
	KVMFR_MAX_TIME_MS = 300000, /* for a client that holds up nobody; after it, B7 ends */
	KVMFR_HELD_UP_MS = 3000,    /* for one that holds up another */
	KVMFR_LOCK_MS = 50,         /* a client's lock; then its owner is taken for dead */
	KVMFR_SESSION_MS = 1000,    /* at least between two sessions */
	KVMFR_OFF_MS = 200,  /* a change of mode is off for a moment, which nobody needs see */
	KVMFR_IDLE_MS = 100, /* clients want a sign of life in 200 */

	KVMFR_POINTER_SLOTS = 21,
	KVMFR_FRAME_SLOTS = 9,
	KVMFR_BUFFERS = 2, /* clients that import buffers keep no more */
	KVMFR_USER_BYTES = 1024,
};

/*
 * A queue. Clients change the counters in the file as well; what we know for sure is here, and what
 * they wrote has to fit to it.
 */
struct kvmfr_queue {
	uint32_t id, slots;
	uint32_t at, ring;    /* offsets */
	uint32_t position;    /* the slot that is written next */
	uint64_t posted;      /* messages in this session: the number of the next one */
	uint64_t oldest;      /* the number of the oldest pending one, when we last looked */
	uint64_t since;       /* ms: it has been the oldest since then */
	uint64_t full_since;  /* ms: something waits for room; 0: nothing does */
	uint64_t lock_since;  /* ms: the lock was found held; 0: it was not */
	uint64_t inbox_since; /* the same of the lock for client messages */
	uint32_t inbox_next, inbox_acted;
};

/* The picture's shape; a client learns it anew when .version changes. */
struct kvmfr_mode {
	uint32_t version;
	uint32_t width, height;
	uint32_t fourcc; /* of what an engine delivers */
	uint32_t type;   /* enum wire_kvmfr_type */
	uint32_t pitch, rows;
};

struct kvmfr_buffer {
	uint32_t at;              /* offset */
	uint64_t message;         /* the last one that shows it, and one more; 0: none */
	struct kvmfr_damage owed; /* changed since it was filled */
};

/* Pixels on their way into a buffer. */
struct kvmfr_fill {
	unsigned int buffer;
	struct kvmfr_mode mode;
	struct kvmfr_damage owed, fresh;
	uint8_t *pixels;
};

struct kvmfr_pointer {
	bool known;
	bool place_due, image_due;
	struct facet_cursor cursor;
};

struct kvmfr_publisher {
	const struct wire_kvmfr_release *wire;
	struct facet_shm shm;
	int fd;          /* -1: not ours to make longer again */
	uint32_t layout; /* end of what a session writes anew */
	uint32_t pointers, pointer_bytes;
	uint32_t frame_bytes; /* of one buffer */

	uint8_t user[KVMFR_USER_BYTES];
	uint32_t user_size;

	uint32_t session;
	uint64_t session_since;
	bool nonsense; /* what the file says cannot be: a new session is due */

	struct kvmfr_queue pointer_queue, frame_queue;

	struct kvmfr_mode mode; /* .width 0: nothing was shown yet */
	uint32_t serial;        /* of the last picture */
	struct kvmfr_buffer buffers[KVMFR_BUFFERS];
	unsigned int last;         /* the buffer filled last */
	bool complete;             /* it shows the mode's picture */
	bool filling;              /* one is being filled, without the lock */
	bool post_due;             /* .last is filled and not yet posted */
	bool repost_due;           /* somebody new has to be shown .last */
	bool picture_due;          /* a picture is wanted and could not be taken yet */
	struct kvmfr_damage fresh; /* since the last picture */
	bool off;                  /* there is none: black will be shown */
	uint64_t off_since;
	uint64_t
		waiting_since; /* ms: something is due, and no client does a thing; 0: nothing is */
	uint64_t waiting_for;  /* what clients had done then */

	struct kvmfr_pointer pointer;
	uint32_t posted_version; /* of the last posted picture's mode */
};

/* --- publisher.c --- */

/*
 * @fd: borrowed while the publisher lives; as long as it is to be. @name: the vGPU's, or NULL.
 * @seed: of session numbers. @now: ms, any clock that does not go back; so everywhere.
 */
int facet_kvmfr_publisher_init(struct kvmfr_publisher *p, int fd, uint64_t size, const char *name,
			       uint32_t seed, uint64_t now, struct facet_error *err);
void facet_kvmfr_publisher_fini(struct kvmfr_publisher *p);

enum kvmfr_wish {
	KVMFR_WISH_NOTHING,
	KVMFR_WISH_PICTURE, /* one that was wanted can be taken now, or somebody new wants one */
	KVMFR_WISH_BLACK,   /* the same, and the screen is off */
};

/* Housekeeping. Returns ms until the next, at most KVMFR_IDLE_MS. */
unsigned int facet_kvmfr_publisher_tick(struct kvmfr_publisher *p, uint64_t now,
					enum kvmfr_wish *ret);

/* --- session.c --- */

int facet_kvmfr_session_plan(struct kvmfr_publisher *p, struct facet_error *err);
/* Writes everything but pixels; clients see another publisher and begin anew. */
void facet_kvmfr_session_start(struct kvmfr_publisher *p, uint64_t now);
/* Does the file still bear our session? Writes the sign of life. */
void facet_kvmfr_session_beat(struct kvmfr_publisher *p, uint64_t now);

/* --- records.c --- */

void facet_kvmfr_records_write(struct kvmfr_publisher *p, const char *name);

/* --- queue.c --- */

/* Somebody reads it: a bit a subscriber. */
uint32_t facet_kvmfr_queue_live(const struct kvmfr_publisher *p, const struct kvmfr_queue *q);
/*
 * Frees what everybody is done with, gives up those who are too late. The number of messages that
 * are still pending; -EAGAIN: the lock is held; -EBADMSG: nonsense.
 */
int facet_kvmfr_queue_sweep(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint64_t now);
/*
 * 1: posted; 0: nobody is there; -EAGAIN, -EBADMSG as above; -ENOBUFS: full.
 * The payload is written before; of a message that is not posted it may be written again.
 */
int facet_kvmfr_queue_post(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint32_t user,
			   uint32_t offset, uint32_t size, uint64_t now);
/* Subscribers that came since the last call. */
uint32_t facet_kvmfr_queue_new(const struct kvmfr_publisher *p, const struct kvmfr_queue *q);
void facet_kvmfr_queue_inbox(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint64_t now);

/* --- frame.c --- */

/* Another picture; NULL: off, which clients cannot be told. -ENOTSUP: its format is unknown. */
int facet_kvmfr_frame_mode(struct kvmfr_publisher *p, const struct facet_frame *frame,
			   uint64_t now);
void facet_kvmfr_frame_damage(struct kvmfr_publisher *p, const struct facet_rect *damage);
/*
 * Takes a free buffer and says what it lacks; ended by facet_kvmfr_frame_filled(). Pixels are
 * written in between, by one thread, without anybody's lock. False: nobody wants it, nothing is
 * new, or no buffer is free (then it will be wished for).
 */
bool facet_kvmfr_frame_fill(struct kvmfr_publisher *p, uint64_t now, struct kvmfr_fill *ret);
/* @ok: the pixels are there. Posts, or leaves that to facet_kvmfr_frame_step(). */
void facet_kvmfr_frame_filled(struct kvmfr_publisher *p, const struct kvmfr_fill *fill, bool ok,
			      uint64_t now);
void facet_kvmfr_frame_step(struct kvmfr_publisher *p, uint64_t now);
/* A picture is due, and there is a buffer for it. */
bool facet_kvmfr_frame_wished(struct kvmfr_publisher *p, uint64_t now);
/* Nothing in the buffers can be relied on. */
void facet_kvmfr_frame_forget(struct kvmfr_publisher *p);

/* --- pointer.c --- */

void facet_kvmfr_pointer_set(struct kvmfr_publisher *p, const struct facet_cursor *cursor,
			     bool image);
void facet_kvmfr_pointer_step(struct kvmfr_publisher *p, uint64_t now);

#endif
