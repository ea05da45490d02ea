// SPDX-License-Identifier: GPL-2.0-or-later
/* top.c - facet top: what the vGPUs are doing, again and again. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct cli_column columns[] = {
	{ "NAME" },         { "STATE" },        { "SHARE", true },
	{ "GOT", true },    { "VRAM", true },   { "FPS", true },
	{ "P50 MS", true }, { "P99 MS", true }, { "THROTTLED", true },
	{ "CPU", true },    { NULL },
};

enum { MAX_BUCKETS = 64 };

struct sample {
	json_t *vgpus;
	double seconds; /* CLOCK_MONOTONIC */
};

static int take_sample(struct cli *cli, struct sample *ret)
{
	struct timespec t;
	char *answer;
	int r = facet_stats(cli->conn, &answer);

	if (r)
		return cli_failed(cli, r);
	clock_gettime(CLOCK_MONOTONIC, &t);
	ret->seconds = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	ret->vgpus = cli_parse(cli, answer);
	return ret->vgpus ? 0 : CLI_FAILED;
}

static const json_t *find(const struct sample *sample, const char *name)
{
	json_t *vgpu;
	size_t i;

	json_array_foreach(sample->vgpus, i,
			   vgpu) if (strcmp(cli_string(vgpu, "name"), name) == 0) return vgpu;
	return NULL;
}

/* By how much a counter of a process grew per second; a new process begins at zero. */
static double rate(const json_t *before, const json_t *after, const char *name, double seconds)
{
	uint64_t a = cli_integer(before, name), b = cli_integer(after, name);

	return seconds > 0 && b > a ? (double)(b - a) / seconds : 0;
}

/* Jobs of each bucket since the last sample; their sum. */
static uint64_t bucket_growth(const json_t *before, const json_t *after,
			      uint64_t ret[static MAX_BUCKETS])
{
	const json_t *old = json_object_get(before, "buckets");
	const json_t *now = json_object_get(after, "buckets");
	uint64_t sum = 0;

	for (size_t i = 0; i < MAX_BUCKETS; i++) {
		json_int_t a = json_integer_value(json_array_get(old, i));
		json_int_t b = json_integer_value(json_array_get(now, i));

		ret[i] = b > a ? (uint64_t)(b - a) : 0;
		sum += ret[i];
	}
	return sum;
}

/*
 * The time in ms below which @percent of the jobs since the last sample were done, or -1: there
 * were none. Bucket i holds 2^i to 2^(i+1) us; inside one they are taken to lie evenly.
 */
static double percentile(const json_t *before, const json_t *after, double percent)
{
	uint64_t growth[MAX_BUCKETS], sum = bucket_growth(before, after, growth);
	double rank = percent / 100 * (double)sum, below = 0;
	size_t i;

	if (!sum)
		return -1;
	for (i = 0; i < MAX_BUCKETS - 1 && below + (double)growth[i] < rank; i++)
		below += (double)growth[i];
	return (double)(1ULL << i) * (1 + (growth[i] ? (rank - below) / (double)growth[i] : 0)) /
	       1e3;
}

/* The fields of one vGPU, as `--json` shows them. */
static json_t *measure(const struct sample *before, const struct sample *after, const json_t *vgpu)
{
	const json_t *old = find(before, cli_string(vgpu, "name"));
	const json_t *status = json_object_get(vgpu, "status");
	const json_t *usage = json_object_get(status, "usage");
	const json_t *old_status = json_object_get(old, "status");
	const json_t *old_usage = json_object_get(old_status, "usage");
	const json_t *measured = json_object_get(vgpu, "measured");
	const json_t *old_measured = json_object_get(old, "measured");
	const json_t *latency = json_object_get(vgpu, "latency");
	const json_t *old_latency = json_object_get(old, "latency");
	double s = after->seconds - before->seconds;
	char guest[128];

	/* A new process begins at zero. */
	if (cli_integer(old, "restarts") != cli_integer(vgpu, "restarts"))
		old_status = old_usage = old_latency = NULL;
	cli_format_guest(guest, sizeof(guest), vgpu);
	return json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:f, s:f, s:f, "
			 "s:f, s:f}",
			 "name", cli_string(vgpu, "name"), "gpu", cli_string(vgpu, "gpu"), "state",
			 cli_string(vgpu, "state"), "guest", guest, "jobs_per_second",
			 rate(old_usage, usage, "jobs", s), "fps",
			 rate(old_usage, usage, "flushes", s), "busy_percent",
			 rate(old_usage, usage, "busy_ns", s) / 1e7, "cpu_percent",
			 rate(old_status, status, "cpu_ns", s) / 1e7, "vram_bytes",
			 (json_int_t)cli_integer(usage, "vram_bytes"), "rss_bytes",
			 (json_int_t)cli_integer(status, "rss_bytes"), "vram_quota_bytes",
			 (json_int_t)cli_integer(json_object_get(vgpu, "limits"), "vram_bytes"),
			 "share_asked_percent", (double)cli_integer(measured, "entitled_ppm") / 1e4,
			 "share_got_percent", (double)cli_integer(measured, "used_ppm") / 1e4,
			 "latency_p50_ms", percentile(old_latency, latency, 50), "latency_p99_ms",
			 percentile(old_latency, latency, 99), "throttled_percent",
			 rate(old_measured, measured, "throttled_ns", s) / 1e7);
}

