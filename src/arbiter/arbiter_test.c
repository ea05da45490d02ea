// SPDX-License-Identifier: GPL-2.0-or-later
/* arbiter_test.c - entitlements, admission, buckets, surplus; then single steps of the policy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arbiter/arbiter.h"
#include "arbiter/bucket.h"
#include "arbiter/entitlement.h"
#include "arbiter/heap.h"
#include "arbiter/sim.h"
#include "arbiter/surplus.h"
#include "base/checked.h"

enum { MS = SIM_MS };

#define PERCENT(n) ((n) * (FACET_SHARE_ALL / 100))

static struct facet_share share(uint32_t weight, uint32_t cap, uint32_t reservation)
{
	return (struct facet_share){ weight, PERCENT(cap), PERCENT(reservation) };
}

static unsigned int changes;

static void count_change(struct facet_member *member, bool open)
{
	assert_int_equal(facet_member_open(member), open);
	changes++;
}

static void heap_gives_the_least(void **state)
{
	enum { COUNT = 500 };
	struct facet_heap heap = { 0 };
	struct facet_heap_node nodes[COUNT] = { 0 };
	facet_vtime last = 0;
	uint64_t seed = 7;

	assert_int_equal(facet_heap_reserve(&heap, COUNT), 0);
	for (int i = 0; i < COUNT; i++)
		facet_heap_push(&heap, &nodes[i], sim_random(&seed));
	for (int i = 0; i < COUNT; i += 3)
		facet_heap_update(&heap, &nodes[i], sim_random(&seed));
	for (int i = 0; i < COUNT; i += 5)
		facet_heap_remove(&heap, &nodes[i]);
	facet_heap_remove(&heap, &nodes[0]); /* is out already */
	for (int i = 1; i < COUNT; i += 5)
		facet_heap_rekey(&heap, &nodes[i], sim_random(&seed));
	facet_heap_order(&heap);
	assert_int_equal(heap.count, COUNT / 5 * 4);
	while (heap.count) {
		struct facet_heap_entry top = *facet_heap_top(&heap);

		assert_true(top.key >= last);
		last = top.key;
		facet_heap_remove(&heap, top.node);
	}
	assert_null(facet_heap_top(&heap));
	facet_heap_fini(&heap);
}

