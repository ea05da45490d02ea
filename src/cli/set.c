// SPDX-License-Identifier: GPL-2.0-or-later
/* set.c - facet set NAME: other limits, another size for an output, or its (dis)connection. */
#include <string.h>

#include "cli/cli.h"

struct wanted {
	uint32_t output, width, height;
	int connected; /* -1: as it is */
	struct facet_limits limits;
};

static void add(const struct cli *cli, const char *option, uint32_t bit, uint32_t *set)
{
	if (cli_value(cli, option))
		*set |= bit;
}

static int read_limits(const struct cli *cli, struct facet_limits *l)
{
	if (cli_number(cli, "weight", 1, 10000, &l->weight) ||
	    cli_percent(cli, "cap", &l->cap_ppm) ||
	    cli_percent(cli, "reservation", &l->reservation_ppm) ||
	    cli_bytes(cli, "vram", &l->vram_bytes) || cli_hang(cli, &l->hang_ms))
		return CLI_WRONG;
	if (cli_value(cli, "cap") && !l->cap_ppm)
		return cli_wrong(cli, "--cap 0: nothing could run: give more, such as 1%%");
	if (cli_value(cli, "eus-exclusive") && cli_value(cli, "eus-shared"))
		return cli_wrong(cli, "--eus-exclusive and --eus-shared: only one can be true");
	l->eus = cli_value(cli, "eus");
	if (l->eus && strcmp(l->eus, "all") == 0)
		l->eus = "";
	l->eus_exclusive = cli_value(cli, "eus-exclusive") != NULL;
	l->overcommit = 1;
	add(cli, "weight", FACET_LIMIT_WEIGHT, &l->set);
	add(cli, "cap", FACET_LIMIT_CAP, &l->set);
	add(cli, "reservation", FACET_LIMIT_RESERVATION, &l->set);
	add(cli, "vram", FACET_LIMIT_VRAM, &l->set);
	add(cli, "eus", FACET_LIMIT_EUS, &l->set);
	add(cli, "eus-exclusive", FACET_LIMIT_EUS_EXCLUSIVE, &l->set);
	add(cli, "eus-shared", FACET_LIMIT_EUS_EXCLUSIVE, &l->set);
	add(cli, "hang", FACET_LIMIT_HANG, &l->set);
	add(cli, "overcommit", FACET_LIMIT_OVERCOMMIT, &l->set);
	return 0;
}

static int read_wanted(const struct cli *cli, struct wanted *wanted)
{
	bool on = cli_value(cli, "on"), off = cli_value(cli, "off");

	if (cli_number(cli, "output", 0, 15, &wanted->output) ||
	    cli_size(cli, "size", &wanted->width, &wanted->height) ||
	    read_limits(cli, &wanted->limits))
		return CLI_WRONG;
	if (on && off)
		return cli_wrong(cli, "--on and --off: only one can be true");
	wanted->connected = on ? 1 : off ? 0 : -1;
	if (!on && !off && !wanted->width && !wanted->limits.set)
		return cli_wrong(cli, "nothing to set: give a limit such as --cap 30%%, or for an "
				      "output --size WxH, --on or --off");
	return 0;
}

static int run(struct cli *cli)
{
	struct wanted wanted = { .limits = { .size = sizeof(wanted.limits) } };
	const char *name = cli->arguments[0];
	int r = 0;

	if (read_wanted(cli, &wanted))
		return CLI_WRONG;
	if (wanted.limits.set)
		r = facet_set_limits(cli->conn, name, &wanted.limits);
	if (!r && (wanted.connected >= 0 || wanted.width))
		r = facet_set_output(cli->conn, name, wanted.output, wanted.connected, wanted.width,
				     wanted.height);
	if (r)
		return cli_failed(cli, r);
	return cli->json ? cli_print_json(json_object()) : 0;
}

const struct cli_verb cli_set = {
	.name = "set",
	.arguments = "NAME",
	.summary = "Other limits for a vGPU, or another size of an output",
	.min = 1,
	.max = 1,
	.options = {
		{ "weight", "W", "its part of the GPU against the others', 1 to 10000" },
		{ "cap", "PERCENT", "never more of the GPU; 100%: no cap" },
		{ "reservation", "PERCENT", "at least that of the GPU" },
		{ "vram", "SIZE", "memory for the guest's resources" },
		{ "eus", "LIST|N|all", "execution units: these (0-3,6), or that many" },
		{ "eus-exclusive", NULL, "no other vGPU runs on them" },
		{ "eus-shared", NULL, "others may" },
		{ "hang", "S|never", "GPU time of one job after which it is reset" },
		{ "overcommit", NULL, "promise memory that the GPU does not have" },
		{ "output", "K", "which: 0 is the first (0)" },
		{ "size", "WxH", "its new size" },
		{ "on", NULL, "plug a monitor in" },
		{ "off", NULL, "pull it out" },
	},
	.run = run,
};
