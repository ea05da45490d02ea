// SPDX-License-Identifier: GPL-2.0-or-later
/* queue_test.c - a split ring as it should be, and what threads, pauses and IOMMUs do to it. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/queue_bed.h"

static void a_request_is_answered(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;
	char buf[16];

	bed_start(f, 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
	memcpy(f->base + DATA + 16 * 4, "question", 8);
	bed_offer_pair(f, 4);
	chain = bed_pop(f);
	assert_int_equal(chain->head, 4);
	assert_int_equal(chain->out_size, 8);
	assert_int_equal(chain->in_size, 8);
	assert_int_equal(facet_chain_read(chain, 0, buf, 16), 8);
	assert_memory_equal(buf, "question", 8);
	assert_int_equal(facet_chain_read(chain, 6, buf, 16), 2);
	assert_int_equal(facet_chain_read(chain, 8, buf, 16), 0);
	assert_int_equal(facet_chain_read(chain, SIZE_MAX, buf, 16), 0);
	assert_int_equal(facet_chain_write(chain, 3, "wer!!!!!", 8), 5);
	assert_int_equal(facet_chain_write(chain, 0, "ans", 3), 3);
	facet_queue_push(chain, 1000);
	assert_int_equal(le16_get(f->used->idx), 1);
	assert_int_equal(le32_get(f->used->ring[0].id), 4);
	assert_int_equal(le32_get(f->used->ring[0].len), 8);
	assert_memory_equal(f->base + DATA + 16 * 4 + 8, "answer!!", 8);
	assert_int_equal(bed_signals(f->call), 1);
	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
}

static void interrupts_are_suppressed(void **state)
{
	struct fixture *f = *state;

	bed_start(f, 0);
	f->avail->flags = le16_of(VIRTQ_AVAIL_F_NO_INTERRUPT);
	bed_offer_pair(f, 0);
	facet_queue_push(bed_pop(f), 0);
	assert_int_equal(bed_signals(f->call), 0);
	f->avail->flags = le16_of(0);
	bed_offer_pair(f, 0);
	facet_queue_push(bed_pop(f), 0);
	assert_int_equal(bed_signals(f->call), 1);
}

static void event_index_works_both_ways(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain, *two[2];
	le16 *used_event = &f->avail->ring[SIZE];
	le16 *avail_event = (le16 *)&f->used->ring[SIZE];

	bed_start(f, EVENT_IDX);
	/* The ring was emptied: kick for the next one, please. */
	bed_offer_pair(f, 0);
	bed_offer_pair(f, 2);
	two[0] = bed_pop(f);
	assert_int_equal(le16_get(*avail_event), 0);
	two[1] = bed_pop(f);
	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
	assert_int_equal(le16_get(*avail_event), 2);
	/* Interrupt only after the second answer, please. */
	*used_event = le16_of(1);
	facet_queue_push(two[1], 0);
	assert_int_equal(bed_signals(f->call), 0);
	facet_queue_push(two[0], 0);
	assert_int_equal(bed_signals(f->call), 1);
	bed_offer_pair(f, 0);
	facet_queue_push(bed_pop(f), 0);
	assert_int_equal(bed_signals(f->call), 0);
}

static void indices_wrap(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	bed_start(f, EVENT_IDX);
	for (unsigned int i = 0; i < 70000; i++) {
		bed_offer_pair(f, (uint16_t)(i * 2 % SIZE));
		chain = bed_pop(f);
		f->avail->ring[SIZE] = le16_of((uint16_t)i);
		facet_queue_push(chain, 3);
		assert_int_equal(bed_signals(f->call), 1);
	}
	assert_int_equal(le16_get(f->used->idx), (uint16_t)70000);
	assert_int_equal(facet_queue_base(f->queue), (uint16_t)70000);
}

static void indirect_tables_are_followed(void **state)
{
	struct fixture *f = *state;
	struct virtq_desc *table = (void *)(f->base + TABLE);
	struct facet_chain *chain;
	char buf[8];

	bed_start(f, INDIRECT);
	memcpy(f->base + DATA, "abcdefgh", 8);
	/* Not in the order of the table; one buffer is empty; two lie side by side. */
	table[0] = bed_desc(DATA, 2, VIRTQ_DESC_F_NEXT, 2);
	table[1] = bed_desc(DATA + 100, 50, VIRTQ_DESC_F_WRITE, 0);
	table[2] = bed_desc(DATA + 2, 3, VIRTQ_DESC_F_NEXT, 3);
	table[3] = bed_desc(DATA, 0, VIRTQ_DESC_F_NEXT, 1);
	f->desc[9] = bed_desc(TABLE, 4 * 16, VIRTQ_DESC_F_INDIRECT, 0);
	bed_offer(f, 9);
	chain = bed_pop(f);
	assert_int_equal(chain->out_size, 5);
	assert_int_equal(chain->in_size, 50);
	assert_int_equal(facet_chain_read(chain, 1, buf, 8), 4);
	assert_memory_equal(buf, "bcde", 4);
	facet_queue_push(chain, 50);
	assert_int_equal(le32_get(f->used->ring[0].id), 9);
}

