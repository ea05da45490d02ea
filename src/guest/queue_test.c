// SPDX-License-Identifier: GPL-2.0-or-later
/* queue_test.c - a split ring driven by hand: as it should be, and by a hostile driver. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/queue.h"
#include "wire/virtio_ring.h"

enum {
	MEMORY = 1 << 20,
	SIZE = 256,
	DESC = 0x1000,
	AVAIL = 0x3000,
	USED = 0x4000,
	TABLE = 0x6000, /* indirect */
	DATA = 0x10000,
};

#define INDIRECT  (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)

struct fixture {
	struct facet_guest_memory *mem;
	struct facet_queue *queue;
	uint8_t *base;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	int call, err;
	uint16_t next; /* of the avail ring */
};

static void start(struct fixture *f, uint64_t features)
{
	const struct facet_queue_rings rings = { FACET_QUEUE_GUEST, DESC, AVAIL, USED };

	facet_queue_set_features(f->queue, features);
	assert_int_equal(facet_queue_set_size(f->queue, SIZE), 0);
	assert_int_equal(facet_queue_set_rings(f->queue, &rings), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_true(facet_queue_reachable(f->queue));
}

static int set_up(void **state)
{
	const struct facet_guest_region region = { 0, 0, MEMORY, 0 };
	struct fixture *f = calloc(1, sizeof(*f));
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, MEMORY), 0);
	f->base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(f->base, MAP_FAILED);
	f->desc = (void *)(f->base + DESC);
	f->avail = (void *)(f->base + AVAIL);
	f->used = (void *)(f->base + USED);
	assert_int_equal(facet_guest_memory_create(&f->mem), 0);
	assert_int_equal(facet_guest_memory_add(f->mem, &region, fd, NULL), 0);
	close(fd);
	assert_int_equal(facet_queue_create(f->mem, FACET_QUEUE_MAX_SIZE, &f->queue), 0);
	f->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f->err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	facet_queue_set_call(f->queue, dup(f->call));
	facet_queue_set_err(f->queue, dup(f->err));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_queue_destroy(f->queue);
	facet_guest_memory_destroy(f->mem);
	munmap(f->base, MEMORY);
	close(f->call);
	close(f->err);
	free(f);
	return 0;
}

static struct virtq_desc desc(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	return (struct virtq_desc){ le64_of(addr), le32_of(len), le16_of(flags), le16_of(next) };
}

static void offer(struct fixture *f, uint16_t head)
{
	f->avail->ring[f->next % SIZE] = le16_of(head);
	__atomic_store_n(&f->avail->idx.raw, htole16(++f->next), __ATOMIC_RELEASE);
}

/* Reads 8 bytes at @head's place, answers into 8 more. */
static void offer_pair(struct fixture *f, uint16_t head)
{
	f->desc[head] = desc(DATA + 16u * head, 8, VIRTQ_DESC_F_NEXT, head + 1);
	f->desc[head + 1] = desc(DATA + 16u * head + 8, 8, VIRTQ_DESC_F_WRITE, 0);
	offer(f, head);
}

static struct facet_chain *pop(struct fixture *f)
{
	struct facet_chain *chain;

	assert_int_equal(facet_queue_pop(f->queue, &chain), 1);
	return chain;
}

