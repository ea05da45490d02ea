// SPDX-License-Identifier: GPL-2.0-or-later
/* memory_test.c - regions, views, translation, and the same behind an IOMMU. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "guest/iotlb.h"
#include "guest/memory.h"

enum {
	PAGE = 4096,
};

/* Where the front-end has its first region. */
static const uint64_t USER = 0x7f0000000000;

struct fixture {
	struct facet_guest_memory *mem;
	int fd;
	uint64_t asked[64]; /* misses */
	unsigned int asked_count;
	int answer; /* to a miss */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(facet_guest_memory_create(&f->mem), 0);
	f->fd = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->fd, 64 * PAGE), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_guest_memory_destroy(f->mem);
	close(f->fd);
	free(f);
	return 0;
}

static int add(struct fixture *f, uint64_t gpa, uint64_t user, uint64_t pages, uint64_t from)
{
	const struct facet_guest_region region = { gpa, user, pages * PAGE, from * PAGE };

	return facet_guest_memory_add(f->mem, &region, f->fd, NULL);
}

/* 8 pages at 0, 8 at 64 KiB, and 8 right behind those that lie elsewhere in the file. */
static void add_three(struct fixture *f)
{
	assert_int_equal(add(f, 0x10000, USER + 0x10000, 8, 8), 0);
	assert_int_equal(add(f, 0, USER, 8, 0), 0);
	assert_int_equal(add(f, 0x18000, USER + 0x100000, 8, 32), 0);
}

static void regions_are_checked(void **state)
{
	struct fixture *f = *state;
	const struct facet_guest_region wraps = { UINT64_MAX - PAGE, 0, 4 * PAGE, 0 };
	const struct facet_guest_region offset_wraps = { 0, 0, PAGE, UINT64_MAX - 10 };
	struct facet_error err;
	int pipes[2];

	assert_int_equal(add(f, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(add(f, 0, 0, 65, 0), -EINVAL);
	assert_int_equal(add(f, 0, 0, 64, 1), -EINVAL);
	assert_int_equal(facet_guest_memory_add(f->mem, &wraps, f->fd, &err), -EINVAL);
	assert_true(strlen(err.text) > 10);
	assert_int_equal(facet_guest_memory_add(f->mem, &offset_wraps, f->fd, NULL), -EINVAL);
	assert_int_equal(add(f, 0x1000, USER, 4, 0), 0);
	assert_int_equal(add(f, 0x0000, USER, 2, 0), -EEXIST);
	assert_int_equal(add(f, 0x4000, USER, 2, 0), -EEXIST);
	assert_int_equal(add(f, 0x2000, USER, 1, 0), -EEXIST);
	assert_int_equal(add(f, 0x5000, USER, 1, 0), 0);
	assert_int_equal(add(f, 0x0000, USER, 1, 0), 0);
	assert_int_equal(pipe(pipes), 0);
	close(f->fd);
	f->fd = pipes[0];
	assert_int_equal(add(f, 0x10000, USER, 1, 0), -EINVAL);
	close(pipes[1]);
	assert_int_equal(facet_guest_memory_count(f->mem), 3);
}

static void slots_have_an_end(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < FACET_GUEST_MAX_REGIONS; i++)
		assert_int_equal(add(f, i * 2 * PAGE, USER + i * PAGE, 1, i % 64), 0);
	assert_int_equal(add(f, 1ull << 40, USER, 1, 0), -ENOSPC);
	facet_guest_memory_clear(f->mem);
	assert_int_equal(facet_guest_memory_count(f->mem), 0);
	assert_int_equal(add(f, 1ull << 40, USER, 1, 0), 0);
}

static void a_range_may_cross_regions(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[4];
	uint8_t out[200], in[200];

	add_three(f);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)i;
	assert_int_equal(facet_guest_write(f->mem, (gpa_t){ 0x18000 - 100 }, out, 200), 0);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x18000 - 100 }, in, 200), 0);
	assert_memory_equal(in, out, 200);
	assert_int_equal(pread(f->fd, in, 100, 32 * PAGE), 100);
	assert_memory_equal(in, out + 100, 100);
	assert_int_equal(facet_guest_translate(f->mem, (gpa_t){ 0x18000 - 100 }, 200,
					       FACET_GUEST_READ, iov, 4),
			 2);
	assert_int_equal(iov[0].iov_len + iov[1].iov_len, 200);
	assert_int_equal(facet_guest_translate(f->mem, (gpa_t){ 0x18000 - 100 }, 200,
					       FACET_GUEST_READ, iov, 1),
			 -E2BIG);
	assert_int_equal(facet_guest_translate(f->mem, (gpa_t){ 5 }, 0, FACET_GUEST_READ, NULL, 0),
			 0);
}

