/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bucket.h - a cap: time fills it, use empties it, and debt is paid before the gate opens. */
#ifndef FACET_ARBITER_BUCKET_H
#define FACET_ARBITER_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct facet_bucket {
	uint64_t cap; /* of FACET_PART_ALL; that: there is no cap, and nothing below matters */
	uint64_t eus;
	int64_t level; /* in 2^-BUCKET_BITS EU-ns; negative: debt */
	uint64_t filled_ns;
	bool empty; /* with hysteresis: no gate flaps at the brink */
};

void facet_bucket_init(struct facet_bucket *bucket, unsigned int eus);
/* Also the first time; a bucket that had no cap starts full. */
void facet_bucket_set_cap(struct facet_bucket *bucket, uint64_t cap, uint64_t now_ns);
void facet_bucket_use(struct facet_bucket *bucket, uint64_t now_ns, uint64_t used_ns);

static inline void facet_bucket_fill(struct facet_bucket *bucket, uint64_t now_ns)
{
	facet_bucket_use(bucket, now_ns, 0);
}

/* When it will be no longer empty; or, of one that is not, when it may be empty at the earliest. */
uint64_t facet_bucket_turns_ns(const struct facet_bucket *bucket, uint64_t now_ns);

#endif
