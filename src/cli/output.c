// SPDX-License-Identifier: GPL-2.0-or-later
/* output.c - tables for people, JSON for programs. */
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

json_t *cli_parse(const struct cli *cli, char *answer)
{
	json_t *value = json_loads(answer, JSON_DECODE_ANY, NULL);

	facet_free(answer);
	if (!value)
		cli_error(cli, "facetd's answer is no JSON");
	return value;
}

int cli_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	perror("facet: standard output");
	return CLI_FAILED;
}

int cli_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
	return cli_flush();
}

struct libscols_table *cli_table(const struct cli_column *columns)
{
	static const struct cli_column pair[] = { { "KEY" }, { "VALUE" }, { NULL } };
	struct libscols_table *table = scols_new_table();
	const struct cli_column *c = columns ? columns : pair;

	if (!table) {
		fputs("facet: out of memory\n", stderr);
		exit(CLI_FAILED);
	}
	for (; c->heading; c++)
		scols_table_new_column(table, c->heading, 0,
				       c->right       ? SCOLS_FL_RIGHT
				       : c[1].heading ? 0
						      : SCOLS_FL_WRAP);
	scols_table_enable_noheadings(table, !columns);
	/* Into a file or pipe whole lines go, however long. */
	if (!isatty(STDOUT_FILENO))
		scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	return table;
}

void cli_row(struct libscols_table *table, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	size_t count = scols_table_get_ncols(table);

	for (size_t i = 0; line && i < count; i++)
		scols_line_set_data(line, i, cells[i] ? cells[i] : "");
}

void cli_pair(struct libscols_table *table, const char *key, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	cli_row(table, (const char *const[]){ key, text });
}

int cli_print_table(struct libscols_table *table)
{
	scols_print_table(table);
	scols_unref_table(table);
	return cli_flush();
}

void cli_format_bytes(char *ret, size_t size, uint64_t bytes)
{
	static const char units[] = "KMGT";
	double number = (double)bytes;
	int unit = -1;

	while (number >= 1024 && unit < 3) {
		number /= 1024;
		unit++;
	}
	if (unit < 0)
		snprintf(ret, size, "%d", (int)bytes);
	else if (number < 100 && number != (double)(int)number)
		snprintf(ret, size, "%.1f%c", number, units[unit]);
	else
		snprintf(ret, size, "%.0f%c", number, units[unit]);
}

void cli_format_percent(char *ret, size_t size, uint64_t ppm, int digits)
{
	size_t length;

	snprintf(ret, size, "%.*f", digits, (double)ppm / 10000);
	length = strlen(ret);
	while (strchr(ret, '.') && (ret[length - 1] == '0' || ret[length - 1] == '.')) {
		if (ret[--length] == '.')
			size = 0;
		ret[length] = '\0';
		if (!size)
			break;
	}
	strcpy(ret + length, "%");
}

void cli_format_share(char *ret, size_t size, const json_t *limits)
{
	uint64_t least = cli_integer(limits, "reservation_ppm");
	uint64_t most = cli_integer(limits, "cap_ppm");
	char from[16], to[16];

	cli_format_percent(from, sizeof(from), least, 4);
	cli_format_percent(to, sizeof(to), most, 4);
	if (least && most < CLI_ALL_PPM)
		snprintf(ret, size, "%s to %s", from, to);
	else if (least)
		snprintf(ret, size, "%s", from);
	else if (most && most < CLI_ALL_PPM)
		snprintf(ret, size, "weight %u, to %s", (unsigned int)cli_integer(limits, "weight"),
			 to);
	else
		snprintf(ret, size, "weight %u", (unsigned int)cli_integer(limits, "weight"));
}

const char *cli_string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint64_t cli_integer(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));

	return number > 0 ? (uint64_t)number : 0;
}

bool cli_is_part(const json_t *vgpu)
{
	return strcmp(cli_string(vgpu, "transport"), "vfio") == 0;
}

void cli_spice_socket(const json_t *vgpu, char *ret, size_t size)
{
	const char *socket = cli_string(vgpu, "socket"), *slash = strrchr(socket, '/');

	snprintf(ret, size, "%.*s/spice.sock", slash ? (int)(slash - socket) : 0, socket);
}

void cli_format_guest(char *ret, size_t size, const json_t *vgpu)
{
	const json_t *guest = json_object_get(vgpu, "guest");

	if (json_is_object(guest))
		snprintf(ret, size, "%s:%d", cli_string(guest, "command"),
			 (int)cli_integer(guest, "pid"));
	else
		snprintf(ret, size, "-");
}
