/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scene.h - what both sides draw: lit spheres in a grid, one draw each. */
#ifndef FACET_BENCH_SCENE_H
#define FACET_BENCH_SCENE_H

#include <stddef.h>
#include <stdint.h>

enum {
	SCENE_WIDTH = 640,
	SCENE_HEIGHT = 480,
	SCENE_BYTES = SCENE_WIDTH * SCENE_HEIGHT * 4,
	SCENE_RINGS = 16,
	SCENE_VERTICES = SCENE_RINGS * SCENE_RINGS * 6, /* of a sphere: triangles, no indices */
	SCENE_MAX_DRAWS = 64,
};

/* x, y, z of each vertex; on the unit sphere, so it is the normal as well. */
typedef float scene_mesh[SCENE_VERTICES][3];
void scene_make_mesh(scene_mesh mesh);

/* One sphere of @draws: rows of its matrix, and what colours it. */
struct scene_draw {
	float matrix[4][4];
	float light[4], colour[4];
};
void scene_make_draw(unsigned int draws, unsigned int number, struct scene_draw *ret);

/* What is drawn: frames of so many spheres, each finished, or read back. */
enum { SCENE_TAKES = 3 };
extern const struct scene_take {
	unsigned int draws;
	int read_back;
} scene_takes[SCENE_TAKES];

/* One frame after the other, on either side. Nanoseconds for @frames, or < 0. */
struct scene_side {
	int64_t (*run)(struct scene_side *side, unsigned int take, unsigned int frames);
	const uint32_t *pixels; /* read back last: RGBA, lines from bottom to top */
};

int64_t scene_now(void);
struct scene_side *scene_direct_side(void);
struct scene_side *scene_facet_side(void);

#endif
