// SPDX-License-Identifier: GPL-2.0-or-later
/* scene.c - what both sides draw: lit spheres in a grid, one draw each. */
#include "scene.h"

#include <math.h>
#include <string.h>
#include <time.h>

const struct scene_take scene_takes[SCENE_TAKES] = { { 64, 0 }, { 64, 1 }, { 1, 1 } };

static void make_vertex(unsigned int ring, unsigned int step, float *ret)
{
	double latitude = M_PI * ring / SCENE_RINGS, longitude = 2 * M_PI * step / SCENE_RINGS;

	ret[0] = (float)(sin(latitude) * cos(longitude));
	ret[1] = (float)cos(latitude);
	ret[2] = (float)(sin(latitude) * sin(longitude));
}

void scene_make_mesh(scene_mesh mesh)
{
	static const unsigned int corners[6][2] = { { 0, 0 }, { 1, 0 }, { 0, 1 },
						    { 0, 1 }, { 1, 0 }, { 1, 1 } };
	unsigned int at = 0;

	for (unsigned int ring = 0; ring < SCENE_RINGS; ring++)
		for (unsigned int step = 0; step < SCENE_RINGS; step++)
			for (unsigned int i = 0; i < 6; i++)
				make_vertex(ring + corners[i][0], step + corners[i][1], mesh[at++]);
}

void scene_make_draw(unsigned int draws, unsigned int number, struct scene_draw *ret)
{
	unsigned int side = (unsigned int)ceil(sqrt(draws));
	float cell = 2.0f / (float)side, size = cell * 0.6f;
	float x = -1 + cell * ((float)(number % side) + 0.5f);
	float y = -1 + cell * ((float)(number / side) + 0.5f);
	float turn = (float)number;

	*ret = (struct scene_draw){
		.matrix = { { size * cosf(turn), 0, size * sinf(turn), x },
			    { 0, size, 0, y },
			    { -0.3f * sinf(turn), 0, 0.3f * cosf(turn), 0 },
			    { 0, 0, 0, 1 } },
		.light = { 0.48f, 0.6f, 0.64f, 0 },
		.colour = { 0.2f + 0.6f * (float)(number % 3) / 2, 0.5f,
			    0.2f + 0.6f * (float)(number % 5) / 4, 1 },
	};
}

int64_t scene_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
