// SPDX-License-Identifier: GPL-2.0-or-later
/* args.c - arguments as data. */
#include "launch/args.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

void facet_args_fini(struct facet_args *args)
{
	for (unsigned int i = 0; i < args->count; i++)
		free(args->items[i]);
	free(args->items);
	*args = (struct facet_args){ 0 };
}

static void take(struct facet_args *args, char *text)
{
	char **more;

	if (text && args->count + 2 > args->room) {
		more = reallocarray(args->items, args->room + 64, sizeof(*more));
		if (more) {
			args->items = more;
			args->room += 64;
		}
	}
	if (!text || args->count + 2 > args->room) {
		free(text);
		args->failed = true;
		return;
	}
	args->items[args->count++] = text;
	args->items[args->count] = NULL;
}

void facet_args_add(struct facet_args *args, const char *text)
{
	take(args, strdup(text));
}

void facet_args_addf(struct facet_args *args, const char *fmt, ...)
{
	char *text = NULL;
	va_list list;

	va_start(list, fmt);
	if (vasprintf(&text, fmt, list) < 0)
		text = NULL;
	va_end(list);
	take(args, text);
}

/* @text with every @c doubled. */
static void print_doubled(FILE *to, const char *text, char c)
{
	for (; *text; text++) {
		if (*text == c)
			fputc(c, to);
		fputc(*text, to);
	}
}

void facet_args_option(struct facet_args *args, const char *option, const char *first, ...)
{
	const char *name, *value, *comma = "";
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	va_list list;

	if (!to) {
		args->failed = true;
		return;
	}
	if (first) {
		print_doubled(to, first, ',');
		comma = ",";
	}
	va_start(list, first);
	while ((name = va_arg(list, const char *))) {
		value = va_arg(list, const char *);
		if (!value)
			continue;
		fprintf(to, "%s%s=", comma, name);
		print_doubled(to, value, ',');
		comma = ",";
	}
	va_end(list);
	facet_args_add(args, option);
	if (fclose(to) != 0) {
		free(text);
		text = NULL;
	}
	take(args, text);
}

char *facet_args_quote(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "@%_+=:,./-";
	char *ret = NULL;
	size_t size = 0;
	FILE *to;

	if (text[0] && strspn(text, plain) == strlen(text))
		return strdup(text);
	to = open_memstream(&ret, &size);
	if (!to)
		return NULL;
	fputc('\'', to);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", to);
		else
			fputc(*text, to);
	fputc('\'', to);
	return fclose(to) == 0 ? ret : NULL;
}