static void long_tables_are_followed(void **state)
{
	struct fixture *f = *state;
	struct virtq_desc *table = (void *)(f->base + 0x40000);
	const uint16_t count = 4000;
	struct facet_chain *chain;

	bed_start(f, INDIRECT);
	for (uint16_t i = 0; i < count; i++)
		table[i] = bed_desc(DATA + 2u * i, 1, i + 1 < count ? VIRTQ_DESC_F_NEXT : 0, i + 1);
	f->desc[0] = bed_desc(0x40000, count * 16u, VIRTQ_DESC_F_INDIRECT, 0);
	bed_offer(f, 0);
	chain = bed_pop(f);
	assert_int_equal(chain->out_count, count);
	assert_int_equal(chain->out_size, count);
	facet_queue_push(chain, 0);
}

static void answers_survive_a_pause(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *a, *b;

	bed_start(f, 0);
	bed_offer_pair(f, 0);
	bed_offer_pair(f, 2);
	a = bed_pop(f);
	b = bed_pop(f);
	facet_queue_stop(f->queue);
	assert_int_equal(facet_queue_base(f->queue), 2);
	facet_queue_push(a, 8);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(facet_queue_pop(f->queue, &a), 0);
	assert_int_equal(facet_queue_set_base(f->queue, 2), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_int_equal(le16_get(f->used->idx), 1);
	assert_int_equal(bed_signals(f->call), 1);
	facet_queue_push(b, 8);
	assert_int_equal(le16_get(f->used->idx), 2);
	bed_offer_pair(f, 0);
	facet_queue_push(bed_pop(f), 8);
	assert_int_equal(le16_get(f->used->idx), 3);
}

static void answers_die_in_a_reset(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *a, *b;

	bed_start(f, 0);
	bed_offer_pair(f, 0);
	bed_offer_pair(f, 2);
	a = bed_pop(f);
	b = bed_pop(f);
	facet_queue_stop(f->queue);
	facet_queue_push(a, 8);
	facet_queue_reset(f->queue);
	f->next = 0;
	f->avail->idx = le16_of(0);
	bed_start(f, 0);
	assert_int_equal(facet_chain_write(b, 0, "stale", 5), 0);
	facet_queue_push(b, 8);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(f->base[DATA + 16 * 2 + 8], 0);
	bed_offer_pair(f, 2);
	facet_queue_push(bed_pop(f), 8);
	assert_int_equal(le16_get(f->used->idx), 1);
}

static void a_queue_outlives_its_owner(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *a, *b;

	bed_start(f, 0);
	bed_offer_pair(f, 0);
	bed_offer_pair(f, 2);
	a = bed_pop(f);
	b = bed_pop(f);
	facet_queue_destroy(f->queue);
	f->queue = NULL;
	facet_guest_memory_clear(f->mem);
	facet_queue_push(a, 8);
	facet_chain_drop(b);
	assert_int_equal(bed_signals(f->call), 0);
}

static void memory_may_come_and_go(void **state)
{
	const struct facet_guest_region region = { 0, 0, MEMORY, 0 };
	struct fixture *f = *state;
	struct facet_chain *a, *b;
	int fd = memfd_create("other", MFD_CLOEXEC);
	le16 idx;

	assert_int_equal(ftruncate(fd, MEMORY), 0);
	bed_start(f, 0);
	bed_offer_pair(f, 0);
	a = bed_pop(f);
	assert_int_equal(facet_guest_memory_remove(f->mem, &region, NULL), 0);
	assert_int_equal(facet_queue_refresh(f->queue), -EFAULT);
	assert_int_equal(facet_queue_pop(f->queue, &b), 0);
	assert_int_equal(facet_chain_write(a, 0, "12345678", 8), 8);
	facet_queue_push(a, 8);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(facet_guest_memory_add(f->mem, &region, fd, NULL), 0);
	assert_int_equal(facet_queue_refresh(f->queue), 0);
	assert_int_equal(pread(fd, &idx, 2, USED + 2), 2);
	assert_int_equal(le16_get(idx), 1);
	close(fd);
}

static int never_answered(void *owner, uint64_t iova, enum facet_guest_access access)
{
	++*(unsigned int *)owner;
	return 0;
}

static void the_iommu_makes_pops_wait(void **state)
{
	struct fixture *f = *state;
	const struct facet_queue_rings rings = { FACET_QUEUE_GUEST, DESC, AVAIL, USED };
	unsigned int asked = 0;
	const struct facet_guest_iommu iommu = { never_answered, &asked };
	struct facet_chain *chain;

	facet_guest_memory_set_iommu(f->mem, &iommu);
	assert_int_equal(facet_queue_set_size(f->queue, SIZE), 0);
	assert_int_equal(facet_queue_set_rings(f->queue, &rings), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_false(facet_queue_reachable(f->queue));
	bed_offer_pair(f, 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EAGAIN);
	assert_true(asked > 0);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0, DATA, 0, 3), 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EAGAIN);
	assert_int_equal(facet_guest_iotlb_update(f->mem, DATA, 0x1000, DATA, 3), 0);
	chain = bed_pop(f);
	/* The ring is taken away: the answer waits for it. */
	facet_guest_iotlb_invalidate(f->mem, USED, 0x1000);
	assert_int_equal(facet_queue_refresh(f->queue), -EAGAIN);
	facet_queue_push(chain, 4);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(facet_guest_iotlb_update(f->mem, USED, 0x1000, USED, 3), 0);
	assert_int_equal(facet_queue_refresh(f->queue), 0);
	assert_int_equal(le16_get(f->used->idx), 1);
	/* What is nobody's breaks the ring; it does not wait for ever. */
	f->desc[2] = bed_desc(0x900000, 4, 0, 0);
	bed_offer(f, 2);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EAGAIN);
	facet_guest_iotlb_settle(f->mem, 0x900000, FACET_GUEST_READ, false);
	bed_assert_broken(f);
}

