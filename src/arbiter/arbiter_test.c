// SPDX-License-Identifier: GPL-2.0-or-later
/* arbiter_test.c - the policy step by step; its parts are tested in parts_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "arbiter/arbiter.h"
#include "arbiter/sim.h"

enum { MS = SIM_MS };

static unsigned int changes;

static void count_change(struct facet_member *member, enum facet_turn turn)
{
	assert_int_equal(facet_member_turn(member), turn);
	changes++;
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
	assert_true(facet_member_lead_ppm(f->a) > FACET_SHARE_ALL);
	assert_int_equal(facet_member_lead_ppm(f->b), 0);
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

/* Of three who share one unit, the one that leads least may use what the last one leaves. */
static void one_is_the_spare(void **state)
{
	struct fixture *f = *state;
	struct facet_share even = { FACET_WEIGHT_DEFAULT, FACET_SHARE_ALL, 0 };
	struct facet_member *c;

	assert_int_equal(facet_member_add(f->arbiter, &even, f, &c), 0);
	facet_arbiter_set_spares(f->arbiter, true);
	for (unsigned int i = 0; i < 2; i++) {
		facet_member_observe(f->a, f->now, (uint64_t)i * 60 * MS, true);
		facet_member_observe(f->b, f->now, (uint64_t)i * 30 * MS, true);
		facet_member_observe(c, f->now, 0, true);
		step(f);
		f->now += 90 * MS;
	}
	assert_int_equal(facet_member_turn(f->a), FACET_TURN_CLOSED);
	assert_int_equal(facet_member_turn(f->b), FACET_TURN_SPARE);
	assert_int_equal(facet_member_turn(c), FACET_TURN_OPEN);
	facet_arbiter_set_policy(f->arbiter, FACET_POLICY_EQUAL);
	step(f);
	assert_int_not_equal(facet_member_turn(f->b), FACET_TURN_SPARE);
	facet_arbiter_set_policy(f->arbiter, FACET_POLICY_BEST_EFFORT);
	step(f);
	facet_member_remove(f->b);
	step(f);
	assert_int_equal(facet_member_turn(f->a), FACET_TURN_SPARE);
}

/* What b leaves for ever does not make a debt for ever: a waits for b no longer than 200 ms. */
static void what_is_spare_is_paid_for_but_not_without_end(void **state)
{
	struct fixture *f = *state;
	uint64_t used = 100 * MS, others = 0, waited = 0;

	facet_arbiter_set_spares(f->arbiter, true);
	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->b, f->now, 0, true);
	step(f);
	for (; used < 5000ULL * MS; used += 3 * MS, others += MS) {
		f->now += 4 * MS;
		facet_member_observe(f->a, f->now, used, true);
		facet_member_observe(f->b, f->now, others, true);
		step(f);
		if (used < 400 * MS)
			assert_int_equal(facet_member_turn(f->a), FACET_TURN_SPARE);
	}
	for (; !facet_member_open(f->a); waited += 4 * MS) {
		f->now += 4 * MS;
		facet_member_observe(f->a, f->now, used, true);
		facet_member_observe(f->b, f->now, others += 4 * MS, true);
		step(f);
	}
	assert_true(waited < 250 * MS);
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

