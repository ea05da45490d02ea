/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recording.h - what a guest did while it drew, to be done again: a list of steps. */
#ifndef FACET_BENCH_RECORDING_H
#define FACET_BENCH_RECORDING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "scene.h"

enum {
	/* A guest's pages are all over its memory; so many bytes follow each other at a time. */
	RECORDING_PIECE = 64 << 10,
	RECORDING_CONTEXT = 1,
};

enum step_kind {
	STEP_WRITE,   /* data into the guest's memory, at address */
	STEP_REQUEST, /* data is a virtio-gpu request for the control queue */
	STEP_WAIT,    /* until all requests have been answered */
};

struct step {
	uint32_t kind, size;
	uint64_t address;
	uint8_t data[]; /* padded to 8 bytes */
};

/* The guest's memory behind a resource: its pieces lie in the reverse of their order. */
struct backing {
	uint64_t address;
	uint32_t size;
};
unsigned int backing_pieces(const struct backing *backing);
uint64_t backing_piece(const struct backing *backing, unsigned int number, uint32_t *ret_size);

struct recording {
	uint8_t *steps;
	size_t size, room;
	struct {
		size_t start, end;      /* of the one frame to be repeated, in bytes */
		struct backing picture; /* read back last */
	} takes[SCENE_TAKES];
};

/*
 * Adds a step and returns its data: the caller's to fill in when @data is NULL. The address
 * holds until the next one is added. Exits when there is no memory.
 */
void *recording_add(struct recording *recording, enum step_kind kind, uint64_t address,
		    const void *data, size_t size);
/* What a step with so much data takes. */
size_t recording_step_bytes(size_t size);

/* What the host's renderer can do: the two sets that virgl has. */
struct capsets {
	uint32_t sizes[2];
	uint8_t data[2][4096];
};

/*
 * Starts a process that draws all takes on stock Mesa's virgl driver, the side that runs in a
 * guest. It waits for its renderer, which is what listens at @ret_fd.
 */
int recorder_start(int *ret_fd, pid_t *ret_pid);

/* Is that renderer until the process ends; its resources get guest memory from @memory on. */
int recorder_run(int fd, const struct capsets *caps, const struct backing *memory,
		 struct recording *ret);

#endif
