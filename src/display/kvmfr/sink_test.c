// SPDX-License-Identifier: GPL-2.0-or-later
/* sink_test.c - the sink as the display uses it, with its thread, and a viewer in another. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "display/display.h"
#include "display/kvmfr/test_guest.h"

enum { TOO_LONG_MS = 60000 };

/* Stands for the engine thread: asked to show what sinks missed, it does. */
static struct {
	struct facet_display *display;
	struct facet_sink *sink;
	pthread_t engine;
	pthread_mutex_t lock;
	pthread_cond_t asked;
	bool due, quit;
	pthread_mutex_t drawing; /* the test and the engine take turns */
	char path[64];
} t;

static void on_released(void *owner)
{
	pthread_mutex_lock(&t.lock);
	t.due = true;
	pthread_cond_signal(&t.asked);
	pthread_mutex_unlock(&t.lock);
}

static void *run_engine(void *arg)
{
	sigset_t all;

	sigfillset(&all); /* as the real one */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pthread_mutex_lock(&t.lock);
	while (!t.quit) {
		if (!t.due) {
			pthread_cond_wait(&t.asked, &t.lock);
			continue;
		}
		t.due = false;
		pthread_mutex_unlock(&t.lock);
		pthread_mutex_lock(&t.drawing);
		facet_display_refresh(t.display);
		pthread_mutex_unlock(&t.drawing);
		pthread_mutex_lock(&t.lock);
	}
	pthread_mutex_unlock(&t.lock);
	return NULL;
}

static int add_sink(struct facet_error *err)
{
	struct facet_sink_config cfg = {
		.type = "kvmfr", .fd = dup(g.fd), .output = 1, .title = "vm"
	};
	int r = facet_display_add_sink(t.display, &cfg, &t.sink, err);

	if (r < 0)
		close(cfg.fd);
	return r;
}

static int setup(void **state)
{
	struct facet_display_config cfg = { .output_count = 2, .released = on_released };

	memset(&t, 0, sizeof(t));
	memset(&g, 0, sizeof(g));
	g.fd = test_file(TEST_FILE_BYTES);
	snprintf(t.path, sizeof(t.path), "/proc/self/fd/%d", g.fd);
	pthread_mutex_init(&t.lock, NULL);
	pthread_mutex_init(&t.drawing, NULL);
	pthread_cond_init(&t.asked, NULL);
	test_paint(1);
	if (facet_display_create(&cfg, &t.display, NULL) < 0 || add_sink(NULL) < 0)
		return -1;
	return -pthread_create(&t.engine, NULL, run_engine, NULL);
}

static int teardown(void **state)
{
	pthread_mutex_lock(&t.lock);
	t.quit = true;
	pthread_cond_signal(&t.asked);
	pthread_mutex_unlock(&t.lock);
	pthread_join(t.engine, NULL);
	facet_display_remove_sink(t.display, t.sink);
	facet_display_destroy(t.display);
	close(g.fd);
	return 0;
}

static void show(const struct facet_frame *frame)
{
	pthread_mutex_lock(&t.drawing);
	facet_display_set_scanout(t.display, 1, frame);
	if (frame)
		facet_display_commit(t.display, 1,
				     &(struct facet_rect){ 0, 0, frame->width, frame->height });
	pthread_mutex_unlock(&t.drawing);
}

static struct facet_viewer *open_viewer(void)
{
	struct facet_error err = { 0 };
	struct facet_viewer *v;

	if (facet_viewer_open(t.path, TOO_LONG_MS, &v, &err) < 0)
		fail_msg("%s", err.text);
	return v;
}

/* Until the client has this picture; an older one may come before. */
static void expect(struct facet_viewer *v, uint32_t width, uint32_t height)
{
	struct facet_viewer_picture picture;
	struct facet_error err = { 0 };

	do {
		if (facet_viewer_next(v, TOO_LONG_MS, &picture, &err) < 0)
			fail_msg("%s", err.text);
	} while (picture.width != width || picture.height != height ||
		 memcmp(picture.pixels, g.pixels[0], (size_t)width * 4) ||
		 memcmp(picture.pixels + (size_t)(height - 1) * width, g.pixels[height - 1],
			(size_t)width * 4));
	test_expect_picture(v, width, height);
}

static void repaint(uint32_t seed)
{
	pthread_mutex_lock(&t.drawing);
	test_paint(seed);
	pthread_mutex_unlock(&t.drawing);
}

