/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recording.h - what a guest did while it drew, to be done again: a list of steps. */
#ifndef FACET_BENCH_RECORDING_H
#define FACET_BENCH_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	/* A guest's pages are all over its memory; so many bytes follow each other at a time. */
	RECORDING_PIECE = 64 << 10,
	RECORDING_CONTEXT = 1,
	RECORDING_WARM_UP = 5, /* frames, until each is like the one before */
	RECORDING_MAX_TAKES = 4,
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

struct take {
	size_t start, end;      /* of the one frame to be repeated, in bytes */
	unsigned int requests;  /* in it */
	struct backing picture; /* read back last */
};

struct recording {
	uint8_t *steps;
	size_t size, room;
	struct take takes[RECORDING_MAX_TAKES];
	unsigned int take_count;
	const char *name; /* of what was drawn */
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

/* A process that draws for a recorder. */
struct recorder_process {
	int fd;
	pid_t pid;
};

/*
 * Starts a process that runs @draw on stock Mesa's virgl driver, the side that runs in a guest:
 * drawing waits for its renderer, which recorder_finish() is. @draw returns 0 when all went well
 * and says with recorder_mark() where each take begins and ends.
 */
int recorder_start(int (*draw)(const void *arg), const void *arg, struct recorder_process *ret);
int recorder_mark(void);

struct player;
/* Records until that process ends: @takes. @player's port says what its host can do. */
int recorder_finish(const struct recorder_process *process, struct player *player,
		    unsigned int takes, struct recording *ret);

/* The renderer alone: its resources get guest memory from @memory on. */
int recorder_run(int fd, const struct capsets *caps, const struct backing *memory,
		 struct recording *ret);

/* A recording of one take in a file, for the same machine. 0 or < 0, and why on stderr. */
int recording_save(const struct recording *recording, const char *path);
int recording_load(struct recording *recording, const char *path);

#endif
