/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quota.h - how much a vGPU holds and how much it may. No I/O, no locks. */
#ifndef FACET_SCHED_QUOTA_H
#define FACET_SCHED_QUOTA_H

#include <stdint.h>

/* One thing that is counted: bytes of host memory, or contexts. */
struct facet_quota {
	uint64_t used, peak, max; /* max 0: no limit */
};

/* 0, or -EDQUOT and nothing changed. */
int facet_quota_charge(struct facet_quota *quota, uint64_t amount);
/* What was charged before; more is our bug. */
void facet_quota_uncharge(struct facet_quota *quota, uint64_t amount);

#endif
