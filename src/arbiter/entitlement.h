/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entitlement.h - what each member is to get when all are busy. */
#ifndef FACET_ARBITER_ENTITLEMENT_H
#define FACET_ARBITER_ENTITLEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "arbiter/arbiter.h"

/*
 * Parts of a GPU are counted in 2^-40: fine enough for 10,000 members whose weights differ by
 * 10,000, and a million of them still add up in 64 bits.
 */
#define FACET_PART_BITS 40
#define FACET_PART_ALL  ((uint64_t)1 << FACET_PART_BITS)
#define FACET_PART_MIN \
	((uint64_t)1 << 10) /* 10^-9; nobody has less, so that it can be divided by */

struct facet_claim {
	struct facet_share want;
	uint64_t part; /* what it gets when all are busy */
	uint64_t cap;  /* what it never gets more of; FACET_PART_ALL: no cap */
};

/* Works out part and cap of each. O(n). */
void facet_entitlement_work_out(enum facet_policy policy, struct facet_claim **claims,
				size_t count);

/* Admission of @want beside all of @claims but @except. */
int facet_entitlement_admit(enum facet_policy policy, struct facet_claim *const *claims,
			    size_t count, const struct facet_claim *except,
			    const struct facet_share *want, struct facet_error *err);

/* Can any member have this? 0 or -EINVAL and a sentence. */
int facet_entitlement_check(const struct facet_share *want, struct facet_error *err);

#endif
