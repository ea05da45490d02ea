// SPDX-License-Identifier: GPL-2.0-or-later
/* viewer_test.c - files that others publish: every kind of pixel and pointer, versions, nonsense.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "viewer/internal.h"

enum { BYTES = 1 << 20, RING = 8192, POINTER = 12288, FRAME = 16384, WIDTH = 8, HEIGHT = 4 };

/* Written as Looking Glass's own host does, by structures. */
static struct {
	int fd;
	uint8_t *file;
	struct wire_lgmp6_header *header;
	struct wire_lgmp6_message *ring;
	struct wire_kvmfr20_frame *frame;
	struct wire_kvmfr20_pointer *pointer;
	uint8_t *pixels;
	struct facet_viewer *v;
	struct facet_error err;
	uint64_t now;
} t;

static void *at(const void *start, size_t offset)
{
	return (char *)(uintptr_t)start + offset;
}

static void add_queue(uint32_t index, uint32_t id)
{
	struct wire_lgmp6_queue *q = &t.header->queues[index];

	q->id = id;
	q->slots = 4;
	q->max_time = 1000;
	q->messages = RING + index * 256;
	q->client_free = 10;
}

static void publish(void)
{
	struct wire_kvmfr20_user *user = at(t.header->user, 0);
	const uint8_t records[] = "\x09\0\0\0\x02\0\0\0ab"                /* unknown: skipped */
				  "\x02\0\0\0\x0a\0\0\0\x03Wind\x1b[1m\0" /* hostile to terminals */
				  "\x01\0\0\0\xff\xff\xff\xff";           /* longer than there is */

	t.header->version = 6;
	t.header->session = 77;
	t.header->timestamp = 1000;
	t.header->queue_count = 2;
	add_queue(0, WIRE_KVMFR_QUEUE_POINTER);
	add_queue(1, WIRE_KVMFR_QUEUE_FRAME);
	memcpy(user->magic, wire_kvmfr_magic, 8);
	user->version = 20;
	snprintf(user->publisher, sizeof(user->publisher), "B7");
	memcpy(user->records, records, sizeof(records) - 1);
	t.header->user_size = sizeof(*user) + sizeof(records) - 1;
	t.header->magic = WIRE_LGMP_MAGIC;
}

static void describe_frame(uint32_t type, uint32_t bits)
{
	const uint32_t pitch = (WIDTH * bits / 8 + 31) / 32 * 32;

	*t.frame = (struct wire_kvmfr20_frame){ .format_version = t.frame->format_version + 1,
						.serial = t.frame->serial + 1,
						.type = type,
						.screen_width = WIDTH,
						.screen_height = HEIGHT,
						.data_width = bits == 24 ? WIDTH * 3 / 4 : WIDTH,
						.data_height = HEIGHT,
						.frame_width = WIDTH,
						.frame_height = HEIGHT,
						.stride = pitch / 4,
						.pitch = pitch,
						.offset = 4096 - 4 };
	*(uint32_t *)at(t.file, FRAME + 4092) = pitch * HEIGHT;
}

static int setup(void **state)
{
	memset(&t, 0, sizeof(t));
	t.fd = memfd_create("viewer-test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(t.fd, BYTES), 0);
	t.file = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, 0);
	t.header = at(t.file, 0);
	t.ring = at(t.file, RING);
	t.frame = at(t.file, FRAME);
	t.pointer = at(t.file, POINTER);
	t.pixels = t.file + FRAME + 4096;
	t.now = 100;
	publish();
	return facet_viewer_create(dup(t.fd), BYTES, 1, &t.v, NULL);
}

static int teardown(void **state)
{
	facet_viewer_close(t.v);
	munmap(t.file, BYTES);
	close(t.fd);
	return 0;
}

static int step(void)
{
	t.header->timestamp = t.now += 10;
	return facet_viewer_step(t.v, t.now, &t.err);
}

static void post(uint32_t queue, uint32_t user, uint32_t offset)
{
	struct wire_lgmp6_queue *q = &t.header->queues[queue];

	t.ring[queue * 16 + q->position] =
		(struct wire_lgmp6_message){ .user = user, .offset = offset, .pending = 1 };
	q->count++;
	q->position = (q->position + 1) % 4;
}

static int show(void)
{
	post(1, 0, FRAME);
	return step();
}

