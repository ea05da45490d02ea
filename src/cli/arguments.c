// SPDX-License-Identifier: GPL-2.0-or-later
/* arguments.c - the values of options, and sentences about what is wrong with them. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
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

int cli_number(const struct cli *cli, const char *option, uint32_t min, uint32_t max, uint32_t *ret)
{
	const char *value = cli_value(cli, option);
	uint64_t number;

	if (!value)
		return 0;
	if (facet_units_number(value, min, max, &number))
		return cli_wrong(cli, "--%s %s: must be a number from %u to %u", option, value, min,
				 max);
	*ret = (uint32_t)number;
	return 0;
}

int cli_size(const struct cli *cli, const char *option, uint32_t *ret_width, uint32_t *ret_height)
{
	const char *value = cli_value(cli, option);

	if (value && facet_units_size(value, ret_width, ret_height))
		return cli_wrong(cli, "--%s %s: must be WIDTHxHEIGHT in pixels, 64x64 to 8192x8192",
				 option, value);
	return 0;
}

int cli_bytes(const struct cli *cli, const char *option, uint64_t *ret)
{
	const char *value = cli_value(cli, option);

	if (value && facet_units_bytes(value, ret))
		return cli_wrong(cli,
				 "--%s %s: must be a number of bytes, or with K, M, G or T: 512M",
				 option, value);
	return 0;
}

int cli_percent(const struct cli *cli, const char *option, uint32_t *ret_ppm)
{
	const char *value = cli_value(cli, option);

	if (value && facet_units_percent(value, ret_ppm))
		return cli_wrong(cli,
				 "--%s %s: must be a part of the GPU up to 100%%, such as 30 or "
				 "12.5%%",
				 option, value);
	return 0;
}

int cli_hang(const struct cli *cli, uint32_t *ret_ms)
{
	const char *value = cli_value(cli, "hang");
	double seconds = 0;

	if (value && strcmp(value, "never") == 0)
		*ret_ms = 0;
	else if (value && cli_seconds(cli, "hang", &seconds))
		return CLI_WRONG;
	else if (value)
		*ret_ms = (uint32_t)(seconds * 1000 + 0.5);
	return 0;
}

bool cli_full_path(const struct cli *cli, const char *path, char buf[static 4096], const char **ret)
{
	char here[4096];

	*ret = path;
	if (!path[0] || path[0] == '/')
		return true;
	*ret = buf;
	if (!getcwd(here, sizeof(here)))
		cli_wrong(cli, "%s: the working directory: %s", path, strerror(errno));
	else if (snprintf(buf, 4096, "%s/%s", here, path) >= 4096)
		cli_wrong(cli, "%.40s...: the path is too long", path);
	else
		return true;
	return false;
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
