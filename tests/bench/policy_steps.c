// SPDX-License-Identifier: GPL-2.0-or-later
/* policy_steps.c - how long the arbiter's looks and steps take; tests/bench/policy makes a table.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "arbiter/arbiter.h"

enum { EUS = 2, TICK_NS = 4000000 };

struct bench {
	struct facet_arbiter *arbiter;
	struct guest *guests; /* the first @busy always have work */
	size_t *open;         /* of those, the ones that may run */
	size_t count, busy, opens;
	uint64_t now_ns, seed;
};

struct guest {
	struct facet_member *member;
	struct bench *bench;
	uint64_t used_ns;
	size_t place; /* in open, from 1 */
};

static unsigned long changes;

static void changed(struct facet_member *member, enum facet_turn turn)
{
	struct guest *guest = facet_member_owner(member);
	struct bench *bench = guest->bench;
	size_t last = bench->open[bench->opens - 1];

	changes++;
	if (turn == FACET_TURN_OPEN) {
		bench->open[bench->opens++] = (size_t)(guest - bench->guests);
		guest->place = bench->opens;
		return;
	}
	if (!guest->place)
		return;
	bench->open[guest->place - 1] = last;
	bench->guests[last].place = guest->place;
	guest->place = 0;
	bench->opens--;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t below(struct bench *bench, uint64_t limit)
{
	bench->seed = bench->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (bench->seed >> 33) % limit;
}

/* One that may run has had the GPU for up to @ns. */
static void look(struct bench *bench, size_t i, uint64_t ns)
{
	struct guest *guest = &bench->guests[i];

	if (guest->place)
		guest->used_ns += 1 + below(bench, ns * EUS);
	facet_member_observe(guest->member, bench->now_ns, guest->used_ns, i < bench->busy);
}

static void step(struct bench *bench)
{
	uint64_t next_ns;

	facet_arbiter_step(bench->arbiter, bench->now_ns, changed, &next_ns);
}

static void one(struct bench *bench)
{
	bench->now_ns += TICK_NS;
	look(bench, bench->open[below(bench, bench->opens)], TICK_NS);
	step(bench);
}

/* Every member that is busy, as at each tick. */
static void tick(struct bench *bench)
{
	uint64_t ns = TICK_NS / bench->opens + 1;

	bench->now_ns += TICK_NS;
	for (size_t i = 0; i < bench->busy; i++)
		look(bench, i, ns);
	step(bench);
}

static void set_up(struct bench *bench, size_t count, size_t busy)
{
	*bench = (struct bench){ .count = count, .busy = busy, .opens = busy, .seed = 1 };
	bench->guests = calloc(count, sizeof(*bench->guests));
	bench->open = calloc(count, sizeof(*bench->open));
	if (facet_arbiter_create(EUS, FACET_POLICY_BEST_EFFORT, &bench->arbiter))
		abort();
	for (size_t i = 0; i < count; i++) {
		uint32_t weight = (uint32_t)(50 + below(bench, 100));
		struct facet_share share = { weight, FACET_SHARE_ALL, 0 };
		struct guest *guest = &bench->guests[i];

		guest->bench = bench;
		if (facet_member_add(bench->arbiter, &share, guest, &guest->member))
			abort();
		if (i < busy) {
			bench->open[i] = i;
			guest->place = i + 1;
		}
	}
	tick(bench);
	for (size_t i = 0; i < 20 * busy; i++)
		one(bench);
	changes = 0;
}

static void tear_down(struct bench *bench)
{
	facet_arbiter_destroy(bench->arbiter);
	free(bench->guests);
	free(bench->open);
}

/* One member is looked at, then a step is made: work came, or a batch ended. */
static void looks(const char *name, size_t count, size_t busy, size_t times)
{
	struct bench bench;
	uint64_t start;

	set_up(&bench, count, busy);
	start = clock_ns();
	for (size_t i = 0; i < times; i++)
		one(&bench);
	printf("look %s %.1f %.3f\n", name, (double)(clock_ns() - start) / (double)times,
	       (double)changes / (double)times);
	tear_down(&bench);
}

static void ticks(const char *name, size_t count, size_t times)
{
	struct bench bench;
	uint64_t start;

	set_up(&bench, count, count);
	start = clock_ns();
	for (size_t i = 0; i < times; i++)
		tick(&bench);
	printf("tick %s %.1f %.3f\n", name, (double)(clock_ns() - start) / (double)times,
	       (double)changes / (double)times);
	tear_down(&bench);
}

/* usage: policy-steps ROUNDS TIMES; a line for each figure: kind, name, ns, changes in each. */
int main(int argc, char **argv)
{
	static const char *const names[] = { "10", "100", "1000", "10000" };
	long rounds = argc > 1 ? atol(argv[1]) : 5, times = argc > 2 ? atol(argv[2]) : 200000;

	if (rounds < 1 || times < 1) {
		fprintf(stderr, "usage: policy-steps [ROUNDS [TIMES]]\n");
		return 2;
	}
	for (long round = 0; round < rounds; round++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t count = (size_t)atol(names[i]);

			looks(names[i], count, count, (size_t)times);
		}
		looks("idle", 10000, 10, (size_t)times);
		ticks("64", 64, (size_t)times / 64 + 1);
	}
	return 0;
}
