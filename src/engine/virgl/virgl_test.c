// SPDX-License-Identifier: GPL-2.0-or-later
/* virgl_test.c - OpenGL without a GPU: hand-made command streams, really run on llvmpipe. */
#include <errno.h>
#include <libdrm/drm_fourcc.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "engine/fake_display.h"
#include "engine/virgl/virgl.h"

enum {
	WIDTH = 37,
	HEIGHT = 23,
	PIXELS = WIDTH * HEIGHT,

	FORMAT_BGRA = 1,
	TARGET_BUFFER = 0,
	TARGET_2D = 2,
	BIND_RENDER_TARGET = 2,
	BIND_SCANOUT = 1 << 18,
	Y_0_TOP = 1,

	CONTEXT = 3,
	CMD_CREATE_OBJECT = 1,
	CMD_SET_FRAMEBUFFER = 5,
	CMD_CLEAR = 7,
	CMD_INLINE_WRITE = 9,
	CMD_BEGIN_QUERY = 19,
	CMD_END_QUERY = 20,
	CMD_GET_QUERY_RESULT = 21,
	CMD_PIPE_RESOURCE_CREATE = 48,
	OBJECT_SURFACE = 8,
	OBJECT_QUERY = 9,
};

struct fixture {
	struct facet_display display;
	struct facet_engine *engine;
	uint32_t guest[PIXELS];
	struct iovec iov[2];
	struct facet_backing backing;
	unsigned int released;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned int order[64], done_count;
};

struct test_job {
	struct facet_job job;
	struct fixture *fixture;
	unsigned int number;
	bool done;
	int status;
};

