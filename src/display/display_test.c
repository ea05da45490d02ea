// SPDX-License-Identifier: GPL-2.0-or-later
/* display_test.c - outputs, wishes and watchers, without any screen. */
#include "display/display.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <drm_fourcc.h>

#include "display/ops.h"

static struct {
	struct facet_display *display;
	unsigned int released, wanted, wanted_output, reads;
	struct facet_output state;
} t;

static void on_released(void *owner)
{
	t.released++;
}

static void on_wanted(void *owner, unsigned int output, const struct facet_output *state)
{
	assert_ptr_equal(owner, &t);
	t.wanted++;
	t.wanted_output = output;
	t.state = *state;
}

static int on_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		   size_t stride)
{
	uint32_t y;

	t.reads++;
	for (y = 0; y < rect->height; y++)
		memset((char *)to + y * stride, 0x40, (size_t)rect->width * 4);
	return 0;
}

static const struct facet_frame small = {
	.width = 5, .height = 3, .fourcc = DRM_FORMAT_XRGB8888, .dmabuf_fd = -1, .read = on_read
};
static const struct facet_rect all = { 0, 0, 5, 3 };

static int setup(void **state)
{
	struct facet_display_config cfg = { .output_count = 3, .released = on_released };
	struct facet_display_listener listener = { on_wanted, &t };

	memset(&t, 0, sizeof(t));
	cfg.outputs[1] = (struct facet_output){ .connected = true, .width = 641, .height = 479 };
	if (facet_display_create(&cfg, &t.display, NULL) < 0)
		return -1;
	facet_display_listen(t.display, &listener);
	return 0;
}

static int teardown(void **state)
{
	facet_display_destroy(t.display);
	return 0;
}

static void test_create(void **state)
{
	struct facet_display_config cfg = { .output_count = 0 };
	struct facet_display *display = NULL;
	struct facet_error err = { 0 };

	assert_int_equal(facet_display_create(&cfg, &display, &err), -EINVAL);
	assert_true(strlen(err.text) > 0);
	cfg.output_count = FACET_MAX_OUTPUTS + 1;
	assert_int_equal(facet_display_create(&cfg, &display, NULL), -EINVAL);
	assert_null(display);
	facet_display_destroy(NULL);

	assert_int_equal(facet_display_output_count(t.display), 3);
	assert_true(facet_display_output(t.display, 0)->connected);
	assert_int_equal(facet_display_output(t.display, 0)->width, 1280);
	assert_int_equal(facet_display_output(t.display, 1)->width, 641);
	assert_false(facet_display_output(t.display, 2)->connected);
	assert_null(facet_display_output(t.display, 3));
}

static void test_want(void **state)
{
	struct facet_output o = { .connected = true, .width = 800, .height = 600 };
	struct facet_error err = { 0 };

	assert_int_equal(facet_display_want(t.display, 2, &o, &err), 0);
	assert_int_equal(t.wanted, 1);
	assert_int_equal(t.wanted_output, 2);
	assert_int_equal(t.state.width, 800);
	assert_int_equal(facet_display_output(t.display, 2)->height, 600);

	assert_int_equal(facet_display_want(t.display, 3, &o, &err), -EINVAL);
	o.width = FACET_MAX_SIDE + 1;
	assert_int_equal(facet_display_want(t.display, 2, &o, &err), -EINVAL);
	o.width = 0;
	assert_int_equal(facet_display_want(t.display, 2, &o, &err), -EINVAL);
	o.width = 800;
	o.edid_size = FACET_MAX_EDID + 1;
	assert_int_equal(facet_display_want(t.display, 2, &o, &err), -EINVAL);
	assert_int_equal(t.wanted, 1);
	assert_int_equal(facet_display_output(t.display, 2)->width, 800);

	facet_display_listen(t.display, NULL);
	o.edid_size = 0;
	assert_int_equal(facet_display_want(t.display, 2, &o, &err), 0);
	assert_int_equal(t.wanted, 1);
}

