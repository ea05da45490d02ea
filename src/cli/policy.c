// SPDX-License-Identifier: GPL-2.0-or-later
/* policy.c - facet policy GPU [POLICY]: how a GPU's time is divided. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static int show(struct cli *cli, const char *gpu)
{
	struct facet_gpu_info **gpus;
	int r = facet_get_gpus(cli->conn, &gpus), i = 0;

	if (r)
		return cli_failed(cli, r);
	while (gpus[i] && strcmp(gpus[i]->name, gpu) != 0)
		i++;
	if (!gpus[i]) {
		facet_free(gpus);
		return cli_wrong(cli, "GPU %s: not on this host: see `facet gpus`", gpu);
	}
	if (cli->json) {
		json_t *answer = json_pack("{s:s, s:s}", "gpu", gpu, "policy", gpus[i]->policy);

		facet_free(gpus);
		return cli_print_json(answer);
	}
	puts(gpus[i]->policy);
	facet_free(gpus);
	return cli_flush();
}

static int run(struct cli *cli)
{
	int r;

	if (cli->count == 1)
		return show(cli, cli->arguments[0]);
	r = facet_set_policy(cli->conn, cli->arguments[0], cli->arguments[1]);
	if (r)
		return cli_failed(cli, r);
	return cli->json ? cli_print_json(json_object()) : 0;
}

const struct cli_verb cli_policy = {
	.name = "policy",
	.arguments = "GPU [POLICY]",
	.summary = "Tell or choose how a GPU is shared: best-effort, equal or fixed",
	.min = 1,
	.max = 2,
	.run = run,
};
