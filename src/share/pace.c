// SPDX-License-Identifier: GPL-2.0-or-later
/* pace.c - keeps a vGPU to its share when facetd is away. */
#include "share/internal.h"

enum {
	PPM = 1000000,
	MAX_EUS = 4096,
	MIN_CLOSED_NS = FACET_NS_PER_MS,
	MAX_CLOSED_NS = FACET_SHARE_MAX_CLOSED_MS * FACET_NS_PER_MS,
	/* Time in which the bucket is full, and for which what was overdrawn is remembered. */
	CREDIT_NS = 10 * FACET_NS_PER_MS,
	DEBT_NS = 1000 * FACET_NS_PER_MS,
};

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* EU-ns that come in @ns, which is at most DEBT_NS: the product fits 63 bits. */
static int64_t income(uint64_t ns, uint64_t rate_ppm)
{
	return (int64_t)(ns * rate_ppm / PPM);
}

uint64_t facet_pace_step(struct facet_pace *pace, uint64_t now_ns, uint64_t used_ns,
			 uint32_t share_ppm, uint32_t eus)
{
	uint64_t rate =
		(uint64_t)(share_ppm < PPM ? share_ppm : PPM) * (eus < MAX_EUS ? eus : MAX_EUS);
	uint64_t passed = now_ns - pace->at_ns, used = used_ns - pace->used_ns;
	int64_t debt = income(DEBT_NS, rate), target;

	if (!rate) /* nobody said what to keep to */
		return 0;
	if (!pace->started)
		passed = used = 0;
	pace->started = true;
	pace->at_ns = now_ns;
	pace->used_ns = used_ns;
	pace->level += income(passed < DEBT_NS ? passed : DEBT_NS, rate);
	pace->level = clamp(pace->level, -debt, income(CREDIT_NS, rate));
	pace->level -= used < INT64_MAX / 2 ? (int64_t)used : INT64_MAX / 2;
	pace->level = clamp(pace->level, -debt, income(CREDIT_NS, rate));
	if (pace->level >= 0)
		return 0;
	/* Until some is there again, so that it does not stutter. */
	target = income(MIN_CLOSED_NS, rate) - pace->level;
	return (uint64_t)clamp((int64_t)((double)target * PPM / (double)rate), MIN_CLOSED_NS,
			       MAX_CLOSED_NS);
}
