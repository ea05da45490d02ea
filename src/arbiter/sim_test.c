// SPDX-License-Identifier: GPL-2.0-or-later
/* sim_test.c - what the policy makes of guests of many kinds, in made-up time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arbiter/sim.h"
#include "base/checked.h"

enum { MS = SIM_MS, POINT = FACET_SHARE_ALL / 100, QUANTUM_NS = 3 * MS };

static const uint64_t second = 1000ULL * MS;

static const struct sim_load light = { .batch_ns = 2 * MS }; /* ~1 ms on two units, always more */

static const struct facet_share *weight(uint32_t weight)
{
	static struct facet_share share;

	share = (struct facet_share){ weight, FACET_SHARE_ALL, 0 };
	return &share;
}

/* All tests run with engines that know a lower priority, too. */
static bool spares;

static int with_spares(void **state)
{
	spares = true;
	return 0;
}

static struct sim *best_effort(unsigned int eus, size_t guests, unsigned int seconds)
{
	struct sim *sim = sim_create(eus, FACET_POLICY_BEST_EFFORT, guests, seconds * second);

	if (spares)
		sim_spares(sim);
	return sim;
}

/* In every window of 2 s each guest gets what it is entitled to, within @points. */
static void shares_hold(struct sim *sim, uint64_t from_ns, double points)
{
	for (size_t i = 0; i < sim->count; i++) {
		double ppm = facet_member_entitled_ppm(sim->guests[i].member);
		struct sim_range got = sim_got_windows(sim, i, from_ns, sim->now_ns, 2000);

		if (got.least < ppm - points * POINT || got.most > ppm + points * POINT)
			fail_msg("guest %zu of %zu: entitled to %.2f %%, got %.2f to %.2f %%", i,
				 sim->count, ppm / POINT, got.least / POINT, got.most / POINT);
	}
	assert_true(sim_got_all(sim, from_ns, sim->now_ns) > 0.995 * FACET_SHARE_ALL);
}

static void light_batches(unsigned int eus, size_t count, const uint32_t *weights,
			  uint64_t quantum_ns, uint64_t from_ns)
{
	struct sim *sim = best_effort(eus, count, 6);

	sim->quantum_ns = quantum_ns;
	for (size_t i = 0; i < count; i++)
		sim_join(sim, i, weight(weights[i]), &light);
	sim_run(sim, 6 * second);
	shares_hold(sim, from_ns, 1);
	sim_destroy(sim);
}

static void shares_of_light_batches_hold(void **state)
{
	for (uint64_t quantum = 0; quantum <= QUANTUM_NS; quantum += QUANTUM_NS) {
		for (unsigned int eus = 1; eus <= 16; eus *= 2) {
			light_batches(eus, 2, (uint32_t[]){ 70, 30 }, quantum, 0);
			light_batches(eus, 2, (uint32_t[]){ 100, 100 }, quantum, 0);
			light_batches(eus, 2, (uint32_t[]){ 10000, 500 }, quantum, 0);
		}
		light_batches(2, 3, (uint32_t[]){ 3, 2, 1 }, quantum, 0);
		light_batches(4, 8, (uint32_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 }, quantum, 0);
	}
}

static void shares_of_64_hold(void **state)
{
	uint32_t equal[64], unequal[64], half[64];

	for (uint32_t i = 0; i < 64; i++) {
		equal[i] = 100;
		unequal[i] = i + 1;
		half[i] = i ? 1 : 63;
	}
	for (uint64_t quantum = 0; quantum <= QUANTUM_NS; quantum += QUANTUM_NS) {
		light_batches(2, 64, equal, quantum, 0);
		light_batches(2, 64, unequal, quantum, 0);
		/* All start at once, and one has to wait until the others are through. */
		light_batches(2, 64, half, quantum, second);
	}
}

static void equal_is_fair(void **state)
{
	for (uint64_t quantum = 0; quantum <= QUANTUM_NS; quantum += QUANTUM_NS) {
		struct sim *sim = best_effort(2, 8, 6);

		sim->quantum_ns = quantum;
		for (size_t i = 0; i < 8; i++)
			sim_join(sim, i, weight(100), &light);
		sim_run(sim, 6 * second);
		for (uint64_t from = 0; from <= 4 * second; from += second / 10) {
			double least = 1e9, most = 0;

			for (size_t i = 0; i < 8; i++) {
				double got = sim_got(sim, i, from, from + 2 * second);

				least = got < least ? got : least;
				most = got > most ? got : most;
			}
			if (least < 0.97 * most)
				fail_msg("from %g s: least / most is %.3f", (double)from / second,
					 least / most);
		}
		sim_destroy(sim);
	}
}

