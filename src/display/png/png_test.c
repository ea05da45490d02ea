// SPDX-License-Identifier: GPL-2.0-or-later
/* png_test.c - pictures written by us and read back by libpng are the same, pixel for pixel. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <drm_fourcc.h>

#include "display/display.h"

static struct facet_display *display;
static int read_error;

static uint32_t pattern(uint32_t x, uint32_t y)
{
	return (x * 2654435761u ^ y * 40503u) >> 3 & 0xffffff;
}

static int on_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		   size_t stride)
{
	uint32_t x, y, p;

	assert_true(rect->x + rect->width <= frame->width);
	assert_true(rect->y + rect->height <= frame->height);
	for (y = 0; y < rect->height; y++) {
		for (x = 0; x < rect->width; x++) {
			p = pattern(rect->x + x, rect->y + y);
			if (frame->fourcc == DRM_FORMAT_BGRA8888)
				p = __builtin_bswap32(p);
			memcpy((char *)to + y * stride + (size_t)x * 4, &p, 4);
		}
	}
	return read_error;
}

static struct facet_frame frame_of(uint32_t width, uint32_t height)
{
	return (struct facet_frame){ .width = width,
				     .height = height,
				     .fourcc = DRM_FORMAT_XRGB8888,
				     .dmabuf_fd = -1,
				     .read = on_read };
}

static int setup(void **state)
{
	struct facet_display_config cfg = { .output_count = 2 };

	read_error = 0;
	return facet_display_create(&cfg, &display, NULL);
}

static int teardown(void **state)
{
	facet_display_destroy(display);
	return 0;
}

/* The pixels as 0x00RRGGBB; to be freed. */
static uint32_t *decode(int fd, uint32_t width, uint32_t height)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	off_t size = lseek(fd, 0, SEEK_END);
	uint32_t *pixels = malloc((size_t)width * height * 4);
	void *file = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);

	assert_true(file != MAP_FAILED && pixels);
	assert_true(png_image_begin_read_from_memory(&image, file, (size_t)size));
	assert_int_equal(image.width, width);
	assert_int_equal(image.height, height);
	assert_int_equal(image.format, PNG_FORMAT_RGB);
	image.format = PNG_FORMAT_BGRA;
	assert_true(png_image_finish_read(&image, NULL, pixels, 0, NULL));
	munmap(file, (size_t)size);
	for (size_t i = 0; i < (size_t)width * height; i++)
		pixels[i] &= 0xffffff;
	return pixels;
}

static void check(const struct facet_frame *frame)
{
	int fd = memfd_create("picture", 0);
	uint32_t *pixels, x, y;

	facet_display_set_scanout(display, 1, frame);
	assert_int_equal(facet_display_capture(display, 1, fd, true, NULL), 0);
	pixels = decode(fd, frame->width, frame->height);
	for (y = 0; y < frame->height; y++) {
		for (x = 0; x < frame->width; x++)
			assert_int_equal(pixels[y * frame->width + x], pattern(x, y));
	}
	free(pixels);
	close(fd);
}

static void test_sizes(void **state)
{
	static const uint32_t sizes[][2] = {
		{ 1, 1 }, { 641, 479 }, { 1366, 768 }, { 16384, 130 }, { 3, 16384 }
	};
	struct facet_frame frame;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		frame = frame_of(sizes[i][0], sizes[i][1]);
		check(&frame);
	}
	frame.fourcc = DRM_FORMAT_BGRA8888;
	check(&frame);
}

/* All of the cursor is one pixel value. */
static struct facet_cursor cursor_of(int32_t x, int32_t y, uint32_t pixel)
{
	struct facet_cursor cursor = { .x = x, .y = y, .visible = true };

	for (int i = 0; i < FACET_CURSOR_SIZE * FACET_CURSOR_SIZE; i++)
		cursor.pixels[i] = pixel;
	return cursor;
}

static uint32_t *capture(const struct facet_frame *frame, const struct facet_cursor *cursor,
			 bool with_cursor)
{
	int fd = memfd_create("picture", 0);
	uint32_t *pixels;

	facet_display_set_scanout(display, 0, frame);
	facet_display_set_cursor(display, 0, cursor);
	assert_int_equal(facet_display_capture(display, 0, fd, with_cursor, NULL), 0);
	pixels = decode(fd, frame->width, frame->height);
	close(fd);
	return pixels;
}

static void check_cursor(int32_t cx, int32_t cy, uint32_t pixel, bool covers)
{
	struct facet_frame frame = frame_of(100, 90);
	struct facet_cursor cursor = cursor_of(cx, cy, pixel);
	uint32_t *pixels = capture(&frame, &cursor, true);
	bool inside;

	for (int y = 0; y < 90; y++) {
		for (int x = 0; x < 100; x++) {
			inside = x >= cx && x < (int64_t)cx + 64 && y >= cy && y < (int64_t)cy + 64;
			assert_int_equal(pixels[y * 100 + x],
					 inside && covers ? pixel & 0xffffff
							  : pattern((uint32_t)x, (uint32_t)y));
		}
	}
	free(pixels);
}

