// SPDX-License-Identifier: GPL-2.0-or-later
/* publisher_test.c - what is published is what a client sees; clients that are slow, stopped, dead.
 */
#include <errno.h>
#include <string.h>

#include <drm_fourcc.h>

#include "display/kvmfr/test_guest.h"

static const struct facet_rect nothing;

static int setup(void **state)
{
	test_start(TEST_FILE_BYTES);
	test_paint(1);
	return 0;
}

static int teardown(void **state)
{
	test_stop();
	return 0;
}

/* The client came, and the publisher has noticed and shown the screen. */
static struct facet_viewer *watch(const struct facet_frame *frame)
{
	struct facet_viewer *v = test_viewer();

	assert_int_equal(test_look(v), 0); /* subscribes */
	if (test_pass(0) == KVMFR_WISH_PICTURE)
		assert_true(test_show(frame, &nothing));
	assert_int_equal(test_look(v), 1);
	test_pass(0);
	return v;
}

static struct facet_rect mode(struct facet_frame *frame)
{
	assert_int_equal(facet_kvmfr_frame_mode(&g.p, frame, g.now), 0);
	return (struct facet_rect){ 0, 0, frame->width, frame->height };
}

static void test_nobody_looks(void **state)
{
	struct facet_frame frame = test_frame(300, 200, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;

	for (int i = 0; i < 10; i++)
		assert_false(test_show(&frame, &all));
	assert_int_equal(test_pass(1000), KVMFR_WISH_NOTHING);
	assert_int_equal(g.reads, 0);

	v = watch(&frame);
	test_expect_picture(v, 300, 200);
	assert_int_equal(g.reads, 1);
	assert_string_equal(v->info.os, "test");
	assert_int_equal(strncmp(v->info.publisher, "facet ", 6), 0);

	facet_viewer_close(v); /* and again nobody */
	test_paint(2);
	assert_false(test_show(&frame, &all));
	assert_int_equal(g.reads, 1);
}

/* Two buffers: each gets what the other got as well, and not more. */
static void test_damage(void **state)
{
	struct facet_frame frame = test_frame(401, 300, DRM_FORMAT_XRGB8888);
	const struct facet_rect a = { 10, 20, 30, 40 }, b = { 390, 290, 11, 10 };
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;

	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	test_expect_picture(v, 401, 300);
	for (uint32_t i = 0; i < 9; i++) {
		const struct facet_rect *rect = i % 2 ? &a : &b;

		test_paint_rect(rect, i * 1000);
		g.read_pixels = 0;
		assert_true(test_show(&frame, rect));
		/* The second buffer was never filled. Later: this and the one before. */
		assert_int_equal(g.read_pixels, i ? 30 * 40 + 11 * 10 : 401 * 300);
		assert_int_equal(test_look(v), 1);
		test_expect_picture(v, 401, 300);
	}
	assert_false(test_show(&frame, &nothing));
	facet_viewer_close(v);
}

/* A client that does not look: damage adds up, nothing is read, and then all of it comes. */
static void test_full(void **state)
{
	struct facet_frame frame = test_frame(200, 200, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame), rect = { 0, 0, 5, 5 };
	struct facet_viewer *v;
	unsigned int reads;

	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	assert_true(test_show(&frame, &all));
	assert_true(test_show(&frame, &rect));
	reads = g.reads;
	for (uint32_t i = 0; i < 20; i++) {
		rect.x = rect.y = i * 7;
		test_paint_rect(&rect, i);
		assert_false(test_show(&frame, &rect));
	}
	assert_int_equal(g.reads, reads);
	assert_int_equal(test_pass(500), KVMFR_WISH_NOTHING);
	assert_int_equal(test_look(v), 1); /* older than what it shows now */
	assert_int_equal(test_pass(200), KVMFR_WISH_PICTURE);
	assert_true(test_show(&frame, &nothing));
	assert_int_equal(test_look(v), 1);
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 200, 200);
	assert_int_equal(test_pass(200), KVMFR_WISH_NOTHING);
	facet_viewer_close(v);
}

