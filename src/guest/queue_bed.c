// SPDX-License-Identifier: GPL-2.0-or-later
/* queue_bed.c - sets up a ring, offers chains, and takes them out again. */
#include "guest/queue_bed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

void bed_start(struct fixture *f, uint64_t features)
{
	const struct facet_queue_rings rings = { FACET_QUEUE_GUEST, DESC, AVAIL, USED };

	facet_queue_set_features(f->queue, features);
	assert_int_equal(facet_queue_set_size(f->queue, SIZE), 0);
	assert_int_equal(facet_queue_set_rings(f->queue, &rings), 0);
	assert_int_equal(facet_queue_start(f->queue), 0);
	assert_true(facet_queue_reachable(f->queue));
}

int bed_set_up(void **state)
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

int bed_tear_down(void **state)
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

struct virtq_desc bed_desc(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	return (struct virtq_desc){ le64_of(addr), le32_of(len), le16_of(flags), le16_of(next) };
}

void bed_offer(struct fixture *f, uint16_t head)
{
	f->avail->ring[f->next % SIZE] = le16_of(head);
	__atomic_store_n(&f->avail->idx.raw, htole16(++f->next), __ATOMIC_RELEASE);
}

void bed_offer_pair(struct fixture *f, uint16_t head)
{
	f->desc[head] = bed_desc(DATA + 16u * head, 8, VIRTQ_DESC_F_NEXT, head + 1);
	f->desc[head + 1] = bed_desc(DATA + 16u * head + 8, 8, VIRTQ_DESC_F_WRITE, 0);
	bed_offer(f, head);
}

struct facet_chain *bed_pop(struct fixture *f)
{
	struct facet_chain *chain;

	assert_int_equal(facet_queue_pop(f->queue, &chain), 1);
	return chain;
}

uint64_t bed_signals(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

void bed_assert_broken(struct fixture *f)
{
	struct facet_chain *chain;

	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
	assert_true(facet_queue_broken(f->queue));
	assert_int_equal(bed_signals(f->err), 1);
	assert_int_equal(facet_queue_pop(f->queue, &chain), -EPROTO);
	assert_int_equal(bed_signals(f->err), 0);
}