static void test_cursor(void **state)
{
	struct facet_frame frame = frame_of(100, 90);
	struct facet_cursor cursor = cursor_of(0, 0, 0x80402010);
	uint32_t *pixels;

	check_cursor(10, 20, 0xff123456, true);
	check_cursor(10, 20, 0x00000000, false);
	check_cursor(-20, -63, 0xff123456, true);
	check_cursor(99, 89, 0xff123456, true);
	check_cursor(-64, 0, 0xff123456, true);
	check_cursor(INT32_MAX, INT32_MIN, 0xff123456, true);
	check_cursor(INT32_MIN, INT32_MAX, 0xff123456, true);

	pixels = capture(&frame, &cursor, true);
	for (unsigned int shift = 0; shift < 24; shift += 8) {
		uint32_t below = pattern(5, 6) >> shift & 0xff;
		uint32_t got = pixels[6 * 100 + 5] >> shift & 0xff;

		assert_in_range(got, (0x402010 >> shift & 0xff) + below * 127 / 255,
				(0x402010 >> shift & 0xff) + below * 127 / 255 + 1);
	}
	free(pixels);

	/* A hostile image is not premultiplied: it saturates. */
	cursor = cursor_of(0, 0, 0x00ffffff);
	pixels = capture(&frame, &cursor, true);
	assert_int_equal(pixels[0], 0xffffff);
	free(pixels);

	/* Not asked for, or hidden. */
	pixels = capture(&frame, &cursor, false);
	assert_int_equal(pixels[0], pattern(0, 0));
	free(pixels);
	cursor.visible = false;
	pixels = capture(&frame, &cursor, true);
	assert_int_equal(pixels[0], pattern(0, 0));
	free(pixels);
}

static void test_errors(void **state)
{
	struct facet_frame frame = frame_of(2000, 1000);
	struct facet_error err = { 0 };
	int fd[2];

	signal(SIGPIPE, SIG_IGN);
	facet_display_set_scanout(display, 0, &frame);
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(facet_display_capture(display, 0, fd[1], false, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "slow"));
	close(fd[0]);
	assert_int_equal(facet_display_capture(display, 0, fd[1], false, &err), -EPIPE);
	close(fd[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(facet_display_capture(display, 0, fd[1], false, &err), -ETIMEDOUT);
	close(fd[0]);
	assert_int_equal(facet_display_capture(display, 0, fd[1], false, &err), -EPIPE);
	close(fd[1]);

	fd[0] = memfd_create("picture", 0);
	read_error = -EIO;
	assert_int_equal(facet_display_capture(display, 0, fd[0], false, &err), -EIO);
	read_error = 0;
	frame.fourcc = DRM_FORMAT_RGB565;
	assert_int_equal(facet_display_capture(display, 0, fd[0], false, &err), -ENOTSUP);
	close(fd[0]);
}

static void test_sink(void **state)
{
	struct facet_frame big = frame_of(300, 200), less = frame_of(30, 20);
	const struct facet_rect part = { 1, 2, 3, 4 };
	int fd = memfd_create("picture", 0);
	struct facet_sink *sink;
	uint32_t *pixels;

	facet_display_set_scanout(display, 0, &big);
	assert_int_equal(
		facet_display_add_sink(display,
				       &(struct facet_sink_config){ .type = "png", .fd = dup(fd) },
				       &sink, NULL),
		0);
	facet_display_refresh(display);
	pixels = decode(fd, 300, 200);
	free(pixels);
	facet_display_set_scanout(display, 0, &less);
	facet_display_commit(display, 0, &part);
	pixels = decode(fd, 30, 20); /* the file has become shorter, and the picture is whole */
	assert_int_equal(pixels[29 + 19 * 30], pattern(29, 19));
	free(pixels);
	assert_int_equal(facet_sink_frames(sink), 2);
	facet_display_set_scanout(display, 1, &big);
	facet_display_commit(display, 1, &part);
	facet_display_set_scanout(display, 0, NULL);
	assert_int_equal(facet_sink_frames(sink), 2);
	read_error = -EIO;
	facet_display_set_scanout(display, 0, &big);
	facet_display_commit(display, 0, &part);
	assert_int_equal(facet_sink_frames(sink), 2);
	facet_display_remove_sink(display, sink);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cursor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sink, setup, teardown),
	};

	return cmocka_run_group_tests_name("png", tests, NULL, NULL);
}