/* Adds members with these shares, and compares what they are entitled to, in 0.1 %. */
static void entitled(enum facet_policy policy, size_t count, const struct facet_share *shares,
		     const unsigned int *permille)
{
	struct facet_member *members[8];
	struct facet_arbiter *arbiter;
	uint64_t sum = 0;

	assert_int_equal(facet_arbiter_create(2, policy, &arbiter), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(facet_member_add(arbiter, &shares[i], NULL, &members[i]), 0);
	for (size_t i = 0; i < count; i++) {
		uint32_t ppm = facet_member_entitled_ppm(members[i]);

		assert_in_range(ppm + 500, permille[i] * 1000, permille[i] * 1000 + 1000);
		sum += ppm;
	}
	assert_true(sum <= FACET_SHARE_ALL + count);
	facet_arbiter_destroy(arbiter);
}

static void weights_reservations_and_caps_make_parts(void **state)
{
	const enum facet_policy best = FACET_POLICY_BEST_EFFORT;

	entitled(best, 2, (struct facet_share[]){ share(70, 100, 0), share(30, 100, 0) },
		 (unsigned int[]){ 700, 300 });
	entitled(best, 3,
		 (struct facet_share[]){ share(100, 100, 30), share(100, 100, 0),
					 share(800, 100, 0) },
		 (unsigned int[]){ 300, 78, 622 });
	entitled(
		best, 3,
		(struct facet_share[]){ share(100, 10, 0), share(100, 100, 0), share(200, 100, 0) },
		(unsigned int[]){ 100, 300, 600 });
	entitled(best, 2, (struct facet_share[]){ share(1, 20, 0), share(1, 30, 0) },
		 (unsigned int[]){ 200, 300 }); /* caps leave some to nobody */
	entitled(best, 4,
		 (struct facet_share[]){ share(1, 100, 50), share(1, 5, 0), share(1, 100, 0),
					 share(1, 100, 20) },
		 (unsigned int[]){ 500, 50, 225, 225 });
	/* All is reserved: the last one keeps 1 % to live on. */
	entitled(best, 3,
		 (struct facet_share[]){ share(1, 100, 60), share(1, 100, 40), share(1, 100, 0) },
		 (unsigned int[]){ 594, 396, 10 });
	entitled(FACET_POLICY_EQUAL, 3,
		 (struct facet_share[]){ share(1, 100, 0), share(9999, 10, 0), share(5, 100, 0) },
		 (unsigned int[]){ 333, 100, 333 });
	entitled(FACET_POLICY_FIXED, 3,
		 (struct facet_share[]){ share(50, 100, 0), share(20, 10, 0), share(5, 100, 0) },
		 (unsigned int[]){ 500, 100, 50 });
	/* The policy was switched to when the weights were not percentages. */
	entitled(FACET_POLICY_FIXED, 2,
		 (struct facet_share[]){ share(300, 100, 0), share(100, 100, 0) },
		 (unsigned int[]){ 750, 250 });
}

static void extremes_have_a_part(void **state)
{
	enum { COUNT = 5000 };
	struct facet_member **members = calloc(COUNT, sizeof(*members));
	struct facet_arbiter *arbiter;
	struct facet_share heavy = { FACET_WEIGHT_MAX, FACET_SHARE_ALL, 0 },
			   light = { 1, FACET_SHARE_ALL, 0 };
	uint64_t next_ns, used = (uint64_t)1 << 60;

	assert_int_equal(facet_arbiter_create(1024, FACET_POLICY_BEST_EFFORT, &arbiter), 0);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(facet_member_add(arbiter, i ? &heavy : &light, NULL, &members[i]),
				 0);
	assert_in_range(facet_member_entitled_ppm(members[1]), 199, 201);
	assert_int_equal(facet_member_entitled_ppm(members[0]), 0); /* rounded */
	for (size_t i = 0; i < 3; i++)
		facet_member_observe(members[i], 1, 0, true);
	facet_arbiter_step(arbiter, 1, count_change, &next_ns);
	for (uint64_t now = 1; now < 15; now++) {
		for (size_t i = 0; i < 3; i++)
			facet_member_observe(members[i], now << 60, i ? now : used * now, true);
		facet_arbiter_observe_idle(arbiter, now << 60, now << 60);
		facet_arbiter_step(arbiter, now << 60, count_change, &next_ns);
		assert_false(facet_member_open(members[0]));
		assert_true(facet_member_open(members[1]) && facet_member_open(members[2]));
	}
	for (size_t i = 1; i < COUNT; i += 2)
		facet_member_remove(members[i]);
	facet_arbiter_step(arbiter, 15ULL << 60, count_change, &next_ns);
	free(members);
	facet_arbiter_destroy(arbiter);
}

static void admission(void **state)
{
	struct facet_share held = share(60, 100, 50), fits = share(40, 100, 50), want;
	struct facet_member *member, *other;
	struct facet_arbiter *arbiter;
	struct facet_error err;

	assert_int_equal(facet_arbiter_create(2, FACET_POLICY_BEST_EFFORT, &arbiter), 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &held, &err), 0);
	assert_int_equal(facet_member_add(arbiter, &held, NULL, &member), 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &fits, &err), 0);

	want = share(40, 100, 51);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -ENOSPC);
	assert_string_equal(err.text, "reservation of 51 %: 50 % of the GPU are reserved already; "
				      "reserve at most 50 %");
	/* Instead of its own. */
	assert_int_equal(facet_arbiter_admit(arbiter, member, &want, &err), 0);

	want = share(40, 20, 30);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -ENOSPC);
	assert_string_equal(err.text, "cap of 20 % is below the reservation of 30 %; raise the cap "
				      "or lower the reservation");
	want = share(0, 100, 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -EINVAL);
	assert_string_equal(err.text, "weight 0: use 1 to 10000");
	assert_int_equal(facet_member_add(arbiter, &want, NULL, &other), -EINVAL);
	want = share(FACET_WEIGHT_MAX + 1, 100, 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -EINVAL);
	want = share(1, 0, 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -EINVAL);
	assert_non_null(strstr(err.text, "cap of 0"));
	want = share(1, 101, 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -EINVAL);
	want = share(1, 100, 101);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -EINVAL);
	assert_non_null(strstr(err.text, "reservation of 101"));
	facet_arbiter_destroy(arbiter);
}

