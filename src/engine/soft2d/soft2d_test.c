// SPDX-License-Identifier: GPL-2.0-or-later
/* soft2d_test.c - a guest's 2D commands: pixels, bounds, outputs and cursor. */
#include <errno.h>
#include <libdrm/drm_fourcc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/fake_display.h"
#include "engine/soft2d/image.h"

enum { WIDTH = 7, HEIGHT = 5, PIXELS = WIDTH * HEIGHT };

struct fixture {
	struct facet_display display;
	struct facet_engine *engine;
	int status;
	uint32_t guest[PIXELS]; /* the guest's pages, in four odd pieces */
	struct iovec iov[4];
	struct facet_backing backing;
	unsigned int released;
};

static void note(struct facet_job *job, int status)
{
	struct fixture *f = job->owner;

	f->status = status;
}

static int run(struct fixture *f, struct facet_job job)
{
	job.done = note;
	job.owner = f;
	f->status = 1;
	facet_engine_execute(f->engine, &job);
	assert_int_not_equal(f->status, 1);
	return f->status;
}

static void release(struct facet_backing *backing)
{
	facet_container_of(backing, struct fixture, backing)->released++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_engine_config config = { .display = &f->display, .render_fd = -1 };
	static const size_t cuts[] = { 0, 3, 50, 91, sizeof(f->guest) };

	f->display.outputs = 2;
	for (uint32_t i = 0; i < PIXELS; i++)
		f->guest[i] = 0x01000000 * i + 0x10203;
	for (int i = 0; i < 4; i++)
		f->iov[i] = (struct iovec){ (char *)f->guest + cuts[i], cuts[i + 1] - cuts[i] };
	f->backing = (struct facet_backing){ f->iov, 4, sizeof(f->guest), release };
	*state = f;
	return facet_engine_create("2d", &config, &f->engine, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_engine_destroy(f->engine);
	free(f);
	return 0;
}

static int create(struct fixture *f, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	return run(f, (struct facet_job){
			      .kind = FACET_JOB_RESOURCE_CREATE,
			      .resource_id = id,
			      .create = { .is_2d = true,
					  .format = format,
					  .width = width,
					  .height = height },
		      });
}

static int attach(struct fixture *f, uint32_t id)
{
	return run(f, (struct facet_job){ .kind = FACET_JOB_ATTACH_BACKING,
					  .resource_id = id,
					  .backing = &f->backing });
}

static int transfer(struct fixture *f, uint32_t id, struct facet_box box, uint64_t offset)
{
	box.depth = 1;
	return run(f, (struct facet_job){
			      .kind = FACET_JOB_TRANSFER_TO_HOST,
			      .resource_id = id,
			      .transfer = { .is_2d = true, .box = box, .offset = offset } });
}

static int scanout(struct fixture *f, uint32_t id, unsigned int output, struct facet_rect rect)
{
	return run(f, (struct facet_job){ .kind = FACET_JOB_SET_SCANOUT,
					  .resource_id = id,
					  .scanout = { .output = output, .rect = rect } });
}

static int simple(struct fixture *f, enum facet_job_kind kind, uint32_t id)
{
	return run(f, (struct facet_job){ .kind = kind, .resource_id = id });
}

static void expect_pixels(struct fixture *f, unsigned int output, struct facet_rect rect,
			  uint32_t first_x, uint32_t first_y)
{
	uint32_t *pixels = fake_display_read(&f->display, output, &rect);

	assert_non_null(pixels);
	for (uint32_t y = 0; y < rect.height; y++)
		for (uint32_t x = 0; x < rect.width; x++)
			assert_int_equal(pixels[y * rect.width + x],
					 f->guest[(first_y + y) * WIDTH + first_x + x]);
	free(pixels);
}

static void pixels_arrive(void **state)
{
	struct fixture *f = *state;
	struct facet_rect all = { 0, 0, WIDTH, HEIGHT };

	assert_int_equal(create(f, 1, 1, WIDTH, HEIGHT), 0);
	assert_int_equal(attach(f, 1), 0);
	assert_int_equal(scanout(f, 1, 0, all), 0);
	assert_int_equal(f->display.shown[0]->fourcc, DRM_FORMAT_ARGB8888);
	/* A part first: the rest stays black. */
	assert_int_equal(transfer(f, 1, (struct facet_box){ 2, 1, 0, 3, 2 }, (1 * WIDTH + 2) * 4),
			 0);
	expect_pixels(f, 0, (struct facet_rect){ 2, 1, 3, 2 }, 2, 1);
	{
		uint32_t *pixels = fake_display_read(&f->display, 0, &all);

		assert_int_equal(pixels[0], 0);
		assert_int_equal(pixels[3 * WIDTH + 2], 0);
		free(pixels);
	}
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, WIDTH, HEIGHT }, 0), 0);
	expect_pixels(f, 0, all, 0, 0);
	expect_pixels(f, 0, (struct facet_rect){ 6, 4, 1, 1 }, 6, 4);
}

