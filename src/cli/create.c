// SPDX-License-Identifier: GPL-2.0-or-later
/* create.c - facet create NAME: a new vGPU. */
#include <stdio.h>

#include "cli/cli.h"

static int run(struct cli *cli)
{
	struct facet_create create = { .size = sizeof(create) };
	char *answer;
	json_t *vgpu;
	int r;

	create.name = cli->arguments[0];
	create.gpu = cli_value(cli, "gpu");
	create.mechanism = cli_value(cli, "mechanism");
	if (cli_size(cli, "size", &create.width, &create.height) ||
	    cli_number(cli, "outputs", 1, 16, &create.outputs) ||
	    cli_bytes(cli, "vram", &create.vram_bytes))
		return CLI_WRONG;
	r = facet_create(cli->conn, &create, &answer);
	if (r)
		return cli_failed(cli, r);
	vgpu = cli_parse(cli, answer);
	if (!vgpu)
		return CLI_FAILED;
	if (cli->json)
		return cli_print_json(vgpu);
	printf("%s: %s on %s; `facet qemu-args %s` tells how to attach it\n",
	       cli_string(vgpu, "name"), cli_string(vgpu, "mechanism"), cli_string(vgpu, "gpu"),
	       cli_string(vgpu, "name"));
	json_decref(vgpu);
	return cli_flush();
}

const struct cli_verb cli_create = {
	.name = "create",
	.arguments = "NAME",
	.summary = "Make a vGPU",
	.min = 1,
	.max = 1,
	.options = {
		{ "gpu", "GPU", "where its work runs (see `facet gpus`; default: the first)" },
		{ "mechanism", "NAME", "virgl (OpenGL) or 2d" },
		{ "size", "WxH", "of the first output (1280x800)" },
		{ "outputs", "N", "1 to 16 (1)" },
		{ "vram", "SIZE", "host memory for the guest's resources (512M)" },
	},
	.run = run,
};
