// SPDX-License-Identifier: GPL-2.0-or-later
/* show.c - facet show NAME: everything about one vGPU. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

static void add_usage(struct libscols_table *table, const json_t *status)
{
	const json_t *usage = json_object_get(status, "usage");
	char now[16], peak[16], quota[16], rss[16];

	cli_format_bytes(now, sizeof(now), cli_integer(usage, "vram_bytes"));
	cli_format_bytes(peak, sizeof(peak), cli_integer(usage, "vram_peak_bytes"));
	cli_format_bytes(quota, sizeof(quota), cli_integer(usage, "vram_quota_bytes"));
	cli_format_bytes(rss, sizeof(rss), cli_integer(status, "rss_bytes"));
	cli_pair(table, "jobs", "%llu, %llu waiting, in %llu contexts",
		 (unsigned long long)cli_integer(usage, "jobs"),
		 (unsigned long long)cli_integer(usage, "queued"),
		 (unsigned long long)cli_integer(usage, "contexts"));
	cli_pair(table, "frames", "%llu", (unsigned long long)cli_integer(usage, "flushes"));
	cli_pair(table, "refused", "%llu requests that made no sense",
		 (unsigned long long)cli_integer(status, "drops"));
	cli_pair(table, "vram", "%s (peak %s, limit %s)", now, peak, quota);
	cli_pair(table, "memory", "%s", rss);
	cli_pair(table, "busy", "%.3f s", (double)cli_integer(usage, "busy_ns") / 1e9);
	cli_pair(table, "cpu", "%.3f s", (double)cli_integer(status, "cpu_ns") / 1e9);
}

/* "0-3, alone" */
static void format_eus(char *ret, size_t size, const json_t *limits)
{
	const char *eus = cli_string(limits, "eus");

	snprintf(ret, size, "%s%s", eus[0] ? eus : "all",
		 json_is_true(json_object_get(limits, "eus_exclusive")) ? " for itself" : "");
}

static void add_limits(struct libscols_table *table, const json_t *limits)
{
	char least[16], most[16], vram[16], eus[100], hang[32] = "never";

	cli_format_percent(least, sizeof(least), cli_integer(limits, "reservation_ppm"), 4);
	cli_format_percent(most, sizeof(most), cli_integer(limits, "cap_ppm"), 4);
	cli_format_bytes(vram, sizeof(vram), cli_integer(limits, "vram_bytes"));
	format_eus(eus, sizeof(eus), limits);
	if (cli_integer(limits, "hang_ms"))
		snprintf(hang, sizeof(hang), "after %g s",
			 (double)cli_integer(limits, "hang_ms") / 1e3);
	cli_pair(table, "limits", "weight %u, at least %s, at most %s of the GPU",
		 (unsigned int)cli_integer(limits, "weight"), least, most);
	cli_pair(table, "", "vram %s, execution units: %s, a job is a hang %s", vram, eus, hang);
}

static void add_measured(struct libscols_table *table, const json_t *measured)
{
	char used[16], entitled[16];

	cli_format_percent(used, sizeof(used), cli_integer(measured, "used_ppm"), 1);
	cli_format_percent(entitled, sizeof(entitled), cli_integer(measured, "entitled_ppm"), 1);
	cli_pair(table, "measured",
		 "%s of the GPU (its share when all are busy: %s), %.3f s in all", used, entitled,
		 (double)cli_integer(measured, "used_ns") / 1e9);
	cli_pair(table, "", "held back for %.3f s, stopped inside a job %llu times, %llu resets",
		 (double)cli_integer(measured, "throttled_ns") / 1e9,
		 (unsigned long long)cli_integer(measured, "preempts"),
		 (unsigned long long)cli_integer(measured, "resets"));
	cli_pair(table, "latency", "50%% within %.1f ms, 99%% within %.1f ms",
		 (double)cli_integer(measured, "latency_p50_us") / 1e3,
		 (double)cli_integer(measured, "latency_p99_us") / 1e3);
	cli_pair(table, "queue", "50%% within %.1f ms, 99%% within %.1f ms",
		 (double)cli_integer(measured, "wait_p50_us") / 1e3,
		 (double)cli_integer(measured, "wait_p99_us") / 1e3);
}

static void add_enforcement(struct libscols_table *table, const json_t *list)
{
	const char *by;
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		by = cli_string(item, "by");
		cli_pair(table, i ? "" : "enforced", "%s: %s (%s)", cli_string(item, "limit"),
			 strcmp(by, "nobody") == 0 ? "not enforced" : by, cli_string(item, "why"));
	}
}