static void bounds_are_kept(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(create(f, 1, 1, WIDTH, HEIGHT), 0);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, 1, 1 }, 0), -EINVAL);
	assert_int_equal(attach(f, 1), 0);
	assert_int_equal(attach(f, 1), -EINVAL);
	assert_int_equal(transfer(f, 2, (struct facet_box){ 0, 0, 0, 1, 1 }, 0), -ENOENT);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, 0, 1 }, 0), -EINVAL);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 1, 0, 0, WIDTH, 1 }, 0), -EINVAL);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 4, 0, 0, UINT32_MAX, 1 }, 0), -EINVAL);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, WIDTH, HEIGHT }, 1), -EINVAL);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, 1, 1 }, UINT64_MAX), -EINVAL);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, 1, 1 }, (PIXELS - 1) * 4), 0);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, 1, 1 }, PIXELS * 4), -EINVAL);
	assert_int_equal(simple(f, FACET_JOB_DETACH_BACKING, 1), 0);
	assert_int_equal(f->released, 1);
	assert_int_equal(simple(f, FACET_JOB_DETACH_BACKING, 1), -EINVAL);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, 1, 1 }, 0), -EINVAL);
}

static void creation_is_checked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(create(f, 0, 1, 1, 1), -EINVAL);
	assert_int_equal(create(f, 1, 1, 0, 1), -EINVAL);
	assert_int_equal(create(f, 1, 5, 1, 1), -EINVAL);
	assert_int_equal(create(f, 1, 1, UINT32_MAX, UINT32_MAX), -ENOMEM);
	assert_int_equal(create(f, 1, 1, 1, 1), 0);
	assert_int_equal(create(f, 1, 1, 1, 1), -EINVAL);
	assert_int_equal(create(f, 257, 1, 1, 1), 0);
	assert_int_equal(simple(f, FACET_JOB_RESOURCE_UNREF, 1), 0);
	assert_int_equal(simple(f, FACET_JOB_RESOURCE_UNREF, 1), -ENOENT);
	assert_int_equal(simple(f, FACET_JOB_RESOURCE_UNREF, 257), 0);
	assert_int_equal(simple(f, FACET_JOB_SUBMIT, 0), -ENOTSUP);
	assert_int_equal(simple(f, FACET_JOB_CONTEXT_CREATE, 0), -ENOTSUP);
}

static void outputs_show_parts(void **state)
{
	struct fixture *f = *state;
	struct facet_job job = { .kind = FACET_JOB_FLUSH, .resource_id = 1 };

	assert_int_equal(create(f, 1, 2, WIDTH, HEIGHT), 0);
	assert_int_equal(attach(f, 1), 0);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, WIDTH, HEIGHT }, 0), 0);
	assert_int_equal(scanout(f, 1, 0, (struct facet_rect){ 0, 0, 3, HEIGHT }), 0);
	assert_int_equal(scanout(f, 1, 1, (struct facet_rect){ 3, 1, 4, 4 }), 0);
	assert_int_equal(scanout(f, 1, 2, (struct facet_rect){ 0, 0, 1, 1 }), -EINVAL);
	assert_int_equal(scanout(f, 1, 1, (struct facet_rect){ 4, 1, 4, 4 }), -EINVAL);
	assert_int_equal(scanout(f, 1, 1, (struct facet_rect){ 1, 0, UINT32_MAX, 1 }), -EINVAL);
	assert_int_equal(scanout(f, 9, 1, (struct facet_rect){ 0, 0, 1, 1 }), -ENOENT);
	assert_int_equal(f->display.shown[1]->fourcc, DRM_FORMAT_XRGB8888);
	expect_pixels(f, 1, (struct facet_rect){ 1, 2, 3, 2 }, 4, 3);

	job.flush = (struct facet_rect){ 0, 0, 2, HEIGHT };
	assert_int_equal(run(f, job), 0);
	assert_int_equal(f->display.commits, 1);
	assert_int_equal(f->display.last_output, 0);
	job.flush = (struct facet_rect){ 2, 0, 3, 2 };
	assert_int_equal(run(f, job), 0);
	assert_int_equal(f->display.commits, 3);
	assert_int_equal(f->display.last_output, 1);
	assert_memory_equal(&f->display.damage, &((struct facet_rect){ 0, 0, 2, 1 }),
			    sizeof(struct facet_rect));
	job.flush.width = 6;
	assert_int_equal(run(f, job), -EINVAL);

	/* A resource that is gone is shown nowhere. */
	assert_int_equal(simple(f, FACET_JOB_RESOURCE_UNREF, 1), 0);
	assert_null(f->display.shown[0]);
	assert_null(f->display.shown[1]);
	assert_int_equal(f->released, 1);
}

