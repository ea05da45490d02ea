// SPDX-License-Identifier: GPL-2.0-or-later
/* journal_test.c - processes that serve a queue die, and others go on: nothing is lost or doubled.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "guest/queue.h"
#include "wire/virtio_ring.h"

enum {
	MEMORY = 1 << 20,
	SIZE = 256,
	DESC = 0x1000,
	AVAIL = 0x3000,
	USED = 0x4000,
	DATA = 0x10000,
};

struct fixture {
	struct facet_guest_memory *mem;
	struct facet_queue *queue;
	struct facet_queue_journal *journal; /* shared, as between two processes */
	uint8_t *base;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t next; /* of the avail ring */
};

static void quiet(enum facet_log_level level, const char *area, const char *text)
{
}

static void *shared(size_t size, int fd)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static void make_queue(struct fixture *f)
{
	const struct facet_queue_rings rings = { FACET_QUEUE_GUEST, DESC, AVAIL, USED };

	assert_int_equal(facet_queue_create(f->mem, FACET_QUEUE_MAX_SIZE, &f->queue), 0);
	assert_int_equal(facet_queue_set_size(f->queue, SIZE), 0);
	assert_int_equal(facet_queue_set_rings(f->queue, &rings), 0);
}

static int set_up(void **state)
{
	const struct facet_guest_region region = { 0, 0, MEMORY, 0 };
	struct fixture *f = calloc(1, sizeof(*f));
	int fd = memfd_create("guest", MFD_CLOEXEC);

	facet_log_set(quiet, FACET_LOG_WARNING);
	assert_int_equal(ftruncate(fd, MEMORY), 0);
	f->base = shared(MEMORY, fd);
	f->journal = shared(sizeof(*f->journal), -1);
	f->desc = (void *)(f->base + DESC);
	f->avail = (void *)(f->base + AVAIL);
	f->used = (void *)(f->base + USED);
	assert_int_equal(facet_guest_memory_create(&f->mem), 0);
	assert_int_equal(facet_guest_memory_add(f->mem, &region, fd, NULL), 0);
	close(fd);
	make_queue(f);
	facet_queue_set_journal(f->queue, f->journal);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_queue_destroy(f->queue);
	facet_guest_memory_destroy(f->mem);
	munmap(f->base, MEMORY);
	munmap(f->journal, sizeof(*f->journal));
	free(f);
	return 0;
}

/* Another process would see just this: the guest's memory, and the journal. */
static void die(struct fixture *f)
{
	facet_queue_destroy(f->queue);
	make_queue(f);
	facet_queue_resume(f->queue, f->journal);
}

static void offer(struct fixture *f, uint16_t head)
{
	f->desc[head] = (struct virtq_desc){ le64_of(DATA + 16u * head), le32_of(8),
					     le16_of(VIRTQ_DESC_F_NEXT), le16_of(head + 1) };
	f->desc[head + 1] = (struct virtq_desc){ le64_of(DATA + 16u * head + 8), le32_of(8),
						 le16_of(VIRTQ_DESC_F_WRITE), le16_of(0) };
	f->avail->ring[f->next % SIZE] = le16_of(head);
	__atomic_store_n(&f->avail->idx.raw, htole16(++f->next), __ATOMIC_RELEASE);
}

static struct facet_chain *pop(struct fixture *f, uint16_t head, bool lost)
{
	struct facet_chain *chain;

	assert_int_equal(facet_queue_pop(f->queue, &chain), 1);
	assert_int_equal(chain->head, head);
	assert_int_equal(chain->lost, lost);
	return chain;
}

static void assert_empty(struct fixture *f)
{
	struct facet_chain *chain;

	assert_int_equal(facet_queue_pop(f->queue, &chain), 0);
	for (unsigned int i = 0; i < FACET_QUEUE_MAX_SIZE; i++)
		assert_int_equal(f->journal->taken[i], 0);
	assert_int_equal(f->journal->used, le16_get(f->used->idx));
}