static void add_status(struct libscols_table *table, const json_t *status)
{
	json_t *item;
	char key[32];
	size_t i;

	cli_pair(table, "engine", "%s", cli_string(status, "engine"));
	cli_pair(table, "renderer", "%s",
		 cli_string(status, "renderer")[0] ? cli_string(status, "renderer")
						   : "not loaded yet");
	json_array_foreach(json_object_get(status, "outputs"), i, item)
	{
		snprintf(key, sizeof(key), "output %zu", i);
		if (json_is_true(json_object_get(item, "connected")))
			cli_pair(table, key, "%ux%u", (unsigned int)cli_integer(item, "width"),
				 (unsigned int)cli_integer(item, "height"));
		else
			cli_pair(table, key, "not connected");
	}
	add_usage(table, status);
	json_array_foreach(json_object_get(status, "sandbox"), i, item)
	{
		cli_pair(table, i ? "" : "sandbox", "%s: %s (%s)", cli_string(item, "what"),
			 json_is_true(json_object_get(item, "in_force")) ? "in force" : "missing",
			 cli_string(item, "why"));
	}
}

/* What its process does, and what that was told. */
static void add_served(struct libscols_table *table, const json_t *vgpu)
{
	char vram[16];

	cli_format_bytes(vram, sizeof(vram), cli_integer(vgpu, "vram_bytes"));
	cli_pair(table, "made for", "%ux%u, outputs: %u, vram: %s",
		 (unsigned int)cli_integer(vgpu, "width"),
		 (unsigned int)cli_integer(vgpu, "height"),
		 (unsigned int)cli_integer(vgpu, "outputs"), vram);
	if (cli_integer(vgpu, "pid"))
		cli_pair(table, "process", "%d, restarted %d times", (int)cli_integer(vgpu, "pid"),
			 (int)cli_integer(vgpu, "restarts"));
	cli_pair(table, "transport", "%s", cli_string(vgpu, "transport"));
	cli_pair(table, "socket", "%s", cli_string(vgpu, "socket"));
	cli_pair(table, "log", "%s", cli_string(vgpu, "log"));
	if (cli_string(vgpu, "kvmfr")[0])
		cli_pair(table, "kvmfr", "%s", cli_string(vgpu, "kvmfr"));
	if (json_is_object(json_object_get(vgpu, "limits")))
		add_limits(table, json_object_get(vgpu, "limits"));
	if (json_is_object(json_object_get(vgpu, "measured")))
		add_measured(table, json_object_get(vgpu, "measured"));
}

static void add_part(struct libscols_table *table, const json_t *part)
{
	json_t *function, *group = json_object_get(part, "group");
	size_t i;

	cli_pair(table, "part", "%s", cli_string(part, "device"));
	if (cli_string(part, "type_name")[0])
		cli_pair(table, "type name", "%s", cli_string(part, "type_name"));
	if (json_is_integer(json_object_get(part, "vf")))
		cli_pair(table, "vf", "%u", (unsigned int)cli_integer(part, "vf"));
	if (cli_string(part, "driver")[0])
		cli_pair(table, "driver", "%s", cli_string(part, "driver"));
	if (json_is_integer(group))
		cli_pair(table, "group", "%u", (unsigned int)cli_integer(part, "group"));
	json_array_foreach(json_object_get(part, "functions"), i, function)
	{
		if (i)
			cli_pair(table, i == 1 ? "with it" : "", "%s", json_string_value(function));
	}
}

static struct libscols_table *make_table(const json_t *vgpu)
{
	struct libscols_table *table = cli_table(NULL);
	time_t created = (time_t)cli_integer(vgpu, "created");
	char text[128];
	struct tm tm;

	cli_pair(table, "name", "%s", cli_string(vgpu, "name"));
	cli_pair(table, "gpu", "%s", cli_string(vgpu, "gpu"));
	cli_pair(table, "mechanism", "%s", cli_string(vgpu, "mechanism"));
	if (cli_string(vgpu, "type")[0])
		cli_pair(table, "type", "%s", cli_string(vgpu, "type"));
	cli_pair(table, "state", "%s", cli_string(vgpu, "state"));
	if (cli_string(vgpu, "reason")[0])
		cli_pair(table, "note", "%s", cli_string(vgpu, "reason"));
	cli_format_guest(text, sizeof(text), vgpu);
	cli_pair(table, "guest", "%s", text);
	strftime(text, sizeof(text), "%F %T", localtime_r(&created, &tm));
	cli_pair(table, "created", "%s", text);
	if (cli_is_part(vgpu))
		add_part(table, json_object_get(vgpu, "part"));
	else
		add_served(table, vgpu);
	add_enforcement(table, json_object_get(vgpu, "enforcement"));
	if (json_is_object(json_object_get(vgpu, "status")))
		add_status(table, json_object_get(vgpu, "status"));
	return table;
}

static int run(struct cli *cli)
{
	char *answer;
	json_t *vgpu;
	int r = facet_show(cli->conn, cli->arguments[0], &answer);

	if (r)
		return cli_failed(cli, r);
	vgpu = cli_parse(cli, answer);
	if (!vgpu)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(vgpu);
	r = cli_print_table(make_table(vgpu));
	json_decref(vgpu);
	return r;
}

const struct cli_verb cli_show = {
	.name = "show",
	.arguments = "NAME",
	.summary = "Show all about a vGPU",
	.min = 1,
	.max = 1,
	.run = run,
};