static void cursor_is_argb(void **state)
{
	struct fixture *f = *state;
	struct facet_job job = { .kind = FACET_JOB_CURSOR,
				 .resource_id = 1,
				 .cursor = { .x = -3, .y = 4, .hot_x = 1, .hot_y = 2 } };

	f->guest[0] = 0x11223344;
	assert_int_equal(create(f, 1, 3, WIDTH, HEIGHT), 0); /* A8R8G8B8: 44 is alpha */
	assert_int_equal(attach(f, 1), 0);
	assert_int_equal(transfer(f, 1, (struct facet_box){ 0, 0, 0, WIDTH, HEIGHT }, 0), 0);
	assert_int_equal(run(f, job), 0);
	assert_true(f->display.cursor.visible);
	assert_int_equal(f->display.cursor.x, -3);
	assert_int_equal(f->display.cursor.hot_y, 2);
	assert_int_equal(f->display.cursor.pixels[0], 0x44332211);
	assert_int_equal(f->display.cursor.pixels[WIDTH], 0);
	job.resource_id = 0;
	assert_int_equal(run(f, job), 0);
	assert_false(f->display.cursor.visible);
	job.resource_id = 77;
	assert_int_equal(run(f, job), -ENOENT);
	job.cursor.output = 2;
	assert_int_equal(run(f, job), -EINVAL);
}

static void formats_become_argb(void **state)
{
	static const struct {
		uint32_t virgl, memory, argb;
	} cases[] = {
		/* Memory as a little-endian word: the first byte is the lowest. */
		{ 1, 0x44112233, 0x44112233 },   { 2, 0x44112233, 0x44112233 },
		{ 3, 0x33221144, 0x44112233 },   { 4, 0x33221144, 0x44112233 },
		{ 67, 0x44332211, 0x44112233 },  { 68, 0x11223344, 0x44112233 },
		{ 121, 0x11223344, 0x44112233 }, { 134, 0x44332211, 0x44112233 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t pixel = cases[i].memory;

		assert_true(facet_format_is_2d(cases[i].virgl));
		assert_true(facet_pixels_to_argb(&pixel, 1, facet_format_fourcc(cases[i].virgl)));
		assert_int_equal(pixel, cases[i].argb);
	}
	assert_int_equal(facet_format_fourcc(100), DRM_FORMAT_ARGB8888);
	assert_false(facet_format_is_2d(100));
	assert_int_equal(facet_format_fourcc(0), 0);
	assert_int_equal(facet_format_fourcc(5), 0);
}

static void reset_forgets_all(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 2; round++) {
		assert_int_equal(create(f, 1, 1, WIDTH, HEIGHT), 0);
		assert_int_equal(attach(f, 1), 0);
		assert_int_equal(scanout(f, 1, 0, (struct facet_rect){ 0, 0, WIDTH, HEIGHT }), 0);
		assert_int_equal(simple(f, FACET_JOB_CAPTURE, 0), 0);
		assert_int_equal(simple(f, FACET_JOB_RESET, 0), 0);
		assert_null(f->display.shown[0]);
		assert_int_equal(f->released, round + 1);
		assert_int_equal(simple(f, FACET_JOB_CAPTURE, 0), -ENODATA);
		assert_int_equal(simple(f, FACET_JOB_RESOURCE_UNREF, 1), -ENOENT);
	}
	assert_int_equal(simple(f, FACET_JOB_REFRESH, 0), 0);
	assert_int_equal(f->display.refreshes, 1);
	/* What is still attached at the end is let go of, too: tear_down runs under ASan. */
	assert_int_equal(create(f, 1, 1, WIDTH, HEIGHT), 0);
	assert_int_equal(attach(f, 1), 0);
}

