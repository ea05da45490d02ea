/* SPDX-License-Identifier: GPL-2.0-or-later */
/* surplus.h - how fast to go on when the slow leave execution units idle. */
#ifndef FACET_ARBITER_SURPLUS_H
#define FACET_ARBITER_SURPLUS_H

#include <stdbool.h>
#include <stdint.h>

enum { FACET_PACE_BITS = 10 };

struct facet_surplus {
	uint64_t seen_ns, idle_ns; /* at the last observation */
	uint64_t contended_ns;     /* when somebody was last closed by its share */
	uint64_t span_ns, span_idle_ns;
	uint64_t pace; /* of virtual time, at least; in 2^-FACET_PACE_BITS ns a ns; 0: no such */
	bool seen;
};

/* @natural: the pace when all that compete get their parts. */
void facet_surplus_observe(struct facet_surplus *surplus, uint64_t now_ns, uint64_t idle_ns,
			   unsigned int eus, uint64_t natural);
void facet_surplus_contended(struct facet_surplus *surplus, uint64_t now_ns);

#endif
