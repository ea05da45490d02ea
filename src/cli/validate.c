// SPDX-License-Identifier: GPL-2.0-or-later
/* validate.c - facet validate FILE: is it a file that `facet run` takes? */
#include <stdio.h>

#include "cli/vm.h"

static int run(struct cli *cli)
{
	struct facet_vm_file *file;
	int r = 0;

	for (unsigned int i = 0; !r && i < cli->count; i++) {
		r = cli_load_vms(cli, cli->arguments[i], &file);
		if (r)
			break;
		printf("%s: in order: %u VM%s\n", cli->arguments[i], file->vms_count,
		       file->vms_count == 1 ? "" : "s");
		facet_vm_file_destroy(file);
	}
	return r ? r : cli_flush();
}

const struct cli_verb cli_validate = {
	.name = "validate",
	.arguments = "FILE...",
	.summary = "Check files of virtual machines",
	.min = 1,
	.max = CLI_MAX_ARGUMENTS,
	.alone = true,
	.run = run,
};
