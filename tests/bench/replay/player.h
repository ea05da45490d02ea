/* SPDX-License-Identifier: GPL-2.0-or-later */
/* player.h - plays recordings on a port: a frame at a time, or several in flight. */
#ifndef FACET_BENCH_PLAYER_H
#define FACET_BENCH_PLAYER_H

#include "port.h"
#include "recording.h"

enum {
	PLAYER_MAX_WAITING = 240, /* requests; a little less than the ring has room for */
	PLAYER_MAX_FRAMES = 64,   /* in flight */
};

struct player_frame {
	unsigned int count; /* of its requests that have not been answered */
	int64_t posted_ns;
};

struct player {
	struct port *port;
	const struct recording *recording;
	uint64_t fence;
	/* Rings of their own: of requests not yet answered, and of the frames they make. */
	int tickets[PLAYER_MAX_WAITING];
	struct player_frame frames[PLAYER_MAX_FRAMES];
	unsigned int ticket_first, ticket_count, frame_first, frame_count;
	uint64_t bytes, errors;
};

/* Asks what the host's renderer can do. */
int player_get_caps(struct player *player, struct capsets *ret);

/* From the very beginning, as far as the frame that is to be repeated. */
int player_start(struct player *player, unsigned int take);

/* That frame once, waiting where the guest has waited. */
int player_frame(struct player *player, unsigned int take);

/* The same without waiting; -EAGAIN: once something has been answered. */
int player_post(struct player *player, unsigned int take, int64_t now_ns);
/* Takes what was answered. 1: a frame is done, posted at *ret_posted_ns; 0: none; < 0. */
int player_done(struct player *player, int64_t *ret_posted_ns);

#endif
