// SPDX-License-Identifier: GPL-2.0-or-later
/* stats.c - facet stats [NAME]: the counters of the vGPUs, once. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_column columns[] = {
	{ "NAME" },
	{ "STATE" },
	{ "USED S", true },
	{ "THROTTLED S", true },
	{ "PREEMPTS", true },
	{ "RESETS", true },
	{ "RESTARTS", true },
	{ "JOBS", true },
	{ "FRAMES", true },
	{ "P50 MS", true },
	{ "P99 MS", true },
	{ "VRAM", true },
	{ NULL },
};

static void format_real(char *ret, size_t size, const json_t *object, const char *name,
			double divisor)
{
	if (json_is_integer(json_object_get(object, name)))
		snprintf(ret, size, "%.3f", (double)cli_integer(object, name) / divisor);
	else
		snprintf(ret, size, "-");
}

static void format_count(char *ret, size_t size, const json_t *object, const char *name)
{
	if (json_is_integer(json_object_get(object, name)))
		snprintf(ret, size, "%llu", (unsigned long long)cli_integer(object, name));
	else
		snprintf(ret, size, "-");
}

static void add(struct libscols_table *table, const json_t *vgpu)
{
	const json_t *measured = json_object_get(vgpu, "measured");
	const json_t *usage = json_object_get(json_object_get(vgpu, "status"), "usage");
	char used[32], held[32], stops[24], resets[24], starts[24], jobs[24], frames[24], p50[32],
		p99[32], vram[16];

	format_real(used, sizeof(used), measured, "used_ns", 1e9);
	format_real(held, sizeof(held), measured, "throttled_ns", 1e9);
	format_count(stops, sizeof(stops), measured, "preempts");
	format_count(resets, sizeof(resets), measured, "resets");
	format_count(starts, sizeof(starts), vgpu, "restarts");
	format_count(jobs, sizeof(jobs), usage, "jobs");
	format_count(frames, sizeof(frames), usage, "flushes");
	format_real(p50, sizeof(p50), measured, "latency_p50_us", 1e3);
	format_real(p99, sizeof(p99), measured, "latency_p99_us", 1e3);
	cli_format_bytes(vram, sizeof(vram), cli_integer(usage, "vram_bytes"));
	cli_row(table,
		(const char *const[]){ cli_string(vgpu, "name"), cli_string(vgpu, "state"), used,
				       held, stops, resets, starts, jobs, frames, p50, p99, vram });
}

/* Only the one that was asked for; false: there is none. */
static bool choose(json_t *vgpus, const char *name)
{
	for (size_t i = json_array_size(vgpus); i-- > 0;)
		if (strcmp(cli_string(json_array_get(vgpus, i), "name"), name) != 0)
			json_array_remove(vgpus, i);
	return json_array_size(vgpus) > 0;
}

static int run(struct cli *cli)
{
	struct libscols_table *table;
	json_t *vgpus, *vgpu;
	char *answer;
	size_t i;
	int r = facet_stats(cli->conn, &answer);

	if (r)
		return cli_failed(cli, r);
	vgpus = cli_parse(cli, answer);
	if (!vgpus)
		return CLI_FAILED;
	if (cli->count && !choose(vgpus, cli->arguments[0])) {
		json_decref(vgpus);
		return cli_error(cli, "there is no vGPU %s", cli->arguments[0]);
	}
	if (cli->json)
		return cli_print_json(vgpus);
	table = cli_table(columns);
	json_array_foreach(vgpus, i, vgpu) add(table, vgpu);
	json_decref(vgpus);
	return cli_print_table(table);
}

const struct cli_verb cli_stats = {
	.name = "stats",
	.arguments = "[NAME]",
	.summary = "Print the counters of the vGPUs",
	.max = 1,
	.run = run,
};