static void outside_is_not_the_guests(void **state)
{
	struct fixture *f = *state;
	struct iovec iov[4];
	uint8_t b[16];

	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0 }, b, 1), -EFAULT);
	add_three(f);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x8000 }, b, 1), -EFAULT);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x8000 - 8 }, b, 9), -EFAULT);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x8000 - 8 }, b, 8), 0);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x20000 - 8 }, b, 9), -EFAULT);
	assert_int_equal(facet_guest_write(f->mem, (gpa_t){ UINT64_MAX - 3 }, b, 16), -EFAULT);
	assert_int_equal(
		facet_guest_translate(f->mem, (gpa_t){ 0 }, UINT64_MAX, FACET_GUEST_READ, iov, 4),
		-EFAULT);
}

static void user_pointers_lie_in_one_region(void **state)
{
	struct fixture *f = *state;
	uint8_t *p;

	add_three(f);
	p = facet_guest_user_pointer(f->mem, USER + 0x10000 + 5, 8 * PAGE - 5);
	assert_non_null(p);
	*p = 77;
	assert_int_equal(pread(f->fd, &p, 1, 8 * PAGE + 5), 1);
	assert_int_equal(*(uint8_t *)&p, 77);
	assert_null(facet_guest_user_pointer(f->mem, USER + 0x10000 + 5, 8 * PAGE - 4));
	assert_null(facet_guest_user_pointer(f->mem, USER - 1, 2));
	assert_null(facet_guest_user_pointer(f->mem, 0x10000, 1));
	assert_null(facet_guest_user_pointer(f->mem, UINT64_MAX, 2));
}

static void a_view_keeps_what_was_there(void **state)
{
	struct fixture *f = *state;
	const struct facet_guest_region first = { 0, USER, 8 * PAGE, 0 };
	struct facet_guest_view *view;
	struct iovec iov;

	add_three(f);
	assert_int_equal(facet_guest_translate(f->mem, (gpa_t){ 16 }, 4, FACET_GUEST_READ, &iov, 1),
			 1);
	view = facet_guest_view_share(facet_guest_view_ref(f->mem));
	facet_guest_view_unref(view);
	assert_int_equal(facet_guest_memory_remove(f->mem, &first, NULL), 0);
	assert_int_equal(facet_guest_memory_remove(f->mem, &first, NULL), -EINVAL);
	assert_int_equal(facet_guest_translate(f->mem, (gpa_t){ 16 }, 4, FACET_GUEST_READ, &iov, 1),
			 -EFAULT);
	facet_guest_memory_clear(f->mem);
	memcpy(iov.iov_base, "live", 4);
	facet_guest_view_unref(view);
}

static int miss(void *owner, uint64_t iova, enum facet_guest_access access)
{
	struct fixture *f = owner;

	if (f->asked_count < FACET_ARRAY_SIZE(f->asked))
		f->asked[f->asked_count++] = iova;
	return f->answer;
}

static void iommu_on(struct fixture *f)
{
	const struct facet_guest_iommu iommu = { miss, f };

	facet_guest_memory_set_iommu(f->mem, &iommu);
}

static void the_iommu_is_asked_and_remembered(void **state)
{
	struct fixture *f = *state;
	uint8_t b[PAGE * 2];
	uint32_t v = 0x12345678;

	add_three(f);
	iommu_on(f);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x500010 }, b, PAGE + 100), -EAGAIN);
	assert_int_equal(f->asked_count, 2);
	assert_int_equal(f->asked[0], 0x500000);
	assert_int_equal(f->asked[1], 0x501000);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0x500000, PAGE, USER + PAGE, 3), 0);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0x501000, PAGE, USER + 0x100000, 1), 0);
	assert_int_equal(facet_guest_write(f->mem, (gpa_t){ 0x500ffc }, &v, 4), 0);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x500010 }, b, PAGE + 100), 0);
	assert_memory_equal(b + 0xffc - 0x10, &v, 4);
	assert_int_equal(pread(f->fd, b, 4, 2 * PAGE - 4), 4);
	assert_memory_equal(b, &v, 4);
	/* Read-only: a write asks again. */
	assert_int_equal(facet_guest_write(f->mem, (gpa_t){ 0x501000 }, &v, 4), -EAGAIN);
	facet_guest_iotlb_invalidate(f->mem, 0x500000, PAGE);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x500000 }, b, 4), -EAGAIN);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x501000 }, b, 4), 0);
	facet_guest_iotlb_invalidate(f->mem, 0, 0);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x501000 }, b, 4), -EAGAIN);
	facet_guest_memory_set_iommu(f->mem, NULL);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x10000 }, b, 4), 0);
}