static void admission_by_policy(void **state)
{
	struct facet_share held = share(60, 100, 0), want = share(41, 100, 0);
	struct facet_member *member;
	struct facet_arbiter *arbiter;
	struct facet_error err;

	assert_int_equal(facet_arbiter_create(2, FACET_POLICY_FIXED, &arbiter), 0);
	assert_int_equal(facet_member_add(arbiter, &held, NULL, &member), 0);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -ENOSPC);
	assert_string_equal(err.text, "weight 41: under policy fixed weights are percentages, and "
				      "40 % are left; use that or change the policy");
	assert_int_equal(facet_arbiter_admit(arbiter, member, &want, &err), 0);
	want = share(10, 100, 20);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "use a larger weight or a smaller reservation"));

	facet_arbiter_set_policy(arbiter, FACET_POLICY_EQUAL);
	assert_int_equal(facet_arbiter_policy(arbiter), FACET_POLICY_EQUAL);
	want = share(9000, 100, 50);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), 0);
	want = share(9000, 100, 51);
	assert_int_equal(facet_arbiter_admit(arbiter, NULL, &want, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "2 vGPUs under policy equal get 50 % each"));
	facet_arbiter_destroy(arbiter);
}

static void names(void **state)
{
	enum facet_policy policy = FACET_POLICIES;
	struct facet_arbiter *arbiter = NULL;

	for (int i = 0; i < FACET_POLICIES; i++) {
		assert_int_equal(
			facet_policy_parse(facet_policy_name((enum facet_policy)i), &policy), 0);
		assert_int_equal(policy, i);
	}
	assert_int_equal(facet_policy_parse("Equal", &policy), -EINVAL);
	assert_int_equal(facet_policy_parse("", &policy), -EINVAL);
	assert_int_equal(facet_arbiter_create(0, FACET_POLICY_EQUAL, &arbiter), -EINVAL);
	assert_int_equal(facet_arbiter_create(1025, FACET_POLICY_EQUAL, &arbiter), -EINVAL);
	assert_int_equal(facet_arbiter_create(1, FACET_POLICIES, &arbiter), -EINVAL);
	assert_null(arbiter);
	facet_arbiter_destroy(NULL);
}

static void bucket_turns_when_it_says(void **state)
{
	struct facet_bucket bucket;
	uint64_t now = 1000, turns;

	facet_bucket_init(&bucket, 4);
	assert_int_equal(facet_bucket_turns_ns(&bucket, now), UINT64_MAX);
	facet_bucket_use(&bucket, now, 1000 * MS);
	assert_false(bucket.empty);
	facet_bucket_set_cap(&bucket, FACET_PART_ALL / 4, now); /* 1 EU */
	assert_true(facet_bucket_turns_ns(&bucket, now) > now);
	facet_bucket_use(&bucket, now, 100 * MS); /* 16 were in it */
	assert_true(bucket.empty);
	turns = facet_bucket_turns_ns(&bucket, now);
	assert_in_range(turns, now + 84 * MS, now + 84 * MS + 10 * MS);
	facet_bucket_fill(&bucket, turns - 10);
	assert_true(bucket.empty);
	facet_bucket_fill(&bucket, turns);
	assert_false(bucket.empty);
	facet_bucket_fill(&bucket, turns / 2); /* no time passes backwards */
	assert_false(bucket.empty);
	/* Even endless debt ends. */
	facet_bucket_use(&bucket, turns, UINT64_MAX / 2);
	assert_in_range(facet_bucket_turns_ns(&bucket, turns), turns + 4000ULL * MS,
			turns + 4100ULL * MS);
	facet_bucket_set_cap(&bucket, FACET_PART_ALL, turns);
	assert_false(bucket.empty);
}

