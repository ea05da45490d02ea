// SPDX-License-Identifier: GPL-2.0-or-later
/* encode.c - reads a picture in bands, puts the cursor on top, and writes 8-bit RGB as PNG. */
#include "display/png/encode.h"

#include <errno.h>
#include <png.h>
#include <poll.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "display/format.h"

/* #syscalls write sendto poll fstat */

enum {
	BAND_BYTES = 4 << 20, /* most pictures are one read-back */
	STAGE_BYTES = 64 << 10,
	PIPE_BYTES = 4096, /* what a pipe that polls writable takes without blocking */
	PATIENCE_MS = 1000,
};

struct encoder {
	const struct facet_frame *frame;
	const struct facet_cursor *cursor;
	uint32_t *band;
	uint32_t band_rows;
	uint8_t *row; /* RGB */

	int fd;
	mode_t kind;     /* of the descriptor */
	int patience_ms; /* left, for all waits together */
	uint8_t *stage;  /* of STAGE_BYTES */
	size_t staged;

	jmp_buf failed; /* libpng returns from errors only so */
	int error;
	const char *reason;
};

static _Noreturn void fail(struct encoder *e, int error, const char *reason)
{
	e->error = error;
	e->reason = reason;
	longjmp(e->failed, 1);
}

static void on_png_error(png_structp png, png_const_charp text)
{
	fail(png_get_error_ptr(png), -EIO, "the PNG library gave up");
}

static void on_png_warning(png_structp png, png_const_charp text)
{
}

/* --- writing: the engine waits for us, so a slow reader gets one second in all --- */

static void wait_writable(struct encoder *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLOUT };
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	poll(&p, 1, e->patience_ms);
	clock_gettime(CLOCK_MONOTONIC, &after);
	e->patience_ms -= (int)((after.tv_sec - before.tv_sec) * 1000 +
				(after.tv_nsec - before.tv_nsec) / 1000000);
	if (!p.revents && e->patience_ms <= 0)
		fail(e, -ETIMEDOUT, "its reader is too slow; write to a file");
}