/* One that was stopped for 20 s goes on; one that is gone is forgotten in time. */
static void test_stopped_and_killed(void **state)
{
	struct facet_frame frame = test_frame(64, 64, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;

	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	assert_true(test_show(&frame, &all));
	assert_true(test_show(&frame, &all));
	assert_false(test_show(&frame, &all));
	assert_int_equal(test_pass(20000), KVMFR_WISH_NOTHING);
	assert_int_equal(test_look(v), 1);
	assert_int_equal(test_look(v), 1);
	assert_int_equal(test_look(v), 0);
	assert_int_equal(v->frame_queue.bit, 0); /* the place that it had */
	assert_int_equal(test_pass(100), KVMFR_WISH_PICTURE);
	assert_true(test_show(&frame, &nothing));
	assert_int_equal(test_look(v), 1);

	assert_true(test_show(&frame, &all));
	assert_int_equal(test_pass(KVMFR_MAX_TIME_MS + 200), KVMFR_WISH_NOTHING);
	assert_int_equal(facet_kvmfr_queue_live(&g.p, &g.p.frame_queue), 0);
	assert_false(test_show(&frame, &all));
	assert_int_equal(test_pass(KVMFR_MAX_TIME_MS + 200),
			 KVMFR_WISH_NOTHING); /* its place is free now */

	struct facet_viewer *next = watch(&frame);

	assert_int_equal(next->frame_queue.bit, 0);
	test_expect_picture(next, 64, 64);
	/* Our own client, unlike B7's, comes back when it has been given up. */
	assert_int_equal(test_look(v), 0);
	assert_int_equal(test_look(v), 0);
	assert_int_equal(v->frame_queue.bit, 1);
	facet_viewer_close(v);
	facet_viewer_close(next);
}

/* A dead one keeps nobody from a picture, and holds up others for no more than 3 s. */
static void test_holds_up_another(void **state)
{
	struct facet_frame frame = test_frame(64, 64, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *dead, *v;

	assert_false(test_show(&frame, &all));
	dead = watch(&frame);
	assert_true(test_show(&frame, &all));
	assert_true(test_show(&frame, &all));
	v = test_viewer();
	assert_int_equal(test_look(v), 0);
	test_pass(0);
	assert_int_equal(test_look(v), 1); /* what was last */
	test_expect_picture(v, 64, 64);
	test_paint(3);
	assert_false(test_show(&frame, &all));
	assert_int_equal(test_pass(KVMFR_HELD_UP_MS - 100), KVMFR_WISH_NOTHING);
	assert_int_equal(test_pass(1000), KVMFR_WISH_PICTURE);
	assert_true(test_show(&frame, &nothing));
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 64, 64);
	facet_viewer_close(dead);
	facet_viewer_close(v);
}

static void test_two_clients(void **state)
{
	struct facet_frame frame = test_frame(100, 100, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *a, *b;

	assert_false(test_show(&frame, &all));
	a = watch(&frame);
	b = watch(&frame);
	assert_int_equal(test_look(a), 0); /* shown again for b; the same picture */
	for (uint32_t i = 0; i < 10; i++) {
		test_paint(i);
		assert_true(test_show(&frame, &all));
		assert_int_equal(test_look(a), 1);
		test_expect_picture(a, 100, 100);
		assert_int_equal(test_look(b), 1);
		test_expect_picture(b, 100, 100);
	}
	facet_viewer_close(a);
	assert_true(test_show(&frame, &all));
	assert_int_equal(test_look(b), 1);
	facet_viewer_close(b);
}

static void test_modes(void **state)
{
	struct facet_frame a = test_frame(100, 50, DRM_FORMAT_XRGB8888),
			   b = test_frame(333, 77, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&a);
	struct facet_viewer *v;
	struct kvmfr_fill fill;

	assert_false(test_show(&a, &all));
	v = watch(&a);
	mode(&b);
	assert_true(test_show(&b, &nothing)); /* a new mode is all damage */
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 333, 77);

	/* The mode changes while pixels are read for the last one: those are not shown. */
	facet_kvmfr_frame_damage(&g.p, &all);
	assert_true(facet_kvmfr_frame_fill(&g.p, g.now, &fill));
	mode(&a);
	facet_kvmfr_frame_filled(&g.p, &fill, true, g.now);
	assert_int_equal(test_look(v), 0);
	assert_true(test_show(&a, &all));
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 100, 50);

	/* Off: after a moment, black, once. */
	facet_kvmfr_frame_mode(&g.p, NULL, g.now);
	assert_int_equal(test_pass(KVMFR_OFF_MS - 50), KVMFR_WISH_NOTHING);
	assert_int_equal(test_pass(200), KVMFR_WISH_BLACK);
	assert_true(facet_kvmfr_frame_fill(&g.p, g.now, &fill));
	memset(fill.pixels, 0, (size_t)fill.mode.pitch * fill.mode.rows);
	facet_kvmfr_frame_filled(&g.p, &fill, true, g.now);
	assert_int_equal(test_look(v), 1);
	for (uint32_t i = 0; i < 100 * 50; i++)
		assert_int_equal(v->pixels[i], 0xff000000);
	assert_int_equal(test_pass(1000), KVMFR_WISH_NOTHING);
	mode(&a);
	assert_true(test_show(&a, &nothing));
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 100, 50);
	facet_viewer_close(v);
}