/* @busy_ppm of the GPU is used while somebody is closed; idle time comes in whole ticks. */
static uint64_t pace_after(struct facet_surplus *surplus, uint32_t idle_ppm, unsigned int ms)
{
	uint64_t idle = 0, told = surplus->idle_ns, start = surplus->seen_ns;

	for (unsigned int i = 1; i <= ms; i++) {
		uint64_t now = start + (uint64_t)i * MS;

		idle += 2ULL * idle_ppm;
		facet_surplus_contended(surplus, now);
		facet_surplus_observe(surplus, now, told + idle / (20 * MS) * (20 * MS), 2, 1024);
	}
	return surplus->pace;
}

static void surplus_is_not_noise(void **state)
{
	struct facet_surplus surplus = { 0 };

	assert_int_equal(pace_after(&surplus, 50000, 3000), 0);
	assert_int_equal(pace_after(&surplus, 90000, 3000), 0);
	assert_true(pace_after(&surplus, 300000, 600) >= 1024);
	assert_true(pace_after(&surplus, 300000, 600) > 2048);
	assert_int_equal(pace_after(&surplus, 0, 3000), 0);
	/* Whatever was idle while nobody was closed says nothing. */
	facet_surplus_observe(&surplus, surplus.seen_ns + 2000ULL * MS,
			      surplus.idle_ns + 4000ULL * MS, 2, 1024);
	assert_int_equal(pace_after(&surplus, 0, 400), 0);
	/* And a pace does not last for ever. */
	assert_true(pace_after(&surplus, 500000, 600) > 0);
	facet_surplus_observe(&surplus, surplus.seen_ns + 1100ULL * MS, surplus.idle_ns, 2, 1024);
	assert_int_equal(surplus.pace, 0);
}

/* --- steps --- */

struct fixture {
	struct facet_arbiter *arbiter;
	struct facet_member *a, *b;
	uint64_t now, next;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_share even = { FACET_WEIGHT_DEFAULT, FACET_SHARE_ALL, 0 };

	f->now = 1000ULL * MS;
	*state = f;
	changes = 0;
	return facet_arbiter_create(1, FACET_POLICY_BEST_EFFORT, &f->arbiter) ||
	       facet_member_add(f->arbiter, &even, f, &f->a) ||
	       facet_member_add(f->arbiter, &even, f, &f->b);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_arbiter_destroy(f->arbiter);
	free(f);
	return 0;
}

static void step(struct fixture *f)
{
	facet_arbiter_step(f->arbiter, f->now, count_change, &f->next);
	assert_true(f->next > f->now);
}

static void new_members_are_open(void **state)
{
	struct fixture *f = *state;

	assert_true(facet_member_open(f->a));
	assert_ptr_equal(facet_member_owner(f->a), f);
	assert_int_equal(facet_member_share(f->a)->weight, FACET_WEIGHT_DEFAULT);
	step(f);
	assert_int_equal(f->next, UINT64_MAX);
	facet_member_observe(f->a, f->now, 0, true);
	step(f);
	assert_int_equal(f->next, UINT64_MAX); /* alone */
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	assert_in_range(f->next, f->now + MS, f->now + 5 * MS);
	facet_member_observe(f->b, f->now, 0, false);
	step(f);
	assert_int_equal(f->next, UINT64_MAX);
	assert_int_equal(changes, 0);
}

