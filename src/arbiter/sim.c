// SPDX-License-Identifier: GPL-2.0-or-later
/* sim.c - processor sharing with noise, and a kernel that counts idle time in ticks. */
#include "arbiter/sim.h"

#include <assert.h>
#include <stdlib.h>

enum { IDLE_TICK_NS = 10 * SIM_MS };

uint64_t sim_random(uint64_t *seed) /* xorshift64* */
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * 2685821657736338717ULL;
}

static uint64_t below(struct sim *sim, uint64_t limit)
{
	return limit ? (sim_random(&sim->seed) >> 16) % limit : 0;
}

/* The change callback has no other way to its simulation. */
static struct sim *stepping;

static void changed(struct facet_member *member, enum facet_turn turn)
{
	struct sim_guest *guest = facet_member_owner(member);

	assert(facet_member_turn(member) == turn);
	guest->changes++;
	stepping->changes++;
}

struct sim *sim_create(unsigned int eus, enum facet_policy policy, size_t guests, uint64_t end_ns)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	sim->eus = eus;
	sim->count = guests;
	sim->guests = calloc(guests, sizeof(*sim->guests));
	sim->end_ns = end_ns;
	sim->samples = end_ns / SIM_MS + 1;
	for (size_t i = 0; i < guests; i++)
		sim->guests[i].samples = calloc(sim->samples, sizeof(uint64_t));
	sim->unit_idle_ns = calloc(eus, sizeof(*sim->unit_idle_ns));
	sim->slice_ns = SIM_MS / 5;
	sim->lateness_ns = SIM_MS / 4;
	sim->seed = 88172645463325252ULL;
	sim->rings_idle = true;
	sim->least_ns = SIM_MS;
	if (facet_arbiter_create(eus, policy, &sim->arbiter))
		abort();
	return sim;
}

void sim_spares(struct sim *sim)
{
	sim->spares = true;
	facet_arbiter_set_spares(sim->arbiter, true);
}

void sim_destroy(struct sim *sim)
{
	facet_arbiter_destroy(sim->arbiter);
	for (size_t i = 0; i < sim->count; i++)
		free(sim->guests[i].samples);
	free(sim->guests);
	free(sim->unit_idle_ns);
	free(sim);
}

static uint64_t noisy(struct sim *sim, const struct sim_guest *guest, uint64_t ns)
{
	return guest->load.exact || ns >= SIM_FOREVER ? ns : ns / 2 + below(sim, ns + 1);
}

void sim_join(struct sim *sim, size_t guest, const struct facet_share *share,
	      const struct sim_load *load)
{
	struct sim_guest *g = &sim->guests[guest];

	g->load = *load;
	g->share = *share;
	g->joined_used_ns = g->used_ns;
	g->left_ns = 0;
	g->pause_until_ns = sim->now_ns;
	g->waits_since_ns = sim->now_ns;
	if (sim->arbiter && facet_member_add(sim->arbiter, share, g, &g->member))
		abort();
	sim->next_ns = sim->now_ns;
}

void sim_leave(struct sim *sim, size_t guest)
{
	struct sim_guest *g = &sim->guests[guest];

	if (g->member)
		facet_member_remove(g->member);
	g->member = NULL;
	g->load.stop_ns = 1;
	g->left_ns = 0;
	sim->next_ns = sim->now_ns;
}

void sim_set(struct sim *sim, size_t guest, const struct facet_share *share)
{
	sim->guests[guest].share = *share;
	facet_member_set(sim->guests[guest].member, share);
	sim->next_ns = sim->now_ns;
}

static bool at_work(const struct sim *sim, const struct sim_guest *guest)
{
	return guest->load.batch_ns && sim->now_ns >= guest->load.start_ns &&
	       (!guest->load.stop_ns || sim->now_ns < guest->load.stop_ns);
}

static void ring(struct sim *sim)
{
	uint64_t at = sim->stepped_ns + sim->least_ns;

	at = at < sim->now_ns ? sim->now_ns : at;
	sim->next_ns = at < sim->next_ns ? at : sim->next_ns;
}