static void what_the_iommu_denies_is_a_fault(void **state)
{
	struct fixture *f = *state;
	uint8_t b[4];

	add_three(f);
	iommu_on(f);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x9000 }, b, 4), -EAGAIN);
	/* Granted, and taken back before the answer was seen: asked again. */
	facet_guest_iotlb_settle(f->mem, 0x9000, FACET_GUEST_READ, true);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x9000 }, b, 4), -EAGAIN);
	facet_guest_iotlb_settle(f->mem, 0x9000, FACET_GUEST_READ, false);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x9000 }, b, 4), -EFAULT);
	/* A later update counts; one that points nowhere does not help. */
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0x9000, PAGE, 0x1234000, 3), 0);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x9000 }, b, 4), -EFAULT);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0x9000, PAGE, USER, 3), 0);
	facet_guest_iotlb_settle(f->mem, 0x9000, FACET_GUEST_READ, true);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0x9000 }, b, 4), 0);
	f->answer = -EPIPE;
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ 0xa0000 }, b, 4), -EFAULT);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0, 0, USER, 3), -EINVAL);
	assert_int_equal(facet_guest_iotlb_update(f->mem, UINT64_MAX, 2, USER, 3), -EINVAL);
	assert_int_equal(facet_guest_iotlb_update(f->mem, 0, 2, UINT64_MAX, 3), -EINVAL);
	assert_int_equal(facet_guest_iotlb_update(f->mem, UINT64_MAX - 1, 2, USER, 3), 0);
	assert_int_equal(facet_guest_read(f->mem, (gpa_t){ UINT64_MAX - 1 }, b, 2), 0);
}

/* Against a model that keeps one entry for each of 256 addresses. */
static void ranges_agree_with_a_model(void **state)
{
	struct facet_iotlb tlb = { 0 };
	const struct facet_iotlb_range *found;
	struct facet_iotlb_range r;
	uint64_t model[256] = { 0 };
	unsigned int seed = 7;

	for (unsigned int step = 0; step < 3000; step++) {
		r.first = (uint64_t)(rand_r(&seed) % 256);
		r.last = r.first + (uint64_t)(rand_r(&seed) % 16);
		r.last = r.last > 255 ? 255 : r.last;
		r.perm = 3;
		r.user_addr = 1000 * (uint64_t)(rand_r(&seed) % 3 + 1) + r.first;
		if (rand_r(&seed) % 3) {
			assert_int_equal(facet_iotlb_insert(&tlb, &r), 0);
		} else {
			assert_int_equal(facet_iotlb_remove(&tlb, r.first, r.last), 0);
			r.user_addr = 0;
		}
		for (uint64_t i = r.first; i <= r.last; i++)
			model[i] = r.user_addr ? r.user_addr + (i - r.first) : 0;
		for (uint64_t i = 0; i < 256; i++) {
			found = facet_iotlb_find(&tlb, i);
			assert_int_equal(found ? found->user_addr + (i - found->first) : 0,
					 model[i]);
		}
		for (size_t i = 1; i < tlb.count; i++)
			assert_true(tlb.ranges[i - 1].last < tlb.ranges[i].first);
	}
	facet_iotlb_fini(&tlb);
}

static void the_cache_is_bounded(void **state)
{
	struct facet_iotlb tlb = { 0 };
	struct facet_iotlb_range r = { 0, 0, 0, 3 };

	for (uint64_t i = 0; i < 3 * FACET_IOTLB_MAX; i++) {
		r.first = r.last = i * 10;
		assert_int_equal(facet_iotlb_insert(&tlb, &r), 0);
		assert_true(tlb.count <= FACET_IOTLB_MAX);
		assert_non_null(facet_iotlb_find(&tlb, i * 10));
	}
	/* Neighbours that continue each other cost one place. */
	facet_iotlb_clear(&tlb);
	for (uint64_t i = 0; i < 1000; i++) {
		r = (struct facet_iotlb_range){ i, i, 5000 + i, 1 };
		assert_int_equal(facet_iotlb_insert(&tlb, &r), 0);
	}
	assert_int_equal(tlb.count, 1);
	facet_iotlb_fini(&tlb);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(regions_are_checked),
		TEST(slots_have_an_end),
		TEST(a_range_may_cross_regions),
		TEST(outside_is_not_the_guests),
		TEST(user_pointers_lie_in_one_region),
		TEST(a_view_keeps_what_was_there),
		TEST(the_iommu_is_asked_and_remembered),
		TEST(what_the_iommu_denies_is_a_fault),
		cmocka_unit_test(ranges_agree_with_a_model),
		cmocka_unit_test(the_cache_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
