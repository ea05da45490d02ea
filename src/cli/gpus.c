// SPDX-License-Identifier: GPL-2.0-or-later
/* gpus.c - facet gpus: what can execute guests' work, and by which mechanisms. */
#include <stdio.h>
#include <string.h>

#include "cli/host.h"

static const struct cli_column columns[] = {
	{ "NAME" },
	{ "DRIVER" },
	{ "ADDRESS" },
	{ "VGPUS", true },
	{ "POLICY" },
	{ "EUS", true },
	{ "SHARE FREE", true },
	{ "VRAM FREE", true },
	{ "MECHANISM" },
	{ "WORKS" },
	{ NULL },
};

/* As people write it. */
static void format_policy(char *ret, size_t size, const json_t *gpu)
{
	snprintf(ret, size, "%s", cli_string(gpu, "policy"));
	for (; *ret; ret++)
		if (*ret == '_')
			*ret = '-';
}

static void add(struct libscols_table *table, const json_t *gpu)
{
	json_t *mechanism;
	char vgpus[16], policy[24], eus[16], share[16], vram[40], all[16];
	size_t i;

	format_policy(policy, sizeof(policy), gpu);
	snprintf(eus, sizeof(eus), "%u", (unsigned int)cli_integer(gpu, "eus"));
	cli_format_percent(share, sizeof(share), cli_integer(gpu, "share_free_ppm"), 1);
	cli_format_bytes(vram, 16, cli_integer(gpu, "vram_free_bytes"));
	cli_format_bytes(all, sizeof(all), cli_integer(gpu, "vram_bytes"));
	snprintf(vram + strlen(vram), sizeof(vram) - strlen(vram), " of %s", all);
	snprintf(vgpus, sizeof(vgpus), "%d", (int)cli_integer(gpu, "vgpus"));
	json_array_foreach(json_object_get(gpu, "mechanisms"), i, mechanism)
	{
		bool works = json_is_true(json_object_get(mechanism, "works"));
		char text[300];

		snprintf(text, sizeof(text), "%s%s",
			 works ? "yes" : "no: ", works ? "" : cli_string(mechanism, "why"));
		/* One line each, so that every line stands alone for grep and awk. */
		cli_row(table,
			(const char *const[]){
				cli_string(gpu, "name"), cli_string(gpu, "driver"),
				cli_string(gpu, "address")[0] ? cli_string(gpu, "address") : "-",
				vgpus, policy, eus, share, vram, cli_string(mechanism, "name"),
				text });
	}
}

static int run(struct cli *cli)
{
	struct libscols_table *table;
	json_t *gpus, *gpu;
	bool hardware = false;
	char *answer;
	size_t i;
	int r;

	if (cli_value(cli, "host"))
		return cli_run_gpus_host(cli);
	if (cli_value(cli, "all") || cli_value(cli, "root") || cli_value(cli, "watch"))
		return cli_wrong(cli, "--all, --root and --watch: go with --host");
	r = facet_list_gpus(cli->conn, &answer);
	if (r)
		return cli_failed(cli, r);
	gpus = cli_parse(cli, answer);
	if (!gpus)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(gpus);
	table = cli_table(columns);
	json_array_foreach(gpus, i, gpu)
	{
		add(table, gpu);
		hardware |= *cli_string(gpu, "address");
	}
	json_decref(gpus);
	r = cli_print_table(table);
	if (r == 0 && !hardware)
		cli_say_why_no_gpu();
	return r;
}

const struct cli_verb cli_gpus = {
	.name = "gpus",
	.arguments = "",
	.summary = "List the GPUs of this host",
	.options = { { "host", NULL,
		       "without facetd: devices, and the parts that can be given away" },
		     { "all", NULL, "also devices that are no GPU and can be split" },
		     { "watch", NULL, "go on, and print again what has changed" },
		     { "root", "DIR", "look at a tree of files in place of this host" } },
	.run = run,
};
