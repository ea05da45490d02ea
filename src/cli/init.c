// SPDX-License-Identifier: GPL-2.0-or-later
/* init.c - facet init [FILE]: a commented file to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "example_vm.h"

static int run(struct cli *cli)
{
	const char *path = cli->count ? cli->arguments[0] : NULL;
	size_t size = sizeof(example_vm) - 1;
	int fd;

	if (!path) {
		fputs(example_vm, stdout);
		return cli_flush();
	}
	/* Somebody's file is not ours to replace. */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return cli_error(cli, "%s: %s", path, strerror(errno));
	if (write(fd, example_vm, size) != (ssize_t)size || close(fd) < 0)
		return cli_error(cli, "%s: %s", path, strerror(errno));
	printf("%s: edit it, then `facet run %s`\n", path, path);
	return cli_flush();
}

const struct cli_verb cli_init = {
	.name = "init",
	.arguments = "[FILE]",
	.summary = "Write a commented file for `facet run`",
	.max = 1,
	.alone = true,
	.run = run,
};