static void note(struct facet_job *job, int status)
{
	struct test_job *t = job->owner;
	struct fixture *f = t->fixture;

	pthread_mutex_lock(&f->lock);
	t->done = true;
	t->status = status;
	if (f->done_count < 64)
		f->order[f->done_count] = t->number;
	f->done_count++;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void start(struct fixture *f, struct test_job *t, struct facet_job job)
{
	t->job = job;
	t->job.done = note;
	t->job.owner = t;
	t->fixture = f;
	facet_engine_execute(f->engine, &t->job);
}

/* As the scheduler does it: the engine's descriptor is served while we wait. */
static int finish(struct fixture *f, struct test_job *t)
{
	bool done = false;

	while (!done) {
		struct pollfd fd = { .fd = facet_engine_poll_fd(f->engine), .events = POLLIN };
		struct timespec soon;

		if (poll(&fd, 1, 0) > 0 && fd.revents)
			facet_engine_poll(f->engine);
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 1000000;
		if (soon.tv_nsec >= 1000000000) {
			soon.tv_nsec -= 1000000000;
			soon.tv_sec++;
		}
		pthread_mutex_lock(&f->lock);
		if (!t->done)
			pthread_cond_timedwait(&f->changed, &f->lock, &soon);
		done = t->done;
		pthread_mutex_unlock(&f->lock);
	}
	return t->status;
}

static int run(struct fixture *f, struct facet_job job)
{
	struct test_job t = { 0 };

	start(f, &t, job);
	return finish(f, &t);
}

static void release(struct facet_backing *backing)
{
	facet_container_of(backing, struct fixture, backing)->released++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_engine_config config = { .display = &f->display, .render_fd = -1 };

	f->display.outputs = 1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	for (uint32_t i = 0; i < PIXELS; i++)
		f->guest[i] = 0xff000000 | i * 0x10305;
	f->iov[0] = (struct iovec){ f->guest, 1001 };
	f->iov[1] = (struct iovec){ (char *)f->guest + 1001, sizeof(f->guest) - 1001 };
	f->backing = (struct facet_backing){ f->iov, 2, sizeof(f->guest), release };
	*state = f;
	return facet_engine_create("virgl", &config, &f->engine, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_engine_destroy(f->engine);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static struct facet_job new_texture(uint32_t id, uint32_t flags)
{
	return (struct facet_job){
		.kind = FACET_JOB_RESOURCE_CREATE,
		.resource_id = id,
		.create = { .target = TARGET_2D,
			    .format = FORMAT_BGRA,
			    .bind = BIND_RENDER_TARGET | BIND_SCANOUT,
			    .width = WIDTH,
			    .height = HEIGHT,
			    .depth = 1,
			    .array_size = 1,
			    .flags = flags },
	};
}

static struct facet_job new_picture(uint32_t id)
{
	return (struct facet_job){
		.kind = FACET_JOB_RESOURCE_CREATE,
		.resource_id = id,
		.create = { .is_2d = true,
			    .format = FORMAT_BGRA,
			    .width = WIDTH,
			    .height = HEIGHT },
	};
}

static struct facet_job of_context(enum facet_job_kind kind, uint32_t resource)
{
	return (struct facet_job){ .kind = kind, .context_id = CONTEXT, .resource_id = resource };
}

static struct facet_job backing_job(struct fixture *f, uint32_t id)
{
	return (struct facet_job){ .kind = FACET_JOB_ATTACH_BACKING,
				   .resource_id = id,
				   .backing = &f->backing };
}

static struct facet_job transfer(enum facet_job_kind kind, uint32_t id, struct facet_box box,
				 uint64_t offset)
{
	return (struct facet_job){ .kind = kind,
				   .context_id = CONTEXT,
				   .resource_id = id,
				   .transfer = { .box = box, .offset = offset } };
}

static struct facet_job scanout(uint32_t id)
{
	return (struct facet_job){ .kind = FACET_JOB_SET_SCANOUT,
				   .resource_id = id,
				   .scanout = { .rect = { 0, 0, WIDTH, HEIGHT } } };
}

static struct facet_job submit(uint32_t *words, size_t count)
{
	return (struct facet_job){ .kind = FACET_JOB_SUBMIT,
				   .context_id = CONTEXT,
				   .submit = { .data = words, .size = count * 4 } };
}

static uint32_t command(uint32_t name, uint32_t object, uint32_t length)
{
	return name | object << 8 | length << 16;
}

static uint32_t as_word(float f)
{
	uint32_t word;

	memcpy(&word, &f, sizeof(word));
	return word;
}

/* A surface of the resource becomes the framebuffer and is filled with one colour. */
static size_t clear_commands(uint32_t *words, uint32_t resource, float red, float green, float blue)
{
	const uint32_t commands[] = {
		command(CMD_CREATE_OBJECT, OBJECT_SURFACE, 5),
		100 + resource,
		resource,
		FORMAT_BGRA,
		0,
		0,
		command(CMD_SET_FRAMEBUFFER, 0, 3),
		1,
		0,
		100 + resource,
		command(CMD_CLEAR, 0, 8),
		1 << 2,
		as_word(red),
		as_word(green),
		as_word(blue),
		as_word(1),
		0,
		0,
		0,
	};

	memcpy(words, commands, sizeof(commands));
	return sizeof(commands) / 4;
}

static int clear(struct fixture *f, uint32_t resource, float red, float green, float blue)
{
	_Alignas(8) uint32_t words[32];
	struct facet_job job = submit(words, clear_commands(words, resource, red, green, blue));

	job.fenced = true;
	return run(f, job);
}

static void context_with_texture(struct fixture *f, uint32_t id, uint32_t flags)
{
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_CREATE, 0)), 0);
	assert_int_equal(run(f, new_texture(id, flags)), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, id)), 0);
}

static void expect_colour(struct fixture *f, uint32_t colour)
{
	struct facet_rect all = { 0, 0, WIDTH, HEIGHT };
	uint32_t *pixels = fake_display_read(&f->display, 0, &all);

	assert_non_null(pixels);
	for (size_t i = 0; i < PIXELS; i++)
		assert_int_equal(pixels[i], colour);
	free(pixels);
}

static void expect_guest_pixels(struct fixture *f, struct facet_rect rect)
{
	uint32_t *pixels = fake_display_read(&f->display, 0, &rect);

	assert_non_null(pixels);
	for (uint32_t y = 0; y < rect.height; y++)
		assert_memory_equal(pixels + y * rect.width,
				    f->guest + (rect.y + y) * WIDTH + rect.x, rect.width * 4);
	free(pixels);
}