/* Work comes; wakes the arbiter when there was none. */
static void arrive(struct sim *sim, struct sim_guest *guest)
{
	if (guest->left_ns || !at_work(sim, guest) || sim->now_ns < guest->pause_until_ns)
		return;
	guest->left_ns = noisy(sim, guest, guest->load.batch_ns) + 1;
	guest->waits_since_ns = sim->now_ns;
	guest->started = false;
	if (guest->load.pause_ns || sim->next_ns == UINT64_MAX)
		ring(sim);
}

static unsigned int threads(const struct sim *sim, const struct sim_guest *guest)
{
	unsigned int parallel = guest->load.parallel;

	return parallel && parallel < sim->eus ? parallel : sim->eus;
}

static bool runs(const struct sim *sim, const struct sim_guest *guest)
{
	enum facet_turn least = sim->leftovers ? FACET_TURN_SPARE : FACET_TURN_OPEN;

	if (!guest->left_ns)
		return false;
	return !guest->member || facet_member_turn(guest->member) >= least ||
	       (guest->load.cannot_stop && guest->started);
}

static void finish(struct sim *sim, struct sim_guest *guest)
{
	guest->batches++;
	guest->left_ns = 0;
	guest->started = false;
	if (guest->load.pause_ns) {
		guest->pause_until_ns =
			sim->now_ns + sim->slice_ns + noisy(sim, guest, guest->load.pause_ns);
		if (sim->rings_idle && sim->contended)
			ring(sim);
	} else if (at_work(sim, guest)) {
		guest->left_ns = noisy(sim, guest, guest->load.batch_ns) + 1;
	}
}

/* Uses up to @ns; returns what it used. */
static uint64_t work(struct sim *sim, struct sim_guest *guest, uint64_t ns)
{
	uint64_t used = 0;

	if (sim->now_ns > guest->waits_since_ns + guest->longest_wait_ns)
		guest->longest_wait_ns = sim->now_ns - guest->waits_since_ns;
	guest->waits_since_ns = sim->now_ns + sim->slice_ns;
	while (used < ns && runs(sim, guest)) {
		uint64_t part = guest->left_ns < ns - used ? guest->left_ns : ns - used;

		guest->started = true;
		guest->left_ns -= part;
		used += part;
		if (!guest->left_ns)
			finish(sim, guest);
	}
	guest->used_ns += used;
	guest->slice_used_ns += used;
	return used;
}

/* What nobody used is idle time of some of the units. */
static void idle(struct sim *sim, uint64_t ns)
{
	sim->idle_ns += ns;
	for (size_t unit = below(sim, sim->eus); ns; unit = (unit + 1) % sim->eus) {
		uint64_t part = ns < sim->slice_ns ? ns : sim->slice_ns;

		sim->unit_idle_ns[unit] += part;
		ns -= part;
	}
}

/* Hands out @capacity among those that can still use some of it; returns what is left. */
static uint64_t hand_out(struct sim *sim, uint64_t capacity, bool by_lots)
{
	uint64_t weights = 0, given = capacity;

	for (size_t i = 0; i < sim->count; i++) {
		struct sim_guest *guest = &sim->guests[i];

		guest->weight = 0;
		if (!(by_lots && guest->unlucky) && runs(sim, guest) &&
		    guest->slice_used_ns < threads(sim, guest) * sim->slice_ns)
			guest->weight = threads(sim, guest) * (512 + below(sim, 1025));
		weights += guest->weight;
	}
	for (size_t i = 0; i < sim->count; i++) {
		struct sim_guest *guest = &sim->guests[i];
		uint64_t fair, most = threads(sim, guest) * sim->slice_ns - guest->slice_used_ns;

		if (!guest->weight)
			continue;
		fair = given * guest->weight / weights + 1;
		fair = fair < most ? fair : most;
		capacity -= work(sim, guest, fair < capacity ? fair : capacity);
	}
	return capacity;
}

/* A kernel whose time slices are long: as many guests as there are units, by chance. */
static void draw_lots(struct sim *sim)
{
	size_t running = 0;

	if (!sim->quantum_ns || sim->now_ns % sim->quantum_ns)
		return;
	for (size_t i = 0; i < sim->count; i++)
		running += runs(sim, &sim->guests[i]);
	for (size_t i = 0; i < sim->count; i++)
		sim->guests[i].unlucky = below(sim, running) >= sim->eus;
}

/* Until nobody can use more. */
static uint64_t hand_out_all(struct sim *sim, uint64_t left)
{
	uint64_t before;

	do {
		before = left;
		left = hand_out(sim, left, false);
	} while (left && left < before);
	return left;
}

