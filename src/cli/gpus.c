// SPDX-License-Identifier: GPL-2.0-or-later
/* gpus.c - facet gpus: what can execute guests' work, and by which mechanisms. */
#include <stdio.h>

#include "cli/cli.h"

static const struct cli_column columns[] = {
	{ "NAME" },      { "DRIVER" }, { "ADDRESS" }, { "VGPUS", true },
	{ "MECHANISM" }, { "WORKS" },  { NULL },
};

static void add(struct libscols_table *table, const json_t *gpu)
{
	json_t *mechanism;
	char vgpus[16];
	size_t i;

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
				vgpus, cli_string(mechanism, "name"), text });
	}
}

static int run(struct cli *cli)
{
	struct libscols_table *table;
	json_t *gpus, *gpu;
	char *answer;
	size_t i;
	int r = facet_list_gpus(cli->conn, &answer);

	if (r)
		return cli_failed(cli, r);
	gpus = cli_parse(cli, answer);
	if (!gpus)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(gpus);
	table = cli_table(columns);
	json_array_foreach(gpus, i, gpu) add(table, gpu);
	json_decref(gpus);
	return cli_print_table(table);
}

const struct cli_verb cli_gpus = {
	.name = "gpus",
	.arguments = "",
	.summary = "List the GPUs of this host",
	.run = run,
};