static void reservations_are_kept(void **state)
{
	struct facet_share reserved = { 100, FACET_SHARE_ALL, 30 * POINT };
	struct sim *sim = best_effort(2, 3, 6);
	struct sim_range got;

	sim_join(sim, 0, &reserved, &light);
	sim_join(sim, 1, weight(100), &light);
	sim_join(sim, 2, weight(1800), &light);
	sim_run(sim, 6 * second);
	got = sim_got_windows(sim, 0, 0, sim->now_ns, 2000);
	assert_true(got.least >= 29 * POINT);
	shares_hold(sim, 0, 1);
	sim_destroy(sim);
}

/* Over any second. */
static void cap_holds(const struct sim *sim, size_t guest, uint64_t from_ns, uint64_t to_ns,
		      uint32_t cap_ppm)
{
	struct sim_range got = sim_got_windows(sim, guest, from_ns, to_ns, 1000);

	if (got.most > cap_ppm + POINT)
		fail_msg("guest %zu: capped at %.2f %%, got %.2f %%", guest,
			 (double)cap_ppm / POINT, got.most / POINT);
}

static void caps_are_never_exceeded(void **state)
{
	const uint32_t caps[] = { 1, 5, 10, 25, 50, 90, 99 };
	const struct sim_load draws = { .batch_ns = 200 * MS, .exact = true }; /* can be stopped */
	const struct sim_load frames = { .batch_ns = 30 * MS, .pause_ns = 5 * MS };

	for (size_t i = 0; i < 6 * FACET_ARRAY_SIZE(caps); i++) {
		uint32_t cap = caps[i / 6] * POINT;
		struct facet_share capped = { 100, cap, 0 };
		struct sim *sim = best_effort(2, 2, 5);
		bool alone = i % 2;

		sim->lateness_ns = 2 * MS;
		sim_join(sim, 0, &capped, i % 6 < 2 ? &light : i % 6 < 4 ? &draws : &frames);
		if (!alone)
			sim_join(sim, 1, weight(1), &light);
		sim_run(sim, 5 * second);
		cap_holds(sim, 0, 0, sim->now_ns, cap);
		/* And it is not just closed. */
		if (i % 6 < 4)
			assert_true(sim_got(sim, 0, second, sim->now_ns) >= cap * 0.95);
		sim_destroy(sim);
	}
}

static void a_cap_takes_effect_in_200_ms(void **state)
{
	struct facet_share capped = { 100, 20 * POINT, 0 };
	struct sim *sim = best_effort(2, 2, 8);
	double got;

	sim_join(sim, 0, weight(100), &light);
	sim_join(sim, 1, weight(100), &light);
	sim_run(sim, 2 * second);
	sim_set(sim, 0, &capped);
	sim_run(sim, 5 * second);
	got = sim_got(sim, 0, 2 * second, 2 * second + 200 * MS);
	assert_true(got < 23 * POINT && got > 15 * POINT);
	cap_holds(sim, 0, 2 * second, 5 * second, 20 * POINT);
	assert_true(sim_got(sim, 1, 2 * second + 200 * MS, 5 * second) > 79 * POINT);
	sim_set(sim, 0, weight(100));
	sim_run(sim, 8 * second);
	got = sim_got(sim, 0, 5 * second + 200 * MS, 5 * second + 400 * MS);
	assert_true(got > 45 * POINT && got < 55 * POINT);
	assert_true(sim_got(sim, 0, 6 * second, 8 * second) > 49 * POINT);
	sim_destroy(sim);
}

static void policy_changes_while_running(void **state)
{
	const struct {
		enum facet_policy policy;
		unsigned int got[2];
	} phases[] = {
		{ FACET_POLICY_BEST_EFFORT, { 75, 25 } }, { FACET_POLICY_FIXED, { 60, 20 } },
		{ FACET_POLICY_EQUAL, { 50, 50 } },       { FACET_POLICY_FIXED, { 60, 20 } },
		{ FACET_POLICY_BEST_EFFORT, { 75, 25 } },
	};
	struct sim *sim = best_effort(2, 2, 2 * FACET_ARRAY_SIZE(phases));

	sim_join(sim, 0, weight(60), &light);
	sim_join(sim, 1, weight(20), &light);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(phases); i++) {
		uint64_t from = 2 * i * second;

		facet_arbiter_set_policy(sim->arbiter, phases[i].policy);
		sim->next_ns = sim->now_ns;
		sim_run(sim, from + 2 * second);
		for (size_t j = 0; j < 2; j++) {
			double got = sim_got(sim, j, from + 200 * MS, from + 2 * second);

			assert_true(got > ((double)phases[i].got[j] - 1) * POINT);
			assert_true(got < ((double)phases[i].got[j] + 1) * POINT);
		}
	}
	sim_destroy(sim);
}

