// SPDX-License-Identifier: GPL-2.0-or-later
/* share_test.c - the page between two processes, the histogram, and the bucket. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "share/internal.h"

#define MS ((uint64_t)FACET_NS_PER_MS)

static void a_page_is_shared(void **state)
{
	struct facet_share_page *mine, *theirs;
	int fd;

	assert_int_equal(facet_share_create(&mine, &fd, NULL), 0);
	assert_int_equal(facet_share_map(fd, &theirs, NULL), 0);
	close(fd);
	assert_int_equal(theirs->open, 1);
	assert_int_equal(theirs->heartbeat_ns, 0);
	mine->share_ppm = 300000;
	theirs->backlog = 4;
	assert_int_equal(theirs->share_ppm, 300000);
	assert_int_equal(mine->backlog, 4);
	facet_share_unmap(mine);
	facet_share_unmap(theirs);
	facet_share_unmap(NULL);
}

static void it_cannot_be_cut_short(void **state)
{
	struct facet_share_page *page;
	int fd;

	assert_int_equal(facet_share_create(&page, &fd, NULL), 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 8192), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	close(fd);
	facet_share_unmap(page);
}

/* A memfd with these seals, of that size, that begins as a page would. */
static int fake(int seals, off_t size, uint32_t magic, uint32_t version)
{
	const uint32_t head[3] = { magic, version, sizeof(struct facet_share_page) };
	int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, head, sizeof(head), 0), sizeof(head));
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void others_are_refused(void **state)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	const struct {
		int seals;
		off_t size;
		uint32_t magic, version;
		int want;
	} cases[] = {
		{ seals, 4096, FACET_SHARE_MAGIC, FACET_SHARE_VERSION, 0 },
		{ F_SEAL_GROW | F_SEAL_SEAL, 4096, FACET_SHARE_MAGIC, FACET_SHARE_VERSION,
		  -EINVAL },
		{ 0, 4096, FACET_SHARE_MAGIC, FACET_SHARE_VERSION, -EINVAL },
		{ seals, 4095, FACET_SHARE_MAGIC, FACET_SHARE_VERSION, -EINVAL },
		{ seals, 8192, FACET_SHARE_MAGIC, FACET_SHARE_VERSION, -EINVAL },
		{ seals, 4096, 1, FACET_SHARE_VERSION, -EPROTO },
		{ seals, 4096, FACET_SHARE_MAGIC, FACET_SHARE_VERSION + 1, -EPROTO },
	};
	struct facet_share_page *page;
	struct facet_error err;
	int ends[2];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = fake(cases[i].seals, cases[i].size, cases[i].magic, cases[i].version);

		assert_int_equal(facet_share_map(fd, &page, &err), cases[i].want);
		if (!cases[i].want)
			facet_share_unmap(page);
		else
			assert_non_null(strstr(err.text, "shared page"));
		close(fd);
	}
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(facet_share_map(ends[0], &page, &err), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}

static void a_closed_page_has_a_date(void **state)
{
	struct facet_share_page page = { .open = 1 };
	const uint64_t now = 1000 * MS, end = now + FACET_SHARE_MAX_CLOSED_MS * MS;

	assert_int_equal(facet_share_closed_until(&page, now), 0);
	facet_share_set_open(&page, false, now);
	assert_int_equal(facet_share_closed_until(&page, now), end);
	assert_int_equal(facet_share_closed_until(&page, end - 1), end);
	assert_int_equal(facet_share_closed_until(&page, end), 0);
	facet_share_set_open(&page, false, now + 10 * MS);
	assert_int_equal(facet_share_closed_until(&page, end), end + 10 * MS);
	facet_share_set_open(&page, true, now + 11 * MS);
	assert_int_equal(facet_share_closed_until(&page, now + 11 * MS), 0);
	/* Nobody is held for longer than the longest date. */
	page.open = 0;
	page.closed_until_ns = UINT64_MAX;
	assert_int_equal(facet_share_closed_until(&page, now), 0);
}

static void an_arbiter_that_sleeps_leaves_it_open(void **state)
{
	struct facet_share_page page = { .open = 1 };

	facet_share_beat(&page, 5 * MS);
	facet_share_set_open(&page, false, 5 * MS);
	facet_share_beat(&page, 6 * MS);
	assert_int_equal(page.heartbeat_ns, 6 * MS);
	assert_int_equal(page.open, 0);
	facet_share_beat(&page, 0);
	assert_int_equal(page.heartbeat_ns, 0);
	assert_int_equal(page.open, 1);
}

