// SPDX-License-Identifier: GPL-2.0-or-later
/* tally.c - counts a load's frames: how many, how late, and the longest time without any. */
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "player.h"

static double ms(int64_t ns)
{
	return (double)ns / 1e6;
}

void load_tally_begin(struct load_tally *tally, int64_t now_ns)
{
	tally->busy_since_ns = now_ns;
}

void load_tally_wait(struct load_tally *tally, int64_t now_ns)
{
	int64_t gap = now_ns - tally->busy_since_ns;

	if (gap > tally->gap_ns)
		tally->gap_ns = gap;
	if (gap > tally->longest_gap_ns)
		tally->longest_gap_ns = gap;
}

void load_tally_frame(struct load_tally *tally, int64_t now_ns, int64_t posted_ns)
{
	load_tally_wait(tally, now_ns);
	tally->busy_since_ns = now_ns;
	if (tally->frames == tally->room) {
		tally->room = tally->room ? 2 * tally->room : 4096;
		tally->latencies_us =
			realloc(tally->latencies_us, tally->room * sizeof(*tally->latencies_us));
		if (!tally->latencies_us)
			abort();
	}
	tally->latencies_us[tally->frames++] = (uint32_t)((now_ns - posted_ns) / 1000);
}

void load_tally_progress(struct load_tally *tally, int64_t now_ns)
{
	printf("{\"t_ms\": %.3f, \"frames\": %llu, \"gap_ms\": %.3f}\n", ms(now_ns),
	       (unsigned long long)tally->frames, ms(tally->gap_ns));
	fflush(stdout);
	tally->gap_ns = 0;
}

static int ascending(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

/* Of the sorted latencies. */
static double percentile_ms(const struct load_tally *tally, double percent)
{
	size_t at = (size_t)((double)tally->frames * percent / 100);

	if (!tally->frames)
		return 0;
	at = at < tally->frames ? at : tally->frames - 1;
	return tally->latencies_us[at] / 1e3;
}

void load_tally_report(struct load_tally *tally, const struct load_config *config, double seconds,
		       const struct player *player)
{
	if (tally->frames)
		qsort(tally->latencies_us, tally->frames, sizeof(*tally->latencies_us), ascending);
	printf("{\"scene\": \"%s\", \"seconds\": %.3f, \"frames\": %llu, \"fps\": %.3f, "
	       "\"latency_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}, "
	       "\"longest_gap_ms\": %.3f, \"bytes\": %llu, \"errors\": %llu, \"skipped\": %llu}\n",
	       config->name, seconds, (unsigned long long)tally->frames,
	       seconds > 0 ? (double)tally->frames / seconds : 0, percentile_ms(tally, 50),
	       percentile_ms(tally, 99), percentile_ms(tally, 100), ms(tally->longest_gap_ns),
	       (unsigned long long)player->bytes, (unsigned long long)player->errors,
	       (unsigned long long)tally->skipped);
	fflush(stdout);
	free(tally->latencies_us);
}