/* The first of three stops for a second; what do the others get meanwhile? */
static void others_get(enum facet_policy policy, unsigned int second_percent,
		       unsigned int third_percent)
{
	struct sim_load stops = { .batch_ns = 2 * MS, .stop_ns = 3 * second };
	struct sim *sim = sim_create(2, policy, 3, 6 * second);
	const uint64_t from = 3 * second + 100 * MS;

	sim_join(sim, 0, weight(50), &stops);
	sim_join(sim, 1, weight(30), &light);
	sim_join(sim, 2, weight(20), &light);
	sim_run(sim, 4 * second);
	assert_true(sim_got(sim, 0, from, 4 * second) == 0);
	for (size_t i = 1; i < 3; i++) {
		double want = (i == 1 ? second_percent : third_percent) * (double)POINT;
		double got = sim_got(sim, i, from, 4 * second);

		assert_true(got > want - 1.5 * POINT && got < want + 1.5 * POINT);
	}
	/* And when it is back, it has its share, and no more. */
	sim->guests[0].load.stop_ns = 0;
	sim_run(sim, 6 * second);
	for (size_t i = 0; i < 3; i++) {
		double want = facet_member_entitled_ppm(sim->guests[i].member);
		double got = sim_got(sim, i, 4 * second + 100 * MS, 6 * second);

		assert_true(got > want - POINT && got < want + POINT);
	}
	sim_destroy(sim);
}

static void the_idle_ones_share_goes_to_the_others(void **state)
{
	others_get(FACET_POLICY_BEST_EFFORT, 60, 40);
	others_get(FACET_POLICY_FIXED, 30, 20);
	others_get(FACET_POLICY_EQUAL, 33, 33);
}

/* 100 ms of the whole GPU each. The last guest's cannot be stopped. */
static void draws(size_t count, const uint32_t *weights, bool cannot_stop, double points)
{
	const struct sim_load draws = { .batch_ns = 200 * MS,
					.cannot_stop = cannot_stop,
					.exact = true };
	struct sim *sim = best_effort(2, count, 10);

	for (size_t i = 0; i < count; i++)
		sim_join(sim, i, weight(weights[i]), i + 1 < count ? &light : &draws);
	sim_run(sim, 10 * second);
	shares_hold(sim, 0, points);
	sim_destroy(sim);
}

static void long_draws_are_paid_back(void **state)
{
	/* What can run at a lower priority can be stopped. */
	for (int cannot_stop = 0; cannot_stop < 2 - spares; cannot_stop++) {
		draws(2, (uint32_t[]){ 70, 30 }, cannot_stop, 2);
		draws(2, (uint32_t[]){ 50, 50 }, cannot_stop, 2);
		draws(3, (uint32_t[]){ 50, 25, 25 }, cannot_stop, 2);
		draws(8, (uint32_t[]){ 1, 1, 1, 1, 1, 1, 1, 1 }, cannot_stop, 2);
	}
	draws(3, (uint32_t[]){ 3, 2, 1 }, false, 1);
	draws(2, (uint32_t[]){ 90, 10 }, false, 1);
}

/* One that is idle for most of the time, then wants all, may not have saved its share up. */
static void bursts_hoard_nothing(void **state)
{
	const struct sim_load bursts = { .batch_ns = 1500ULL * MS,
					 .pause_ns = 3 * second,
					 .exact = true };
	struct sim *sim = best_effort(2, 2, 12);
	struct sim_range got;

	sim_join(sim, 0, weight(50), &bursts);
	sim_join(sim, 1, weight(50), &light);
	sim_run(sim, 12 * second);
	assert_true(sim->guests[0].batches >= 2);
	/* Half of 500 ms, 50 ms' worth that it kept, and a window. */
	got = sim_got_windows(sim, 0, 0, sim->now_ns, 500);
	assert_true(got.most < (250 + 25 + 15) / 500.0 * FACET_SHARE_ALL);
	assert_true(sim->guests[1].longest_wait_ns < 60 * MS);
	assert_true(sim_got_all(sim, 0, sim->now_ns) > 0.99 * FACET_SHARE_ALL);
	sim_destroy(sim);
}