static void a_poke_changes_what_is_waited_for(void **state)
{
	struct facet_share_page page = { .open = 1 };

	facet_share_poke(&page);
	assert_int_equal(page.open, 2);
	page.open = UINT32_MAX;
	facet_share_poke(&page);
	assert_int_equal(page.open, 1);
	/* It neither opens nor is undone when it is opened once more. */
	page.open = 0;
	facet_share_poke(&page);
	assert_int_equal(page.open, 0);
	page.open = 2;
	facet_share_set_open(&page, true, MS);
	assert_int_equal(page.open, 2);
	/* Who has no work does not care for the first beat. */
	facet_share_beat(&page, MS);
	assert_int_equal(page.open, 2);
	facet_share_beat(&page, 0);
	page.backlog = 1;
	facet_share_beat(&page, MS);
	assert_int_equal(page.open, 3);
	facet_share_beat(&page, 2 * MS);
	assert_int_equal(page.open, 3);
}

static void begin_bell(struct facet_bell *bell, struct facet_share_page *page)
{
	*bell = (struct facet_bell){ .page = page, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	assert_true(bell->fd >= 0);
}

static eventfd_t rings(const struct facet_bell *bell)
{
	eventfd_t count;

	return eventfd_read(bell->fd, &count) < 0 ? 0 : count;
}

static void a_bell_rings_for_what_is_asked(void **state)
{
	struct facet_share_page page = { .open = 1 };
	struct facet_bell bell, none = { .page = &page, .fd = -1 };

	begin_bell(&bell, &page);
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	assert_int_equal(rings(&bell), 0);
	assert_false(facet_bell_waits(&bell));
	page.ring = FACET_RING_ARRIVAL;
	facet_bell_ring(&bell, FACET_RING_BOTH);
	assert_int_equal(rings(&bell), 0);
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	assert_int_equal(rings(&bell), 1);
	page.ring = FACET_RING_BOTH;
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	facet_bell_ring(&bell, FACET_RING_BOTH);
	assert_int_equal(rings(&bell), 2);
	facet_bell_ring(&none, FACET_RING_BOTH);
	assert_false(facet_bell_waits(&none));
	close(bell.fd);
}

/* When it is told of counts, not when it rang: its thread may have had to wait between. */
static void a_bell_knows_whether_it_is_heard(void **state)
{
	const uint64_t stale = FACET_SHARE_STALE_MS * MS, now = facet_share_now() + 3600000 * MS;
	struct facet_share_page page = { .open = 1, .ring = FACET_RING_ARRIVAL };
	struct facet_bell bell;

	begin_bell(&bell, &page);
	assert_false(facet_bell_unheard(&bell, now));
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	assert_true(facet_bell_waits(&bell));
	assert_false(facet_bell_unheard(&bell, now));
	assert_false(facet_bell_unheard(&bell, now + stale - 1));
	/* Who rings again waits no less. */
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	assert_true(facet_bell_unheard(&bell, now + stale));
	/* facetd went to sleep again at once: it was there. */
	facet_share_answer(&page, facet_share_now());
	assert_false(facet_bell_waits(&bell));
	assert_false(facet_bell_unheard(&bell, now + stale));
	/* The next one has its own time, even if nobody saw the answer to the one before. */
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	assert_false(facet_bell_unheard(&bell, now + stale));
	facet_share_answer(&page, facet_share_now());
	facet_bell_ring(&bell, FACET_RING_ARRIVAL);
	assert_false(facet_bell_unheard(&bell, now + 3 * stale));
	assert_true(facet_bell_unheard(&bell, now + 4 * stale));
	close(bell.fd);
}

static void a_histogram_counts_by_powers_of_two(void **state)
{
	struct facet_histogram h = { 0 };

	assert_int_equal(facet_histogram_percentile(&h, 50), 0);
	facet_histogram_add(&h, 0);
	facet_histogram_add(&h, 999);        /* 0 us */
	facet_histogram_add(&h, 1000);       /* 1 us */
	facet_histogram_add(&h, 2000);       /* 2 us */
	facet_histogram_add(&h, 1023999);    /* 1023 us */
	facet_histogram_add(&h, 1024000);    /* 1024 us */
	facet_histogram_add(&h, UINT64_MAX); /* the last one takes the rest */
	assert_int_equal(h.count, 7);
	assert_int_equal(h.buckets[0], 3);
	assert_int_equal(h.buckets[1], 1);
	assert_int_equal(h.buckets[9], 1);
	assert_int_equal(h.buckets[10], 1);
	assert_int_equal(h.buckets[31], 1);
	assert_int_equal(h.sum_us, 1 + 2 + 1023 + 1024 + UINT64_MAX / 1000);
}

static void percentiles_lie_in_their_bucket(void **state)
{
	struct facet_histogram h = { 0 };

	for (int i = 0; i < 99; i++)
		facet_histogram_add(&h, 100 * 1000);
	facet_histogram_add(&h, 10 * MS);
	assert_in_range(facet_histogram_percentile(&h, 1), 64, 128);
	assert_in_range(facet_histogram_percentile(&h, 50), 64, 128);
	assert_true(facet_histogram_percentile(&h, 20) < facet_histogram_percentile(&h, 80));
	assert_in_range(facet_histogram_percentile(&h, 99), 64, 128);
	assert_in_range(facet_histogram_percentile(&h, 99.9), 8192, 16384);
	assert_in_range(facet_histogram_percentile(&h, 100), 8192, 16384);
}

/* A process that uses all @eus whenever it may, looked at as the gate's thread does. */
static double share_got(uint32_t share_ppm, uint32_t eus, uint64_t length_ns)
{
	struct facet_pace pace = { 0 };
	uint64_t now = 77 * MS, used = 12345, end = now + length_ns, start = used;

	while (now < end) {
		uint64_t closed = facet_pace_step(&pace, now, used, share_ppm, eus);

		if (closed) {
			assert_in_range(closed, MS, FACET_SHARE_MAX_CLOSED_MS * MS);
			now += closed;
		} else {
			now += 5 * MS;
			used += 5 * MS * eus;
		}
	}
	return (double)(used - start) / (double)eus / (double)length_ns;
}

static void a_pace_is_kept(void **state)
{
	static const uint32_t shares[] = { 10000, 100000, 333333, 500000, 900000 };

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		for (uint32_t eus = 1; eus <= 64; eus *= 4) {
			double got = share_got(shares[i], eus, 20000 * MS) * 1000000;

			assert_true(got > shares[i] - 5000 && got < shares[i] + 5000);
		}
	}
	assert_true(share_got(FACET_NS_PER_MS, 2, 1000 * MS) > 0.99);
	/* Without a word of what to keep to there is nothing to keep to. */
	assert_true(share_got(0, 2, 1000 * MS) > 0.99);
	assert_true(share_got(500000, 0, 1000 * MS) != share_got(500000, 1, 1000 * MS));
}

