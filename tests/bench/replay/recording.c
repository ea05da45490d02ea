// SPDX-License-Identifier: GPL-2.0-or-later
/* recording.c - what a guest did while it drew, to be done again: a list of steps. */
#include "recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port.h"

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
			fprintf(stderr, "no memory for %zu bytes of recording\n", recording->room);
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

/* What the file begins with. */
struct file_head {
	char magic[8], name[32];
	uint64_t size;
	struct take take;
};

static const char file_magic[8] = "vgpurec1";

int recording_save(const struct recording *recording, const char *path)
{
	struct file_head head = { .size = recording->size, .take = recording->takes[0] };
	FILE *file = fopen(path, "wb");
	bool ok;

	memcpy(head.magic, file_magic, sizeof(head.magic));
	snprintf(head.name, sizeof(head.name), "%s", recording->name ? recording->name : "?");
	ok = file && fwrite(&head, sizeof(head), 1, file) == 1 &&
	     fwrite(recording->steps, 1, recording->size, file) == recording->size;
	if (file && fclose(file))
		ok = false;
	if (!ok)
		perror(path);
	return ok ? 0 : -1;
}

/* Every step lies whole in the recording, and writes into the part of memory that is its own. */
static bool steps_fit(const struct recording *recording)
{
	size_t at = 0, n;

	while (at + sizeof(struct step) <= recording->size) {
		const struct step *step = (void *)(recording->steps + at);

		n = recording_step_bytes(step->size);
		if (n > recording->size - at)
			return false;
		if (step->kind == STEP_WRITE &&
		    (step->address < PORT_RESOURCES || step->address > PORT_REQUESTS ||
		     step->size > PORT_REQUESTS - step->address))
			return false;
		at += n;
	}
	return at == recording->size && recording->takes[0].start < recording->takes[0].end &&
	       recording->takes[0].end <= recording->size;
}

int recording_load(struct recording *recording, const char *path)
{
	FILE *file = fopen(path, "rb");
	static struct file_head head; /* its name stays in use */
	bool ok;

	if (!file) {
		perror(path);
		return -1;
	}
	*recording = (struct recording){ .take_count = 1 };
	ok = fread(&head, sizeof(head), 1, file) == 1 &&
	     !memcmp(head.magic, file_magic, sizeof(head.magic)) && head.size < UINT32_MAX;
	if (ok) {
		head.name[sizeof(head.name) - 1] = 0;
		recording->name = head.name;
		recording->size = recording->room = head.size;
		recording->takes[0] = head.take;
		recording->steps = malloc(head.size);
		ok = recording->steps && fread(recording->steps, 1, head.size, file) == head.size &&
		     steps_fit(recording);
	}
	fclose(file);
	if (!ok)
		fprintf(stderr, "%s: not a recording that can be played\n", path);
	return ok ? 0 : -1;
}