static ssize_t write_some(struct encoder *e, const uint8_t *data, size_t size)
{
	if (S_ISREG(e->kind))
		return write(e->fd, data, size);
	wait_writable(e);
	if (S_ISSOCK(e->kind))
		return send(e->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(e->fd, data, size < PIPE_BYTES ? size : PIPE_BYTES);
}

static void flush_stage(struct encoder *e)
{
	size_t done = 0;
	ssize_t n;

	while (done < e->staged) {
		n = write_some(e, e->stage + done, e->staged - done);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			fail(e, -errno, "it cannot be written");
		if (n > 0)
			done += (size_t)n;
	}
	e->staged = 0;
}

static void on_png_write(png_structp png, png_bytep data, size_t size)
{
	struct encoder *e = png_get_io_ptr(png);
	size_t n;

	while (size) {
		n = STAGE_BYTES - e->staged;
		n = n < size ? n : size;
		memcpy(e->stage + e->staged, data, n);
		e->staged += n;
		data += n;
		size -= n;
		if (e->staged == STAGE_BYTES)
			flush_stage(e);
	}
}

static void on_png_flush(png_structp png)
{
}

/* --- pixels --- */

/* Premultiplied over opaque; exact for alpha 0 and 255. A guest may break the premultiplication. */
static uint32_t over(uint32_t top, uint32_t below, unsigned int shift)
{
	uint32_t alpha = top >> 24;
	uint32_t c = (top >> shift & 0xff) + ((below >> shift & 0xff) * (255 - alpha) + 127) / 255;

	return (c < 255 ? c : 255) << shift;
}

static void blend_cursor(const struct encoder *e, uint32_t *row, uint32_t y)
{
	int64_t line = (int64_t)y - e->cursor->y, x;
	const uint32_t *top;
	unsigned int i;

	if (line < 0 || line >= FACET_CURSOR_SIZE)
		return;
	top = e->cursor->pixels + line * FACET_CURSOR_SIZE;
	for (i = 0; i < FACET_CURSOR_SIZE; i++) {
		x = (int64_t)e->cursor->x + i;
		if (x >= 0 && x < e->frame->width)
			row[x] = over(top[i], row[x], 16) | over(top[i], row[x], 8) |
				 over(top[i], row[x], 0);
	}
}

static void write_row(struct encoder *e, png_structp png, uint32_t *row, uint32_t y)
{
	uint32_t x;

	if (e->cursor)
		blend_cursor(e, row, y);
	for (x = 0; x < e->frame->width; x++) {
		e->row[3 * x + 0] = (uint8_t)(row[x] >> 16);
		e->row[3 * x + 1] = (uint8_t)(row[x] >> 8);
		e->row[3 * x + 2] = (uint8_t)row[x];
	}
	png_write_row(png, e->row);
}

static void write_rows(struct encoder *e, png_structp png)
{
	const struct facet_frame *frame = e->frame;
	struct facet_rect rect = { .width = frame->width };
	uint32_t y;
	int r;

	for (; rect.y < frame->height; rect.y += rect.height) {
		rect.height = frame->height - rect.y;
		if (rect.height > e->band_rows)
			rect.height = e->band_rows;
		r = frame->read(frame, &rect, e->band, (size_t)frame->width * 4);
		if (r < 0)
			fail(e, r, "the picture cannot be read");
		facet_format_to_xrgb(frame->fourcc, e->band, (size_t)rect.width * rect.height);
		for (y = 0; y < rect.height; y++)
			write_row(e, png, e->band + (size_t)y * frame->width, rect.y + y);
	}
}

/* Fast rather than small: somebody's guest waits meanwhile. */
static void write_png(struct encoder *e, png_structp png, png_infop info)
{
	if (setjmp(e->failed))
		return;
	png_set_write_fn(png, e, on_png_write, on_png_flush);
	png_set_IHDR(png, info, e->frame->width, e->frame->height, 8, PNG_COLOR_TYPE_RGB,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(png, 1);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
	png_write_info(png, info);
	write_rows(e, png);
	png_write_end(png, NULL);
	flush_stage(e);
}

static int encode(struct encoder *e)
{
	png_structp png;
	png_infop info;

	e->error = -ENOMEM;
	e->reason = "there is not enough memory";
	png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, on_png_error, on_png_warning);
	info = png ? png_create_info_struct(png) : NULL;
	if (info) {
		e->error = 0;
		write_png(e, png, info);
	}
	png_destroy_write_struct(&png, &info);
	return e->error;
}

int facet_png_write(int fd, const struct facet_frame *frame, const struct facet_cursor *cursor,
		    struct facet_error *err)
{
	const size_t line = (size_t)frame->width * 4;
	facet_autofree uint32_t *band = NULL;
	facet_autofree uint8_t *row = NULL, *stage = NULL;
	struct encoder e = { .frame = frame, .cursor = cursor, .fd = fd };
	struct stat st;
	int r;

	if (!facet_format_known(frame->fourcc))
		return facet_error_set(err, -ENOTSUP,
				       "picture: its pixel format 0x%08x is not known",
				       frame->fourcc);
	if (fstat(fd, &st) < 0)
		return facet_error_set(err, -errno, "picture: its file is not open");
	e.kind = st.st_mode;
	e.patience_ms = PATIENCE_MS;
	e.band_rows = (uint32_t)(BAND_BYTES / line);
	if (e.band_rows > frame->height)
		e.band_rows = frame->height;
	e.band = band = malloc(line * e.band_rows);
	e.row = row = malloc((size_t)frame->width * 3);
	e.stage = stage = malloc(STAGE_BYTES);
	r = band && row && stage ? encode(&e) : -ENOMEM;
	if (r < 0)
		return facet_error_set(err, r, "picture of %ux%u: %s (%s)", frame->width,
				       frame->height, e.reason ? e.reason : "not enough memory",
				       strerror(-r));
	return 0;
}