static void capsets_are_known_before_and_after(void **state)
{
	struct fixture *f = *state;
	const struct facet_engine_caps *caps = facet_engine_caps(f->engine);

	assert_true(caps->has_3d);
	assert_int_equal(caps->capset_count, 2);
	assert_string_equal(facet_engine_renderer(f->engine), "");
	assert_int_equal(facet_engine_poll_fd(f->engine), -1);
	for (unsigned int i = 0; i < 2; i++) {
		const struct facet_capset *set = &caps->capsets[i];
		uint32_t *data = calloc(1, set->max_size);
		struct facet_job job = { .kind = FACET_JOB_CAPSET,
					 .capset = { .id = set->id,
						     .version = set->max_version,
						     .data = data,
						     .size = set->max_size } };

		assert_true(set->max_size > 100);
		assert_int_equal(run(f, job), 0);
		assert_int_not_equal(data[0], 0); /* the version */
		job.capset.size--;
		assert_int_equal(run(f, job), -EINVAL);
		job.capset.size++;
		job.capset.version++;
		assert_int_equal(run(f, job), -EINVAL);
		free(data);
	}
	assert_non_null(strstr(facet_engine_renderer(f->engine), "virgl (LLVMPIPE"));
}

static void a_cleared_texture_is_shown(void **state)
{
	struct fixture *f = *state;
	struct facet_job flush = { .kind = FACET_JOB_FLUSH,
				   .resource_id = 1,
				   .flush = { 2, 3, 10, 11 } };

	context_with_texture(f, 1, 0);
	assert_int_equal(run(f, scanout(1)), 0);
	assert_int_equal(f->display.shown[0]->fourcc, DRM_FORMAT_ARGB8888);
	assert_int_equal(f->display.shown[0]->dmabuf_fd, -1);
	assert_int_equal(clear(f, 1, 1, 0.2f, 0), 0);
	assert_int_equal(run(f, flush), 0);
	assert_int_equal(f->display.commits, 1);
	assert_memory_equal(&f->display.damage, &flush.flush, sizeof(flush.flush));
	expect_colour(f, 0xffff3300);
	assert_int_equal(run(f, of_context(FACET_JOB_RESOURCE_UNREF, 1)), 0);
	assert_null(f->display.shown[0]);
}

/* Both orientations: the first line of the guest's pages is the top of the picture. */
static void lines_run_from_top_to_bottom(void **state)
{
	struct fixture *f = *state;
	const struct facet_box all = { 0, 0, 0, WIDTH, HEIGHT, 1 };
	const struct facet_box part = { 5, 7, 0, 11, 9, 1 };

	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_CREATE, 0)), 0);
	for (uint32_t flags = 0; flags <= Y_0_TOP; flags++) {
		uint32_t id = 10 + flags;

		assert_int_equal(run(f, new_texture(id, flags)), 0);
		assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, id)), 0);
		assert_int_equal(run(f, backing_job(f, id)), 0);
		assert_int_equal(run(f, transfer(FACET_JOB_TRANSFER_TO_HOST, id, all, 0)), 0);
		assert_int_equal(run(f, scanout(id)), 0);
		expect_guest_pixels(f, (struct facet_rect){ 0, 0, WIDTH, HEIGHT });
		expect_guest_pixels(f, (struct facet_rect){ 3, 4, 5, 6 });
		/* And back: what was drawn over comes again out of the texture. */
		memset(f->guest, 0, sizeof(f->guest));
		assert_int_equal(run(f, transfer(FACET_JOB_TRANSFER_FROM_HOST, id, part,
						 (7 * WIDTH + 5) * 4)),
				 0);
		assert_int_equal(f->guest[7 * WIDTH + 5], 0xff000000 | (7 * WIDTH + 5) * 0x10305);
		assert_int_equal(f->guest[15 * WIDTH + 15],
				 0xff000000 | (15 * WIDTH + 15) * 0x10305);
		assert_int_equal(f->guest[0], 0);
		assert_int_equal(f->guest[16 * WIDTH + 15], 0);
		for (uint32_t i = 0; i < PIXELS; i++)
			f->guest[i] = 0xff000000 | i * 0x10305;
		assert_int_equal(run(f, of_context(FACET_JOB_DETACH_BACKING, id)), 0);
	}
	assert_int_equal(f->released, 2);
}