/* Real guests wait for each frame and then think. */
static void short_pauses_keep_the_claim(void **state)
{
	const struct sim_load frames = { .batch_ns = 10 * MS, .pause_ns = 2 * MS };
	struct sim *sim = best_effort(2, 2, 8);
	double first, all;

	sim_join(sim, 0, weight(70), &frames);
	sim_join(sim, 1, weight(30), &frames);
	sim_run(sim, 8 * second);
	first = sim_got(sim, 0, second, sim->now_ns);
	all = sim_got_all(sim, second, sim->now_ns);
	assert_true(first / all > 0.67 && first / all < 0.73);
	assert_true(all > 0.9 * FACET_SHARE_ALL);
	sim_destroy(sim);
}

static double beside_one_that_wants_all(uint32_t weight_of_frames, const struct sim_load *frames,
					bool rings_idle, double *ret_all)
{
	struct sim *sim = best_effort(2, 2, 12);
	double got;

	sim->rings_idle = rings_idle;
	sim_join(sim, 0, weight(weight_of_frames), frames);
	sim_join(sim, 1, weight(100 - weight_of_frames), &light);
	sim_run(sim, 12 * second);
	got = sim_got(sim, 0, 2 * second, sim->now_ns);
	*ret_all = sim_got_all(sim, 2 * second, sim->now_ns);
	print_message("# frames at %u %%, woken at %s: %.1f + %.1f\n", weight_of_frames,
		      rings_idle ? "both" : "work that comes", got / POINT,
		      (*ret_all - got) / POINT);
	sim_destroy(sim);
	return got;
}

/* Frames and pauses are no slow guest, if the arbiter hears of each: a step each ms at most. */
static void pauses_are_not_taken_for_slowness(void **state)
{
	const struct sim_load frames = { .batch_ns = 10 * MS, .pause_ns = 2 * MS };
	const struct sim_load small = { .batch_ns = 3 * MS, .pause_ns = 14 * MS };
	double got, deaf, all;

	deaf = beside_one_that_wants_all(70, &frames, false, &all);
	got = beside_one_that_wants_all(70, &frames, true, &all);
	assert_true(got > 66 * POINT && got < 71 * POINT);
	/* With a spare nothing idles meanwhile. */
	assert_true(got > deaf + (spares ? -1 : 10) * POINT);
	assert_true(all > 96 * POINT);
	beside_one_that_wants_all(20, &small, false, &all);
	got = beside_one_that_wants_all(20, &small, true, &all);
	assert_true(got > 8 * POINT && all > 97 * POINT);
}

/* A frame each 16 ms beside those who want all: served at once, and the rest is not lost. */
static void small_frames_do_not_wait(void **state)
{
	const struct sim_load frames = { .batch_ns = 3 * MS, .pause_ns = 14 * MS };

	for (size_t others = 1; others < 16; others *= 3) {
		struct sim *sim = best_effort(2, 1 + others, 5);

		sim->quantum_ns = QUANTUM_NS;
		sim_join(sim, 0, weight(20), &frames);
		for (size_t i = 1; i <= others; i++)
			sim_join(sim, i, weight((uint32_t)(80 / others)), &light);
		sim_run(sim, 5 * second);
		assert_true(sim->guests[0].longest_wait_ns < 25 * MS);
		assert_true(sim->guests[0].batches > 5000 / 25);
		assert_true(sim_got_all(sim, 0, sim->now_ns) > 0.97 * FACET_SHARE_ALL);
		sim_destroy(sim);
	}
}

/* Seen at work in half of the looks, or never: it is held to its share all the same. */
static void tiny_batches_get_no_more(void **state)
{
	const uint32_t seen_ppm[] = { SIM_ALWAYS, SIM_ALWAYS / 2, 1 };

	for (size_t i = 0; i < FACET_ARRAY_SIZE(seen_ppm); i++) {
		const struct sim_load tiny = { .batch_ns = MS / 50, .seen_ppm = seen_ppm[i] };
		struct sim *sim = best_effort(2, 2, 6);

		sim_join(sim, 0, weight(70), &light);
		sim_join(sim, 1, weight(30), &tiny);
		sim_run(sim, 6 * second);
		shares_hold(sim, 0, 1);
		sim_destroy(sim);
	}
}