static uint64_t signals(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* The ring is broken now, says so, and stays so. */
static void assert_broken(struct fixture *f)
{
	struct facet_chain *chain;

	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
	assert_true(facet_queue_broken(f->queue));
	assert_int_equal(signals(f->err), 1);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
	assert_int_equal(signals(f->err), 0);
}

static void a_request_is_answered(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;
	char buf[16];

	start(f, 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
	memcpy(f->base + DATA + 16 * 4, "question", 8);
	offer_pair(f, 4);
	chain = pop(f);
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
	assert_int_equal(signals(f->call), 1);
	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
}

static void interrupts_are_suppressed(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->avail->flags = le16_of(VIRTQ_AVAIL_F_NO_INTERRUPT);
	offer_pair(f, 0);
	facet_queue_push(pop(f), 0);
	assert_int_equal(signals(f->call), 0);
	f->avail->flags = le16_of(0);
	offer_pair(f, 0);
	facet_queue_push(pop(f), 0);
	assert_int_equal(signals(f->call), 1);
}

static void event_index_works_both_ways(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain, *two[2];
	le16 *used_event = &f->avail->ring[SIZE];
	le16 *avail_event = (le16 *)&f->used->ring[SIZE];

	start(f, EVENT_IDX);
	/* The ring was emptied: kick for the next one, please. */
	offer_pair(f, 0);
	offer_pair(f, 2);
	two[0] = pop(f);
	assert_int_equal(le16_get(*avail_event), 0);
	two[1] = pop(f);
	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
	assert_int_equal(le16_get(*avail_event), 2);
	/* Interrupt only after the second answer, please. */
	*used_event = le16_of(1);
	facet_queue_push(two[1], 0);
	assert_int_equal(signals(f->call), 0);
	facet_queue_push(two[0], 0);
	assert_int_equal(signals(f->call), 1);
	offer_pair(f, 0);
	facet_queue_push(pop(f), 0);
	assert_int_equal(signals(f->call), 0);
}

static void indices_wrap(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	start(f, EVENT_IDX);
	for (unsigned int i = 0; i < 70000; i++) {
		offer_pair(f, (uint16_t)(i * 2 % SIZE));
		chain = pop(f);
		f->avail->ring[SIZE] = le16_of((uint16_t)i);
		facet_queue_push(chain, 3);
		assert_int_equal(signals(f->call), 1);
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

	start(f, INDIRECT);
	memcpy(f->base + DATA, "abcdefgh", 8);
	/* Not in the order of the table; one buffer is empty; two lie side by side. */
	table[0] = desc(DATA, 2, VIRTQ_DESC_F_NEXT, 2);
	table[1] = desc(DATA + 100, 50, VIRTQ_DESC_F_WRITE, 0);
	table[2] = desc(DATA + 2, 3, VIRTQ_DESC_F_NEXT, 3);
	table[3] = desc(DATA, 0, VIRTQ_DESC_F_NEXT, 1);
	f->desc[9] = desc(TABLE, 4 * 16, VIRTQ_DESC_F_INDIRECT, 0);
	offer(f, 9);
	chain = pop(f);
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

	start(f, INDIRECT);
	for (uint16_t i = 0; i < count; i++)
		table[i] = desc(DATA + 2u * i, 1, i + 1 < count ? VIRTQ_DESC_F_NEXT : 0, i + 1);
	f->desc[0] = desc(0x40000, count * 16u, VIRTQ_DESC_F_INDIRECT, 0);
	offer(f, 0);
	chain = pop(f);
	assert_int_equal(chain->out_count, count);
	assert_int_equal(chain->out_size, count);
	facet_queue_push(chain, 0);
}

static void loops_end(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->desc[0] = desc(DATA, 8, VIRTQ_DESC_F_NEXT, 1);
	f->desc[1] = desc(DATA, 8, VIRTQ_DESC_F_NEXT, 0);
	offer(f, 0);
	assert_broken(f);
}

static void a_head_outside_breaks(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	offer(f, SIZE);
	assert_broken(f);
}

static void a_next_outside_breaks(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->desc[0] = desc(DATA, 8, VIRTQ_DESC_F_NEXT, SIZE);
	offer(f, 0);
	assert_broken(f);
}

static void more_than_a_ring_breaks(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->avail->idx = le16_of(SIZE + 1);
	assert_broken(f);
}

static void huge_lengths_break(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->desc[0] = desc(DATA, UINT32_MAX, 0, 0);
	offer(f, 0);
	assert_broken(f);
}

static void wrapping_addresses_break(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->desc[0] = desc(UINT64_MAX - 2, 8, VIRTQ_DESC_F_WRITE, 0);
	offer(f, 0);
	assert_broken(f);
}

static void reading_after_writing_breaks(void **state)
{
	struct fixture *f = *state;

	start(f, 0);
	f->desc[0] = desc(DATA, 8, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 1);
	f->desc[1] = desc(DATA, 8, 0, 0);
	offer(f, 0);
	assert_broken(f);
}

static void a_chain_given_twice_breaks(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	start(f, 0);
	offer_pair(f, 0);
	chain = pop(f);
	offer(f, 0);
	assert_broken(f);
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
		start(f, cases[i].features);
		table[0] = desc(DATA, 32, cases[i].inner_flags, cases[i].inner_next);
		table[1] = desc(DATA, 32, 0, 0);
		f->desc[0] = desc(TABLE, cases[i].len, cases[i].flags, 1);
		f->desc[1] = desc(DATA, 8, 0, 0);
		offer(f, 0);
		assert_broken(f);
		facet_queue_reset(f->queue);
		assert_false(facet_queue_broken(f->queue));
	}
}

static void a_table_amid_a_chain_breaks(void **state)
{
	struct fixture *f = *state;

	start(f, INDIRECT);
	f->desc[0] = desc(DATA, 8, VIRTQ_DESC_F_NEXT, 1);
	f->desc[1] = desc(TABLE, 32, VIRTQ_DESC_F_INDIRECT, 0);
	offer(f, 0);
	assert_broken(f);
}

static void answers_survive_a_pause(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *a, *b;

	start(f, 0);
	offer_pair(f, 0);
	offer_pair(f, 2);
	a = pop(f);
	b = pop(f);
	facet_queue_stop(f->queue);
	assert_int_equal(facet_queue_base(f->queue), 2);
	facet_queue_push(a, 8);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(facet_queue_pop(f->queue, &a), 0);
	assert_int_equal(facet_queue_set_base(f->queue, 2), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_int_equal(le16_get(f->used->idx), 1);
	assert_int_equal(signals(f->call), 1);
	facet_queue_push(b, 8);
	assert_int_equal(le16_get(f->used->idx), 2);
	offer_pair(f, 0);
	facet_queue_push(pop(f), 8);
	assert_int_equal(le16_get(f->used->idx), 3);
}

static void answers_die_in_a_reset(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *a, *b;

	start(f, 0);
	offer_pair(f, 0);
	offer_pair(f, 2);
	a = pop(f);
	b = pop(f);
	facet_queue_stop(f->queue);
	facet_queue_push(a, 8);
	facet_queue_reset(f->queue);
	f->next = 0;
	f->avail->idx = le16_of(0);
	start(f, 0);
	assert_int_equal(facet_chain_write(b, 0, "stale", 5), 0);
	facet_queue_push(b, 8);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(f->base[DATA + 16 * 2 + 8], 0);
	offer_pair(f, 2);
	facet_queue_push(pop(f), 8);
	assert_int_equal(le16_get(f->used->idx), 1);
}

static void a_queue_outlives_its_owner(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *a, *b;

	start(f, 0);
	offer_pair(f, 0);
	offer_pair(f, 2);
	a = pop(f);
	b = pop(f);
	facet_queue_destroy(f->queue);
	f->queue = NULL;
	facet_guest_memory_clear(f->mem);
	facet_queue_push(a, 8);
	facet_chain_drop(b);
	assert_int_equal(signals(f->call), 0);
}

static void memory_may_come_and_go(void **state)
{
	const struct facet_guest_region region = { 0, 0, MEMORY, 0 };
	struct fixture *f = *state;
	struct facet_chain *a, *b;
	int fd = memfd_create("other", MFD_CLOEXEC);
	le16 idx;

	assert_int_equal(ftruncate(fd, MEMORY), 0);
	start(f, 0);
	offer_pair(f, 0);
	a = pop(f);
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
	offer_pair(f, 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EAGAIN);
	assert_true(asked > 0);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0, DATA, 0, 3), 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EAGAIN);
	assert_int_equal(facet_guest_iotlb_update(f->mem, DATA, 0x1000, DATA, 3), 0);
	chain = pop(f);
	/* The ring is taken away: the answer waits for it. */
	facet_guest_iotlb_invalidate(f->mem, USED, 0x1000);
	assert_int_equal(facet_queue_refresh(f->queue), -EAGAIN);
	facet_queue_push(chain, 4);
	assert_int_equal(le16_get(f->used->idx), 0);
	assert_int_equal(facet_guest_iotlb_update(f->mem, USED, 0x1000, USED, 3), 0);
	assert_int_equal(facet_queue_refresh(f->queue), 0);
	assert_int_equal(le16_get(f->used->idx), 1);
	/* What is nobody's breaks the ring; it does not wait for ever. */
	f->desc[2] = desc(0x900000, 4, 0, 0);
	offer(f, 2);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EAGAIN);
	facet_guest_iotlb_settle(f->mem, 0x900000, FACET_GUEST_READ, false);
	assert_broken(f);
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
	start(f, 0);
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

	start(f, EVENT_IDX);
	for (unsigned int i = 0; i < 128; i++) {
		offer_pair(f, (uint16_t)(2 * i));
		pushers[i % 4].chains[i / 4] = pop(f);
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
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),
		TEST(interrupts_are_suppressed),
		TEST(event_index_works_both_ways),
		TEST(indices_wrap),
		TEST(indirect_tables_are_followed),
		TEST(long_tables_are_followed),
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
		TEST(answers_survive_a_pause),
		TEST(answers_die_in_a_reset),
		TEST(a_queue_outlives_its_owner),
		TEST(memory_may_come_and_go),
		TEST(the_iommu_makes_pops_wait),
		TEST(settings_are_checked),
		TEST(any_thread_may_push),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