static void fences_come_in_order(void **state)
{
	struct fixture *f = *state;
	static _Alignas(8) uint32_t words[2][32];
	struct test_job jobs[30] = { 0 };
	size_t count = 0;

	context_with_texture(f, 1, 0);
	for (uint32_t i = 0; i < 2; i++)
		count = clear_commands(words[i], 1, (float)i, 0, 0);
	f->done_count = 0;
	for (unsigned int i = 0; i < 30; i++) {
		struct facet_job job = i % 3 == 0 ? submit(words[0] + 6, count - 6)
						  : of_context(FACET_JOB_FENCE, 0);

		if (i == 0)
			job = submit(words[0], count);
		job.fenced = true;
		jobs[i].number = i;
		start(f, &jobs[i], job);
	}
	for (unsigned int i = 0; i < 30; i++)
		assert_int_equal(finish(f, &jobs[i]), 0);
	assert_int_equal(f->done_count, 30);
	for (unsigned int i = 0; i < 30; i++)
		assert_int_equal(f->order[i], i);
}

static void consoles_need_no_renderer(void **state)
{
	struct fixture *f = *state;
	const struct facet_box all = { 0, 0, 0, WIDTH, HEIGHT, 1 };
	struct facet_job upload = transfer(FACET_JOB_TRANSFER_TO_HOST, 5, all, 0);

	/* Old Linux guests make a context for every screen buffer, without ever using it. */
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_CREATE, 0)), 0);
	assert_int_equal(run(f, new_picture(5)), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 5)), 0);
	assert_int_equal(run(f, backing_job(f, 5)), 0);
	assert_int_equal(run(f, scanout(5)), 0);
	upload.transfer.is_2d = true;
	assert_int_equal(run(f, upload), 0);
	expect_guest_pixels(f, (struct facet_rect){ 0, 0, WIDTH, HEIGHT });
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_DESTROY, 0)), 0);
	assert_string_equal(facet_engine_renderer(f->engine), "");
}

static void pictures_become_textures(void **state)
{
	struct fixture *f = *state;
	const struct facet_box all = { 0, 0, 0, WIDTH, HEIGHT, 1 };
	struct facet_job upload = transfer(FACET_JOB_TRANSFER_TO_HOST, 5, all, 0);

	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_CREATE, 0)), 0);
	assert_int_equal(run(f, new_picture(5)), 0);
	assert_int_equal(run(f, backing_job(f, 5)), 0);
	assert_int_equal(run(f, scanout(5)), 0);
	upload.transfer.is_2d = true;
	assert_int_equal(run(f, upload), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 5)), 0);
	/* The first 3D command takes the picture along, with what it shows. */
	assert_int_equal(run(f, new_texture(6, 0)), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 6)), 0);
	assert_int_equal(f->display.modes, 2);
	expect_guest_pixels(f, (struct facet_rect){ 0, 0, WIDTH, HEIGHT });
	expect_guest_pixels(f, (struct facet_rect){ 1, 2, 7, 3 });
	/* 2D transfers go on working, and so does drawing. */
	for (uint32_t i = 0; i < PIXELS; i++)
		f->guest[i] ^= 0xffffff;
	assert_int_equal(run(f, upload), 0);
	expect_guest_pixels(f, (struct facet_rect){ 0, 0, WIDTH, HEIGHT });
	assert_int_equal(clear(f, 5, 0, 0, 1), 0);
	expect_colour(f, 0xff0000ff);
	assert_int_equal(run(f, of_context(FACET_JOB_RESOURCE_UNREF, 5)), 0);
	assert_int_equal(f->released, 1);
}

static void reset_and_again(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		context_with_texture(f, 1, 0);
		assert_int_equal(run(f, backing_job(f, 1)), 0);
		assert_int_equal(run(f, scanout(1)), 0);
		assert_int_equal(clear(f, 1, 0, 1, 0), 0);
		expect_colour(f, 0xff00ff00);
		assert_int_equal(run(f, of_context(FACET_JOB_RESET, 0)), 0);
		assert_null(f->display.shown[0]);
		assert_int_equal(f->released, i + 1);
		assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_DESTROY, 0)), -ENOENT);
		assert_int_equal(run(f, of_context(FACET_JOB_RESOURCE_UNREF, 1)), -ENOENT);
	}
}