static void claims_of_many_do_not_add_up(void **state)
{
	enum { COUNT = 6 };
	struct fixture *f = *state;
	struct facet_share even = { FACET_WEIGHT_DEFAULT, FACET_SHARE_ALL, 0 };
	struct facet_member *members[COUNT] = { f->a, f->b };
	uint64_t used[COUNT] = { 0 }, all = 0;

	for (size_t i = 2; i < COUNT; i++)
		assert_int_equal(facet_member_add(f->arbiter, &even, f, &members[i]), 0);
	for (size_t i = 0; i < COUNT; i++)
		facet_member_observe(members[i], f->now, 0, i == 0);
	step(f);
	f->now += 1000ULL * MS;
	for (size_t i = 0; i < COUNT; i++)
		facet_member_observe(members[i], f->now, i ? 0 : 1000ULL * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	while (!facet_member_open(f->a)) {
		f->now += MS;
		for (size_t i = 1; i < COUNT; i++) {
			uint64_t ns = facet_member_open(members[i]) ? MS / 5 : 0;

			used[i] += ns;
			all += ns;
			facet_member_observe(members[i], f->now, used[i], true);
		}
		step(f);
	}
	/* A sixth of 50 ms for each of the five, less half a window. */
	assert_in_range(all, 30 * MS, 42 * MS);
}

/* c had as much as a. While b, to whom that is owed, was away for a moment, c was not ahead. */
static void who_leaves_is_not_forgiven(void **state)
{
	struct fixture *f = *state;
	struct facet_share even = { FACET_WEIGHT_DEFAULT, FACET_SHARE_ALL, 0 };
	struct facet_member *c;

	assert_int_equal(facet_member_add(f->arbiter, &even, f, &c), 0);
	facet_member_observe(f->a, f->now, 0, true);
	facet_member_observe(f->b, f->now, 0, true);
	facet_member_observe(c, f->now, 0, true);
	step(f);
	facet_member_observe(f->a, f->now += 200 * MS, 100 * MS, true);
	facet_member_observe(c, f->now, 100 * MS, true);
	facet_member_observe(f->b, f->now, 0, false);
	step(f);
	facet_member_observe(c, f->now += MS, 100 * MS, false);
	step(f);
	facet_member_observe(f->b, f->now += MS, 0, true);
	step(f);
	facet_member_observe(c, f->now += MS, 100 * MS, true);
	step(f);
	facet_member_observe(f->b, f->now += 85 * MS, 85 * MS, true);
	step(f);
	assert_false(facet_member_open(f->a));
	assert_false(facet_member_open(c));
	facet_member_observe(f->b, f->now += 14 * MS, 99 * MS, true);
	step(f);
	assert_true(facet_member_open(f->a));
	assert_true(facet_member_open(c));
}

/* Whatever is done: of those that want to run, somebody may. */
static void somebody_is_open(void **state)
{
	enum { COUNT = 40, STEPS = 20000 };
	struct facet_member *members[COUNT] = { 0 };
	uint64_t used[COUNT] = { 0 }, now = 1, idle = 0, next = 0, seed = 5;
	bool busy[COUNT] = { 0 };
	struct facet_arbiter *arbiter;

	assert_int_equal(facet_arbiter_create(3, FACET_POLICY_BEST_EFFORT, &arbiter), 0);
	for (int n = 0; n < STEPS; n++) {
		uint64_t what = sim_random(&seed) >> 20, i = what % COUNT, wanting = 0, open = 0;
		uint32_t reserved = what % 5 ? 0 : FACET_SHARE_ALL / COUNT;
		struct facet_share share = { 1 + (what >> 8) % FACET_WEIGHT_MAX, FACET_SHARE_ALL,
					     reserved };

		if (!members[i]) {
			assert_int_equal(facet_member_add(arbiter, &share, NULL, &members[i]), 0);
			used[i] = 0;
		} else if (what % 16 == 1) {
			facet_member_remove(members[i]);
			members[i] = NULL;
		} else if (what % 16 == 2) {
			facet_member_set(members[i], &share);
		}
		busy[i] = (what >> 24) % 3;
		now += (what >> 12) % (n % 50 ? 8 * MS : 2000ULL * MS);
		idle += (what >> 14) % (6 * MS);
		for (size_t j = 0; j < COUNT; j++) {
			if (!members[j])
				continue;
			if (facet_member_open(members[j]))
				used[j] += (sim_random(&seed) >> 20) % (busy[j] ? 4 * MS : MS / 10);
			facet_member_observe(members[j], now, used[j], busy[j]);
		}
		facet_arbiter_observe_idle(arbiter, now, idle);
		facet_arbiter_step(arbiter, now, count_change, &next);
		assert_true(next > now);
		for (size_t j = 0; j < COUNT; j++) {
			wanting += members[j] && busy[j];
			open += members[j] && busy[j] && facet_member_open(members[j]);
		}
		assert_true(!wanting || open);
	}
	assert_true(changes > STEPS / 10);
	facet_arbiter_destroy(arbiter);
}

#define WITH_TWO(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extremes_have_a_part),
		cmocka_unit_test(somebody_is_open),
		WITH_TWO(new_members_are_open),
		WITH_TWO(who_leads_is_closed_and_pays_back),
		WITH_TWO(one_is_the_spare),
		WITH_TWO(what_is_spare_is_paid_for_but_not_without_end),
		WITH_TWO(who_is_alone_is_open),
		WITH_TWO(who_is_removed_while_closed_leaves_nothing),
		WITH_TWO(long_idle_pays_debt_and_hoards_nothing),
		WITH_TWO(capped_says_when),
		WITH_TWO(cap_of_the_policy),
		WITH_TWO(clocks_may_stand_still_and_jump),
		WITH_TWO(tiny_batches_are_seen_by_their_use),
		WITH_TWO(claims_of_many_do_not_add_up),
		WITH_TWO(who_leaves_is_not_forgiven),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