static void test_who(void **state)
{
	assert_int_equal(step(), 0);
	assert_string_equal(t.v->info.publisher, "B7");
	assert_string_equal(t.v->info.os, "Wind?[1m");
	assert_int_equal(t.v->info.session, 77);
	assert_int_equal(t.header->queues[1].subs >> 32, 1);
	assert_int_equal(t.header->queues[1].new_subs, 1);
	assert_int_equal(t.header->queues[1].client_ids[0], 1);
}

static void test_kinds(void **state)
{
	const uint32_t rgb = 0xff112233;
	uint8_t *row = t.pixels;

	step();
	describe_frame(WIRE_KVMFR_BGRA, 32);
	memcpy(row + t.frame->pitch * 3 + 4, "\x33\x22\x11\0", 4); /* lines go down */
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[3 * WIDTH + 1], rgb);
	assert_int_equal(t.v->pixels[0], 0xff000000);

	describe_frame(WIRE_KVMFR_RGBA, 32);
	memcpy(row, "\x11\x22\x33\0", 4);
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[0], rgb);

	describe_frame(WIRE_KVMFR_RGBA10, 32);
	*(uint32_t *)at(row, 0) = 0x33U << 22 | 0x22 << 12 | 0x11 << 2;
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[0], rgb);

	describe_frame(WIRE_KVMFR_BGR_32, 24);
	memcpy(row + 3 * (WIDTH - 1), "\x33\x22\x11", 3);
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[WIDTH - 1], rgb);

	describe_frame(WIRE_KVMFR_RGB_24, 24);
	memcpy(row + 3, "\x11\x22\x33", 3);
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[1], rgb);
	assert_int_equal(t.v->picture.type, WIRE_KVMFR_RGB_24);
}

static void test_halves(void **state)
{
	const uint16_t pixels[][4] = { { 0x3c00, 0x3800, 0x0000, 0 },   /* 1, 0.5, 0 */
				       { 0x4900, 0xbc00, 0x7c00, 0 },   /* 10, -1, infinity */
				       { 0x7e00, 0x0001, 0x3bff, 0 } }; /* NaN, tiny, nearly 1 */

	step();
	describe_frame(WIRE_KVMFR_RGBA16F, 64);
	memcpy(t.pixels, pixels, sizeof(pixels));
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[0], 0xffff8000);
	assert_int_equal(t.v->pixels[1], 0xffff00ff);
	assert_int_equal(t.v->pixels[2], 0xff0000ff);
	describe_frame(WIRE_KVMFR_RGBA16F, 64);
	t.frame->flags = WIRE_KVMFR_HDR; /* half the light is not half the number */
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[0], 0xffffbc00);
}

static void test_damage(void **state)
{
	step();
	describe_frame(WIRE_KVMFR_BGRA, 32);
	assert_int_equal(show(), 1);
	memset(t.pixels, 0x55, t.frame->pitch * HEIGHT);
	t.frame->serial++;
	t.frame->damage_count = 2;
	t.frame->damage[0].x = 6; /* and further than there is */
	t.frame->damage[0].width = t.frame->damage[0].height = UINT32_MAX;
	t.frame->damage[1].x = t.frame->damage[1].y = UINT32_MAX;
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[5], 0xff000000);
	assert_int_equal(t.v->pixels[6], 0xff555555);
	assert_int_equal(t.v->pixels[3 * WIDTH + 7], 0xff555555);
	assert_int_equal(show(), 0); /* the same one again */
	t.frame->serial++;
	t.frame->damage_count = 65; /* too many to say */
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->pixels[0], 0xff555555);
	assert_int_equal(t.header->queues[1].count, 0);
}

/* Announced before it is there: waited for, but not for ever. */
static void test_streamed(void **state)
{
	uint32_t *written = at(t.file, FRAME + 4092);

	step();
	describe_frame(WIRE_KVMFR_BGRA, 32);
	*written = 5;
	assert_int_equal(show(), 0);
	assert_int_equal(step(), 0);
	*written = t.frame->pitch * HEIGHT;
	assert_int_equal(step(), 1);
	assert_false(t.v->picture.late);
	t.frame->serial++;
	*written = 5;
	assert_int_equal(show(), 0);
	t.now += VIEWER_LATE_MS;
	assert_int_equal(step(), 1);
	assert_true(t.v->picture.late);
}