static void queries_do_not_hold_up_fences(void **state)
{
	struct fixture *f = *state;
	struct facet_job buffer = new_texture(2, 0);
	_Alignas(8) uint32_t words[64];
	size_t count = clear_commands(words, 1, 1, 1, 1);
	const uint32_t query[] = {
		command(CMD_CREATE_OBJECT, OBJECT_QUERY, 4),
		7,
		0,
		0,
		2,
		command(CMD_BEGIN_QUERY, 0, 1),
		7,
		command(CMD_END_QUERY, 0, 1),
		7,
		command(CMD_GET_QUERY_RESULT, 0, 2),
		7,
		0,
	};
	struct facet_job job;

	context_with_texture(f, 1, 0);
	buffer.create.target = TARGET_BUFFER;
	buffer.create.bind = 1 << 17; /* custom: what guests keep query results in */
	buffer.create.format = 64;
	buffer.create.width = 64;
	buffer.create.height = 1;
	assert_int_equal(run(f, buffer), 0);
	assert_int_equal(run(f, backing_job(f, 2)), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 2)), 0);
	memset(f->guest, 0, 64);
	memcpy(words + count, query, sizeof(query));
	job = submit(words, count + sizeof(query) / 4);
	job.fenced = true;
	assert_int_equal(run(f, job), 0);
	assert_int_equal(f->guest[0], 1); /* state: the result is there */
}

static void bad_boxes_are_refused(void **state)
{
	struct fixture *f = *state;
	const struct facet_box bad[] = {
		{ 1, 0, 0, WIDTH, 1, 1 },      { 0, 0, 0, 1, HEIGHT + 1, 1 }, { 0, 0, 1, 1, 1, 1 },
		{ 0, 0, UINT32_MAX, 1, 1, 1 }, { UINT32_MAX, 0, 0, 2, 1, 1 }, { 0, 0, 0, 1, 1, 2 },
		{ 0, 0, 0, UINT32_MAX, 1, 1 }, { 0, 0x80000000, 0, 1, 1, 1 },
	};
	const struct facet_box one = { 0, 0, 0, 1, 2, 1 };
	struct facet_job job;

	context_with_texture(f, 1, 0);
	assert_int_equal(run(f, transfer(FACET_JOB_TRANSFER_TO_HOST, 1, one, 0)), -EINVAL);
	assert_int_equal(run(f, backing_job(f, 1)), 0);
	assert_int_equal(run(f, backing_job(f, 1)), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(run(f, transfer(FACET_JOB_TRANSFER_TO_HOST, 1, bad[i], 0)),
				 -EINVAL);
		assert_int_equal(run(f, transfer(FACET_JOB_TRANSFER_FROM_HOST, 1, bad[i], 0)),
				 -EINVAL);
	}
	job = transfer(FACET_JOB_TRANSFER_TO_HOST, 1, one, 0);
	job.transfer.level = 1;
	assert_int_equal(run(f, job), -EINVAL);
	job.transfer.level = 0;
	job.transfer.stride = UINT32_MAX;
	assert_int_equal(run(f, job), -EINVAL);
	job.transfer.stride = 0;
	job.transfer.offset = sizeof(f->guest) + 1;
	assert_int_equal(run(f, job), -EINVAL);
	job.transfer.offset = UINT64_MAX;
	assert_int_equal(run(f, job), -EINVAL);
	job.transfer.offset = 0;
	assert_int_equal(run(f, job), 0);
}

static void bad_commands_are_refused(void **state)
{
	struct fixture *f = *state;
	_Alignas(8) uint32_t endless[2] = { command(CMD_CLEAR, 0, 8), 0 };
	_Alignas(8) uint32_t unknown[1] = { command(200, 0, 0) };
	_Alignas(8) uint32_t hoard[12] = { command(CMD_PIPE_RESOURCE_CREATE, 0, 11) };
	/* One pixel at z = -1. */
	_Alignas(8) uint32_t write[13] = {
		command(CMD_INLINE_WRITE, 0, 12), 1, 0, 0, 0, 0, 0, 0, UINT32_MAX, 1, 1, 1, 42
	};
	struct facet_job jobs[] = {
		submit(endless, 2),
		submit(unknown, 1),
		submit(hoard, 12),
		submit(write, 13),
	};

	context_with_texture(f, 1, 0);
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
		assert_int_not_equal(run(f, jobs[i]), 0);
	jobs[0].context_id = 99;
	assert_int_equal(run(f, jobs[0]), -ENOENT);
	jobs[0].context_id = CONTEXT;
	jobs[0].submit.size = 3;
	assert_int_equal(run(f, jobs[0]), -EINVAL);
	write[8] = 0;
	assert_int_equal(run(f, jobs[3]), 0);
}

