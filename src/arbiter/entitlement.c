// SPDX-License-Identifier: GPL-2.0-or-later
/* entitlement.c - weights, reservations and caps made into parts of a GPU. */
#include "arbiter/entitlement.h"

#include <errno.h>
#include <stdbool.h>

enum {
	FIXED_ALL = 100, /* under FIXED a weight is a percentage */
	LEVEL_BITS = 10, /* of a level's fraction */
};

static uint64_t part_of_ppm(uint64_t ppm)
{
	return ppm * FACET_PART_ALL / FACET_SHARE_ALL; /* ppm < 2^20 */
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t weights(struct facet_claim *const *claims, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += claims[i]->want.weight;
	return sum;
}

static void set_part(struct facet_claim *claim, uint64_t part)
{
	claim->part = part < FACET_PART_MIN ? FACET_PART_MIN : part;
}

/* Used or not: the part is the cap. FIXED weights past 100 (the policy came later) are scaled. */
static void work_out_slices(enum facet_policy policy, struct facet_claim **claims, size_t count)
{
	uint64_t all = weights(claims, count);

	if (all < FIXED_ALL)
		all = FIXED_ALL;
	for (size_t i = 0; i < count; i++) {
		struct facet_claim *claim = claims[i];
		uint64_t slice = policy == FACET_POLICY_EQUAL
					 ? FACET_PART_ALL / count
					 : claim->want.weight * FACET_PART_ALL / all;

		set_part(claim, least(slice, part_of_ppm(claim->want.cap_ppm)));
		claim->cap = claim->part;
	}
}

/*
 * The reservation of a member, which is 100 % at most with the others'. Whoever has none keeps 1 %
 * of the GPU, for a part of nothing would be starvation.
 */
struct floors {
	uint64_t sum_ppm, limit_ppm;
};

static struct floors add_floors(struct facet_claim *const *claims, size_t count)
{
	struct floors floors = { 0, FACET_SHARE_ALL };

	for (size_t i = 0; i < count; i++) {
		floors.sum_ppm += claims[i]->want.reservation_ppm;
		if (!claims[i]->want.reservation_ppm)
			floors.limit_ppm = FACET_SHARE_ALL / 100 * 99;
	}
	return floors;
}

static uint64_t reserved(const struct facet_claim *claim, const struct floors *floors)
{
	uint64_t part = part_of_ppm(claim->want.reservation_ppm);

	if (floors->sum_ppm <= floors->limit_ppm)
		return part;
	return (unsigned __int128)part * floors->limit_ppm / floors->sum_ppm;
}

/* @level: what a weight of 1 gets, in 2^-LEVEL_BITS of a part; times FACET_WEIGHT_MAX < 2^64. */
static uint64_t filled(const struct facet_claim *claim, const struct floors *floors, uint64_t level)
{
	uint64_t part = claim->want.weight * level >> LEVEL_BITS, low = reserved(claim, floors);

	return least(part < low ? low : part, claim->cap);
}

static bool fits(struct facet_claim *const *claims, size_t count, const struct floors *floors,
		 uint64_t level)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count && sum <= FACET_PART_ALL; i++)
		sum += filled(claims[i], floors, level);
	return sum <= FACET_PART_ALL;
}

/*
 * Water-filling: everyone gets its weight times one level, but not less than its reservation and
 * not more than its cap. The level is looked for bit by bit, from the one that is right when
 * neither bites: then one pass is enough.
 */
static void work_out_by_weight(struct facet_claim **claims, size_t count)
{
	struct floors floors = add_floors(claims, count);
	uint64_t level = (FACET_PART_ALL << LEVEL_BITS) / weights(claims, count);
	bool bites = false;

	for (size_t i = 0; i < count; i++) {
		struct facet_claim *claim = claims[i];

		claim->cap = part_of_ppm(claim->want.cap_ppm);
		bites |= filled(claim, &floors, level) != claim->want.weight * level >> LEVEL_BITS;
	}
	if (bites) {
		level = 0;
		for (int bit = FACET_PART_BITS + LEVEL_BITS; bit >= 0; bit--)
			if (fits(claims, count, &floors, level | (uint64_t)1 << bit))
				level |= (uint64_t)1 << bit;
	}
	for (size_t i = 0; i < count; i++)
		set_part(claims[i], filled(claims[i], &floors, level));
}

