// SPDX-License-Identifier: GPL-2.0-or-later
/* window_test.c - pages that lie scattered read and write the same after they were put in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/fake_display.h"
#include "engine/virgl/virgl.h"

enum {
	WIDTH = 256,
	HEIGHT = 128,
	PAGE = 4096,
	PAGES = WIDTH * HEIGHT * 4 / PAGE,
	FORMAT_BGRA = 1,
	TARGET_2D = 2,
	BIND_RENDER_TARGET = 2,
	RESOURCE = 7,
	CONTEXT = 3,
	MANY = 6, /* transfers: more than it takes */
};

struct fixture {
	struct facet_display display;
	struct facet_engine *engine;
	uint8_t *guest; /* pages in the reverse of their order in the resource */
	struct iovec iov[PAGES];
	struct facet_backing backing;
	unsigned int released;
	int status;
};

static void note(struct facet_job *job, int status)
{
	((struct fixture *)job->owner)->status = status;
}

static int run(struct fixture *f, struct facet_job job)
{
	job.done = note;
	job.owner = f;
	job.context_id = CONTEXT;
	f->status = 1;
	facet_engine_execute(f->engine, &job);
	return f->status;
}

static void release(struct facet_backing *backing)
{
	facet_container_of(backing, struct fixture, backing)->released++;
}

static uint8_t *page(const struct fixture *f, unsigned int number)
{
	return f->guest + (size_t)(PAGES - 1 - number) * PAGE;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_engine_config config = { .display = &f->display, .render_fd = -1 };
	int fd = memfd_create("guest", MFD_CLOEXEC);

	*state = f;
	f->display.outputs = 1;
	assert_int_equal(ftruncate(fd, PAGES * PAGE), 0);
	f->guest = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	for (unsigned int i = 0; i < PAGES; i++)
		f->iov[i] = (struct iovec){ page(f, i), PAGE };
	f->backing = (struct facet_backing){ f->iov, PAGES, PAGES * PAGE, release };
	return facet_engine_create("virgl", &config, &f->engine, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_engine_destroy(f->engine);
	munmap(f->guest, PAGES * PAGE);
	free(f);
	return 0;
}

static int make_texture(struct fixture *f)
{
	const struct facet_job create = {
		.kind = FACET_JOB_RESOURCE_CREATE,
		.resource_id = RESOURCE,
		.create = { .target = TARGET_2D,
			    .format = FORMAT_BGRA,
			    .bind = BIND_RENDER_TARGET,
			    .width = WIDTH,
			    .height = HEIGHT,
			    .depth = 1,
			    .array_size = 1 },
	};
	int r = run(f, (struct facet_job){ .kind = FACET_JOB_CONTEXT_CREATE });

	if (!r)
		r = run(f, create);
	if (!r)
		r = run(f, (struct facet_job){ .kind = FACET_JOB_CONTEXT_ATTACH,
					       .resource_id = RESOURCE });
	return r;
}

static int attach(struct fixture *f)
{
	return run(f, (struct facet_job){ .kind = FACET_JOB_ATTACH_BACKING,
					  .resource_id = RESOURCE,
					  .backing = &f->backing });
}

static int transfer(struct fixture *f, enum facet_job_kind kind)
{
	return run(f, (struct facet_job){ .kind = kind,
					  .resource_id = RESOURCE,
					  .transfer = { .box = { 0, 0, 0, WIDTH, HEIGHT, 1 } } });
}

/* The colour of a pixel tells where it belongs. */
static void paint(struct fixture *f, uint32_t seed)
{
	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
		uint32_t colour = 0xff000000 | (i * 0x10305 + seed);

		memcpy(page(f, i * 4 / PAGE) + i * 4 % PAGE, &colour, sizeof(colour));
	}
}

static void expect(struct fixture *f, uint32_t seed)
{
	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++) {
		uint32_t colour;

		memcpy(&colour, page(f, i * 4 / PAGE) + i * 4 % PAGE, sizeof(colour));
		assert_int_equal(colour, 0xff000000 | (i * 0x10305 + seed));
	}
}

static void there_and_back(struct fixture *f)
{
	for (uint32_t i = 0; i < MANY; i++) {
		paint(f, i * 99);
		assert_int_equal(transfer(f, FACET_JOB_TRANSFER_TO_HOST), 0);
		memset(f->guest, 0, PAGES * PAGE);
		assert_int_equal(transfer(f, FACET_JOB_TRANSFER_FROM_HOST), 0);
		expect(f, i * 99);
	}
}

static struct facet_virgl *virgl(struct fixture *f)
{
	return facet_container_of(f->engine, struct facet_virgl, engine);
}

static void pages_are_put_in_order(void **state)
{
	struct fixture *f = *state;
	const struct facet_job detach = { .kind = FACET_JOB_DETACH_BACKING,
					  .resource_id = RESOURCE };

	assert_int_equal(make_texture(f), 0);
	for (unsigned int round = 1; round <= 3; round++) {
		assert_int_equal(attach(f), 0);
		there_and_back(f);
		assert_int_equal(virgl(f)->window_pieces, PAGES);
		assert_int_equal(run(f, detach), 0);
		assert_int_equal(virgl(f)->window_pieces, 0);
		assert_int_equal(f->released, round);
	}
	assert_int_equal(attach(f), 0);
	there_and_back(f);
	assert_int_equal(run(f, (struct facet_job){ .kind = FACET_JOB_RESET }), 0);
	assert_int_equal(virgl(f)->window_pieces, 0);
}

/* What cannot be mapped page by page goes the old way: here two pages are cut elsewhere. */
static void odd_pieces_stay_scattered(void **state)
{
	struct fixture *f = *state;

	f->iov[0] = (struct iovec){ f->guest, PAGE - 8 };
	f->iov[1] = (struct iovec){ f->guest + PAGE - 8, PAGE * (PAGES - 1) + 8 };
	f->backing.count = 2;
	assert_int_equal(make_texture(f), 0);
	assert_int_equal(attach(f), 0);
	for (int i = 0; i < MANY; i++) {
		memset(f->guest, 17 * i, PAGES * PAGE);
		assert_int_equal(transfer(f, FACET_JOB_TRANSFER_TO_HOST), 0);
		memset(f->guest, 0xff, PAGES * PAGE);
		assert_int_equal(transfer(f, FACET_JOB_TRANSFER_FROM_HOST), 0);
		for (size_t at = 0; at < PAGES * PAGE; at++)
			assert_int_equal(f->guest[at], 17 * i);
	}
	assert_int_equal(virgl(f)->window_pieces, 0);
}

/* One piece needs no window, and small ones are not worth one. */
static void simple_backings_have_none(void **state)
{
	struct fixture *f = *state;

	f->iov[0] = (struct iovec){ f->guest, PAGES * PAGE };
	f->backing.count = 1;
	assert_int_equal(make_texture(f), 0);
	assert_int_equal(attach(f), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(transfer(f, FACET_JOB_TRANSFER_FROM_HOST), 0);
	assert_int_equal(virgl(f)->window_pieces, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_are_put_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(odd_pieces_stay_scattered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(simple_backings_have_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
