// SPDX-License-Identifier: GPL-2.0-or-later
/* queue_hostile_test.c - drivers that offer what cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/queue_bed.h"

static void loops_end(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->desc[0] = bed_desc(DATA, 8, VIRTQ_DESC_F_NEXT, 1);
	f->desc[1] = bed_desc(DATA, 8, VIRTQ_DESC_F_NEXT, 0);
	bed_offer(f, 0);
	bed_assert_broken(f);
}

static void a_head_outside_breaks(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	bed_offer(f, SIZE);
	bed_assert_broken(f);
}

static void a_next_outside_breaks(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->desc[0] = bed_desc(DATA, 8, VIRTQ_DESC_F_NEXT, SIZE);
	bed_offer(f, 0);
	bed_assert_broken(f);
}

static void more_than_a_ring_breaks(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->avail->idx = le16_of(SIZE + 1);
	bed_assert_broken(f);
}

static void huge_lengths_break(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->desc[0] = bed_desc(DATA, UINT32_MAX, 0, 0);
	bed_offer(f, 0);
	bed_assert_broken(f);
}

static void wrapping_addresses_break(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->desc[0] = bed_desc(UINT64_MAX - 2, 8, VIRTQ_DESC_F_WRITE, 0);
	bed_offer(f, 0);
	bed_assert_broken(f);
}

static void reading_after_writing_breaks(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->desc[0] = bed_desc(DATA, 8, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 1);
	f->desc[1] = bed_desc(DATA, 8, 0, 0);
	bed_offer(f, 0);
	bed_assert_broken(f);
}

static void a_chain_given_twice_breaks(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	bed_start(f, 0);
	bed_offer_pair(f, 0);
	chain = bed_pop(f);
	bed_offer(f, 0);
	bed_assert_broken(f);
	facet_queue_push(chain, 0);
}

struct indirect_case {
	uint64_t features;
	uint32_t len;
	uint16_t flags, inner_flags, inner_next;
};

static void bad_indirect_tables_break(void **state)
{
	const struct indirect_case cases[] = {
		{ 0, 32, VIRTQ_DESC_F_INDIRECT, 0, 0 }, /* not agreed on */
		{ INDIRECT, 0, VIRTQ_DESC_F_INDIRECT, 0, 0 },
		{ INDIRECT, 31, VIRTQ_DESC_F_INDIRECT, 0, 0 },
		{ INDIRECT, 0xfffffff0, VIRTQ_DESC_F_INDIRECT, 0, 0 },
		{ INDIRECT, (FACET_QUEUE_MAX_CHAIN + 1) * 16, VIRTQ_DESC_F_INDIRECT, 0, 0 },
		{ INDIRECT, 32, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_NEXT, 0, 0 },
		{ INDIRECT, 32, VIRTQ_DESC_F_INDIRECT, VIRTQ_DESC_F_INDIRECT, 0 },
		{ INDIRECT, 32, VIRTQ_DESC_F_INDIRECT, VIRTQ_DESC_F_NEXT, 2 },
		{ INDIRECT, 32, VIRTQ_DESC_F_INDIRECT, VIRTQ_DESC_F_NEXT, 0 }, /* a loop */
	};
	struct fixture *f = *state;
	struct virtq_desc *table = (void *)(f->base + TABLE);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->next = 0;
		f->avail->idx = le16_of(0);
		bed_start(f, cases[i].features);
		table[0] = bed_desc(DATA, 32, cases[i].inner_flags, cases[i].inner_next);
		table[1] = bed_desc(DATA, 32, 0, 0);
		f->desc[0] = bed_desc(TABLE, cases[i].len, cases[i].flags, 1);
		f->desc[1] = bed_desc(DATA, 8, 0, 0);
		bed_offer(f, 0);
		bed_assert_broken(f);
		facet_queue_reset(f->queue);
		assert_false(facet_queue_broken(f->queue));
	}
}

static void a_table_amid_a_chain_breaks(void **state)
{
	struct fixture *f = *state;

	bed_start(f, INDIRECT);
	f->desc[0] = bed_desc(DATA, 8, VIRTQ_DESC_F_NEXT, 1);
	f->desc[1] = bed_desc(TABLE, 32, VIRTQ_DESC_F_INDIRECT, 0);
	bed_offer(f, 0);
	bed_assert_broken(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(loops_end),
		TEST(a_head_outside_breaks),
		TEST(a_next_outside_breaks),
		TEST(more_than_a_ring_breaks),
		TEST(huge_lengths_break),
		TEST(wrapping_addresses_break),
		TEST(reading_after_writing_breaks),
		TEST(a_chain_given_twice_breaks),
		TEST(bad_indirect_tables_break),
		TEST(a_table_amid_a_chain_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