static void test_truncated_picture(void **state)
{
	step();
	describe_frame(WIRE_KVMFR_BGRA, 32);
	t.frame->data_height = 2;
	t.frame->flags = WIRE_KVMFR_TRUNCATED;
	assert_int_equal(show(), 1);
	assert_int_equal(t.v->picture.height, 2);
	assert_int_equal(t.v->picture.screen_height, HEIGHT);
	assert_true(t.v->picture.truncated);
}

static void test_versions(void **state)
{
	struct wire_kvmfr20_user *user = at(t.header->user, 0);

	t.header->version = 10;
	assert_int_equal(step(), -EPROTONOSUPPORT);
	assert_non_null(strstr(t.err.text, "LGMP version 10"));
	assert_non_null(strstr(t.err.text, "facet 6"));
	t.header->version = 6;
	user->version = 34;
	assert_int_equal(step(), -EPROTONOSUPPORT);
	assert_non_null(strstr(t.err.text, "KVMFR version 34"));
	assert_non_null(strstr(t.err.text, "facet 20"));
	user->version = 20;
	user->magic[0] = 'X';
	assert_int_equal(step(), -ENODATA);
	user->magic[0] = 'K';
	t.header->magic = 0;
	assert_int_equal(step(), -ENODATA);
	t.header->magic = WIRE_LGMP_MAGIC;
	t.header->queue_count = 1; /* the pointer's */
	assert_int_equal(step(), -ENODATA);
	t.header->queue_count = 2;
	assert_int_equal(step(), 0);
}

static void test_bad_header(void **state)
{
	struct wire_lgmp6_queue *q = &t.header->queues[1];
	uint32_t *const fields[] = { &t.header->user_size, &q->slots, &q->messages };
	const uint32_t values[] = { 0, 1, 47, BYTES, UINT32_MAX, UINT32_MAX - 5756 };
	uint32_t was;

	for (size_t f = 0; f < FACET_ARRAY_SIZE(fields); f++) {
		for (size_t i = 0; i < FACET_ARRAY_SIZE(values); i++) {
			if ((fields[f] == &q->messages && values[i] == 0) ||
			    (fields[f] == &q->slots && values[i] == 47))
				continue; /* strange, but inside */
			was = *fields[f];
			*fields[f] = values[i];
			assert_int_equal(step(), -EBADMSG);
			*fields[f] = was;
		}
	}
	q->position = 4;
	assert_int_equal(step(), -EBADMSG);
	q->position = 0;
	q->subs = 0xffffffffULL << 32;
	assert_int_equal(step(), -EUSERS);
	q->subs = 0;
	q->lock = 1;
	assert_int_equal(step(), 0);
	assert_int_equal(t.v->frame_queue.bit, -1);
	q->lock = 0;
	assert_int_equal(step(), 0);
	assert_int_equal(t.v->frame_queue.bit, 0);
}

static void test_bad_frames(void **state)
{
	const struct {
		size_t field;
		uint32_t value;
	} bad[] = {
		{ offsetof(struct wire_kvmfr20_frame, type), 0 },
		{ offsetof(struct wire_kvmfr20_frame, type), 7 },
		{ offsetof(struct wire_kvmfr20_frame, frame_width), 0 },
		{ offsetof(struct wire_kvmfr20_frame, frame_width), 32769 },
		{ offsetof(struct wire_kvmfr20_frame, frame_width), 9 }, /* wider than a line */
		{ offsetof(struct wire_kvmfr20_frame, frame_height), 0 },
		{ offsetof(struct wire_kvmfr20_frame, data_height), 0 },
		{ offsetof(struct wire_kvmfr20_frame, pitch), 31 },
		{ offsetof(struct wire_kvmfr20_frame, pitch), UINT32_MAX },
		{ offsetof(struct wire_kvmfr20_frame, offset), 4091 },
		{ offsetof(struct wire_kvmfr20_frame, offset), UINT32_MAX - 3 },
		{ offsetof(struct wire_kvmfr20_frame, offset), BYTES - FRAME - 4 },
	};
	const uint32_t places[] = { BYTES - 1084 + 4, BYTES, UINT32_MAX - 3, 2 };

	step();
	describe_frame(WIRE_KVMFR_BGRA, 32);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(bad); i++) {
		describe_frame(WIRE_KVMFR_BGRA, 32);
		*(uint32_t *)at(t.frame, bad[i].field) = bad[i].value;
		assert_int_equal(show(), -EBADMSG);
		assert_true(strlen(t.err.text) > 10);
	}
	for (size_t i = 0; i < FACET_ARRAY_SIZE(places); i++) {
		post(1, 0, places[i]);
		assert_int_equal(step(), -EBADMSG);
	}
	describe_frame(WIRE_KVMFR_BGRA, 32);
	assert_int_equal(show(), 1); /* and on it goes */
}