static void test_screen(void **state)
{
	struct facet_frame a = test_frame(320, 200, DRM_FORMAT_XRGB8888),
			   b = test_frame(200, 320, DRM_FORMAT_BGRX8888);
	struct facet_viewer_picture picture;
	struct facet_viewer *v, *w;

	show(&a);
	v = open_viewer();
	assert_string_equal(facet_viewer_info(v)->os, "vm");
	assert_int_equal(facet_viewer_info(v)->kvmfr_version, 20);
	expect(v, 320, 200);
	repaint(2);
	show(&a);
	expect(v, 320, 200);
	w = open_viewer(); /* the screen is still */
	expect(w, 320, 200);
	assert_true(facet_viewer_next(v, 0, &picture, NULL) < 0); /* nothing new */

	show(&b); /* in a format that clients do not know */
	assert_int_equal(facet_viewer_next(w, TOO_LONG_MS, &picture, NULL), 0);
	assert_int_equal(picture.width, 200);
	for (uint32_t x = 0; x < 200; x++)
		assert_int_equal(picture.pixels[200 * 319 + x] & 0xffffff,
				 __builtin_bswap32(g.pixels[319][x]) & 0xffffff);
	show(NULL); /* off: black comes by itself */
	do {
		assert_int_equal(facet_viewer_next(w, TOO_LONG_MS, &picture, NULL), 0);
	} while (picture.pixels[0] & 0xffffff);
	assert_true(facet_sink_frames(t.sink) >= 4);
	facet_viewer_close(v);
	facet_viewer_close(w);
}

/* Nobody reads, then somebody does: the last picture, without anything happening in the guest. */
static void test_late_client(void **state)
{
	struct facet_frame a = test_frame(64, 64, DRM_FORMAT_XRGB8888);
	struct facet_viewer *v;

	for (uint32_t i = 0; i < 50; i++) {
		repaint(i);
		show(&a);
	}
	pthread_mutex_lock(&t.drawing);
	assert_int_equal(g.reads, 0);
	pthread_mutex_unlock(&t.drawing);
	v = open_viewer();
	expect(v, 64, 64);
	for (uint32_t i = 0; i < 50; i++) { /* faster than it looks */
		repaint(i);
		show(&a);
	}
	expect(v, 64, 64);
	facet_viewer_close(v);
}

static void test_cursor(void **state)
{
	struct facet_frame a = test_frame(64, 64, DRM_FORMAT_XRGB8888);
	struct facet_cursor cursor = { .x = 3, .y = 4, .visible = true, .pixels = { 0x80402010 } };
	struct facet_viewer_cursor seen = { 0 };
	struct facet_viewer_picture picture;
	struct facet_viewer *v = open_viewer();

	show(&a);
	facet_display_set_cursor(t.display, 1, &cursor);
	facet_display_move_cursor(t.display, 1, 30, 31, true);
	facet_display_move_cursor(t.display, 0, 1, 1, false); /* not this output's */
	for (int i = 0; i < TOO_LONG_MS / 10 && seen.x != 30; i++) {
		facet_viewer_next(v, 10, &picture, NULL);
		facet_viewer_cursor(v, &seen);
	}
	assert_int_equal(seen.x, 30);
	assert_int_equal(seen.y, 31);
	assert_true(seen.visible);
	assert_int_equal(seen.pixels[0], 0x80402010);
	facet_viewer_close(v);
}

static void test_truncated(void **state)
{
	struct facet_frame a = test_frame(320, 200, DRM_FORMAT_XRGB8888);
	struct facet_viewer_picture picture;
	struct facet_viewer *v;
	uint32_t session;
	int r;

	test_catch_bus_errors();
	show(&a);
	v = open_viewer();
	expect(v, 320, 200);
	session = facet_viewer_info(v)->session;
	assert_int_equal(ftruncate(g.fd, 0), 0);
	repaint(3);
	show(&a);
	do
		r = facet_viewer_next(v, TOO_LONG_MS, &picture, NULL);
	while (facet_viewer_info(v)->session == session && r != -ETIMEDOUT);
	repaint(4);
	show(&a);
	expect(v, 320, 200);
	facet_viewer_close(v);
}

static void test_restarted(void **state)
{
	struct facet_frame a = test_frame(320, 200, DRM_FORMAT_XRGB8888);
	struct facet_viewer *v;

	show(&a);
	v = open_viewer();
	expect(v, 320, 200);
	facet_display_remove_sink(t.display, t.sink);
	repaint(8);
	assert_int_equal(add_sink(NULL), 0);
	expect(v, 320, 200);
	facet_viewer_close(v);
}

static void test_errors(void **state)
{
	const int good = g.fd;
	struct facet_error err;
	struct facet_viewer *v;
	struct facet_sink *sink;

	g.fd = test_file(4096);
	assert_int_equal(add_sink(&err), -EINVAL);
	close(g.fd);
	g.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_true(add_sink(&err) < 0);
	assert_non_null(strstr(err.text, "regular file"));
	close(g.fd);
	g.fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(add_sink(&err) < 0);
	close(g.fd);
	g.fd = good;
	assert_int_equal(facet_display_add_sink(t.display,
						&(struct facet_sink_config){
							.type = "kvmfr", .fd = good, .output = 2 },
						&sink, &err),
			 -EINVAL);
	assert_int_equal(facet_viewer_open("/nonexistent", 0, &v, &err), -ENOENT);
	assert_int_equal(facet_viewer_open("/dev/null", 0, &v, &err), -ENODATA);
	assert_int_equal(facet_viewer_open("/proc/self", 0, &v, &err), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_screen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cursor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restarted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	};

	return cmocka_run_group_tests_name("kvmfr sink", tests, NULL, NULL);
}