/* Also when there is nobody else. */
static void tiny_batches_are_shared_among_themselves(void **state)
{
	const struct sim_load tiny = { .batch_ns = MS / 50, .seen_ppm = 1 };
	struct sim *sim = best_effort(2, 3, 6);

	for (size_t i = 0; i < 3; i++)
		sim_join(sim, i, weight((uint32_t)(3 - i)), &tiny);
	sim_run(sim, 6 * second);
	shares_hold(sim, 0, 1);
	sim_destroy(sim);
}

static void one_that_never_finishes(void **state)
{
	const struct sim_load endless = { .batch_ns = 1000 * (uint64_t)SIM_FOREVER };
	struct facet_share capped = { 100, 10 * POINT, 0 };
	struct sim *sim = best_effort(2, 3, 8);

	sim_join(sim, 0, weight(60), &light);
	sim_join(sim, 1, weight(30), &light);
	sim_join(sim, 2, weight(10), &endless);
	sim_run(sim, 4 * second);
	shares_hold(sim, 0, 1);
	sim_set(sim, 2, &capped);
	sim_run(sim, 8 * second);
	cap_holds(sim, 2, 4 * second, sim->now_ns, 10 * POINT);
	assert_int_equal(sim->guests[2].batches, 0);
	sim_destroy(sim);
}

/* One thread cannot use 70 % of four units; when it can again, it gets them. */
static void what_the_slow_cannot_use_goes_to_the_others(void **state)
{
	struct sim_load slow = { .batch_ns = 2 * MS, .parallel = 1 };
	struct sim *sim = best_effort(4, 2, 20);

	sim_join(sim, 0, weight(70), &slow);
	sim_join(sim, 1, weight(30), &light);
	sim_run(sim, 10 * second);
	assert_true(sim_got(sim, 1, second, 10 * second) > 55 * POINT);
	assert_true(sim_got(sim, 0, second, 10 * second) > 19 * POINT);
	assert_true(sim_got_all(sim, second, 10 * second) > 0.8 * FACET_SHARE_ALL);
	sim->guests[0].load.parallel = 0;
	sim_run(sim, 20 * second);
	shares_hold(sim, 12 * second, 1);
	sim_destroy(sim);
}

/* Half of each unit's time is taken by others' processes, idle ticks come in lumps. */
static void noise_is_no_surplus(void **state)
{
	const struct sim_load pauses = { .batch_ns = 40 * MS, .pause_ns = MS };
	struct sim *sim = best_effort(2, 2, 8);
	double got;

	sim->foreign_ppm = 500000;
	sim_join(sim, 0, weight(70), &pauses);
	sim_join(sim, 1, weight(30), &pauses);
	sim_run(sim, 8 * second);
	assert_true(sim->idle_ns > 0);
	got = sim_got(sim, 0, second, sim->now_ns) / sim_got_all(sim, second, sim->now_ns);
	assert_true(got > 0.68 && got < 0.72);
	sim_destroy(sim);
}

/*
 * Nobody waits for longer than it takes the others to get even: a window, the claims that others
 * come back with, and what it could have used more than its part between two looks.
 */
static uint64_t longest_wait(const struct sim_guest *guest)
{
	uint64_t ppm = facet_member_entitled_ppm(guest->member) + 1;

	return 16 * MS + 50 * MS + 5ULL * MS * FACET_SHARE_ALL / ppm;
}

static void thousands_with_random_arrivals(void **state)
{
	enum { COUNT = 4096 };
	struct sim *sim = best_effort(8, COUNT, 4);
	uint64_t seed = 42;

	sim->slice_ns = MS;
	for (size_t i = 0; i < COUNT; i++) {
		struct sim_load load = { .batch_ns = 1 + sim_random(&seed) % (20 * MS),
					 .pause_ns = sim_random(&seed) % (400 * MS),
					 .start_ns = sim_random(&seed) % second };

		if (i % 3 == 0)
			load.pause_ns = 0;
		if (i % 7 == 0)
			load.batch_ns = 100 * MS;
		if (i % 11 == 0)
			load.seen_ppm = SIM_ALWAYS / 2;
		sim_join(sim, i, weight(1 + sim_random(&seed) % 400), &load);
	}
	sim_run(sim, 4 * second);
	for (size_t i = 0; i < COUNT; i++) {
		const struct sim_guest *guest = &sim->guests[i];

		assert_true(guest->used_ns > 0);
		assert_true(guest->longest_wait_ns < longest_wait(guest));
	}
	assert_true(sim_got_all(sim, second, sim->now_ns) > 0.97 * FACET_SHARE_ALL);
	sim_destroy(sim);
}

