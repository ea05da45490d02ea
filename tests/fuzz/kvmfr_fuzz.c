// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmfr_fuzz.c - a KVMFR file that somebody else writes while a publisher and a viewer use it. The
 * clock is the input's: the same input does the same.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "base/log.h"
#include "display/kvmfr/publisher.h"
#include "viewer/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FILE_BYTES = 640 << 10, /* the least that a publisher takes, and a little */
	STEPS = 256,
};

static const struct facet_rect nothing;

static struct {
	const uint8_t *data;
	size_t left;
	int fd;
	uint64_t now;
	struct kvmfr_publisher p;
	struct facet_viewer *v;
	uint8_t *file; /* the third one's */
} f;

static uint32_t take(unsigned int bytes)
{
	uint32_t value = 0;

	for (; bytes && f.left; bytes--, f.left--)
		value = value << 8 | *f.data++;
	return value;
}

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

/* A place that means something more often than a random one would. */
static uint32_t take_place(void)
{
	const uint32_t starts[] = { 0,
				    f.p.pointer_queue.at,
				    f.p.frame_queue.at,
				    f.p.pointer_queue.ring,
				    f.p.frame_queue.ring,
				    f.p.pointers + f.p.pointer_queue.position * f.p.pointer_bytes,
				    f.p.buffers[0].at,
				    f.p.buffers[1].at,
				    f.p.buffers[0].at + WIRE_KVMFR_PAGE - 4,
				    f.p.wire->lgmp.user };
	const uint32_t start = take(1), at = take(2);

	return (starts[start % FACET_ARRAY_SIZE(starts)] + at) % (FILE_BYTES - 8);
}

static void scribble(void)
{
	const uint32_t at = take_place(), count = take(1) % 65;

	for (uint32_t i = 0; i < count && at + i < FILE_BYTES; i++)
		f.file[at + i] = (uint8_t)take(1);
}

static void write_number(void)
{
	static const uint32_t numbers[] = { 0,  1,  2,          8,          9,
					    20, 21, 0x7fffffff, 0x80000000, 0xffffffff };
	const uint32_t at = take_place() & ~3U, which = take(1);

	memcpy(f.file + at, &numbers[which % FACET_ARRAY_SIZE(numbers)], 4);
}

static struct facet_frame next_frame(void)
{
	static const uint32_t formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_XBGR8888,
					    DRM_FORMAT_BGRX8888, DRM_FORMAT_RGB565 };

	return (struct facet_frame){ .width = 1 + take(2) % 300,
				     .height = 1 + take(2) % 300,
				     .fourcc = formats[take(1) % FACET_ARRAY_SIZE(formats)] };
}

static void show(const struct facet_rect *damage, bool ok)
{
	struct kvmfr_fill fill;

	facet_kvmfr_frame_damage(&f.p, damage);
	if (!facet_kvmfr_frame_fill(&f.p, f.now, &fill))
		return;
	for (unsigned int i = 0; i < fill.owed.count; i++) {
		const struct facet_rect *r = &fill.owed.rects[i];

		if (r->x + r->width > fill.mode.width || r->y + r->height > fill.mode.rows)
			__builtin_trap();
		for (uint32_t y = r->y; y < r->y + r->height; y++)
			memset(fill.pixels + (size_t)y * fill.mode.pitch + r->x * 4, 0x55,
			       (size_t)r->width * 4);
	}
	facet_kvmfr_frame_filled(&f.p, &fill, ok, f.now);
}

static void look(void)
{
	const struct facet_viewer_picture *picture = &f.v->picture;
	volatile uint32_t last;

	if (facet_viewer_step(f.v, f.now, NULL) != 1)
		return;
	last = picture->pixels[(size_t)picture->width * picture->height - 1]; /* it is there */
	(void)last;
}

static void step(void)
{
	enum kvmfr_wish wish;
	struct facet_frame frame;
	struct facet_rect damage;
	struct facet_cursor cursor = { 0 };

	switch (take(1) % 10) {
	case 0:
		scribble();
		break;
	case 1:
		write_number();
		break;
	case 2:
		f.now += take(2);
		break;
	case 3:
		frame = next_frame();
		facet_kvmfr_frame_mode(&f.p, take(1) % 8 ? &frame : NULL, f.now);
		break;
	case 4:
		cursor.x = (int32_t)take(4);
		cursor.visible = take(1);
		facet_kvmfr_pointer_set(&f.p, &cursor, take(1) % 2);
		break;
	case 5:
		/* Longer again at once: what it lost is zero. Shorter for good is a unit test. */
		if (ftruncate(f.fd, (off_t)(take(1) % 2 ? take(2) : take_place())) < 0 ||
		    ftruncate(f.fd, FILE_BYTES) < 0)
			__builtin_trap();
		break;
	case 6:
		look();
		break;
	case 7:
		damage = (struct facet_rect){ take(1), take(1), take(1), take(1) };
		show(&damage, take(1) % 8);
		break;
	default:
		if (facet_kvmfr_publisher_tick(&f.p, f.now, &wish) > KVMFR_IDLE_MS)
			__builtin_trap();
		if (wish != KVMFR_WISH_NOTHING)
			show(&nothing, true);
		break;
	}
}

/* Whatever was written: once nobody does any more, a viewer sees the screen again. */
static void expect_recovery(void)
{
	const struct facet_frame frame = { .width = 16,
					   .height = 16,
					   .fourcc = DRM_FORMAT_XRGB8888 };
	enum kvmfr_wish wish;
	int r = 0;

	facet_kvmfr_session_start(&f.p, ++f.now);
	facet_kvmfr_frame_mode(&f.p, &frame, f.now);
	facet_kvmfr_frame_forget(&f.p);
	for (int i = 0; i < 200 && r != 1; i++) {
		facet_kvmfr_publisher_tick(&f.p, f.now, &wish);
		if (wish == KVMFR_WISH_PICTURE)
			show(&nothing, true);
		r = facet_viewer_step(f.v, f.now, NULL);
		f.now += 50;
	}
	if (r != 1 || f.v->picture.width != 16 || f.v->pixels[255] != 0xff555555)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	facet_log_set(drop_log, FACET_LOG_ERROR);
	memset(&f, 0, sizeof(f));
	f.data = data;
	f.left = size;
	f.now = 1;
	f.fd = memfd_create("kvmfr-fuzz", MFD_CLOEXEC);
	if (f.fd < 0 || ftruncate(f.fd, FILE_BYTES) < 0)
		__builtin_trap();
	f.file = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	if (facet_kvmfr_publisher_init(&f.p, f.fd, FILE_BYTES, "fuzz", 1, f.now, NULL) < 0 ||
	    facet_viewer_create(dup(f.fd), FILE_BYTES, 1, &f.v, NULL) < 0)
		__builtin_trap();
	for (int i = 0; i < STEPS && f.left; i++)
		step();
	expect_recovery();
	facet_viewer_close(f.v);
	facet_kvmfr_publisher_fini(&f.p);
	munmap(f.file, FILE_BYTES);
	close(f.fd);
	return 0;
}
