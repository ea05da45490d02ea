// SPDX-License-Identifier: GPL-2.0-or-later
/* parts_test.c - what the policy is made of: entitlements, admission, heap, buckets, surplus. */
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

enum { MS = SIM_MS };

#define PERCENT(n) ((n) * (FACET_SHARE_ALL / 100))

static struct facet_share share(uint32_t weight, uint32_t cap, uint32_t reservation)
{
	return (struct facet_share){ weight, PERCENT(cap), PERCENT(reservation) };
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
	assert_int_equal(pace_after(&surplus, 140000, 3000), 0); /* 15 % where the ticks fall */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_gives_the_least),
		cmocka_unit_test(weights_reservations_and_caps_make_parts),
		cmocka_unit_test(admission),
		cmocka_unit_test(admission_by_policy),
		cmocka_unit_test(names),
		cmocka_unit_test(bucket_turns_when_it_says),
		cmocka_unit_test(surplus_is_not_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