static void test_query_without_sink(void **state)
{
	facet_display_query(t.display, 1);
	assert_int_equal(t.wanted, 1);
	assert_int_equal(t.wanted_output, 1);
	assert_int_equal(t.state.width, 641);
	facet_display_query(t.display, 3);
	assert_int_equal(t.wanted, 1);
}

/* What a sink says anyway is no wish; what it says differently is. */
static void test_answers(void **state)
{
	struct facet_output qemu = { .connected = true, .width = 1280, .height = 800 };
	struct facet_output ours = { .connected = true, .width = 320, .height = 200 };

	facet_display_answer(t.display, 1, &qemu);
	assert_int_equal(t.wanted, 0);
	assert_int_equal(facet_display_output(t.display, 1)->width, 641);
	qemu.width = 1000; /* a window was dragged */
	facet_display_answer(t.display, 1, &qemu);
	assert_int_equal(t.wanted, 1);
	assert_int_equal(t.state.width, 1000);
	facet_display_want(t.display, 1, &ours, NULL);
	facet_display_answer(t.display, 1, &qemu);
	assert_int_equal(t.wanted, 2);
	assert_int_equal(facet_display_output(t.display, 1)->width, 320);
	qemu.edid_size = 128;
	facet_display_answer(t.display, 1, &qemu);
	assert_int_equal(facet_display_output(t.display, 1)->width, 1000);
	facet_display_answer(t.display, 1, NULL);
	assert_int_equal(t.wanted, 3);
	facet_display_answer(t.display, 3, &qemu);
	assert_int_equal(t.wanted, 3);

	/* Nobody gave output 2 a size: the first word counts, then ours. */
	qemu.width = 1024;
	facet_display_answer(t.display, 2, &qemu);
	assert_int_equal(facet_display_output(t.display, 2)->width, 1024);
	facet_display_want(t.display, 0, &ours, NULL);
	facet_display_answer(t.display, 0, &qemu);
	assert_int_equal(facet_display_output(t.display, 0)->width, 320);
}

static int add_sink(struct facet_display *display, const char *type, int fd,
		    struct facet_sink **ret, struct facet_error *err)
{
	const struct facet_sink_config cfg = { .type = type, .fd = fd };

	return facet_display_add_sink(display, &cfg, ret, err);
}

static void test_frames(void **state)
{
	const struct facet_rect none = { 0 };
	struct facet_frame huge = small;
	struct facet_sink *a, *b;

	facet_display_set_scanout(t.display, 0, &small);
	facet_display_commit(t.display, 0, &all);
	assert_int_equal(add_sink(t.display, "null", -1, &a, NULL), 0);
	assert_int_equal(t.released, 1);
	assert_int_equal(facet_sink_fd(a), -1);
	assert_int_equal(facet_sink_dispatch(a), 0);
	facet_display_refresh(t.display); /* the current picture, once */
	facet_display_refresh(t.display);
	assert_int_equal(facet_sink_frames(a), 1);
	facet_display_commit(t.display, 0, &all);
	facet_display_commit(t.display, 1, &all); /* is off */
	facet_display_commit(t.display, 0, &none);
	facet_display_commit(t.display, 9, &all);
	assert_int_equal(facet_sink_frames(a), 2);

	assert_int_equal(add_sink(t.display, "null", -1, &b, NULL), 0);
	facet_display_commit(t.display, 0, &all);
	assert_int_equal(facet_sink_frames(b), 1);
	assert_int_equal(facet_sink_frames(a), 3);
	facet_display_remove_sink(t.display, a);
	facet_display_set_scanout(t.display, 0, NULL);
	facet_display_commit(t.display, 0, &all);
	assert_int_equal(facet_sink_frames(b), 1);
	huge.width = FACET_MAX_SIDE + 1;
	facet_display_set_scanout(t.display, 0, &huge);
	facet_display_commit(t.display, 0, &all);
	assert_int_equal(facet_sink_frames(b), 1);
	facet_display_remove_sink(t.display, b);
	facet_display_remove_sink(t.display, NULL);
	assert_int_equal(t.reads, 0); /* nobody looked */
}

