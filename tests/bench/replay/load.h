/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load.h - one vGPU's load: how frames come, and what became of them. */
#ifndef FACET_BENCH_LOAD_H
#define FACET_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct player;

struct load_config {
	const char *name; /* of the scene, for the report */
	double seconds;
	unsigned int in_flight; /* frames, at most */
	double period_ms;       /* a frame is due each; 0: as many as can be */
	double on_ms, off_ms;   /* bursts; 0: always on */
	double interval_ms;     /* between lines of progress; 0: none */
	bool control;           /* "go", "stop", end of file on standard input */
};

/* What became of the frames. */
struct load_tally {
	uint64_t frames, skipped;
	int64_t busy_since_ns; /* the last time that something came, or began to be waited for */
	int64_t longest_gap_ns, gap_ns; /* without any answer: in all, in this interval */
	uint32_t *latencies_us;
	size_t room;
};

void load_tally_begin(struct load_tally *tally, int64_t now_ns);
void load_tally_frame(struct load_tally *tally, int64_t now_ns, int64_t posted_ns);
/* Frames are in flight, and nothing has come until now. */
void load_tally_wait(struct load_tally *tally, int64_t now_ns);
/* A line of JSON: how far it is; and at the end. */
void load_tally_progress(struct load_tally *tally, int64_t now_ns);
void load_tally_report(struct load_tally *tally, const struct load_config *config, double seconds,
		       const struct player *player);

/* Plays take 0 of the player, which is at its start. 0, or < 0 when the backend failed. */
int load_play(struct player *player, const struct load_config *config);

#endif
