// SPDX-License-Identifier: GPL-2.0-or-later
/* import.c - facet import libvfio FILE: somebody else's file as one of ours. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/vm.h"
#include "launch/libvfio.h"

static int run(struct cli *cli)
{
	const char *path = cli->arguments[1];
	facet_autofree char *text = NULL, *ours = NULL;
	struct facet_vm_file *file = NULL;
	struct facet_error err;
	size_t size, our_size;
	FILE *to;
	int r;

	if (strcmp(cli->arguments[0], "libvfio") != 0)
		return cli_wrong(cli, "%s: must be libvfio", cli->arguments[0]);
	to = open_memstream(&ours, &our_size);
	if (!to)
		return cli_error(cli, "out of memory");
	r = facet_vm_read(path, &text, &size, &err);
	if (!r)
		r = facet_libvfio_convert(path, text, size, to, stderr, &err);
	if (fclose(to) != 0 && !r)
		r = facet_error_set(&err, -ENOMEM, "out of memory");
	/* What we print, we take. */
	if (!r)
		r = facet_vm_parse("the result", ours, our_size, &file, &err);
	facet_vm_file_destroy(file);
	if (r) {
		cli_error(cli, "%s", err.text);
		return r == -EINVAL ? CLI_WRONG : CLI_FAILED;
	}
	fputs(ours, stdout);
	return cli_flush();
}

const struct cli_verb cli_import = {
	.name = "import",
	.arguments = "libvfio FILE",
	.summary = "Print a file of LibVF.IO's as one for `facet run`",
	.min = 2,
	.max = 2,
	.alone = true,
	.run = run,
};
