// SPDX-License-Identifier: GPL-2.0-or-later
/* hostile_test.c - clients that write anything into the file, or take it away. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "display/kvmfr/test_guest.h"

static const struct facet_rect nothing;
static struct facet_frame frame;
static struct facet_rect all;
static struct facet_viewer *v;

/* A client watches a screen of 128x96. */
static int setup(void **state)
{
	test_start(TEST_FILE_BYTES);
	test_paint(1);
	frame = test_frame(128, 96, DRM_FORMAT_XRGB8888);
	all = (struct facet_rect){ 0, 0, 128, 96 };
	facet_kvmfr_frame_mode(&g.p, &frame, g.now);
	test_show(&frame, &all);
	v = test_viewer();
	test_look(v);
	test_pass(0);
	test_show(&frame, &nothing);
	return test_look(v) == 1 ? 0 : -1;
}

static int teardown(void **state)
{
	facet_viewer_close(v);
	test_stop();
	return 0;
}

static void put(const struct kvmfr_queue *q, uint32_t offset, uint32_t value)
{
	facet_shm_put32(&g.p.shm, q->at + offset, value);
}

/* The client finds a new session and gets a picture, whatever was before. */
static void expect_recovery(uint32_t old_session)
{
	int r = 0;

	test_paint(g.p.session);
	for (int i = 0; i < 100 && (r != 1 || g.p.session == old_session); i++) {
		if (test_pass(50) == KVMFR_WISH_PICTURE || i == 0)
			test_show(&frame, i ? &nothing : &all);
		r = test_look(v);
	}
	assert_int_equal(r, 1);
	assert_int_not_equal(g.p.session, old_session);
	assert_false(g.p.nonsense);
	assert_int_equal(v->info.session, g.p.session);
	test_expect_picture(v, 128, 96);
	assert_true(test_show(&frame, &all));
	assert_int_equal(test_look(v), 1);
}

static void test_counters(void **state)
{
	const struct wire_kvmfr_release *w = g.p.wire;
	const uint32_t fields[] = { w->queue.start,       w->queue.count, w->queue.position,
				    w->queue.client_free, w->queue.slots, w->queue.messages,
				    w->queue.id };
	const uint32_t values[] = { 3, 8, 9, 11, 0x7fffffff, 0x80000000, 0xffffffff };
	uint32_t session;

	for (size_t f = 0; f < FACET_ARRAY_SIZE(fields); f++) {
		for (size_t i = 0; i < FACET_ARRAY_SIZE(values); i++) {
			if (facet_shm_get32(&g.p.shm, g.p.frame_queue.at + fields[f]) ==
				    values[i] ||
			    (fields[f] == w->queue.client_free && values[i] <= 10))
				continue;
			session = g.p.session;
			put(&g.p.frame_queue, fields[f], values[i]);
			expect_recovery(session);
		}
	}
}

/* A client died with the lock: it is nobody's any more. */
static void test_lock_held(void **state)
{
	const struct kvmfr_queue *queues[] = { &g.p.frame_queue, &g.p.pointer_queue };
	uint32_t session, serial;

	for (int i = 0; i < 2; i++) {
		session = g.p.session;
		put(queues[i], g.p.wire->queue.lock, 1);
		test_pass(10);
		assert_int_equal(g.p.session, session); /* it may still come to its end */
		expect_recovery(session);
		session = g.p.session;
		test_pass(2000);
		put(queues[i], g.p.wire->queue.client_free, 9);
		put(queues[i], g.p.wire->queue.client_lock, 1);
		expect_recovery(session);
	}

	/* Held for a moment while a picture is to be posted: posted a moment later. */
	session = g.p.session;
	serial = v->picture.serial;
	test_pass(0);
	put(&g.p.frame_queue, g.p.wire->queue.lock, 1);
	assert_false(test_show(&frame, &all)); /* no buffer can be had */
	test_pass(5);
	put(&g.p.frame_queue, g.p.wire->queue.lock, 0);
	assert_int_equal(test_pass(10), KVMFR_WISH_PICTURE);
	assert_true(test_show(&frame, &nothing));
	assert_int_equal(test_look(v), 1);
	assert_int_equal(v->picture.serial, serial + 1);
	assert_int_equal(g.p.session, session);
}

static void take_lock(void)
{
	put(&g.p.frame_queue, g.p.wire->queue.lock, 1);
}

