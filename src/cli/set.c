// SPDX-License-Identifier: GPL-2.0-or-later
/* set.c - facet set NAME: another size for an output, or its (dis)connection. */
#include "cli/cli.h"

static int run(struct cli *cli)
{
	uint32_t output = 0, width = 0, height = 0;
	bool on = cli_value(cli, "on"), off = cli_value(cli, "off");
	int r;

	if (cli_number(cli, "output", 0, 15, &output) || cli_size(cli, "size", &width, &height))
		return CLI_WRONG;
	if (on && off)
		return cli_wrong(cli, "--on and --off: only one can be true");
	if (!on && !off && !width)
		return cli_wrong(cli, "nothing to set: give --size WxH, --on or --off");
	r = facet_set_output(cli->conn, cli->arguments[0], output,
			     on    ? 1
			     : off ? 0
				   : -1,
			     width, height);
	if (r)
		return cli_failed(cli, r);
	return cli->json ? cli_print_json(json_object()) : 0;
}

const struct cli_verb cli_set = {
	.name = "set",
	.arguments = "NAME",
	.summary = "Resize, connect or disconnect an output",
	.min = 1,
	.max = 1,
	.options = {
		{ "output", "K", "which: 0 is the first (0)" },
		{ "size", "WxH", "its new size" },
		{ "on", NULL, "plug a monitor in" },
		{ "off", NULL, "pull it out" },
	},
	.run = run,
};
