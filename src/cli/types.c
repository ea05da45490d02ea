// SPDX-License-Identifier: GPL-2.0-or-later
/* types.c - facet types: what a vGPU can be made as, and how many more fit. */
#include <stdio.h>

#include "cli/cli.h"

static const struct cli_column columns[] = {
	{ "NAME" }, { "GPU" },           { "SHARE" },     { "VRAM", true },
	{ "SIZE" }, { "OUTPUTS", true }, { "FIT", true }, { NULL },
};

static void add(struct libscols_table *table, const json_t *type)
{
	char share[48], vram[16], size[32], outputs[16], fit[16];

	cli_format_share(share, sizeof(share), type);
	cli_format_bytes(vram, sizeof(vram), cli_integer(type, "vram_bytes"));
	snprintf(size, sizeof(size), "%ux%u", (unsigned int)cli_integer(type, "width"),
		 (unsigned int)cli_integer(type, "height"));
	snprintf(outputs, sizeof(outputs), "%u", (unsigned int)cli_integer(type, "outputs"));
	snprintf(fit, sizeof(fit), "%u", (unsigned int)cli_integer(type, "fit"));
	cli_row(table, (const char *const[]){ cli_string(type, "name"), cli_string(type, "gpu"),
					      share, vram, size, outputs, fit });
}

static int run(struct cli *cli)
{
	struct libscols_table *table;
	json_t *types, *type;
	char *answer;
	size_t i;
	int r = facet_list_types(cli->conn, &answer);

	if (r)
		return cli_failed(cli, r);
	types = cli_parse(cli, answer);
	if (!types)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(types);
	table = cli_table(columns);
	json_array_foreach(types, i, type) add(table, type);
	json_decref(types);
	return cli_print_table(table);
}

const struct cli_verb cli_types = {
	.name = "types",
	.arguments = "",
	.summary = "List the types of vGPUs, and how many more fit",
	.run = run,
};