static void slice(struct sim *sim)
{
	uint64_t left = sim->eus * (sim->slice_ns - sim->slice_ns * sim->foreign_ppm / 1000000);

	for (size_t i = 0; i < sim->count; i++) {
		arrive(sim, &sim->guests[i]);
		sim->guests[i].slice_used_ns = 0;
	}
	draw_lots(sim);
	left = hand_out(sim, left, true);
	left = hand_out_all(sim, left);
	if (sim->spares) {
		sim->leftovers = true;
		left = hand_out_all(sim, left);
		sim->leftovers = false;
	}
	idle(sim, left);
}

static uint64_t idle_as_told(const struct sim *sim)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < sim->eus; i++)
		sum += sim->unit_idle_ns[i] / IDLE_TICK_NS * IDLE_TICK_NS;
	return sum;
}

static void observe(struct sim *sim)
{
	for (size_t i = 0; i < sim->count; i++) {
		struct sim_guest *guest = &sim->guests[i];
		bool seen = guest->left_ns;

		if (!guest->member)
			continue;
		if (guest->load.seen_ppm && facet_member_open(guest->member))
			seen = seen && below(sim, SIM_ALWAYS) < guest->load.seen_ppm;
		facet_member_observe(guest->member, sim->now_ns,
				     guest->used_ns - guest->joined_used_ns, seen);
	}
	if (!sim->no_idle)
		facet_arbiter_observe_idle(sim->arbiter, sim->now_ns, idle_as_told(sim));
}

static bool is_contended(const struct sim *sim)
{
	for (size_t i = 0; i < sim->count; i++)
		if (sim->guests[i].left_ns && !runs(sim, &sim->guests[i]))
			return true;
	return false;
}

/* The arbiter's turn. */
static void look(struct sim *sim)
{
	observe(sim);
	stepping = sim;
	facet_arbiter_step(sim->arbiter, sim->now_ns, changed, &sim->next_ns);
	assert(sim->next_ns > sim->now_ns);
	sim->contended = is_contended(sim);
	sim->stepped_ns = sim->now_ns;
	if (sim->next_ns < sim->now_ns + sim->least_ns)
		sim->next_ns = sim->now_ns + sim->least_ns;
	if (sim->next_ns != UINT64_MAX)
		sim->next_ns += below(sim, sim->lateness_ns);
	sim->steps++;
}

void sim_run(struct sim *sim, uint64_t until_ns)
{
	assert(until_ns <= sim->end_ns);
	while (sim->now_ns < until_ns) {
		if (sim->now_ns % SIM_MS == 0)
			for (size_t i = 0; i < sim->count; i++)
				sim->guests[i].samples[sim->now_ns / SIM_MS] =
					sim->guests[i].used_ns;
		if (sim->arbiter && sim->now_ns >= sim->next_ns)
			look(sim);
		slice(sim);
		sim->now_ns += sim->slice_ns;
	}
	for (size_t i = 0; i < sim->count; i++)
		sim->guests[i].samples[until_ns / SIM_MS] = sim->guests[i].used_ns;
}

double sim_got(const struct sim *sim, size_t guest, uint64_t from_ns, uint64_t to_ns)
{
	const uint64_t *samples = sim->guests[guest].samples;

	return 1e6 * (double)(samples[to_ns / SIM_MS] - samples[from_ns / SIM_MS]) /
	       ((double)sim->eus * (double)(to_ns - from_ns));
}

struct sim_range sim_got_windows(const struct sim *sim, size_t guest, uint64_t from_ns,
				 uint64_t to_ns, unsigned int window_ms)
{
	struct sim_range range = { 1e9, 0 };
	uint64_t window_ns = (uint64_t)window_ms * SIM_MS;

	for (uint64_t ns = from_ns; ns + window_ns <= to_ns; ns += SIM_MS) {
		double got = sim_got(sim, guest, ns, ns + window_ns);

		range.least = got < range.least ? got : range.least;
		range.most = got > range.most ? got : range.most;
	}
	return range;
}

double sim_got_all(const struct sim *sim, uint64_t from_ns, uint64_t to_ns)
{
	double sum = 0;

	for (size_t i = 0; i < sim->count; i++)
		sum += sim_got(sim, i, from_ns, to_ns);
	return sum;
}