static void what_was_taken_comes_again_as_lost(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *first, *second, *third;

	assert_int_equal(facet_queue_start(f->queue), 0);
	for (uint16_t head = 0; head < 8; head += 2)
		offer(f, head);
	first = pop(f, 0, false);
	second = pop(f, 2, false);
	third = pop(f, 4, false);
	facet_queue_push(second, 0);
	die(f);
	/* What the dead one still says is not heard. */
	facet_queue_push(first, 0);
	facet_queue_push(third, 0);
	assert_int_equal(le16_get(f->used->idx), 1);
	assert_int_equal(facet_queue_base(f->queue), 3);
	assert_int_equal(facet_queue_start(f->queue), 0);
	first = pop(f, 0, true);
	assert_int_equal(first->out_size, 8);
	assert_int_equal(first->in_size, 8);
	facet_queue_push(first, 0);
	/* And once more: what was answered meanwhile is not lost again. */
	die(f);
	assert_int_equal(facet_queue_start(f->queue), 0);
	facet_queue_push(pop(f, 4, true), 0);
	facet_queue_push(pop(f, 6, false), 0);
	assert_int_equal(le16_get(f->used->idx), 4);
	assert_int_equal(facet_queue_base(f->queue), 4);
	assert_empty(f);
}

static void an_answer_half_told_is_not_told_twice(void **state)
{
	struct fixture *f = *state;
	struct facet_queue_journal before;

	assert_int_equal(facet_queue_start(f->queue), 0);
	offer(f, 0);
	offer(f, 2);
	facet_queue_push(pop(f, 0, false), 0);
	for (int noted = 0; noted < 2; noted++) {
		uint16_t head = noted ? 0 : 2;
		struct facet_chain *chain = pop(f, head, false);

		before = *f->journal;
		before.last = head;
		facet_queue_push(chain, 0);
		/* It died after the guest was told: before it noted anything, or the half. */
		before.taken[head] = !noted;
		*f->journal = before;
		die(f);
		assert_int_equal(facet_queue_start(f->queue), 0);
		assert_int_equal(facet_queue_base(f->queue), 2 + noted);
		assert_empty(f);
		offer(f, 0);
	}
	facet_queue_push(pop(f, 0, false), 0);
	assert_int_equal(le16_get(f->used->idx), 4);
	assert_empty(f);
}

