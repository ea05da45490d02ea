// SPDX-License-Identifier: GPL-2.0-or-later
/* logs.c - facet logs NAME: what QEMU, or the guest's console, has said. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/vm.h"

static int run(struct cli *cli)
{
	const char *name = cli->arguments[0];
	char directory[PATH_MAX], path[PATH_MAX + 20], text[4096];
	struct facet_error err;
	FILE *file;
	size_t n;

	if (facet_vmdir_path(name, directory, &err))
		return cli_error(cli, "%s", err.text);
	if (access(directory, F_OK) < 0)
		return cli_error(cli, "%s: no such VM: see `facet ps`", name);
	snprintf(path, sizeof(path), "%s/%s", directory,
		 cli_value(cli, "serial") ? "serial.log" : "qemu.log");
	file = fopen(path, "re");
	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return cli_error(cli, "%s: %s", path, strerror(errno));
	while ((n = fread(text, 1, sizeof(text), file)) > 0)
		fwrite(text, 1, n, stdout);
	fclose(file);
	return cli_flush();
}

const struct cli_verb cli_logs = {
	.name = "logs",
	.arguments = "NAME",
	.summary = "What the QEMU of a virtual machine has said",
	.min = 1,
	.max = 1,
	.options = {
		{ "serial", NULL, "what the guest has written to its serial console" },
	},
	.alone = true,
	.run = run,
};