/* What the file has no room for: as many lines as fit, and it says so. */
static void test_too_large(void **state)
{
	struct facet_frame frame = test_frame(TEST_SIDE, TEST_SIDE, DRM_FORMAT_XRGB8888);
	struct facet_viewer *v;
	struct facet_error err;
	struct facet_rect all;
	struct kvmfr_publisher p;

	test_stop();
	test_start(1 << 20);
	test_paint(1);
	all = mode(&frame);
	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	assert_true(v->picture.truncated);
	assert_in_range(v->picture.height, 100, TEST_SIDE - 1);
	assert_int_equal(v->picture.screen_height, TEST_SIDE);
	test_expect_picture(v, TEST_SIDE, v->picture.height);
	facet_viewer_close(v);
	assert_int_equal(facet_kvmfr_publisher_init(&p, g.fd, 64 << 10, NULL, 1, 1, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too small"));
}

static uint32_t swap(uint32_t p)
{
	return (p & 0xff00ff00) | (p >> 16 & 0xff) | (p & 0xff) << 16;
}

static void test_formats(void **state)
{
	struct facet_frame frame = test_frame(37, 21, DRM_FORMAT_XBGR8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;

	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	assert_int_equal(v->picture.type, WIRE_KVMFR_RGBA);
	for (uint32_t x = 0; x < 37; x++)
		assert_int_equal(v->pixels[20 * 37 + x], swap(g.pixels[20][x]));

	frame.fourcc = DRM_FORMAT_XBGR2101010;
	mode(&frame);
	g.pixels[0][0] = 3U << 30 | 1023 << 20 | 512 << 10 | 4; /* A, B, G, R */
	assert_true(test_show(&frame, &all));
	assert_int_equal(test_look(v), 1);
	assert_int_equal(v->picture.type, WIRE_KVMFR_RGBA10);
	assert_int_equal(v->pixels[0], 0xff0180ff);

	frame.fourcc = DRM_FORMAT_RGB565;
	assert_int_equal(facet_kvmfr_frame_mode(&g.p, &frame, g.now), -ENOTSUP);
	facet_viewer_close(v);
}

static void test_read_fails(void **state)
{
	struct facet_frame frame = test_frame(50, 50, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;

	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	test_paint(5);
	g.read_error = -EIO;
	assert_false(test_show(&frame, &all));
	assert_int_equal(test_look(v), 0);
	g.read_error = 0;
	assert_true(test_show(&frame, &nothing)); /* not forgotten */
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 50, 50);
	facet_viewer_close(v);
}

static void test_pointer(void **state)
{
	struct facet_frame frame = test_frame(50, 50, DRM_FORMAT_XRGB8888);
	struct facet_cursor cursor = {
		.x = -3, .y = 40000, .hot_x = 5, .hot_y = 6, .visible = true
	};
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;

	for (uint32_t i = 0; i < FACET_CURSOR_SIZE * FACET_CURSOR_SIZE; i++)
		cursor.pixels[i] = i << 12;
	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	assert_false(v->cursor.visible);
	facet_kvmfr_pointer_set(&g.p, &cursor, true);
	test_pass(0);
	test_look(v);
	assert_true(v->cursor.visible);
	assert_int_equal(v->cursor.x, -3);
	assert_int_equal(v->cursor.y, INT16_MAX);
	assert_int_equal(v->cursor.hot_x, 5);
	assert_int_equal(v->cursor.hot_y, 6);
	assert_int_equal(v->cursor.width, FACET_CURSOR_SIZE);
	assert_memory_equal(v->cursor.pixels, cursor.pixels, sizeof(cursor.pixels));

	/* Moves that a client does not fetch are not lost: the last one counts. */
	for (int i = 0; i < 100; i++) {
		cursor.x = i;
		cursor.visible = i % 2;
		facet_kvmfr_pointer_set(&g.p, &cursor, false);
		test_pass(0);
	}
	test_look(v);
	test_pass(200);
	test_look(v);
	assert_int_equal(v->cursor.x, 99);
	assert_true(v->cursor.visible);
	cursor.visible = false;
	facet_kvmfr_pointer_set(&g.p, &cursor, false);
	test_pass(0);
	test_look(v);
	assert_false(v->cursor.visible);
	facet_viewer_close(v);

	/* Somebody new is told all of it, though nothing moves. */
	v = watch(&frame);
	test_look(v);
	assert_int_equal(v->cursor.x, 99);
	assert_memory_equal(v->cursor.pixels, cursor.pixels, sizeof(cursor.pixels));
	facet_viewer_close(v);
}

static void test_alive(void **state)
{
	struct facet_error err;
	struct facet_viewer *v = test_viewer();
	uint64_t before = facet_shm_get64(&g.p.shm, g.p.wire->lgmp.timestamp);
	unsigned int ticks = 0;
	enum kvmfr_wish wish;

	for (uint64_t until = g.now + 10000; g.now < until; ticks++) {
		g.now += facet_kvmfr_publisher_tick(&g.p, g.now, &wish);
		assert_true(facet_shm_get64(&g.p.shm, g.p.wire->lgmp.timestamp) - before <= 200);
		before = facet_shm_get64(&g.p.shm, g.p.wire->lgmp.timestamp);
	}
	assert_int_equal(ticks, 100);

	/* A publisher that does not beat is dead. */
	assert_int_equal(facet_viewer_step(v, g.now, &err), 0);
	assert_int_equal(facet_viewer_step(v, g.now + 900, &err), 0);
	assert_int_equal(facet_viewer_step(v, g.now + 1100, &err), -EHOSTDOWN);
	facet_viewer_close(v);
}

/* Another one publishes in the same file: clients see it by the session's number. */
static void test_restart(void **state)
{
	struct facet_frame frame = test_frame(90, 80, DRM_FORMAT_XRGB8888);
	struct facet_rect all = mode(&frame);
	struct facet_viewer *v;
	uint32_t session;

	assert_false(test_show(&frame, &all));
	v = watch(&frame);
	session = v->info.session;
	facet_kvmfr_publisher_fini(&g.p);
	/* With a number that would be the one in the file. */
	assert_int_equal(facet_kvmfr_publisher_init(&g.p, g.fd, TEST_FILE_BYTES, "again",
						    session - 1, g.now, NULL),
			 0);
	test_paint(9);
	mode(&frame);
	assert_false(test_show(&frame, &all));
	assert_int_equal(test_look(v), 0);
	assert_int_not_equal(v->info.session, session);
	assert_string_equal(v->info.os, "again");
	assert_int_equal(test_pass(0), KVMFR_WISH_PICTURE);
	assert_true(test_show(&frame, &nothing));
	assert_int_equal(test_look(v), 1);
	test_expect_picture(v, 90, 80);
	facet_viewer_close(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_looks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_and_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_holds_up_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_clients, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pointer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
	};

	return cmocka_run_group_tests_name("kvmfr publisher", tests, NULL, NULL);
}
