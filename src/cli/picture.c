// SPDX-License-Identifier: GPL-2.0-or-later
/* picture.c - what somebody publishes in a KVMFR file, as PNG. */
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "viewer/viewer.h"

enum {
	LIFE_MS = 3000,    /* within which a publisher shows that it lives */
	PICTURE_MS = 5000, /* and shows us its picture */
	POINTER_MS = 100,  /* after which the pointer must have come if there is one */
	LATE_TRIES = 20,
};

struct picture {
	uint32_t width, height;
	uint32_t *pixels; /* XRGB */
};

static uint32_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* The viewer's pixels are lent for a moment only. */
static int keep(struct picture *picture, const struct facet_viewer_picture *shown)
{
	size_t size = (size_t)shown->width * shown->height * sizeof(uint32_t);
	uint32_t *pixels = realloc(picture->pixels, size);

	if (!pixels)
		return -ENOMEM;
	memcpy(pixels, shown->pixels, size);
	*picture = (struct picture){ shown->width, shown->height, pixels };
	return 0;
}

/* Premultiplied over opaque, as a vGPU's own screenshot has it. */
static uint32_t over(uint32_t top, uint32_t below, int shift)
{
	uint32_t alpha = top >> 24;
	uint32_t c = (top >> shift & 0xff) + ((below >> shift & 0xff) * (255 - alpha) + 127) / 255;

	return (c < 255 ? c : 255) << shift;
}

static void put_pointer(struct picture *picture, const struct facet_viewer_cursor *pointer)
{
	for (uint32_t i = 0; pointer->visible && i < pointer->width * pointer->height; i++) {
		int64_t x = (int64_t)pointer->x + i % pointer->width;
		int64_t y = (int64_t)pointer->y + i / pointer->width;
		uint32_t top = pointer->pixels[i], *pixel;

		if (x < 0 || y < 0 || x >= picture->width || y >= picture->height)
			continue;
		pixel = &picture->pixels[(size_t)y * picture->width + (size_t)x];
		*pixel = over(top, *pixel, 16) | over(top, *pixel, 8) | over(top, *pixel, 0);
	}
}

/* It comes by a queue of its own, at about the same time: newer pictures may come before it. */
static int add_pointer(struct facet_viewer *viewer, struct picture *picture,
		       struct facet_error *err)
{
	uint32_t start = now_ms(), spent = 0;
	struct facet_viewer_picture shown;
	struct facet_viewer_cursor pointer;
	int r = 0;

	while (!r && (spent = now_ms() - start) < POINTER_MS) {
		r = facet_viewer_next(viewer, (int)(POINTER_MS - spent), &shown, err);
		if (!r && !shown.late)
			r = keep(picture, &shown);
	}
	if (r && r != -ETIMEDOUT)
		return r;
	facet_viewer_cursor(viewer, &pointer);
	put_pointer(picture, &pointer);
	return 0;
}

static int look(struct facet_viewer *viewer, bool with_cursor, struct picture *picture,
		struct facet_error *err)
{
	struct facet_viewer_picture shown;
	int r = facet_viewer_next(viewer, PICTURE_MS, &shown, err);

	for (int i = 0; i < LATE_TRIES && !r && shown.late; i++)
		r = facet_viewer_next(viewer, PICTURE_MS, &shown, err);
	if (r == -ETIMEDOUT)
		return facet_error_set(err, r, "its screen is off, or nothing new comes from it");
	if (!r)
		r = keep(picture, &shown);
	if (!r && with_cursor)
		r = add_pointer(viewer, picture, err);
	return r == -ENOMEM ? facet_error_set(err, r, "out of memory") : r;
}

/* What libpng takes, in place. */
static uint8_t *to_rgb(struct picture *picture)
{
	uint8_t *rgb = (uint8_t *)picture->pixels;

	for (size_t i = 0; i < (size_t)picture->width * picture->height; i++) {
		uint32_t pixel = picture->pixels[i];

		rgb[3 * i] = (uint8_t)(pixel >> 16);
		rgb[3 * i + 1] = (uint8_t)(pixel >> 8);
		rgb[3 * i + 2] = (uint8_t)pixel;
	}
	return rgb;
}

static int write_png(struct picture *picture, int fd)
{
	png_image image = { .version = PNG_IMAGE_VERSION,
			    .width = picture->width,
			    .height = picture->height,
			    .format = PNG_FORMAT_RGB,
			    .flags = PNG_IMAGE_FLAG_FAST };
	int copy = dup(fd), r = 0;
	FILE *file = copy < 0 ? NULL : fdopen(copy, "wb");

	if (!file) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	errno = 0;
	if (!png_image_write_to_stdio(&image, file, 0, to_rgb(picture), 0, NULL))
		r = errno ? -errno : -EIO;
	if (fclose(file) != 0 && !r)
		r = -errno;
	return r;
}

int cli_picture(const struct cli *cli, const char *path, bool with_cursor, int fd)
{
	struct facet_viewer *viewer = NULL;
	struct picture picture = { 0 };
	struct facet_error err = { 0 };
	int r = facet_viewer_open(path, LIFE_MS, &viewer, &err);

	if (!r)
		r = look(viewer, with_cursor, &picture, &err);
	facet_viewer_close(viewer);
	if (r) {
		r = cli_error(cli, "%s: %s", path, err.text[0] ? err.text : strerror(-r));
	} else {
		r = write_png(&picture, fd);
		r = r ? cli_error(cli, "the picture cannot be written: %s", strerror(-r)) : 0;
	}
	free(picture.pixels);
	return r;
}
