// SPDX-License-Identifier: GPL-2.0-or-later
/* arguments.c - the values of options, and sentences about what is wrong with them. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void say(const struct cli *cli, const char *fmt, va_list args)
{
	fprintf(stderr, "facet%s%s: ", cli->verb ? " " : "", cli->verb ? cli->verb->name : "");
	vfprintf(stderr, fmt, args);
	fputs("\n", stderr);
}

int cli_wrong(const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(cli, fmt, args);
	va_end(args);
	return CLI_WRONG;
}

int cli_error(const struct cli *cli, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(cli, fmt, args);
	va_end(args);
	return CLI_FAILED;
}

int cli_failed(const struct cli *cli, int error)
{
	cli_error(cli, "%s", facet_error_text(cli->conn));
	return error == -EINVAL ? CLI_WRONG : CLI_FAILED;
}

const char *cli_value(const struct cli *cli, const char *option)
{
	const struct cli_option *o = cli->verb->options;

	while (strcmp(o->name, option) != 0)
		o++;
	return cli->values[o - cli->verb->options];
}

/* A decimal number at the beginning of *@text, which moves behind it. */
static bool read_number(const char **text, uint64_t *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

int cli_number(const struct cli *cli, const char *option, uint32_t min, uint32_t max, uint32_t *ret)
{
	const char *value = cli_value(cli, option), *p = value;
	uint64_t number;

	if (!value)
		return 0;
	if (!read_number(&p, &number) || *p || number < min || number > max)
		return cli_wrong(cli, "--%s %s: must be a number from %u to %u", option, value, min,
				 max);
	*ret = (uint32_t)number;
	return 0;
}

int cli_size(const struct cli *cli, const char *option, uint32_t *ret_width, uint32_t *ret_height)
{
	const char *value = cli_value(cli, option), *p = value;
	uint64_t width, height;

	if (!value)
		return 0;
	if (!read_number(&p, &width) || *p++ != 'x' || !read_number(&p, &height) || *p || !width ||
	    !height || width > 16384 || height > 16384)
		return cli_wrong(cli, "--%s %s: must be WIDTHxHEIGHT in pixels, 64x64 to 8192x8192",
				 option, value);
	*ret_width = (uint32_t)width;
	*ret_height = (uint32_t)height;
	return 0;
}

int cli_bytes(const struct cli *cli, const char *option, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *value = cli_value(cli, option), *p = value, *unit;
	uint64_t number;
	int shift = 0;

	if (!value)
		return 0;
	if (!read_number(&p, &number) || !number)
		goto wrong;
	unit = *p ? strchr(units, *p) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		p++;
	}
	if (*p || number > (uint64_t)INT64_MAX >> shift)
		goto wrong;
	*ret = number << shift;
	return 0;
wrong:
	return cli_wrong(cli, "--%s %s: must be a number of bytes, or with K, M, G or T: 512M",
			 option, value);
}

int cli_seconds(const struct cli *cli, const char *option, double *ret)
{
	const char *value = cli_value(cli, option);
	double seconds;
	char *end;

	if (!value)
		return 0;
	seconds = strtod(value, &end);
	if (end == value || *end || !isfinite(seconds) || seconds < 0.1 || seconds > 3600)
		return cli_wrong(cli, "--%s %s: must be seconds from 0.1 to 3600", option, value);
	*ret = seconds;
	return 0;
}
