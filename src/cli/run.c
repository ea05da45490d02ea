// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - facet run FILE: starts what a file describes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/vm.h"

static void say(const struct facet_vm *vm)
{
	printf("%s: runs with %u vCPUs and %u GPUs; `facet console %s`, `facet stop %s`\n",
	       vm->name, facet_vm_vcpus(vm), vm->gpus_count, vm->name, vm->name);
	fflush(stdout);
}

/* All, or none: those that were started for it are stopped when a later one fails. */
static int run_all(struct cli *cli, const struct facet_vm_file *file,
		   const struct facet_launch_options *options)
{
	const char *only = cli_value(cli, "vm");
	struct facet_error err;
	unsigned int i;
	int r = 0;

	for (i = 0; !r && i < file->vms_count; i++) {
		if (only && strcmp(file->vms[i].name, only) != 0)
			continue;
		r = facet_launch_run(file, &file->vms[i], options, &err);
		if (!r && !options->foreground)
			say(&file->vms[i]);
	}
	if (!r)
		return cli_flush();
	cli_error(cli, "%s", err.text);
	for (i--; !options->foreground && i--;)
		if (!only && facet_launch_stop(file->vms[i].name, 0, &err) == 0)
			cli_error(cli, "%s: stopped again", file->vms[i].name);
	return r == -EINVAL ? CLI_WRONG : CLI_FAILED;
}

static int run(struct cli *cli)
{
	const char *name = cli->arguments[0], *socket = cli_value(cli, "socket");
	struct facet_launch_options options = { .foreground = cli_value(cli, "foreground") };
	facet_autofree char *full = realpath(name, NULL);
	char path[4096];
	struct facet_vm_file *file;
	int r = cli_load_vms(cli, name, &file);

	if (r)
		return r;
	if ((cli_value(cli, "vm") || options.foreground) &&
	    !cli_choose_vm(cli, file, cli_value(cli, "vm")))
		r = CLI_WRONG;
	if (!r && socket && !cli_full_path(cli, socket, path, &options.daemon))
		r = CLI_WRONG;
	options.file_name = full ? full : name;
	if (!r)
		r = run_all(cli, file, &options);
	facet_vm_file_destroy(file);
	return r;
}

const struct cli_verb cli_run = {
	.name = "run",
	.arguments = "FILE",
	.summary = "Start the virtual machines that a file describes",
	.min = 1,
	.max = 1,
	.options = {
		{ "vm", "NAME", "only that one of the file" },
		{ "foreground", NULL, "stay until it ends; Ctrl-C stops it at once" },
		{ "socket", "PATH", "facetd's socket" },
	},
	.alone = true,
	.run = run,
};
