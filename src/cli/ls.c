// SPDX-License-Identifier: GPL-2.0-or-later
/* ls.c - facet ls: the vGPUs. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_column columns[] = {
	{ "NAME" },  { "GPU" },   { "MECHANISM" }, { "SIZE" }, { "OUTPUTS", true },
	{ "STATE" }, { "GUEST" }, { "NOTE" },      { NULL },
};

static void add(struct libscols_table *table, const json_t *vgpu)
{
	char size[32], outputs[16], guest[128];

	snprintf(size, sizeof(size), "%ux%u", (unsigned int)cli_integer(vgpu, "width"),
		 (unsigned int)cli_integer(vgpu, "height"));
	snprintf(outputs, sizeof(outputs), "%u", (unsigned int)cli_integer(vgpu, "outputs"));
	cli_format_guest(guest, sizeof(guest), vgpu);
	/* A part of hardware has the outputs that it has. */
	if (cli_is_part(vgpu)) {
		strcpy(size, "-");
		strcpy(outputs, "-");
	}
	cli_row(table, (const char *const[]){ cli_string(vgpu, "name"), cli_string(vgpu, "gpu"),
					      cli_string(vgpu, "mechanism"), size, outputs,
					      cli_string(vgpu, "state"), guest,
					      cli_string(vgpu, "reason") });
}

static int run(struct cli *cli)
{
	struct libscols_table *table;
	json_t *vgpus, *vgpu;
	char *answer;
	size_t i;
	int r = facet_list(cli->conn, &answer);

	if (r)
		return cli_failed(cli, r);
	vgpus = cli_parse(cli, answer);
	if (!vgpus)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(vgpus);
	if (!json_array_size(vgpus))
		fputs("no vGPUs: `facet create NAME` makes one\n", stderr);
	table = cli_table(columns);
	json_array_foreach(vgpus, i, vgpu) add(table, vgpu);
	json_decref(vgpus);
	return cli_print_table(table);
}

const struct cli_verb cli_ls = {
	.name = "ls",
	.arguments = "",
	.summary = "List the vGPUs",
	.run = run,
};
