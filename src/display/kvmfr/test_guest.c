// SPDX-License-Identifier: GPL-2.0-or-later
/* test_guest.c - a picture to publish, a file to publish it in, and a client that looks. */
#include "display/kvmfr/test_guest.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct test_guest g;

static int on_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		   size_t stride)
{
	g.reads++;
	if (g.read_error)
		return g.read_error;
	assert_true(rect->x + rect->width <= frame->width);
	assert_true(rect->y + rect->height <= frame->height);
	for (uint32_t y = 0; y < rect->height; y++)
		memcpy((char *)to + y * stride, &g.pixels[rect->y + y][rect->x],
		       (size_t)rect->width * 4);
	g.read_pixels += (uint64_t)rect->width * rect->height;
	if (g.during_read)
		g.during_read();
	return 0;
}

struct facet_frame test_frame(uint32_t width, uint32_t height, uint32_t fourcc)
{
	return (struct facet_frame){
		.width = width, .height = height, .fourcc = fourcc, .dmabuf_fd = -1, .read = on_read
	};
}

void test_paint(uint32_t seed)
{
	for (uint32_t y = 0; y < TEST_SIDE; y++) {
		for (uint32_t x = 0; x < TEST_SIDE; x++)
			g.pixels[y][x] =
				0xff000000 | ((seed * 977 + y * 31 + x) * 2654435761U >> 8);
	}
}

void test_paint_rect(const struct facet_rect *rect, uint32_t value)
{
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		for (uint32_t x = rect->x; x < rect->x + rect->width; x++)
			g.pixels[y][x] = 0xff000000 | value;
	}
}

int test_file(uint64_t size)
{
	int fd = memfd_create("kvmfr-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

void test_start(uint64_t size)
{
	struct facet_error err = { 0 };

	memset(&g, 0, sizeof(g));
	g.now = 5000;
	g.fd = test_file(size);
	if (facet_kvmfr_publisher_init(&g.p, g.fd, size, "test", 100, g.now, &err) < 0)
		fail_msg("%s", err.text);
}

void test_stop(void)
{
	facet_kvmfr_publisher_fini(&g.p);
	close(g.fd);
}

bool test_show(const struct facet_frame *frame, const struct facet_rect *damage)
{
	struct kvmfr_fill fill;
	int r = 0;

	facet_kvmfr_frame_damage(&g.p, damage);
	if (!facet_kvmfr_frame_fill(&g.p, g.now, &fill))
		return false;
	for (unsigned int i = 0; i < fill.owed.count && r == 0; i++) {
		const struct facet_rect *d = &fill.owed.rects[i];

		r = frame->read(frame, d,
				fill.pixels + (size_t)d->y * fill.mode.pitch + (size_t)d->x * 4,
				fill.mode.pitch);
	}
	facet_kvmfr_frame_filled(&g.p, &fill, r == 0, g.now);
	return r == 0;
}

/* In steps, as the sink's thread does; a wish is not lost but ends it. */
enum kvmfr_wish test_pass(uint64_t ms)
{
	const uint64_t until = g.now + ms;
	enum kvmfr_wish wish;
	unsigned int next;

	for (;;) {
		next = facet_kvmfr_publisher_tick(&g.p, g.now, &wish);
		assert_in_range(next, 1, KVMFR_IDLE_MS);
		if (wish != KVMFR_WISH_NOTHING || g.now >= until)
			return wish;
		g.now = g.now + next < until ? g.now + next : until;
	}
}

struct facet_viewer *test_viewer(void)
{
	struct facet_error err = { 0 };
	struct facet_viewer *v;

	if (facet_viewer_create(dup(g.fd), (uint64_t)lseek(g.fd, 0, SEEK_END), ++g.clients, &v,
				&err) < 0)
		fail_msg("%s", err.text);
	return v;
}

int test_look(struct facet_viewer *v)
{
	return facet_viewer_step(v, g.now, NULL);
}

void test_expect_picture(const struct facet_viewer *v, uint32_t width, uint32_t height)
{
	assert_int_equal(v->picture.width, width);
	assert_int_equal(v->picture.height, height);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			if (v->pixels[y * width + x] != g.pixels[y][x])
				fail_msg("at %u, %u: %08x instead of %08x", x, y,
					 v->pixels[y * width + x], g.pixels[y][x]);
		}
	}
}
