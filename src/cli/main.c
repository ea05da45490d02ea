// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - finds the verb, reads its arguments, connects to facetd. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const struct cli_verb help;

static const struct cli_verb *const verbs[] = {
	&cli_gpus,    &cli_create,    &cli_ls,       &cli_show, &cli_rm,     &cli_screenshot,
	&cli_view,    &cli_qemu_args, &cli_restart,  &cli_set,  &cli_top,    &cli_stats,
	&cli_types,   &cli_policy,    &cli_run,      &cli_stop, &cli_ps,     &cli_console,
	&cli_qmp,     &cli_logs,      &cli_validate, &cli_init, &cli_export, &cli_import,
	&cli_ivshmem, &cli_doctor,    &cli_place,    &cli_vfio, &cli_sriov,  &cli_mdev,
	&cli_version, &help,          NULL,
};

static void print_help(void)
{
	puts("Usage: facet [--socket PATH] [--json] VERB [ARGUMENT]...\n"
	     "GPUs for virtual machines. See facet(1), and `facet VERB --help`.\n");
	for (const struct cli_verb *const *verb = verbs; *verb; verb++)
		printf("  %-11s %-18s %s\n", (*verb)->name, (*verb)->arguments, (*verb)->summary);
	puts("\n  --socket PATH   facetd's socket (or the variable FACET_SOCKET)\n"
	     "  --json          print JSON");
}

static void print_verb_help(const struct cli_verb *verb)
{
	char left[40];

	printf("Usage: facet %s [OPTION]... %s\n%s. See facet(1).\n\n", verb->name, verb->arguments,
	       verb->summary);
	for (const struct cli_option *o = verb->options; o->name; o++) {
		snprintf(left, sizeof(left), "--%s%s%s", o->name,
			 o->meta && o->meta[0] != '[' ? " " : "", o->meta ? o->meta : "");
		printf("  %-20s %s\n", left, o->help);
	}
	if (!verb->alone)
		puts("  --socket PATH        facetd's socket");
	puts("  --json               print JSON");
}

static const struct cli_verb *find_verb(const char *name)
{
	for (const struct cli_verb *const *verb = verbs; *verb; verb++)
		if (strcmp((*verb)->name, name) == 0)
			return *verb;
	fprintf(stderr, "facet: verb %s: must be one of", name);
	for (const struct cli_verb *const *verb = verbs; *verb; verb++)
		fprintf(stderr, "%s %s", verb == verbs ? "" : ",", (*verb)->name);
	fputs("\n", stderr);
	return NULL;
}

static int run_help(struct cli *cli)
{
	const struct cli_verb *verb = cli->count ? find_verb(cli->arguments[0]) : NULL;

	if (cli->count && !verb)
		return CLI_WRONG;
	if (verb)
		print_verb_help(verb);
	else
		print_help();
	return cli_flush();
}

static const struct cli_verb help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "Show what there is, or what a verb takes",
	.options = { { NULL } },
	.max = 1,
	.alone = true,
	.run = run_help,
};

static int unknown_option(const struct cli *cli, const char *text)
{
	char known[500] = "--socket, --json, --help";

	for (const struct cli_option *o = cli->verb ? cli->verb->options : NULL; o && o->name; o++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), ", --%s", o->name);
	return cli_wrong(cli, "option %s: must be one of %s", text, known);
}

/* Does an option have a value? */
enum valued { NEVER, PERHAPS, ALWAYS };

/* Where the value of option @name, @size long, goes; NULL: there is no such option. */
static const char **find_option(struct cli *cli, const char *name, size_t size,
				enum valued *ret_valued)
{
	const struct cli_option *o = cli->verb ? cli->verb->options : NULL;

	for (; o && o->name; o++) {
		*ret_valued = !o->meta ? NEVER : o->meta[0] == '[' ? PERHAPS : ALWAYS;
		if (strlen(o->name) == size && strncmp(o->name, name, size) == 0)
			return &cli->values[o - cli->verb->options];
	}
	*ret_valued = ALWAYS;
	return size == 6 && strncmp(name, "socket", size) == 0 ? &cli->socket : NULL;
}

/* Reads the option at argv[*i]. */
static int read_option(struct cli *cli, char **argv, int *i)
{
	const char *text = argv[*i], *equals = strchr(text, '=');
	size_t size = equals ? (size_t)(equals - text - 2) : strlen(text + 2);
	const char **value;
	enum valued valued;

	if (strcmp(text, "--json") == 0) {
		cli->json = true;
		return 0;
	}
	value = find_option(cli, text + 2, size, &valued);
	if (!value)
		return unknown_option(cli, text);
	if (valued == NEVER && equals)
		return cli_wrong(cli, "option %s: takes no value", text);
	if (valued == ALWAYS && !equals && !argv[*i + 1])
		return cli_wrong(cli, "option %s: a value must follow", text);
	*value = equals ? equals + 1 : valued == ALWAYS ? argv[++*i] : "";
	return 0;
}

/* -1: go on; else an exit code. */
static int read_arguments(struct cli *cli, char **argv)
{
	bool options = true;

	for (int i = 1; argv[i]; i++) {
		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && strcmp(argv[i], "--help") == 0) {
			if (cli->verb)
				print_verb_help(cli->verb);
			else
				print_help();
			return cli_flush();
		} else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
			if (read_option(cli, argv, &i))
				return CLI_WRONG;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			return unknown_option(cli, argv[i]);
		} else if (!cli->verb) {
			cli->verb = find_verb(argv[i]);
			if (!cli->verb)
				return CLI_WRONG;
		} else if (cli->count == cli->verb->max) {
			return cli_wrong(cli, "argument %s: not expected: usage: facet %s %s",
					 argv[i], cli->verb->name, cli->verb->arguments);
		} else {
			cli->arguments[cli->count++] = argv[i];
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct cli cli = { 0 };
	int r = read_arguments(&cli, argv);

	if (r >= 0)
		return r;
	if (!cli.verb) {
		fputs("facet: a verb is missing: see `facet --help`\n", stderr);
		return CLI_WRONG;
	}
	if (cli.count < cli.verb->min)
		return cli_wrong(&cli, "too few arguments: usage: facet %s %s", cli.verb->name,
				 cli.verb->arguments);
	if (cli.verb->alone)
		return cli.verb->run(&cli);
	/* If that fails the verb's first call says so: arguments are looked at before. */
	facet_connect(cli.socket, &cli.conn);
	if (!cli.conn)
		return cli_error(&cli, "out of memory");
	r = cli.verb->run(&cli);
	facet_close(cli.conn);
	return r;
}
