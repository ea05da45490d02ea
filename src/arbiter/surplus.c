// SPDX-License-Identifier: GPL-2.0-or-later
/* surplus.c - a controller: idle execution units quicken virtual time, busy ones let it be. */
#include "arbiter/surplus.h"

/*
 * A member that is slow (one thread on eight EUs; a guest that answers late) holds virtual time
 * back, and with it everyone who is ahead. What it cannot use shows as idle units while somebody is
 * closed. One lift would not do: those who were let in are soon ahead again. So virtual time gets a
 * least pace, raised as long as units idle, lowered when they do not. Whoever falls behind it
 * loses that part of its claim.
 *
 * The kernel counts idle time in ticks of 10 ms for each unit: over SPAN_NS that can be wrong by
 * one tick a unit, 5 %. Only what is idle beyond that counts.
 */
enum {
	SPAN_NS = 200000000,
	TICK_NS = 10000000,
	RECENT_NS = 50000000,   /* between two closings the gates may all be open for so long */
	FORGET_NS = 1000000000, /* nobody was closed for so long: it starts anew */
	PACE_MAX_TIMES = 64,    /* the natural one */
};

static void judge(struct facet_surplus *surplus, unsigned int eus, uint64_t natural)
{
	uint64_t all = surplus->span_ns * eus, noise = (uint64_t)TICK_NS * eus;
	uint64_t pace = surplus->pace;

	if (surplus->span_idle_ns > all / 10 + noise) {
		pace += pace / 2;
		pace = pace < natural ? natural : pace;
		pace = pace > natural * PACE_MAX_TIMES ? natural * PACE_MAX_TIMES : pace;
	} else if (surplus->span_idle_ns < (all / 10 + noise) / 2) {
		pace -= pace / 4;
		pace = pace < natural / 2 ? 0 : pace;
	}
	surplus->pace = pace;
}

void facet_surplus_observe(struct facet_surplus *surplus, uint64_t now_ns, uint64_t idle_ns,
			   unsigned int eus, uint64_t natural)
{
	uint64_t passed = now_ns > surplus->seen_ns ? now_ns - surplus->seen_ns : 0;
	uint64_t idle = idle_ns > surplus->idle_ns ? idle_ns - surplus->idle_ns : 0;
	uint64_t calm = now_ns > surplus->contended_ns ? now_ns - surplus->contended_ns : 0;
	bool first = !surplus->seen;

	surplus->seen = true;
	surplus->seen_ns += passed;
	surplus->idle_ns += idle;
	if (calm > FORGET_NS || !surplus->contended_ns)
		surplus->pace = 0;
	if (first || calm > RECENT_NS || !surplus->contended_ns || passed > SPAN_NS) {
		surplus->span_ns = surplus->span_idle_ns = 0;
		return;
	}
	surplus->span_ns += passed;
	surplus->span_idle_ns += idle;
	if (surplus->span_ns < SPAN_NS)
		return;
	judge(surplus, eus, natural);
	surplus->span_ns = surplus->span_idle_ns = 0;
}

void facet_surplus_contended(struct facet_surplus *surplus, uint64_t now_ns)
{
	surplus->contended_ns = now_ns ? now_ns : 1;
}