static void engines_are_named(void **state)
{
	struct facet_engine_config config = { .render_fd = -1 };
	struct facet_engine *engine;
	struct facet_error err;

	assert_int_equal(facet_engine_create("magic", &config, &engine, &err), -EINVAL);
	assert_non_null(strstr(err.text, "magic"));
	for (const char *const *name = facet_engine_names(); *name; name++)
		assert_true(facet_engine_probe(*name, &config, &err) != -EINVAL);
	assert_int_equal(facet_engine_create("null", &config, &engine, &err), 0);
	assert_string_equal(facet_engine_name(engine), "null");
	assert_int_equal(facet_engine_caps(engine)->capset_count, 0);
	facet_engine_destroy(engine);
	facet_engine_destroy(NULL);
}

/* A blob is 9 bytes into the guest's pages; its lines are two pixels longer than the picture. */
static void blob_is_read_in_place(void **state)
{
	enum { LINE = WIDTH + 2, LINES = 3, SKIP = 9 };
	struct fixture *f = *state;
	struct facet_job blob = {
		.kind = FACET_JOB_BLOB_CREATE,
		.resource_id = 4,
		.backing = &f->backing,
		.blob_size = sizeof(f->guest),
	};
	struct facet_job show = {
		.kind = FACET_JOB_SET_SCANOUT,
		.resource_id = 4,
		.scanout = { .rect = { 1, 1, 3, 2 },
			     .layout = { 2, WIDTH, LINES, LINE * 4, SKIP } },
	};
	const struct facet_rect all = { 0, 0, 3, 2 };
	uint32_t *seen, expected;

	blob.blob_size++;
	assert_int_equal(run(f, blob), -EINVAL); /* more than there is behind it */
	blob.blob_size--;
	assert_int_equal(run(f, blob), 0);
	assert_int_equal(run(f, blob), -EINVAL);
	show.scanout.layout.offset = sizeof(f->guest) - (LINE * (LINES - 1) + WIDTH) * 4 + 1;
	assert_int_equal(run(f, show), -EINVAL);
	show.scanout.layout.offset = SKIP;
	show.scanout.layout.stride = WIDTH * 4 - 1;
	assert_int_equal(run(f, show), -EINVAL);
	show.scanout.layout.stride = LINE * 4;
	assert_int_equal(run(f, show), 0);
	/* The guest draws, and nothing has to be transferred. */
	memset(f->guest, 0x5c, sizeof(f->guest));
	expected = 0x11223344;
	memcpy((char *)f->guest + SKIP + (LINE * 2 + 3) * 4, &expected, 4);
	assert_int_equal(run(f, (struct facet_job){ .kind = FACET_JOB_FLUSH,
						    .resource_id = 4,
						    .flush = { 0, 0, UINT32_MAX, UINT32_MAX } }),
			 0);
	assert_int_equal(f->display.commits, 1);
	assert_int_equal(f->display.damage.width, 3);
	seen = fake_display_read(&f->display, 0, &all);
	assert_int_equal(seen[0], 0x5c5c5c5c);
	assert_int_equal(seen[3 + 2], expected);
	free(seen);
	/* The pages go, and come back. */
	assert_int_equal(
		run(f, (struct facet_job){ .kind = FACET_JOB_DETACH_BACKING, .resource_id = 4 }),
		0);
	assert_int_equal(f->released, 1);
	assert_int_equal(f->display.shown[0]->read(f->display.shown[0], &all, &expected, 12),
			 -ENODATA);
	blob.kind = FACET_JOB_ATTACH_BACKING;
	f->backing.size--;
	assert_int_equal(run(f, blob), -EINVAL);
	f->backing.size++;
	assert_int_equal(run(f, blob), 0);
	seen = fake_display_read(&f->display, 0, &all);
	assert_int_equal(seen[0], 0x5c5c5c5c);
	free(seen);
	assert_int_equal(
		run(f, (struct facet_job){ .kind = FACET_JOB_RESOURCE_UNREF, .resource_id = 4 }),
		0);
	assert_int_equal(f->released, 2);
	assert_null(f->display.shown[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pixels_arrive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bounds_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(creation_is_checked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(outputs_show_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cursor_is_argb, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blob_is_read_in_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reset_forgets_all, set_up, tear_down),
		cmocka_unit_test(formats_become_argb),
		cmocka_unit_test(engines_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