/* Hundreds come back all the time with the claim of the idle: who always works is not starved. */
static void adversaries_starve_nobody(void **state)
{
	enum { COUNT = 400 };
	struct sim *sim = best_effort(2, COUNT, 8);
	struct sim_range got;
	uint64_t seed = 3;

	sim_join(sim, 0, weight(COUNT), &light); /* half of the GPU */
	for (size_t i = 1; i < COUNT; i++) {
		const struct sim_load loads[] = {
			{ .batch_ns = MS, .pause_ns = 60 * MS },
			{ .batch_ns = 4 * MS, .pause_ns = 2 * MS },
			{ .batch_ns = MS / 20, .pause_ns = 0, .seen_ppm = 1 },
			{ .batch_ns = 30 * MS, .pause_ns = MS },
			{ .batch_ns = 200 * MS, .pause_ns = 0, .cannot_stop = true },
		};
		size_t kind = i < 5 ? 4 : sim_random(&seed) % 4;

		sim_join(sim, i, weight(1), &loads[kind]);
	}
	sim_run(sim, 8 * second);
	got = sim_got_windows(sim, 0, 2 * second, sim->now_ns, 2000);
	assert_true(got.least > 49 * POINT);
	for (size_t i = 0; i < COUNT; i++)
		assert_true(sim->guests[i].longest_wait_ns < longest_wait(&sim->guests[i]));
	sim_destroy(sim);
}

static void members_come_and_go_under_load(void **state)
{
	enum { COUNT = 200, STAY = 4 };
	struct sim *sim = best_effort(2, COUNT, 6);
	uint64_t seed = 11;

	for (size_t i = 0; i < STAY; i++)
		sim_join(sim, i, weight(1000), &light);
	for (uint64_t ms = 10; ms <= 6000; ms += 10) {
		size_t i = STAY + sim_random(&seed) % (COUNT - STAY);
		struct sim_guest *guest = &sim->guests[i];

		sim_run(sim, ms * MS);
		if (guest->member && ms % 20)
			sim_leave(sim, i);
		else if (guest->member)
			sim_set(sim, i, weight(1 + sim_random(&seed) % 20));
		else
			sim_join(sim, i, weight(1 + sim_random(&seed) % 20), &light);
	}
	for (size_t i = 0; i < STAY; i++) {
		double got = sim_got(sim, i, 4 * second, sim->now_ns);
		double first = sim_got(sim, 0, 4 * second, sim->now_ns);

		assert_true(got > first - POINT && got < first + POINT && got > 15 * POINT);
	}
	for (size_t i = 0; i < COUNT; i++)
		if (sim->guests[i].member)
			sim_leave(sim, i);
	sim_destroy(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_of_light_batches_hold),
		cmocka_unit_test(shares_of_64_hold),
		cmocka_unit_test(equal_is_fair),
		cmocka_unit_test(reservations_are_kept),
		cmocka_unit_test(caps_are_never_exceeded),
		cmocka_unit_test(a_cap_takes_effect_in_200_ms),
		cmocka_unit_test(policy_changes_while_running),
		cmocka_unit_test(the_idle_ones_share_goes_to_the_others),
		cmocka_unit_test(long_draws_are_paid_back),
		cmocka_unit_test(bursts_hoard_nothing),
		cmocka_unit_test(short_pauses_keep_the_claim),
		cmocka_unit_test(pauses_are_not_taken_for_slowness),
		cmocka_unit_test(small_frames_do_not_wait),
		cmocka_unit_test(tiny_batches_get_no_more),
		cmocka_unit_test(tiny_batches_are_shared_among_themselves),
		cmocka_unit_test(one_that_never_finishes),
		cmocka_unit_test(what_the_slow_cannot_use_goes_to_the_others),
		cmocka_unit_test(noise_is_no_surplus),
		cmocka_unit_test(thousands_with_random_arrivals),
		cmocka_unit_test(adversaries_starve_nobody),
		cmocka_unit_test(members_come_and_go_under_load),
	};

	struct CMUnitTest all[2 * FACET_ARRAY_SIZE(tests)];

	for (size_t i = 0; i < FACET_ARRAY_SIZE(tests); i++) {
		all[i] = all[FACET_ARRAY_SIZE(tests) + i] = tests[i];
		all[FACET_ARRAY_SIZE(tests) + i].setup_func = with_spares;
	}
	return cmocka_run_group_tests(all, NULL, NULL);
}
