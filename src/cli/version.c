// SPDX-License-Identifier: GPL-2.0-or-later
/* version.c - facet version: of this program, and of the facetd that runs. */
#include <stdio.h>

#include "cli/cli.h"

static int run(struct cli *cli)
{
	char *daemon = NULL;

	/* It is no failure if none runs. */
	if (facet_daemon_version(cli->conn, &daemon))
		daemon = NULL;
	if (cli->json) {
		int r = cli_print_json(
			json_pack("{s:s, s:s?}", "facet", facet_version(), "facetd", daemon));

		facet_free(daemon);
		return r;
	}
	printf("facet %s\nfacetd %s\n", facet_version(), daemon ? daemon : "is not running");
	facet_free(daemon);
	return cli_flush();
}

const struct cli_verb cli_version = {
	.name = "version",
	.arguments = "",
	.summary = "Tell the versions",
	.run = run,
};