static void debts_and_credits_have_an_end(void **state)
{
	struct facet_pace pace = { 0 };
	uint64_t now = MS, used = 0, closed = 0;

	assert_int_equal(facet_pace_step(&pace, now, used, 500000, 1), 0);
	/* Idle for an hour: no more than a moment's worth was saved. */
	now += 3600 * 1000 * MS;
	used += 100 * MS;
	assert_true(facet_pace_step(&pace, now, used, 500000, 1) > 0);
	/* Whatever was overdrawn, a second of share pays for it. */
	used += 3600 * 1000 * MS;
	assert_int_equal(facet_pace_step(&pace, now, used, 500000, 1),
			 FACET_SHARE_MAX_CLOSED_MS * MS);
	for (unsigned int i = 0; i < 1100 && facet_pace_step(&pace, now, used, 500000, 1); i++) {
		now += MS;
		closed += MS;
	}
	assert_in_range(closed, 900 * MS, 1010 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_shared),
		cmocka_unit_test(it_cannot_be_cut_short),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(a_closed_page_has_a_date),
		cmocka_unit_test(an_arbiter_that_sleeps_leaves_it_open),
		cmocka_unit_test(a_poke_changes_what_is_waited_for),
		cmocka_unit_test(a_bell_rings_for_what_is_asked),
		cmocka_unit_test(a_bell_knows_whether_it_is_heard),
		cmocka_unit_test(a_histogram_counts_by_powers_of_two),
		cmocka_unit_test(percentiles_lie_in_their_bucket),
		cmocka_unit_test(a_pace_is_kept),
		cmocka_unit_test(debts_and_credits_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
