// SPDX-License-Identifier: GPL-2.0-or-later
/* ivshmem.c - facet ivshmem serve|ls|qemu-args: memory that virtual machines share. */
#include "cli/ivshmem.h"

#include <string.h>

static const struct word {
	const char *name, *usage;
	unsigned int min, max; /* arguments, itself included */
	const char *options;   /* each with a space before and behind */
	int (*run)(struct cli *cli);
} words[] = {
	{ "serve", "serve [OPTION]... [NAME[,KEY=VALUE]...]...", 1, CLI_MAX_ARGUMENTS,
	  " socket size vectors name file mode group allow-uid allow-gid max-peers ",
	  cli_ivshmem_serve },
	{ "ls", "ls", 1, 1, " ", cli_ivshmem_ls },
	{ "qemu-args", "qemu-args NAME [--plain]", 2, 2, " plain ", cli_ivshmem_qemu_args },
};

/* An option that another word has. */
static int check_options(const struct cli *cli, const struct word *word)
{
	char text[40];

	for (const struct cli_option *o = cli->verb->options; o->name; o++) {
		snprintf(text, sizeof(text), " %s ", o->name);
		if (cli_value(cli, o->name) && !strstr(word->options, text))
			return cli_wrong(cli, "--%s: is none of `facet ivshmem %s`", o->name,
					 word->usage);
	}
	if (cli->socket)
		return cli_wrong(cli,
				 "--socket %s: there is no facetd to ask: write it behind "
				 "the verb",
				 cli->socket);
	return 0;
}

static int run(struct cli *cli)
{
	const char *name = cli->arguments[0];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct word *word = &words[i];

		if (strcmp(word->name, name) != 0)
			continue;
		if (cli->count < word->min || cli->count > word->max)
			return cli_wrong(cli, "usage: facet ivshmem %s", word->usage);
		return check_options(cli, word) ? CLI_WRONG : word->run(cli);
	}
	return cli_wrong(cli, "%s: must be serve, ls or qemu-args", name);
}

const struct cli_verb cli_ivshmem = {
	.name = "ivshmem",
	.arguments = "serve|ls|qemu-args ...",
	.summary = "Share memory between virtual machines",
	.min = 1,
	.max = CLI_MAX_ARGUMENTS,
	.alone = true,
	.options = {
		{ "socket", "PATH", "serve: where QEMU connects (NAME.sock in the runtime directory)" },
		{ "size", "SIZE", "serve: of the memory, a power of two, such as 64M" },
		{ "vectors", "N", "serve: doorbells of each peer, 1 to 2048 (1)" },
		{ "name", "NAME", "serve: of the region (ivshmem)" },
		{ "file", "FILE", "serve: has the memory, also on hugetlbfs (none)" },
		{ "mode", "MODE", "serve: of the socket and the file (0600; with --group 0660)" },
		{ "group", "GROUP", "serve: of the socket and the file" },
		{ "allow-uid", "USER,...", "serve: only processes of these users may connect" },
		{ "allow-gid", "GROUP,...", "serve: only these groups' (or of --allow-uid)" },
		{ "max-peers", "N", "serve: no more at once, up to 65536 (256)" },
		{ "plain", NULL, "qemu-args: the file alone, without doorbells" },
	},
	.run = run,
};