void facet_entitlement_work_out(enum facet_policy policy, struct facet_claim **claims, size_t count)
{
	if (!count)
		return;
	if (policy == FACET_POLICY_BEST_EFFORT)
		work_out_by_weight(claims, count);
	else
		work_out_slices(policy, claims, count);
}

int facet_entitlement_check(const struct facet_share *want, struct facet_error *err)
{
	if (want->weight < 1 || want->weight > FACET_WEIGHT_MAX)
		return facet_error_set(err, -EINVAL, "weight %u: use 1 to %d", want->weight,
				       FACET_WEIGHT_MAX);
	if (want->cap_ppm < 1 || want->cap_ppm > FACET_SHARE_ALL)
		return facet_error_set(err, -EINVAL,
				       "cap of %.4f %%: use more than 0 and at most 100 %%",
				       want->cap_ppm / 1e4);
	if (want->reservation_ppm > FACET_SHARE_ALL)
		return facet_error_set(err, -EINVAL, "reservation of %.4f %%: use 0 to 100 %%",
				       want->reservation_ppm / 1e4);
	return 0;
}

/* A slice that is smaller than a reservation does not keep it. */
static int admit_slices(enum facet_policy policy, uint64_t sum_weights, size_t count,
			uint32_t reservation_ppm, const struct facet_share *want,
			struct facet_error *err)
{
	if (policy == FACET_POLICY_FIXED && sum_weights > FIXED_ALL)
		return facet_error_set(
			err, -ENOSPC,
			"weight %u: under policy fixed weights are percentages, and "
			"%llu %% are left; use that or change the policy",
			want->weight,
			sum_weights - want->weight < FIXED_ALL
				? FIXED_ALL - (unsigned long long)(sum_weights - want->weight)
				: 0ULL);
	if (policy == FACET_POLICY_FIXED && want->reservation_ppm / 10000.0 > want->weight)
		return facet_error_set(err, -ENOSPC,
				       "reservation of %.4g %%: policy fixed gives a weight of %u "
				       "just %u %%; use a larger weight or a smaller reservation",
				       want->reservation_ppm / 1e4, want->weight, want->weight);
	if (policy == FACET_POLICY_EQUAL && (uint64_t)reservation_ppm * count > FACET_SHARE_ALL)
		return facet_error_set(
			err, -ENOSPC,
			"%zu vGPUs under policy equal get %.4g %% each, and one of "
			"them has a reservation of %.4g %%; change that or the policy",
			count, 100.0 / (double)count, reservation_ppm / 1e4);
	return 0;
}

int facet_entitlement_admit(enum facet_policy policy, struct facet_claim *const *claims,
			    size_t count, const struct facet_claim *except,
			    const struct facet_share *want, struct facet_error *err)
{
	uint64_t reserved_ppm = 0, sum_weights = want->weight;
	uint32_t largest_ppm = want->reservation_ppm;
	size_t members = 1;
	int r = facet_entitlement_check(want, err);

	if (r)
		return r;
	if (want->cap_ppm < want->reservation_ppm)
		return facet_error_set(err, -ENOSPC,
				       "cap of %.4g %% is below the reservation of %.4g %%; raise "
				       "the cap or lower the reservation",
				       want->cap_ppm / 1e4, want->reservation_ppm / 1e4);
	for (size_t i = 0; i < count; i++) {
		if (claims[i] == except)
			continue;
		reserved_ppm += claims[i]->want.reservation_ppm;
		sum_weights += claims[i]->want.weight;
		if (claims[i]->want.reservation_ppm > largest_ppm)
			largest_ppm = claims[i]->want.reservation_ppm;
		members++;
	}
	if (want->reservation_ppm && reserved_ppm + want->reservation_ppm > FACET_SHARE_ALL)
		return facet_error_set(err, -ENOSPC,
				       "reservation of %.4g %%: %.4g %% of the GPU are reserved "
				       "already; reserve at most %.4g %%",
				       want->reservation_ppm / 1e4, (double)reserved_ppm / 1e4,
				       reserved_ppm < FACET_SHARE_ALL
					       ? (double)(FACET_SHARE_ALL - reserved_ppm) / 1e4
					       : 0.0);
	return admit_slices(policy, sum_weights, members, largest_ppm, want, err);
}
