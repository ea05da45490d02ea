// SPDX-License-Identifier: GPL-2.0-or-later
/* probe_parse.c - kernel configurations, lists of modules and of packages. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "host/probe.h"

/* The line at *@at without its end; false: there is none. */
static bool next_line(const char **at, const char *end, const char **ret, size_t *ret_size)
{
	const char *newline;

	if (*at >= end)
		return false;
	newline = memchr(*at, '\n', (size_t)(end - *at));
	*ret = *at;
	*ret_size = (size_t)((newline ? newline : end) - *at);
	*at += *ret_size + 1;
	return true;
}

enum facet_option facet_parse_option(const char *config, size_t size, const char *name)
{
	const char *at = config, *line;
	size_t length, n = strlen(name);

	while (next_line(&at, config + size, &line, &length)) {
		if (length != 7 + n + 2 || memcmp(line, "CONFIG_", 7) != 0 ||
		    memcmp(line + 7, name, n) != 0 || line[7 + n] != '=')
			continue;
		return line[length - 1] == 'y'   ? FACET_OPTION_BUILT_IN
		       : line[length - 1] == 'm' ? FACET_OPTION_MODULE
						 : FACET_OPTION_OFF;
	}
	return FACET_OPTION_OFF;
}

static bool starts_with(const char *line, size_t length, const char *with)
{
	return length >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

int facet_parse_package(const char *status, size_t size, const char *name, char *ret,
			size_t ret_size)
{
	const char *at = status, *line;
	bool here = false, installed = false;
	size_t length, n = strlen(name);

	while (next_line(&at, status + size, &line, &length)) {
		if (starts_with(line, length, "Package: ")) {
			here = length == 9 + n && memcmp(line + 9, name, n) == 0;
			installed = false;
		} else if (here && starts_with(line, length, "Status: ")) {
			installed =
				length > 10 && memcmp(line + length - 10, " installed", 10) == 0;
		} else if (here && installed && starts_with(line, length, "Version: ")) {
			snprintf(ret, ret_size, "%.*s", (int)(length - 9 < 100 ? length - 9 : 100),
				 line + 9);
			return 0;
		}
	}
	return -ENOENT;
}

bool facet_parse_module(const char *list, size_t size, const char *name)
{
	const char *at = list, *line, *stop;
	size_t length, n = strlen(name);

	while (next_line(&at, list + size, &line, &length)) {
		/* "kernel/drivers/vfio/pci/vfio-pci.ko.xz: what it needs" */
		stop = memchr(line, ':', length);
		length = stop ? (size_t)(stop - line) : length;
		stop = memrchr(line, '/', length);
		if (stop) {
			length -= (size_t)(stop + 1 - line);
			line = stop + 1;
		}
		if (length < n + 3 || memcmp(line + n, ".ko", 3) != 0)
			continue;
		stop = name;
		while (*stop && (*line == *stop || (*line == '-' && *stop == '_'))) {
			line++;
			stop++;
		}
		if (!*stop)
			return true;
	}
	return false;
}

char *facet_gunzip(const uint8_t *data, size_t size, size_t limit, size_t *ret_size)
{
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = (unsigned int)size };
	facet_autofree char *out = malloc(limit + 1);
	int r;

	if (!out || size > UINT32_MAX || limit > UINT32_MAX ||
	    inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return NULL;
	z.next_out = (uint8_t *)out;
	z.avail_out = (unsigned int)limit;
	r = inflate(&z, Z_FINISH);
	*ret_size = limit - z.avail_out;
	inflateEnd(&z);
	if (r != Z_STREAM_END)
		return NULL;
	out[*ret_size] = '\0';
	return facet_steal(out);
}

unsigned int facet_probe_version(const char *text)
{
	unsigned int major, minor = 0;

	for (; *text; text++) {
		/* A Debian version may begin with an epoch: "1:7.2". */
		if (*text < '0' || *text > '9')
			continue;
		if (sscanf(text, "%3u.%3u", &major, &minor) == 2)
			return 1000 * major + minor;
		text += strspn(text, "0123456789") - 1;
	}
	return 0;
}