static void test_lock_while_filling(void **state)
{
	g.during_read = take_lock;
	assert_true(test_show(&frame, &all));
	g.during_read = NULL;
	assert_true(g.p.post_due);
	assert_int_equal(test_look(v), 0);
	assert_false(test_show(&frame, &all));
	put(&g.p.frame_queue, g.p.wire->queue.lock, 0);
	test_pass(2);
	assert_int_equal(test_look(v), 1);
}

/* A session a second, however often somebody asks for it. */
static void test_rate(void **state)
{
	const uint32_t session = g.p.session;

	for (int i = 0; i < 100; i++) {
		put(&g.p.frame_queue, g.p.wire->queue.count, 77);
		test_pass(100);
	}
	assert_in_range(g.p.session - session, 9, 11);
}

static void truncate_to_header(void)
{
	assert_int_equal(ftruncate(g.fd, 4096), 0);
}

static void test_truncated(void **state)
{
	uint32_t session = g.p.session;

	test_catch_bus_errors();
	test_pass(2000);
	truncate_to_header();
	expect_recovery(session);
	session = g.p.session;
	test_pass(2000);
	assert_int_equal(ftruncate(g.fd, 0), 0);
	expect_recovery(session);
	assert_int_equal(lseek(g.fd, 0, SEEK_END), TEST_FILE_BYTES);
}

/* In the middle of reading a picture into it. */
static void test_truncated_while_filling(void **state)
{
	const uint32_t session = g.p.session;
	struct facet_rect large = { 0, 0, TEST_SIDE, TEST_SIDE };
	struct facet_frame big = test_frame(TEST_SIDE, TEST_SIDE, DRM_FORMAT_XRGB8888);

	test_catch_bus_errors();
	test_pass(2000);
	facet_kvmfr_frame_mode(&g.p, &big, g.now);
	g.during_read = truncate_to_header;
	test_show(&big, &large);
	g.during_read = NULL;
	assert_true(facet_shm_torn(&g.p.shm));
	facet_kvmfr_frame_mode(&g.p, &frame, g.now);
	test_look(v); /* it touches what is not there any more */
	expect_recovery(session);
}

/* One that cannot be made longer again: nothing is published, and nothing breaks. */
static void test_cannot_be_mended(void **state)
{
	test_catch_bus_errors();
	truncate_to_header();
	assert_int_equal(fcntl(g.fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	for (int i = 0; i < 50; i++) {
		test_pass(100);
		test_show(&frame, &all);
		test_look(v);
	}
	assert_true(facet_shm_torn(&g.p.shm));
	assert_true(test_look(v) < 0);
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Random bytes everywhere but in pixels, again and again; then nobody writes any more. */
static void test_scribbled(void **state)
{
	const uint32_t frames_at = g.p.buffers[0].at;
	uint32_t random = 12345, at, n;

	for (int i = 0; i < 3000; i++) {
		n = next_random(&random) % 64;
		at = next_random(&random) % (i % 3 ? g.p.layout : frames_at + 4096);
		if (i % 100 == 99)
			n = g.p.layout - at % g.p.layout;
		for (uint32_t j = 0; j < n && at + j < TEST_FILE_BYTES; j++)
			g.p.shm.base[at + j] = (uint8_t)next_random(&random);
		test_pass(next_random(&random) % 30);
		test_show(&frame, &all);
		facet_kvmfr_pointer_set(&g.p, &(struct facet_cursor){ .x = i }, i % 2);
		test_look(v);
	}
	test_pass(2000);
	facet_kvmfr_session_start(&g.p, g.now); /* frames' headers are ours again */
	facet_kvmfr_frame_forget(&g.p);
	test_look(v);
	expect_recovery(0);
}

/* Clients' messages are looked at, counted and forgotten. */
static void test_inbox(void **state)
{
	const struct wire_kvmfr_release *w = g.p.wire;
	const uint32_t at = g.p.pointer_queue.at;

	for (uint32_t i = 1; i <= 25; i++) {
		put(&g.p.pointer_queue, w->queue.client_free, i % 2 ? 9 : 0);
		test_pass(0);
		assert_int_equal(facet_shm_get32(&g.p.shm, at + w->queue.client_free), 10);
	}
	assert_int_equal(facet_shm_get32(&g.p.shm, at + w->queue.client_acted), 13 + 12 * 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lock_while_filling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated_while_filling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot_be_mended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scribbled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inbox, setup, teardown),
	};

	return cmocka_run_group_tests_name("kvmfr hostile", tests, NULL, NULL);
}
