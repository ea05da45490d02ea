// SPDX-License-Identifier: GPL-2.0-or-later
/* version.c - facet version: of this program, and of the facetd that runs. */
#include <stdio.h>

#include "cli/cli.h"

static int run(struct cli *cli)
{
	unsigned int interface = 0;
	char *daemon = NULL;

	/* It is no failure if none runs. */
	if (facet_daemon_version(cli->conn, &daemon))
		daemon = NULL;
	else
		facet_daemon_interface_version(cli->conn, &interface);
	if (cli->json) {
		int r = cli_print_json(json_pack("{s:s, s:s?, s:i, s:i}", "facet", facet_version(),
						 "facetd", daemon, "facet_interface",
						 (int)facet_interface_version(), "facetd_interface",
						 (int)interface));

		facet_free(daemon);
		return r;
	}
	printf("facet %s (interface %u)\n", facet_version(), facet_interface_version());
	if (daemon)
		printf("facetd %s (interface %u)\n", daemon, interface);
	else
		puts("facetd is not running");
	if (daemon && interface < facet_interface_version())
		fputs("facet version: facetd is older than this facet and does not know all of it: "
		      "restart facetd\n",
		      stderr);
	facet_free(daemon);
	return cli_flush();
}

const struct cli_verb cli_version = {
	.name = "version",
	.arguments = "",
	.summary = "Tell the versions",
	.run = run,
};
