// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main.c - recorded frames replayed through a vGPU, beside the same frames drawn directly. The
 * sides are two processes that take turns; one line of output for each turn of both.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"

/* What is measured; and the same with a picture of it. */
static const struct row {
	const char *name;
	unsigned int take, picture;
} rows[] = {
	{ "draws", 0, 1 },
	{ "read-back", 2, 2 },
};

/* What one side is asked, and answers; the picture comes in memory that both see. */
struct order {
	unsigned int take, frames;
};

struct side {
	int orders, answers;
	uint32_t *pixels;
};

static void serve(struct scene_side *(*make)(void), int orders, int answers, uint32_t *pixels)
{
	struct scene_side *side = make();
	struct order order;

	while (side && read(orders, &order, sizeof(order)) == sizeof(order)) {
		int64_t time = side->run(side, order.take, order.frames);

		memcpy(pixels, side->pixels, SCENE_BYTES);
		if (write(answers, &time, sizeof(time)) != sizeof(time))
			break;
	}
	_exit(side ? 0 : 1);
}

static int start(struct side *side, struct scene_side *(*make)(void))
{
	int orders[2], answers[2];

	side->pixels =
		mmap(NULL, SCENE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (side->pixels == MAP_FAILED || pipe(orders) || pipe(answers))
		return -1;
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		close(orders[1]);
		close(answers[0]);
		serve(make, orders[0], answers[1], side->pixels);
	}
	close(orders[0]);
	close(answers[1]);
	side->orders = orders[1];
	side->answers = answers[0];
	return 0;
}

/* Milliseconds a frame. */
static double ask(struct side *side, unsigned int take, unsigned int frames)
{
	struct order order = { take, frames };
	int64_t time;

	if (write(side->orders, &order, sizeof(order)) != sizeof(order) ||
	    read(side->answers, &time, sizeof(time)) != sizeof(time) || time < 0) {
		fprintf(stderr, "virgl-replay: one side has failed\n");
		exit(1);
	}
	return (double)time / frames / 1e6;
}

/* Rounding may differ by a step or two. */
static int same_pixel(uint32_t x, uint32_t y)
{
	for (int i = 0; i < 24; i += 8) {
		int a = (int)(x >> i & 0xff), b = (int)(y >> i & 0xff);

		if (abs(a - b) > 3)
			return 0;
	}
	return 1;
}

/* An edge may differ by a pixel here and there; and an empty picture proves nothing. */
static int same_picture(const uint32_t *x, const uint32_t *y)
{
	unsigned int different = 0, background = 0;

	for (size_t i = 0; i < SCENE_WIDTH * SCENE_HEIGHT; i++) {
		background += x[i] == x[0];
		different += !same_pixel(x[i], y[i]);
	}
	if (different <= SCENE_WIDTH * SCENE_HEIGHT / 1000 &&
	    background < SCENE_WIDTH * SCENE_HEIGHT * 9 / 10)
		return 1;
	fprintf(stderr, "virgl-replay: %u pixels differ, %u show nothing\n", different, background);
	return 0;
}

static unsigned int frames_for(struct side *side, unsigned int take, double seconds)
{
	double frames = seconds * 1000 / ask(side, take, 20);

	return frames < 10 ? 10 : (unsigned int)frames;
}

static int measure(struct side *facet, struct side *direct, const struct row *row,
		   unsigned int rounds, double seconds)
{
	unsigned int frames = frames_for(direct, row->take, seconds);

	ask(facet, row->picture, 20);
	ask(direct, row->picture, 1);
	if (!same_picture(facet->pixels, direct->pixels))
		return 1;
	/* Not measured: it gets to where the take begins. */
	ask(facet, row->take, 20);
	for (unsigned int i = 0; i < rounds; i++) {
		double by_facet = ask(facet, row->take, frames);
		double by_direct = ask(direct, row->take, frames);

		printf("%s %.6f %.6f\n", row->name, by_facet, by_direct);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 5;
	double seconds = argc > 2 ? atof(argv[2]) : 1;
	struct side facet, direct;

	if (!rounds || seconds <= 0) {
		fprintf(stderr, "usage: virgl-replay [ROUNDS [SECONDS]]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
	if (start(&facet, scene_facet_side) || start(&direct, scene_direct_side))
		return 1;
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (measure(&facet, &direct, &rows[i], rounds, seconds))
			return 1;
	close(facet.orders);
	close(direct.orders);
	while (wait(NULL) > 0)
		;
	return 0;
}
