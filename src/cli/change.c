// SPDX-License-Identifier: GPL-2.0-or-later
/* change.c - what the verbs that change a host share. */
#include <stdio.h>
#include <string.h>

#include "cli/host.h"

enum { WAIT_MS = 5000 };

/* As one would type it; a file of ours as it will be. */
static void tell_all(void *arg, const char *path, const char *text)
{
	if (!text)
		printf("rm /%s\n", path);
	else if (strncmp(path, "sys/", 4) == 0)
		printf("echo '%.*s' >/%s\n", (int)strcspn(text, "\n"), text, path);
	else
		printf("cat >/%s <<'END'\n%sEND\n", path, text);
}

static void tell_files(void *arg, const char *path, const char *text)
{
	if (strncmp(path, "etc/", 4) == 0)
		tell_all(arg, path, text);
}

int cli_open_change(const struct cli *cli, struct facet_tree **ret_tree, struct facet_change **ret)
{
	const char *root = cli_value(cli, "root");
	struct facet_change_config cfg = {
		.dry_run = cli_value(cli, "dry-run") != NULL,
		.wait_ms = WAIT_MS,
	};
	struct facet_error err;

	if (facet_tree_open(root ? root : "/", &cfg.tree, &err) < 0)
		return cli_wrong(cli, "%s", err.text);
	cfg.tell = cfg.dry_run ? tell_all : tell_files;
	if (facet_change_open(&cfg, ret, &err) < 0) {
		facet_tree_close(cfg.tree);
		return cli_error(cli, "%s", err.text);
	}
	if (*facet_change_recovered(*ret))
		fprintf(stderr, "facet: undid what a program that died left half done: %s\n",
			facet_change_recovered(*ret));
	*ret_tree = cfg.tree;
	return 0;
}

int cli_check_word(const struct cli *cli, const struct cli_word *words)
{
	const char *name = cli->arguments[0];
	char text[40], known[100] = "";

	for (const struct cli_word *word = words; word->name; word++) {
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 word == words ? "" : ", ", word->name);
		if (strcmp(word->name, name) != 0)
			continue;
		if (cli->count < word->min || cli->count > word->max)
			return cli_wrong(cli, "usage: facet %s %s", cli->verb->name, word->usage);
		for (const struct cli_option *o = cli->verb->options; o->name; o++) {
			snprintf(text, sizeof(text), " %s ", o->name);
			if (cli_value(cli, o->name) && !strstr(word->options, text))
				return cli_wrong(cli, "--%s: is none of `facet %s %s`", o->name,
						 cli->verb->name, word->usage);
		}
		return 0;
	}
	return cli_wrong(cli, "%s: must be one of %s", name, known);
}