static void who_leads_is_closed_and_pays_back(void **state)
{
	struct fixture *f = *state;
	uint64_t used = 0;

	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	f->now += 100 * MS; /* nobody looked for so long; a had all of it */
	facet_member_observe(f->a, f->now, 100 * MS, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	assert_false(facet_member_open(f->a));
	assert_true(facet_member_open(f->b));
	while (!facet_member_open(f->a)) {
		f->now += 4 * MS;
		used += 4 * MS;
		facet_member_observe(f->a, f->now, 100 * MS, true);
		facet_member_observe(f->b, f->now, used, true);
		step(f);
		assert_true(facet_member_open(f->b));
	}
	assert_in_range(used, 88 * MS, 100 * MS);
	assert_int_equal(facet_member_throttled_ns(f->a), used);
	assert_int_equal(facet_member_throttled_ns(f->b), 0);
	assert_int_equal(changes, 2);
}

static void who_is_alone_is_open(void **state)
{
	struct fixture *f = *state;

	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	facet_member_observe(f->a, f->now += 50 * MS, 50 * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_observe(f->b, f->now, 0, false);
	step(f);
	assert_true(facet_member_open(f->a));
	/* The other is back at once, and has not lost what it waited for. */
	facet_member_observe(f->b, f->now += MS, 0, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_remove(f->b);
	step(f);
	assert_true(facet_member_open(f->a));
	assert_int_equal(f->next, UINT64_MAX);
}

static void who_is_removed_while_closed_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	facet_member_observe(f->a, f->now += 50 * MS, 50 * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	changes = 0;
	facet_member_remove(f->a);
	step(f);
	assert_int_equal(changes, 0);
	facet_member_observe(f->b, f->now, 10 * MS, true);
	step(f);
	assert_int_equal(facet_member_entitled_ppm(f->b), FACET_SHARE_ALL);
	facet_member_remove(f->b);
	step(f);
	assert_int_equal(f->next, UINT64_MAX);
}

static void long_idle_pays_debt_and_hoards_nothing(void **state)
{
	struct fixture *f = *state;

	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	facet_member_observe(f->a, f->now += 80 * MS, 80 * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_observe(f->a, f->now, 80 * MS, false);
	facet_member_observe(f->b, f->now, 0, false);
	step(f);
	assert_true(facet_member_open(f->b));
	/* 40 ms: entitled to 20, so 60 of 80 are left. */
	f->now += 40 * MS;
	facet_member_observe(f->a, f->now, 80 * MS, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_observe(f->b, f->now, 40 * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_observe(f->b, f->now, 62 * MS, true);
	step(f);
	assert_true(facet_member_open(f->a));
	/* A second: nothing is owed, and not more than 50 ms are kept. */
	facet_member_observe(f->b, f->now, 62 * MS, false);
	step(f);
	facet_member_observe(f->a, f->now += 1000ULL * MS, 1080ULL * MS, true);
	facet_member_observe(f->b, f->now, 62 * MS, true);
	step(f);
	assert_true(facet_member_open(f->b));
	facet_member_observe(f->b, f->now += 40 * MS, 102 * MS, true);
	step(f);
	assert_true(facet_member_open(f->a));
}

static void capped_says_when(void **state)
{
	struct fixture *f = *state;
	struct facet_share quarter = { 100, FACET_SHARE_ALL / 4, 0 };
	uint64_t used = 10 * MS;

	facet_member_set(f->a, &quarter);
	assert_int_equal(facet_member_entitled_ppm(f->a), FACET_SHARE_ALL / 4);
	assert_int_equal(facet_member_entitled_ppm(f->b), FACET_SHARE_ALL / 4 * 3);
	facet_member_observe(f->a, f->now, 0, true);
	step(f);
	assert_true(f->next < UINT64_MAX); /* alone, but it has to be looked at */
	facet_member_observe(f->a, f->now += 10 * MS, used, true);
	step(f);
	assert_false(facet_member_open(f->a));
	/* It has nothing to do any more, and yet is closed until it has paid. */
	facet_member_observe(f->a, f->now, used, false);
	step(f);
	assert_false(facet_member_open(f->a));
	assert_in_range(f->next, f->now + 10 * MS, f->now + 40 * MS);
	f->now = f->next - 10;
	step(f);
	assert_false(facet_member_open(f->a));
	f->now += 10;
	step(f);
	assert_true(facet_member_open(f->a));
	assert_int_equal(f->next, UINT64_MAX);
	assert_int_equal(facet_member_throttled_ns(f->a), 0);
}

static void cap_of_the_policy(void **state)
{
	struct fixture *f = *state;

	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->a, f->now += 100 * MS, 100 * MS, true);
	step(f);
	assert_true(facet_member_open(f->a));
	facet_arbiter_set_policy(f->arbiter, FACET_POLICY_EQUAL);
	step(f);
	assert_true(facet_member_open(f->a));
	assert_true(f->next < UINT64_MAX);
	facet_member_observe(f->a, f->now += 12 * MS, 112 * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_arbiter_set_policy(f->arbiter, FACET_POLICY_BEST_EFFORT);
	step(f);
	assert_true(facet_member_open(f->a));
	assert_int_equal(f->next, UINT64_MAX);
}

static void clocks_may_stand_still_and_jump(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++) {
		facet_member_observe(f->a, f->now, (uint64_t)i * 3 * MS, true);
		facet_member_observe(f->b, f->now, (uint64_t)i * 3 * MS, true);
		step(f);
	}
	assert_true(facet_member_open(f->a) && facet_member_open(f->b));
	facet_member_observe(f->a, f->now - 5, 0, true); /* late, and less than before */
	step(f);
	assert_true(facet_member_open(f->a));
	/* A year without a look, and what was used then is not paid back for longer than a bit. */
	f->now += 365ULL * 24 * 3600 * 1000 * MS;
	facet_member_observe(f->a, f->now, f->now, true);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_observe(f->b, f->now, 1300ULL * MS, true);
	step(f);
	assert_true(facet_member_open(f->a));
}

static void tiny_batches_are_seen_by_their_use(void **state)
{
	struct fixture *f = *state;

	facet_member_observe(f->a, f->now, 0, false);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	facet_member_observe(f->a, f->now += 50 * MS, 50 * MS, false);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	assert_false(facet_member_open(f->a));
	assert_true(f->next < UINT64_MAX);
	facet_member_observe(f->a, f->now += 4 * MS, 50 * MS, false);
	step(f);
	assert_false(facet_member_open(f->a));
	facet_member_observe(f->b, f->now += 46 * MS, 50 * MS, true);
	facet_member_observe(f->a, f->now, 50 * MS, false);
	step(f);
	assert_true(facet_member_open(f->a));
	assert_int_equal(facet_member_throttled_ns(f->a), 0); /* it did not wait */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_gives_the_least),
		cmocka_unit_test(weights_reservations_and_caps_make_parts),
		cmocka_unit_test(extremes_have_a_part),
		cmocka_unit_test(admission),
		cmocka_unit_test(admission_by_policy),
		cmocka_unit_test(names),
		cmocka_unit_test(bucket_turns_when_it_says),
		cmocka_unit_test(surplus_is_not_noise),
		cmocka_unit_test_setup_teardown(new_members_are_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_leads_is_closed_and_pays_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(who_is_alone_is_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_removed_while_closed_leaves_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(long_idle_pays_debt_and_hoards_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(capped_says_when, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cap_of_the_policy, set_up, tear_down),
		cmocka_unit_test_setup_teardown(clocks_may_stand_still_and_jump, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tiny_batches_are_seen_by_their_use, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
