// SPDX-License-Identifier: GPL-2.0-or-later
/* bucket.c - how a cap is kept over any second. */
#include "arbiter/bucket.h"

#include "arbiter/entitlement.h"

/*
 * Over any time a member uses at most what ran in, what was in, and what it used between running
 * out and being stopped: DEPTH_NS + SOON_NS + how late the step is, times the EUs. That has to stay
 * below 10 ms for a cap that holds within 1 % over a second.
 *
 * Ranges: 1024 EUs * DEBT_NS * 2^20 = 1.1 * 10^18 < 2^63.
 */
enum {
	BUCKET_BITS = 20,
	DEPTH_NS = 4000000,
	DEBT_NS = 1000000000, /* more is forgiven: whoever ran for longer was to be reset */
	PAUSE_NS = 8000000,   /* it stays shut for about so long */
	SOON_NS = 1000000,    /* nobody looks more often than that */
	LATE_NS = 1000000000, /* and a full bucket need not be looked at for so long */
};

static int64_t level_of(const struct facet_bucket *bucket, uint64_t ns)
{
	return (int64_t)(ns * bucket->eus << BUCKET_BITS);
}

/* What runs in within @ns. */
static unsigned __int128 inflow(const struct facet_bucket *bucket, uint64_t part, uint64_t ns)
{
	return (unsigned __int128)ns * bucket->eus * part >> (FACET_PART_BITS - BUCKET_BITS);
}

/* The time in which @amount runs in. part is FACET_PART_MIN at least: 10^18 * 2^20 / 2^10. */
static uint64_t time_for(const struct facet_bucket *bucket, uint64_t part, int64_t amount)
{
	return (uint64_t)(((unsigned __int128)amount << (FACET_PART_BITS - BUCKET_BITS)) /
			  ((unsigned __int128)part * bucket->eus)) +
	       1;
}

/* As much as PAUSE_NS brings: a small cap need not wait until a deep bucket is half full. */
static int64_t enough(const struct facet_bucket *bucket)
{
	int64_t half = level_of(bucket, DEPTH_NS) / 2;
	unsigned __int128 pause = inflow(bucket, bucket->cap, PAUSE_NS);

	return pause < (unsigned __int128)half ? (int64_t)pause : half;
}

void facet_bucket_init(struct facet_bucket *bucket, unsigned int eus)
{
	*bucket = (struct facet_bucket){ .cap = FACET_PART_ALL, .eus = eus };
}

void facet_bucket_set_cap(struct facet_bucket *bucket, uint64_t cap, uint64_t now_ns)
{
	if (bucket->cap >= FACET_PART_ALL) {
		bucket->level = level_of(bucket, DEPTH_NS);
		bucket->filled_ns = now_ns;
		bucket->empty = false;
	}
	facet_bucket_fill(bucket, now_ns);
	bucket->cap = cap;
	facet_bucket_fill(bucket, now_ns);
}

void facet_bucket_use(struct facet_bucket *bucket, uint64_t now_ns, uint64_t used_ns)
{
	int64_t depth = level_of(bucket, DEPTH_NS), debt = level_of(bucket, DEBT_NS);
	__int128 level = bucket->level;

	if (bucket->cap >= FACET_PART_ALL) {
		bucket->empty = false;
		return;
	}
	if (now_ns > bucket->filled_ns) {
		level += inflow(bucket, bucket->cap, now_ns - bucket->filled_ns);
		bucket->filled_ns = now_ns;
	}
	level -= (__int128)used_ns << BUCKET_BITS;
	level = level > depth ? depth : level;
	bucket->level = level < -debt ? -debt : (int64_t)level;
	bucket->empty = bucket->empty ? bucket->level < enough(bucket) : bucket->level <= 0;
}

uint64_t facet_bucket_turns_ns(const struct facet_bucket *bucket, uint64_t now_ns)
{
	uint64_t ns;

	if (bucket->cap >= FACET_PART_ALL)
		return UINT64_MAX;
	if (bucket->empty)
		return now_ns + time_for(bucket, bucket->cap, enough(bucket) - bucket->level);
	ns = time_for(bucket, FACET_PART_ALL - bucket->cap, bucket->level);
	return now_ns + (ns < SOON_NS ? SOON_NS : ns > LATE_NS ? LATE_NS : ns);
}
