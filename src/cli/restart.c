// SPDX-License-Identifier: GPL-2.0-or-later
/* restart.c - facet restart NAME: a new process for a vGPU. */
#include <stdio.h>

#include "cli/cli.h"

static int run(struct cli *cli)
{
	char *answer;
	json_t *vgpu;
	int r = facet_restart(cli->conn, cli->arguments[0], &answer);

	if (r)
		return cli_failed(cli, r);
	vgpu = cli_parse(cli, answer);
	if (!vgpu)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(vgpu);
	printf("%s: %s\n", cli_string(vgpu, "name"), cli_string(vgpu, "reason"));
	json_decref(vgpu);
	return cli_flush();
}

const struct cli_verb cli_restart = {
	.name = "restart",
	.arguments = "NAME",
	.summary = "Give a vGPU a new process",
	.min = 1,
	.max = 1,
	.run = run,
};
