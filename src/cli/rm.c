// SPDX-License-Identifier: GPL-2.0-or-later
/* rm.c - facet rm NAME...: end vGPUs. */
#include "cli/cli.h"

static int run(struct cli *cli)
{
	unsigned int flags = cli_value(cli, "force") ? FACET_REMOVE_FORCE : 0;
	int worst = 0;

	for (unsigned int i = 0; i < cli->count; i++) {
		int r = facet_remove(cli->conn, cli->arguments[i], flags);

		if (r)
			worst = cli_failed(cli, r);
	}
	if (cli->json)
		cli_print_json(json_object());
	return worst;
}

const struct cli_verb cli_rm = {
	.name = "rm",
	.arguments = "NAME...",
	.summary = "Remove vGPUs",
	.min = 1,
	.max = CLI_MAX_ARGUMENTS,
	.options = { { "force", NULL, "even if a virtual machine uses it" } },
	.run = run,
};
