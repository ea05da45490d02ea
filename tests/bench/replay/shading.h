/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shading.h - frames of a known cost: one draw that fills the target, a loop for each pixel. */
#ifndef FACET_BENCH_SHADING_H
#define FACET_BENCH_SHADING_H

struct shading {
	const char *name;
	int side;       /* of the square target, in pixels */
	double gpu_ms;  /* what a frame shall take of the whole GPU: all cores; 0: little */
	int iterations; /* that is so many for each pixel */
	const char *what;
};

/* One of those there are, or NULL. */
const struct shading *shading_find(const char *name);
/* For a list of them: NULL after the last. */
const struct shading *shading_at(unsigned int number);

/*
 * Works out how often the loop has to run on this machine, by the processor time that it takes
 * here, in a process of its own. 0 or < 0, and why on stderr.
 */
int shading_calibrate(struct shading *shading);

/* A function for recorder_start(): @shading. */
int shading_draw(const void *shading);

#endif
