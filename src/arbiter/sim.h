/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sim.h - a GPU, its guests and a clock that are made up, for tests and benchmarks of the policy.
 */
#ifndef FACET_ARBITER_SIM_H
#define FACET_ARBITER_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arbiter/arbiter.h"

/*
 * DOC: Theory of Operation
 *
 * Time goes in slices. In each, the guests that have work and may run share the execution units as
 * threads do under the kernel's scheduler: everyone has as many as it has units of parallelism,
 * and each thread gets the same, give or take noise. The arbiter is woken when it asked for it,
 * a little late, and by guests to whom work comes, or who have no more while others wait for them:
 * as facetd is by their doorbells, and like it not again before @least_ns have passed.
 */

enum { SIM_MS = 1000000, SIM_ALWAYS = 1000000, SIM_FOREVER = 1000000000 };

/* What a guest does: batches, with pauses between them, both with +-50 % noise. */
struct sim_load {
	unsigned int parallel;      /* units that it can keep busy; 0: all */
	uint64_t batch_ns;          /* EU-ns */
	uint64_t pause_ns;          /* after each; 0: always more to do */
	bool cannot_stop;           /* a batch under way goes on when the gate is closed */
	bool exact;                 /* no noise */
	uint32_t seen_ppm;          /* of looks at it while it works, so many see work; 0: all */
	uint64_t start_ns, stop_ns; /* works only then; stop 0: until the end */
};

struct sim_guest {
	struct sim_load load;
	struct facet_share share;
	struct facet_member *member; /* NULL: not there */
	uint64_t used_ns, left_ns;   /* left of its batch */
	uint64_t joined_used_ns;     /* used_ns when it joined */
	uint64_t pause_until_ns;
	uint64_t waits_since_ns, longest_wait_ns; /* with work, without a unit */
	uint64_t weight, slice_used_ns;
	bool started, unlucky;
	uint64_t batches, changes;
	uint64_t *samples; /* used_ns at each ms */
};

struct sim {
	struct facet_arbiter *arbiter; /* NULL: everybody may run */
	struct sim_guest *guests;
	size_t count;
	unsigned int eus;
	uint64_t slice_ns, end_ns, now_ns, next_ns, stepped_ns;
	uint32_t foreign_ppm; /* of each unit's time goes to processes that are none of ours */
	uint64_t quantum_ns;  /* few guests at a time have the units, for so long; 0: all at once */
	bool rings_idle;      /* guests wake the arbiter also when they have no more work... */
	bool contended;       /* ...if somebody was closed at the last step */
	uint64_t least_ns;    /* between two steps */
	bool no_idle;         /* nobody tells the arbiter of idle units */
	bool spares;          /* sim_spares() */
	bool leftovers;       /* now they are handed out */
	uint64_t lateness_ns; /* of the arbiter's wakeups, at most */
	uint64_t idle_ns, *unit_idle_ns;
	uint64_t steps, changes;
	uint64_t seed;
	size_t samples;
};

/* Guests are to be described and joined; runs of up to @end_ns in all. */
struct sim *sim_create(unsigned int eus, enum facet_policy policy, size_t guests, uint64_t end_ns);
/* The engine knows a lower priority. */
void sim_spares(struct sim *sim);
void sim_destroy(struct sim *sim);

void sim_join(struct sim *sim, size_t guest, const struct facet_share *share,
	      const struct sim_load *load);
void sim_leave(struct sim *sim, size_t guest);
void sim_set(struct sim *sim, size_t guest, const struct facet_share *share);
void sim_run(struct sim *sim, uint64_t until_ns);

/* In ppm of the GPU; what @guest used between two times, which are whole ms. */
double sim_got(const struct sim *sim, size_t guest, uint64_t from_ns, uint64_t to_ns);
/* Over all windows of so many ms between the two times: least and most of it. */
struct sim_range {
	double least, most;
};
struct sim_range sim_got_windows(const struct sim *sim, size_t guest, uint64_t from_ns,
				 uint64_t to_ns, unsigned int window_ms);
double sim_got_all(const struct sim *sim, uint64_t from_ns, uint64_t to_ns);

uint64_t sim_random(uint64_t *seed);

#endif
