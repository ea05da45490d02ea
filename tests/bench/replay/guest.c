// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.c - the spheres, recorded and replayed on a vGPU inside this process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "player.h"
#include "scene.h"

struct guest {
	struct scene_side side;
	struct player player;
	struct recording recording;
	unsigned int take; /* that everything is ready for; SCENE_TAKES: none */
	uint32_t pixels[SCENE_WIDTH * SCENE_HEIGHT];
};

static void gather_pixels(struct guest *guest, const struct backing *picture)
{
	uint8_t *to = (uint8_t *)guest->pixels;
	uint32_t size;

	if (picture->size != sizeof(guest->pixels))
		return;
	for (unsigned int i = 0; i < backing_pieces(picture); i++, to += size) {
		uint64_t from = backing_piece(picture, i, &size);

		memcpy(to, guest->player.port->memory + from, size);
	}
}

static int be_ready(struct guest *guest, unsigned int take)
{
	if (guest->take == take)
		return 0;
	guest->take = SCENE_TAKES;
	if (player_start(&guest->player, take))
		return -1;
	guest->take = take;
	return 0;
}

static int64_t run(struct scene_side *side, unsigned int take, unsigned int frames)
{
	struct guest *guest = (struct guest *)side;
	int64_t start, time;

	if (be_ready(guest, take))
		return -1;
	start = scene_now();
	for (unsigned int i = 0; i < frames; i++)
		if (player_frame(&guest->player, take))
			return -1;
	time = scene_now() - start;
	if (scene_takes[take].read_back)
		gather_pixels(guest, &guest->recording.takes[take].picture);
	return time;
}

/* In a process of its own: all takes on stock Mesa, each warm before it is recorded. */
static int draw(const void *unused)
{
	struct scene_side *side = scene_direct_side();

	if (!side)
		return 1;
	for (unsigned int take = 0; take < SCENE_TAKES; take++)
		if (side->run(side, take, RECORDING_WARM_UP) < 0 || recorder_mark() ||
		    side->run(side, take, 1) < 0 || recorder_mark())
			return 1;
	return 0;
}

struct scene_side *scene_facet_side(void)
{
	static struct guest guest = { .side.run = run, .take = SCENE_TAKES };
	struct recorder_process process;

	guest.side.pixels = guest.pixels;
	/* Before there are threads. */
	if (recorder_start(draw, NULL, &process))
		return NULL;
	guest.player.recording = &guest.recording;
	guest.player.port = port_loopback();
	if (!guest.player.port ||
	    recorder_finish(&process, &guest.player, SCENE_TAKES, &guest.recording))
		return NULL;
	return &guest.side;
}
