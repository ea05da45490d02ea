// SPDX-License-Identifier: GPL-2.0-or-later
/* histogram.c - numbers counted by powers of two. */
#include "share/internal.h"

static unsigned int bucket_of(uint64_t us)
{
	unsigned int i = us ? 63 - (unsigned int)__builtin_clzll(us) : 0;

	return i < FACET_SHARE_BUCKETS ? i : FACET_SHARE_BUCKETS - 1;
}

void facet_histogram_add(struct facet_histogram *histogram, uint64_t ns)
{
	uint64_t us = ns / 1000;

	__atomic_fetch_add(&histogram->buckets[bucket_of(us)], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&histogram->sum_us, us, __ATOMIC_RELAXED);
	__atomic_fetch_add(&histogram->count, 1, __ATOMIC_RELAXED);
}

/* Inside a bucket the samples are taken to lie evenly. */
uint64_t facet_histogram_percentile(const struct facet_histogram *histogram, double percent)
{
	uint64_t total = 0, below = 0;
	uint32_t counts[FACET_SHARE_BUCKETS];
	double wanted;

	/* One copy: the other process may count on. */
	for (unsigned int i = 0; i < FACET_SHARE_BUCKETS; i++) {
		counts[i] = __atomic_load_n(&histogram->buckets[i], __ATOMIC_RELAXED);
		total += counts[i];
	}
	wanted = (double)total * percent / 100;
	for (unsigned int i = 0; i < FACET_SHARE_BUCKETS; i++) {
		double low = i ? (double)(1ULL << i) : 0, high = (double)(2ULL << i);

		if (counts[i] && (double)(below + counts[i]) >= wanted)
			return (uint64_t)(low + (high - low) * (wanted - (double)below) /
							(double)counts[i]);
		below += counts[i];
	}
	return 0;
}
