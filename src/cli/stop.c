// SPDX-License-Identifier: GPL-2.0-or-later
/* stop.c - facet stop NAME: ends virtual machines and all that belongs to them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/vm.h"

static int stop_one(struct cli *cli, const char *name, int seconds)
{
	struct facet_error err;

	if (facet_launch_stop(name, seconds, &err) == 0)
		return 0;
	return cli_error(cli, "%s", err.text);
}

/* Of a file: those that it names. */
static int stop_file(struct cli *cli, const char *path, int seconds)
{
	struct facet_vm_file *file;
	int r = cli_load_vms(cli, path, &file), code;

	if (r)
		return r;
	for (unsigned int i = 0; i < file->vms_count; i++) {
		code = stop_one(cli, file->vms[i].name, seconds);
		r = code ? code : r;
	}
	facet_vm_file_destroy(file);
	return r;
}

static int stop_all(struct cli *cli, int seconds)
{
	char **names = facet_vmdir_list();
	int r = 0, code;

	for (char **name = names; name && *name; name++) {
		code = stop_one(cli, *name, seconds);
		r = code ? code : r;
		free(*name);
	}
	free(names);
	return r;
}

static int run(struct cli *cli)
{
	uint32_t timeout = 0;
	int seconds = -1, r = 0, code;

	if (cli_number(cli, "timeout", 0, 3600, &timeout))
		return CLI_WRONG;
	if (cli_value(cli, "timeout"))
		seconds = (int)timeout;
	if (cli_value(cli, "now"))
		seconds = 0;
	if (!cli->count && !cli_value(cli, "all"))
		return cli_wrong(cli, "say what to stop: names, files, or --all");
	if (cli_value(cli, "all"))
		return stop_all(cli, seconds);
	for (unsigned int i = 0; i < cli->count; i++) {
		const char *name = cli->arguments[i];

		/* A name has no slash, and a VM of that name comes first. */
		code = strchr(name, '/') || (strlen(name) > 5 &&
					     strcmp(name + strlen(name) - 5, ".yaml") == 0)
			       ? stop_file(cli, name, seconds)
			       : stop_one(cli, name, seconds);
		r = code ? code : r;
	}
	return r;
}

const struct cli_verb cli_stop = {
	.name = "stop",
	.arguments = "NAME|FILE...",
	.summary = "Stop virtual machines; nothing of them is left",
	.max = CLI_MAX_ARGUMENTS,
	.options = {
		{ "timeout", "S", "give the guest so long to shut down (stop-seconds of its file)" },
		{ "now", NULL, "do not ask the guest" },
		{ "all", NULL, "every one of `facet ps`" },
	},
	.alone = true,
	.run = run,
};