static void test_add_sink_errors(void **state)
{
	struct facet_error err = { 0 };
	struct facet_sink *sinks[64], *sink;
	unsigned int n = 0;
	int fd[2];

	assert_int_equal(add_sink(t.display, "crt", -1, &sink, &err), -EINVAL);
	assert_non_null(strstr(err.text, "crt"));
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(add_sink(t.display, "png", fd[1], &sink, &err), -EINVAL);
	assert_int_equal(add_sink(t.display, "null", fd[1], &sink, &err), -EINVAL);
	assert_true(add_sink(t.display, "vhost-user-gpu", fd[1], &sink, &err) < 0);
	assert_true(add_sink(t.display, "vhost-user-gpu", -1, &sink, &err) < 0);
	assert_int_equal(close(fd[0]) + close(fd[1]), 0); /* still ours */
	while (n < 64 && add_sink(t.display, "null", -1, &sinks[n], &err) == 0)
		n++;
	assert_int_equal(err.code, -EBUSY);
	facet_display_remove_sink(t.display, sinks[0]);
	assert_int_equal(add_sink(t.display, "null", -1, &sinks[0], NULL), 0);
	/* The others go with the display. */
}

static void test_capture_off(void **state)
{
	struct facet_error err = { 0 };

	assert_int_equal(facet_display_capture(t.display, 0, -1, false, &err), -ENODATA);
	assert_true(strlen(err.text) > 0);
	assert_int_equal(facet_display_capture(t.display, 3, -1, false, &err), -ENODATA);
	facet_display_set_scanout(t.display, 0, &small);
	assert_int_equal(facet_display_capture(t.display, 0, -1, false, &err), -EBADF);
}

/* --- removing a sink that the engine thread is just showing to --- */

static sem_t reading, go_on;
static atomic_bool removed;

static int on_slow_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
			size_t stride)
{
	sem_post(&reading);
	sem_wait(&go_on);
	assert_false(atomic_load(&removed));
	return on_read(frame, rect, to, stride);
}

static void *run_commit(void *arg)
{
	facet_display_commit(t.display, 0, &all);
	return NULL;
}

static void *run_remove(void *sink)
{
	facet_display_remove_sink(t.display, sink);
	atomic_store(&removed, true);
	return NULL;
}

static void test_remove_in_use(void **state)
{
	struct facet_frame slow = small;
	struct facet_sink *sink, *other;
	pthread_t engine, loop;

	slow.read = on_slow_read;
	sem_init(&reading, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_int_equal(add_sink(t.display, "png", memfd_create("png", 0), &sink, NULL), 0);
	facet_display_set_scanout(t.display, 0, &slow);
	pthread_create(&engine, NULL, run_commit, NULL);
	sem_wait(&reading);
	pthread_create(&loop, NULL, run_remove, sink);
	/* No lock is held meanwhile. */
	facet_display_move_cursor(t.display, 0, 1, 2, true);
	facet_display_query(t.display, 0);
	usleep(20000); /* time for a wrong remove to return; a right one needs none */
	sem_post(&go_on);
	pthread_join(engine, NULL);
	pthread_join(loop, NULL);
	assert_true(atomic_load(&removed));
	assert_int_equal(t.wanted, 1);
	assert_int_equal(add_sink(t.display, "null", -1, &other, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_want, setup, teardown),
		cmocka_unit_test_setup_teardown(test_query_without_sink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_add_sink_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_capture_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_in_use, setup, teardown),
	};

	return cmocka_run_group_tests_name("display", tests, NULL, NULL);
}
