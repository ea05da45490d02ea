// SPDX-License-Identifier: GPL-2.0-or-later
/* recording.c - what a guest did while it drew, to be done again: a list of steps. */
#include "recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t recording_step_bytes(size_t size)
{
	return (sizeof(struct step) + size + 7) & ~(size_t)7;
}

void *recording_add(struct recording *recording, enum step_kind kind, uint64_t address,
		    const void *data, size_t size)
{
	size_t end = recording->size + recording_step_bytes(size);
	struct step *step;

	if (end > recording->room) {
		recording->room = 2 * end;
		recording->steps = realloc(recording->steps, recording->room);
		if (!recording->steps) {
			fprintf(stderr, "virgl-replay: no memory for %zu bytes of recording\n",
				recording->room);
			exit(1);
		}
	}
	step = (void *)(recording->steps + recording->size);
	*step = (struct step){ .kind = kind, .size = (uint32_t)size, .address = address };
	if (data)
		memcpy(step->data, data, size);
	recording->size = end;
	return step->data;
}

unsigned int backing_pieces(const struct backing *backing)
{
	return (backing->size + RECORDING_PIECE - 1) / RECORDING_PIECE;
}

uint64_t backing_piece(const struct backing *backing, unsigned int number, uint32_t *ret_size)
{
	uint32_t left = backing->size - number * RECORDING_PIECE;

	*ret_size = left < RECORDING_PIECE ? left : RECORDING_PIECE;
	return backing->address +
	       (uint64_t)(backing_pieces(backing) - 1 - number) * RECORDING_PIECE;
}