/* Pays all or nothing. */
struct purse {
	struct facet_engine_account account;
	uint64_t used;
	bool empty;
};

static int charge(struct facet_engine_account *account, uint64_t bytes)
{
	struct purse *purse = facet_container_of(account, struct purse, account);

	if (purse->empty)
		return -EDQUOT;
	purse->used += bytes;
	return 0;
}

static void uncharge(struct facet_engine_account *account, uint64_t bytes)
{
	facet_container_of(account, struct purse, account)->used -= bytes;
}

/* What is made at last is paid then, and given back. */
static void contexts_are_paid_for(void **state)
{
	struct fixture *f = *state;
	struct purse purse = { { charge, uncharge }, 0, true };
	_Alignas(8) uint32_t nop[1] = { command(0, 0, 0) };

	facet_engine_set_account(f->engine, &purse.account);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_CREATE, 0)), 0);
	assert_int_equal(purse.used, 0);
	assert_int_equal(run(f, submit(nop, 1)), -ENOMEM);
	purse.empty = false;
	assert_int_equal(run(f, submit(nop, 1)), 0);
	assert_true(purse.used > 2 << 20);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_DESTROY, 0)), 0);
	assert_int_equal(purse.used, 0);
	facet_engine_set_account(f->engine, NULL);
}

static void bad_objects_are_refused(void **state)
{
	struct fixture *f = *state;
	struct facet_job job = new_texture(1, 0);

	job.create.format = 511;
	assert_int_equal(run(f, job), -EINVAL);
	job.create.format = UINT32_MAX;
	assert_int_equal(run(f, job), -EINVAL);
	job.create.format = FORMAT_BGRA;
	job.create.target = 9;
	assert_int_equal(run(f, job), -EINVAL);
	job.create.target = TARGET_2D;
	job.create.width = 1 << 30;
	assert_int_equal(run(f, job), -EINVAL);
	job.create.width = WIDTH;
	assert_int_equal(run(f, job), 0);
	assert_int_equal(run(f, job), -EINVAL); /* the id is taken */
	job.resource_id = 0;
	assert_int_equal(run(f, job), -EINVAL);

	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 1)), -ENOENT);
	job = of_context(FACET_JOB_CONTEXT_CREATE, 0);
	job.context.init = 4; /* venus */
	assert_int_equal(run(f, job), -EINVAL);
	job.context.init = 0;
	assert_int_equal(run(f, job), 0);
	assert_int_equal(run(f, job), -EINVAL);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 7)), -ENOENT);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_DETACH, 7)), -ENOENT);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_DETACH, 1)), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_DESTROY, 0)), 0);
	job.context_id = 0;
	assert_int_equal(run(f, job), -EINVAL);
}

/* It is shown, before and after a context hears of it, from the guest's own pages. */
static void blobs_stay_where_they_are(void **state)
{
	struct fixture *f = *state;
	struct facet_job show = scanout(5), blob = backing_job(f, 5);

	blob.kind = FACET_JOB_BLOB_CREATE;
	blob.blob_size = sizeof(f->guest);
	show.scanout.layout = (struct facet_layout){ FORMAT_BGRA, WIDTH, HEIGHT, WIDTH * 4, 0 };
	assert_int_equal(run(f, blob) | run(f, show), 0);
	expect_guest_pixels(f, (struct facet_rect){ 0, 0, WIDTH, HEIGHT });
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_CREATE, 0)), 0);
	assert_int_equal(run(f, of_context(FACET_JOB_CONTEXT_ATTACH, 5)), 0);
	assert_int_equal(clear(f, 5, 0, 0, 1), -EINVAL); /* loads the renderer; it has no shape */
	f->guest[WIDTH + 3] ^= 0xffffff;
	expect_guest_pixels(f, (struct facet_rect){ 1, 0, 7, 3 });
	assert_int_equal(run(f, of_context(FACET_JOB_DETACH_BACKING, 5)), 0);
	assert_int_equal(f->released, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(capsets_are_known_before_and_after, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_cleared_texture_is_shown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lines_run_from_top_to_bottom, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fences_come_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(consoles_need_no_renderer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pictures_become_textures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blobs_stay_where_they_are, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reset_and_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(queries_do_not_hold_up_fences, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_boxes_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_commands_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(contexts_are_paid_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bad_objects_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
