// SPDX-License-Identifier: GPL-2.0-or-later
/* create.c - facet create NAME: a new vGPU. */
#include <stdio.h>

#include "cli/cli.h"

static int run(struct cli *cli)
{
	struct facet_create create = { .size = sizeof(create) };
	uint32_t hang_ms = UINT32_MAX;
	char path[4096], *answer;
	json_t *vgpu;
	int r;

	create.name = cli->arguments[0];
	create.gpu = cli_value(cli, "gpu");
	create.mechanism = cli_value(cli, "mechanism");
	if (cli_size(cli, "size", &create.width, &create.height) ||
	    cli_number(cli, "outputs", 1, 16, &create.outputs) ||
	    cli_bytes(cli, "vram", &create.vram_bytes) ||
	    cli_number(cli, "weight", 1, 10000, &create.weight) ||
	    cli_percent(cli, "cap", &create.cap_ppm) ||
	    cli_percent(cli, "reservation", &create.reservation_ppm) || cli_hang(cli, &hang_ms))
		return CLI_WRONG;
	if (cli_value(cli, "cap") && !create.cap_ppm)
		return cli_wrong(cli, "--cap 0: nothing could run: give more, such as 1%%");
	create.type = cli_value(cli, "type");
	create.eus = cli_value(cli, "eus");
	if (hang_ms != UINT32_MAX)
		create.hang_ms = hang_ms;
	create.flags = (hang_ms == 0 ? FACET_CREATE_HANG_NEVER : 0) |
		       (cli_value(cli, "eus-exclusive") ? FACET_CREATE_EUS_EXCLUSIVE : 0) |
		       (cli_value(cli, "overcommit") ? FACET_CREATE_OVERCOMMIT : 0);
	create.transport = cli_value(cli, "transport");
	create.kvmfr = cli_value(cli, "kvmfr");
	create.kvmfr_group = cli_value(cli, "kvmfr-group");
	if (create.kvmfr && !cli_full_path(cli, create.kvmfr, path, &create.kvmfr))
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
		{ "gpu", "GPU",
		  "where its work runs (see `facet gpus`; default: the first), or a PCI address" },
		{ "mechanism", "NAME",
		  "virgl (OpenGL) or 2d; a part of hardware: sriov, mdev, gvtg-hw, vendor-vf, vfio" },
		{ "transport", "NAME", "vhost-user, or vfio-user: a whole PCI device (vhost-user)" },
		{ "size", "WxH", "of the first output (1280x800)" },
		{ "outputs", "N", "1 to 16 (1)" },
		{ "type", "TYPE", "what it is made as (see `facet types`, and of hardware `facet gpus --host`)" },
		{ "weight", "W", "its part of the GPU against the others', 1 to 10000 (100)" },
		{ "cap", "PERCENT", "never more of the GPU (100%)" },
		{ "reservation", "PERCENT", "at least that of the GPU (0%)" },
		{ "vram", "SIZE", "memory for the guest's resources (512M)" },
		{ "eus", "LIST|N", "execution units: these (0-3,6), or that many (all)" },
		{ "eus-exclusive", NULL, "no other vGPU runs on them" },
		{ "hang", "S|never", "GPU time of one job after which it is reset (10)" },
		{ "kvmfr", "[=PATH]", "publish its outputs in a file, for `facet view`" },
		{ "kvmfr-group", "NAME", "a group that may watch, too" },
		{ "overcommit", NULL, "promise memory that the GPU does not have" },
	},
	.run = run,
};
