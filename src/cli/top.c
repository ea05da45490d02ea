// SPDX-License-Identifier: GPL-2.0-or-later
/* top.c - facet top: what the vGPUs are doing, again and again. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct cli_column columns[] = {
	{ "NAME" },         { "GPU" },       { "STATE" },       { "GUEST" },
	{ "JOBS/S", true }, { "FPS", true }, { "BUSY%", true }, { "CPU%", true },
	{ "VRAM", true },   { "RSS", true }, { NULL },
};

struct sample {
	json_t *vgpus;
	double seconds; /* CLOCK_MONOTONIC */
};

static int take_sample(struct cli *cli, struct sample *ret)
{
	struct timespec t;
	char *answer;
	int r = facet_list(cli->conn, &answer);

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

/* The fields of one vGPU, as `--json` shows them. */
static json_t *measure(const struct sample *before, const struct sample *after, const json_t *vgpu)
{
	const json_t *old = find(before, cli_string(vgpu, "name"));
	const json_t *status = json_object_get(vgpu, "status");
	const json_t *usage = json_object_get(status, "usage");
	const json_t *old_status = json_object_get(old, "status");
	const json_t *old_usage = json_object_get(old_status, "usage");
	double s = after->seconds - before->seconds;
	char guest[128];

	if (cli_integer(old, "pid") != cli_integer(vgpu, "pid"))
		old_status = old_usage = NULL;
	cli_format_guest(guest, sizeof(guest), vgpu);
	return json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:I, s:I}", "name",
			 cli_string(vgpu, "name"), "gpu", cli_string(vgpu, "gpu"), "state",
			 cli_string(vgpu, "state"), "guest", guest, "jobs_per_second",
			 rate(old_usage, usage, "jobs", s), "fps",
			 rate(old_usage, usage, "flushes", s), "busy_percent",
			 rate(old_usage, usage, "busy_ns", s) / 1e7, "cpu_percent",
			 rate(old_status, status, "cpu_ns", s) / 1e7, "vram_bytes",
			 (json_int_t)cli_integer(usage, "vram_bytes"), "rss_bytes",
			 (json_int_t)cli_integer(status, "rss_bytes"));
}

static void format_real(char *ret, size_t size, const json_t *row, const char *name, int digits)
{
	snprintf(ret, size, "%.*f", digits, json_real_value(json_object_get(row, name)));
}

static void add(struct libscols_table *table, const json_t *row)
{
	char jobs[32], fps[32], busy[32], cpu[32], vram[16], rss[16];

	format_real(jobs, sizeof(jobs), row, "jobs_per_second", 0);
	format_real(fps, sizeof(fps), row, "fps", 1);
	format_real(busy, sizeof(busy), row, "busy_percent", 1);
	format_real(cpu, sizeof(cpu), row, "cpu_percent", 1);
	cli_format_bytes(vram, sizeof(vram), cli_integer(row, "vram_bytes"));
	cli_format_bytes(rss, sizeof(rss), cli_integer(row, "rss_bytes"));
	cli_row(table, (const char *const[]){ cli_string(row, "name"), cli_string(row, "gpu"),
					      cli_string(row, "state"), cli_string(row, "guest"),
					      jobs, fps, busy, cpu, vram, rss });
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