static void format_real(char *ret, size_t size, const json_t *row, const char *name, int digits,
			const char *unit)
{
	double value = json_real_value(json_object_get(row, name));

	if (value < 0)
		snprintf(ret, size, "-");
	else
		snprintf(ret, size, "%.*f%s", digits, value, unit);
}

static void add(struct libscols_table *table, const json_t *row)
{
	char asked[16], got[16], vram[40], quota[16], fps[32], p50[32], p99[32], held[32], cpu[32];

	format_real(asked, sizeof(asked), row, "share_asked_percent", 1, "%");
	format_real(got, sizeof(got), row, "share_got_percent", 1, "%");
	cli_format_bytes(vram, 16, cli_integer(row, "vram_bytes"));
	cli_format_bytes(quota, sizeof(quota), cli_integer(row, "vram_quota_bytes"));
	snprintf(vram + strlen(vram), sizeof(vram) - strlen(vram), "/%s", quota);
	format_real(fps, sizeof(fps), row, "fps", 1, "");
	format_real(p50, sizeof(p50), row, "latency_p50_ms", 1, "");
	format_real(p99, sizeof(p99), row, "latency_p99_ms", 1, "");
	format_real(held, sizeof(held), row, "throttled_percent", 0, "%");
	format_real(cpu, sizeof(cpu), row, "cpu_percent", 0, "%");
	cli_row(table, (const char *const[]){ cli_string(row, "name"), cli_string(row, "state"),
					      asked, got, vram, fps, p50, p99, held, cpu });
}

static int print(struct cli *cli, const struct sample *before, const struct sample *after)
{
	struct libscols_table *table;
	json_t *rows = json_array(), *vgpu, *row;
	size_t i;

	json_array_foreach(after->vgpus, i, vgpu)
		json_array_append_new(rows, measure(before, after, vgpu));
	if (cli->json) {
		/* One line each time: easy to follow for a program. */
		json_dumpf(rows, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		json_decref(rows);
		return putchar('\n') == EOF || fflush(stdout) ? CLI_FAILED : 0;
	}
	table = cli_table(columns);
	json_array_foreach(rows, i, row) add(table, row);
	json_decref(rows);
	/* On a terminal each table takes the place of the last. */
	if (!cli_value(cli, "once") && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	return cli_print_table(table);
}

static void pause_for(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static int run(struct cli *cli)
{
	struct sample before = { 0 }, after = { 0 };
	double interval = 1;
	int r;

	if (cli_seconds(cli, "interval", &interval))
		return CLI_WRONG;
	r = take_sample(cli, &before);
	if (r)
		return r;
	do {
		pause_for(interval);
		r = take_sample(cli, &after);
		if (r)
			break;
		r = print(cli, &before, &after);
		json_decref(before.vgpus);
		before = after;
	} while (!r && !cli_value(cli, "once"));
	json_decref(before.vgpus);
	return r;
}

const struct cli_verb cli_top = {
	.name = "top",
	.arguments = "",
	.summary = "Watch what the vGPUs do",
	.options = {
		{ "once", NULL, "one table, measured over the interval, and end" },
		{ "interval", "S", "seconds between tables (1)" },
	},
	.run = run,
};