static void settings_are_checked(void **state)
{
	struct fixture *f = *state;
	struct facet_queue_rings rings = { FACET_QUEUE_GUEST, DESC + 8, AVAIL, USED };
	struct facet_queue *other;

	assert_int_equal(facet_queue_start(f->queue), -EINVAL);
	assert_int_equal(facet_queue_set_size(f->queue, 0), -EINVAL);
	assert_int_equal(facet_queue_set_size(f->queue, 100), -EINVAL);
	assert_int_equal(facet_queue_set_size(f->queue, 2048), -EINVAL);
	assert_int_equal(facet_queue_set_rings(f->queue, &rings), -EINVAL);
	assert_int_equal(facet_queue_set_base(f->queue, 0x10000), -EINVAL);
	assert_int_equal(facet_queue_create(f->mem, FACET_QUEUE_MAX_SIZE + 1, &other), -EINVAL);
	bed_start(f, 0);
	assert_int_equal(facet_queue_set_size(f->queue, SIZE), -EBUSY);
	assert_int_equal(facet_queue_set_base(f->queue, 0), -EBUSY);
	/* Rings beyond guest memory: nothing comes out of such a queue, and nothing breaks. */
	facet_queue_reset(f->queue);
	rings = (struct facet_queue_rings){ FACET_QUEUE_GUEST, MEMORY - 16, AVAIL, USED };
	assert_int_equal(facet_queue_set_rings(f->queue, &rings), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_false(facet_queue_reachable(f->queue));
}

struct pusher {
	pthread_t thread;
	struct facet_chain *chains[32];
};

static void *push_all(void *arg)
{
	struct pusher *p = arg;

	for (int i = 0; i < 32; i++) {
		facet_chain_write(p->chains[i], 0, "done", 4);
		facet_queue_push(p->chains[i], 4);
	}
	return NULL;
}

/* Answers of four threads, while the loop thread stops and starts the queue. */
static void any_thread_may_push(void **state)
{
	struct fixture *f = *state;
	struct pusher pushers[4];
	bool seen[SIZE] = { false };
	uint16_t id;

	bed_start(f, EVENT_IDX);
	for (unsigned int i = 0; i < 128; i++) {
		bed_offer_pair(f, (uint16_t)(2 * i));
		pushers[i % 4].chains[i / 4] = bed_pop(f);
	}
	for (int i = 0; i < 4; i++)
		pthread_create(&pushers[i].thread, NULL, push_all, &pushers[i]);
	for (int i = 0; i < 50; i++) {
		facet_queue_stop(f->queue);
		facet_queue_start(f->queue);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(pushers[i].thread, NULL);
	assert_int_equal(le16_get(f->used->idx), 128);
	for (int i = 0; i < 128; i++) {
		id = (uint16_t)le32_get(f->used->ring[i].id);
		assert_true(id < SIZE && !seen[id]);
		seen[id] = true;
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),        TEST(interrupts_are_suppressed),
		TEST(event_index_works_both_ways),  TEST(indices_wrap),
		TEST(indirect_tables_are_followed), TEST(long_tables_are_followed),
		TEST(answers_survive_a_pause),      TEST(answers_die_in_a_reset),
		TEST(a_queue_outlives_its_owner),   TEST(memory_may_come_and_go),
		TEST(the_iommu_makes_pops_wait),    TEST(settings_are_checked),
		TEST(any_thread_may_push),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