static void test_pointers(void **state)
{
	step();
	*t.pointer = (struct wire_kvmfr20_pointer){ .x = -5,
						    .y = 6,
						    .type = WIRE_KVMFR_POINTER_MONOCHROME,
						    .width = 9,
						    .height = 4,
						    .pitch = 2,
						    .hot_x = 3 };
	/* Rows of AND: 0 1.., 1 1..; rows of XOR: 1 0.., 0 1.. */
	memcpy(t.pointer->image, "\x7f\xff\xff\xff\x80\x00\x40\x00", 8);
	post(0, WIRE_KVMFR_POINTER_POSITION | WIRE_KVMFR_POINTER_VISIBLE | WIRE_KVMFR_POINTER_SHAPE,
	     POINTER);
	assert_int_equal(step(), 0);
	assert_int_equal(t.v->cursor.x, -5);
	assert_int_equal(t.v->cursor.height, 2);
	assert_int_equal(t.v->cursor.hot_x, 3);
	assert_int_equal(t.v->cursor.pixels[0], 0xffffffff);     /* set */
	assert_int_equal(t.v->cursor.pixels[1], 0);              /* seen through */
	assert_int_equal(t.v->cursor.pixels[9 + 1], 0xff000000); /* inverts */

	*t.pointer = (struct wire_kvmfr20_pointer){
		.type = WIRE_KVMFR_POINTER_MASKED, .width = 3, .height = 1, .pitch = 12
	};
	memcpy(t.pointer->image, "\x33\x22\x11\0\0\0\0\xff\xff\xff\xff\xff", 12);
	post(0, WIRE_KVMFR_POINTER_SHAPE, POINTER);
	assert_int_equal(step(), 0);
	assert_false(t.v->cursor.visible);
	assert_int_equal(t.v->cursor.x, -5);
	assert_int_equal(t.v->cursor.pixels[0], 0xff112233);
	assert_int_equal(t.v->cursor.pixels[1], 0);
	assert_int_equal(t.v->cursor.pixels[2], 0xff000000);

	/* None of these is taken, none does harm. */
	t.pointer->pitch = 11;
	post(0, WIRE_KVMFR_POINTER_SHAPE, POINTER);
	step();
	t.pointer->pitch = UINT32_MAX;
	post(0, WIRE_KVMFR_POINTER_SHAPE, POINTER);
	step();
	t.pointer->pitch = 12;
	t.pointer->width = 100000;
	post(0, WIRE_KVMFR_POINTER_SHAPE, POINTER);
	step();
	post(0, WIRE_KVMFR_POINTER_SHAPE | WIRE_KVMFR_POINTER_POSITION, BYTES - 4);
	step();
	post(0, WIRE_KVMFR_POINTER_SHAPE, BYTES - 24);
	step();
	assert_int_equal(t.v->cursor.width, 3);
	assert_int_equal(t.header->queues[0].count, 0);
}

static void test_dead(void **state)
{
	char path[64];
	struct facet_viewer *v;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", t.fd);
	assert_int_equal(facet_viewer_open(path, 50, &v, &t.err), -EHOSTDOWN);
	assert_int_equal(t.header->queues[1].subs, 0);
	assert_int_equal(step(), 0);
	assert_int_equal(facet_viewer_step(t.v, t.now + VIEWER_LOST_MS + 1, &t.err), -EHOSTDOWN);
	assert_int_equal(step(), 0);
	facet_viewer_close(t.v);
	t.v = NULL;
	assert_int_equal(t.header->queues[0].subs | t.header->queues[1].subs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_halves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_streamed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated_picture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pointers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead, setup, teardown),
	};

	return cmocka_run_group_tests_name("viewer", tests, NULL, NULL);
}
