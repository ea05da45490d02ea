/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small helpers of the guest programs: time, errors, sizes, picture files. */

#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static double clock_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

double uptime_s(void)
{
	return clock_s(CLOCK_BOOTTIME);
}

int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

void parse_size(const char *text, uint32_t *ret_width, uint32_t *ret_height)
{
	unsigned int width, height;
	char rest;

	if (sscanf(text, "%ux%u%c", &width, &height, &rest) != 2 || !width || !height ||
	    width > 16384 || height > 16384)
		die("'%s' is not a size: give WIDTHxHEIGHT", text);
	*ret_width = width;
	*ret_height = height;
}

uint32_t crc32_of(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

/* Written under another name first: whoever waits for the file never reads half of it. */
void write_ppm(const char *path, const uint32_t *xrgb, uint32_t width, uint32_t height)
{
	size_t count = (size_t)width * height;
	uint8_t *rgb = malloc(count * 3);
	char part[512];
	FILE *file;

	if (!rgb)
		die("no memory for a picture of %ux%u", width, height);
	for (size_t i = 0; i < count; i++) {
		rgb[i * 3] = xrgb[i] >> 16 & 255;
		rgb[i * 3 + 1] = xrgb[i] >> 8 & 255;
		rgb[i * 3 + 2] = xrgb[i] & 255;
	}
	snprintf(part, sizeof(part), "%s.part", path);
	file = fopen(part, "w");
	if (!file)
		die("%s: %s", part, strerror(errno));
	fprintf(file, "P6\n%u %u\n255\n", width, height);
	if (fwrite(rgb, 3, count, file) != count || fclose(file))
		die("%s: %s", part, strerror(errno));
	if (rename(part, path))
		die("%s: %s", path, strerror(errno));
	free(rgb);
}
