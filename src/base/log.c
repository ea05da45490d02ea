// SPDX-License-Identifier: GPL-2.0-or-later
/* log.c - formats a line and hands it to the program's sink. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

static void to_stderr(enum facet_log_level level, const char *area, const char *text);

static void (*sink_fn)(enum facet_log_level, const char *, const char *) = to_stderr;
static enum facet_log_level max_level = FACET_LOG_INFO;

static void to_stderr(enum facet_log_level level, const char *area, const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	fprintf(stderr, "%s: %s: %s\n", names[level], area, text);
}

void facet_log_set(void (*sink)(enum facet_log_level level, const char *area, const char *text),
		   enum facet_log_level level)
{
	sink_fn = sink ? sink : to_stderr;
	max_level = level;
}

void facet_log(enum facet_log_level level, const char *area, const char *fmt, ...)
{
	char text[512];
	va_list args;

	if (level > max_level)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	sink_fn(level, area, text);
}

int facet_log_limited(struct facet_log_limit *state, unsigned int burst, const char *area)
{
	struct timespec now;
	unsigned int count;

	if (max_level < FACET_LOG_DEBUG)
		return 0;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (atomic_exchange(&state->second, (unsigned long long)now.tv_sec) !=
	    (unsigned long long)now.tv_sec) {
		count = atomic_exchange(&state->count, 0);
		if (count > burst)
			facet_log(FACET_LOG_DEBUG, area, "%u more lines like the last were dropped",
				  count - burst);
	}
	return atomic_fetch_add(&state->count, 1) < burst;
}