static void a_pause_and_a_reset_are_known_to_the_next(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	assert_int_equal(facet_queue_start(f->queue), 0);
	offer(f, 0);
	offer(f, 2);
	chain = pop(f, 0, false);
	facet_queue_push(pop(f, 2, false), 0);
	facet_queue_stop(f->queue);
	facet_queue_push(chain, 0); /* kept, and so not told */
	die(f);
	assert_int_equal(facet_queue_base(f->queue), 2);
	assert_int_equal(facet_queue_set_base(f->queue, 2), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	facet_queue_push(pop(f, 0, true), 0);
	assert_empty(f);

	offer(f, 4);
	chain = pop(f, 4, false);
	facet_queue_reset(f->queue);
	facet_chain_drop(chain);
	memset(f->base, 0, MEMORY);
	f->next = 0;
	die(f);
	assert_int_equal(facet_queue_base(f->queue), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_empty(f);
}

/* Entries of before our time, never to be answered, stand between used and avail. */
static void a_base_that_was_told_is_kept(void **state)
{
	struct fixture *f = *state;

	f->used->idx = le16_of(498);
	f->avail->idx = le16_of(f->next = 500);
	assert_int_equal(facet_queue_set_base(f->queue, 500), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	offer(f, 0);
	offer(f, 2);
	facet_chain_drop(pop(f, 0, false));
	die(f);
	assert_int_equal(facet_queue_base(f->queue), 501);
	assert_int_equal(facet_queue_start(f->queue), 0);
	facet_queue_push(pop(f, 0, true), 0);
	facet_queue_push(pop(f, 2, false), 0);
	assert_int_equal(le16_get(f->used->idx), 500);
	assert_empty(f);
}

/* Pops all there is; the number of chains. */
static unsigned int drain(struct fixture *f)
{
	struct facet_chain *chain;
	unsigned int count = 0;

	while (facet_queue_pop(f->queue, &chain) == 1) {
		assert_true(chain->head < SIZE);
		facet_queue_push(chain, 0);
		count++;
	}
	return count;
}

static void a_hostile_journal_harms_nobody(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	/* All taken, far beyond the ring. */
	memset(f->journal, 0xff, sizeof(*f->journal));
	f->journal->used = 0;
	die(f);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_true(drain(f) <= SIZE);

	/* An answer that was never given. */
	facet_queue_reset(f->queue);
	memset(f->base, 0, MEMORY);
	f->journal->last = 0xffff;
	f->journal->used = 0xffff;
	die(f);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_int_equal(drain(f), 0);

	/* Of another life than the rings. */
	facet_queue_reset(f->queue);
	f->journal->used = 77;
	f->journal->taken[3] = 1;
	die(f);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
	assert_true(facet_queue_broken(f->queue));
	facet_queue_reset(f->queue);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_int_equal(drain(f), 0);
	assert_false(facet_queue_broken(f->queue));
}

static void a_guest_that_writes_meanwhile_is_checked(void **state)
{
	struct fixture *f = *state;
	struct facet_chain *chain;

	assert_int_equal(facet_queue_start(f->queue), 0);
	offer(f, 0);
	offer(f, 2);
	facet_chain_drop(pop(f, 0, false));
	die(f);
	/* Offered again though it was not answered; and afterwards it points into nowhere. */
	f->avail->ring[1] = le16_of(0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	facet_chain_drop(pop(f, 0, true));
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
	die(f);
	f->desc[0].addr = le64_of(UINT64_MAX);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
}

/* --- a real death --- */

/* Takes and answers out of order, until it is killed. */
static _Noreturn void serve(struct fixture *f, unsigned int seed)
{
	struct facet_chain *hand[16] = { NULL }, *chain;

	for (;;) {
		unsigned int i = (unsigned int)rand_r(&seed) % 16;

		if (hand[i]) {
			facet_queue_push(hand[i], 0);
			hand[i] = NULL;
		}
		if (facet_queue_pop(f->queue, &chain) == 1)
			hand[i] = chain;
	}
}

static void wait_for_some(const struct fixture *f, uint16_t from, uint16_t count)
{
	while ((uint16_t)(le16toh(__atomic_load_n(&f->used->idx.raw, __ATOMIC_ACQUIRE)) - from) <
	       count)
		nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

static void kill_one_that_serves(struct fixture *f, unsigned int seed)
{
	uint16_t from = le16_get(f->used->idx);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		serve(f, seed);
	wait_for_some(f, from, (uint16_t)(seed % 100));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_killed_process_loses_nothing(void **state)
{
	struct fixture *f = *state;
	uint16_t from = 0;

	for (unsigned int round = 0; round < 60; round++) {
		bool seen[SIZE] = { false };

		for (uint16_t head = 0; head < SIZE; head += 2)
			offer(f, head);
		assert_int_equal(facet_queue_start(f->queue), 0);
		kill_one_that_serves(f, round * 7919);
		die(f);
		assert_int_equal(facet_queue_start(f->queue), 0);
		drain(f);
		assert_int_equal((uint16_t)(le16_get(f->used->idx) - from), SIZE / 2);
		for (unsigned int i = 0; i < SIZE / 2; i++) {
			uint32_t id = le32_get(f->used->ring[(uint16_t)(from + i) % SIZE].id);

			assert_true(id < SIZE && !seen[id]);
			seen[id] = true;
		}
		assert_empty(f);
		facet_queue_stop(f->queue);
		from = le16_get(f->used->idx);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_taken_comes_again_as_lost),
		TEST(an_answer_half_told_is_not_told_twice),
		TEST(a_pause_and_a_reset_are_known_to_the_next),
		TEST(a_base_that_was_told_is_kept),
		TEST(a_hostile_journal_harms_nobody),
		TEST(a_guest_that_writes_meanwhile_is_checked),
		TEST(a_killed_process_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
