// SPDX-License-Identifier: GPL-2.0-or-later
/* mdev.c - facet mdev: its words, and those that only look. */
#include "cli/mdev.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/host.h"

int cli_mdev_tree(const struct cli *cli, struct facet_tree **ret)
{
	const char *root = cli_value(cli, "root");
	struct facet_error err;

	if (facet_tree_open(root ? root : "/", ret, &err) < 0)
		return cli_wrong(cli, "%s", err.text);
	return 0;
}

/* --- types --- */

static json_t *text_json(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *type_json(const char *parent, const struct facet_host_type *type, const char *words)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:i, s:o, s:o}", "parent", parent, "type",
			 type->id, "name", text_json(type->name), "api", text_json(type->api),
			 "available",
			 type->available < 0 ? json_null() : json_integer(type->available), "used",
			 (int)type->used, "what", text_json(words), "description",
			 text_json(type->description));
}

static void show_type(struct libscols_table *table, json_t *array, const char *parent,
		      const struct facet_host_type *type)
{
	char available[24] = "?", used[16], words[FACET_HOST_TEXT];

	facet_mdev_explain(type, words, sizeof(words));
	if (array) {
		json_array_append_new(array, type_json(parent, type, words));
		return;
	}
	if (type->available >= 0)
		snprintf(available, sizeof(available), "%lld", (long long)type->available);
	snprintf(used, sizeof(used), "%u", type->used);
	cli_row(table,
		(const char *const[]){ parent, type->id, used, available, type->api, words });
}

/* Of one parent. An exit code. */
static int show_parent(const struct cli *cli, struct facet_tree *tree, const char *parent,
		       struct libscols_table *table, json_t *array)
{
	struct facet_host_type *types;
	struct facet_error err;
	unsigned int count;

	if (facet_mdev_types(tree, parent, &types, &count, &err) < 0)
		return cli_error(cli, "%s", err.text);
	for (unsigned int i = 0; i < count; i++)
		show_type(table, array, parent, &types[i]);
	free(types);
	return 0;
}

static int show_parents(const struct cli *cli, struct facet_tree *tree,
			struct libscols_table *table, json_t *array)
{
	struct facet_names parents;
	int r = 0;

	if (cli->count == 2)
		return show_parent(cli, tree, cli->arguments[1], table, array);
	facet_mdev_parents(tree, &parents);
	for (unsigned int i = 0; r == 0 && i < parents.count; i++)
		r = show_parent(cli, tree, parents.items[i], table, array);
	if (!parents.count)
		fputs("facet: no device here makes mediated devices: `facet doctor` says why\n",
		      stderr);
	facet_names_fini(&parents);
	return r;
}

/* Either of the two is printed, or (@r is not 0) dropped. */
static int print(struct libscols_table *table, json_t *array, int r)
{
	if (r == 0)
		return array ? cli_print_json(array) : cli_print_table(table);
	if (table)
		scols_unref_table(table);
	json_decref(array);
	return r;
}

int cli_mdev_types(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{ "PARENT" }, { "TYPE" }, { "USED", true }, { "FREE", true },
		{ "API" },    { "WHAT" }, { NULL },
	};
	struct libscols_table *table = cli->json ? NULL : cli_table(columns);
	json_t *array = cli->json ? json_array() : NULL;
	struct facet_tree *tree;
	int r = cli_mdev_tree(cli, &tree);

	if (r == 0) {
		r = show_parents(cli, tree, table, array);
		facet_tree_close(tree);
	}
	return print(table, array, r);
}

/* --- devices --- */

static json_t *mdev_json(const struct facet_mdev *mdev)
{
	const struct facet_mdev_spec *spec = &mdev->spec;
	json_t *attributes = json_array();

	for (unsigned int i = 0; i < spec->count; i++)
		json_array_append_new(attributes,
				      json_pack("{s:s, s:s}", "name", spec->attributes[i].name,
						"value", spec->attributes[i].value));
	return json_pack("{s:s, s:s, s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:o}", "uuid", spec->uuid,
			 "parent", spec->parent, "type", text_json(spec->type), "active",
			 (int)mdev->active, "defined", (int)mdev->defined, "start",
			 !mdev->defined ? json_null()
					: json_string(spec->autostart ? "auto" : "manual"),
			 "attributes", attributes, "api", text_json(mdev->api), "group",
			 mdev->group < 0 ? json_null() : json_integer(mdev->group), "fault",
			 text_json(mdev->fault));
}

static void show_mdev(struct libscols_table *table, const struct facet_mdev *mdev)
{
	const struct facet_mdev_spec *spec = &mdev->spec;
	char group[16] = "", what[300] = "";
	size_t n = 0;

	if (mdev->group >= 0)
		snprintf(group, sizeof(group), "%d", mdev->group);
	for (unsigned int i = 0; i < spec->count && n < sizeof(what); i++)
		n += (size_t)snprintf(what + n, sizeof(what) - n, "%s%s=%s", i ? " " : "",
				      spec->attributes[i].name, spec->attributes[i].value);
	/* Of a definition, which may say anything. */
	for (char *c = what; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	cli_row(table, (const char *const[]){ spec->uuid, spec->parent, spec->type,
					      mdev->active ? "active" : "-",
					      !mdev->defined    ? "-"
					      : *mdev->fault    ? "broken"
					      : spec->autostart ? "auto"
								: "manual",
					      group, *mdev->fault ? mdev->fault : what });
}

int cli_mdev_ls(struct cli *cli)
{
	static const struct cli_column columns[] = {
		{ "UUID" },    { "PARENT" },      { "TYPE" }, { "STATE" },
		{ "DEFINED" }, { "GROUP", true }, { "WHAT" }, { NULL },
	};
	struct libscols_table *table = cli->json ? NULL : cli_table(columns);
	json_t *array = cli->json ? json_array() : NULL;
	struct facet_mdev *list = NULL;
	struct facet_tree *tree;
	struct facet_error err;
	unsigned int count = 0;
	int r = cli_mdev_tree(cli, &tree);

	if (r == 0) {
		if (facet_mdev_list(tree, &list, &count, &err) < 0)
			r = cli_error(cli, "%s", err.text);
		facet_tree_close(tree);
	}
	for (unsigned int i = 0; i < count; i++)
		if (array)
			json_array_append_new(array, mdev_json(&list[i]));
		else
			show_mdev(table, &list[i]);
	facet_mdev_list_fini(list, count);
	return print(table, array, r);
}

/* --- which word --- */

/* clang-format off */
static const struct cli_word words[] = {
	{ "types", "types [PARENT]", 1, 2, " root " },
	{ "ls", "ls", 1, 1, " root " },
	{ "create", "create PARENT TYPE [UUID] [NAME=VALUE]... [--define [--auto]]", 3,
	  CLI_MAX_ARGUMENTS, " root dry-run define auto " },
	{ "rm", "rm UUID [--parent PARENT] [--force]", 2, 2, " root dry-run parent force " },
	{ "define", "define UUID | PARENT TYPE [UUID] [NAME=VALUE]... [--auto]", 2,
	  CLI_MAX_ARGUMENTS, " root dry-run auto " },
	{ "undefine", "undefine UUID [--parent PARENT]", 2, 2, " root dry-run parent " },
	{ "start", "start UUID [--parent PARENT] | --auto [PARENT]", 1, 2,
	  " root dry-run parent auto " },
	{ "stop", "stop UUID [--force]", 2, 2, " root dry-run force " },
	{ "modify", "modify UUID [--parent PARENT] [--type TYPE] [--auto|--manual] [--clear] "
	  "[NAME=VALUE]...", 2, CLI_MAX_ARGUMENTS,
	  " root dry-run parent type auto manual clear " },
	{ 0 },
};
/* clang-format on */

static int run(struct cli *cli)
{
	/* In the order of words. */
	static int (*const runs[])(struct cli * cli) = {
		cli_mdev_types, cli_mdev_ls,     cli_mdev_create,
		cli_mdev_rm,    cli_mdev_define, cli_mdev_undefine,
		cli_mdev_start, cli_mdev_stop,   cli_mdev_modify,
	};
	unsigned int i = 0;

	if (cli_check_word(cli, words))
		return CLI_WRONG;
	while (strcmp(words[i].name, cli->arguments[0]) != 0)
		i++;
	return runs[i](cli);
}

const struct cli_verb cli_mdev = {
	.name = "mdev",
	.arguments = "types|ls|create|...",
	.summary = "Mediated devices: types, those that run, definitions",
	.min = 1,
	.max = CLI_MAX_ARGUMENTS,
	.alone = true,
	.options = {
		{ "define", NULL, "create: also write its definition" },
		{ "auto", NULL, "it starts with its parent; start: all that do" },
		{ "manual", NULL, "modify: it does not start with its parent" },
		{ "parent", "PARENT", "which, if a UUID is defined on several" },
		{ "type", "TYPE", "modify: another type" },
		{ "clear", NULL, "modify: without the attributes that it had" },
		{ "force", NULL, "rm, stop: also if a process has it open" },
		{ "dry-run", NULL, "show what would be written" },
		{ "root", "DIR", "a made-up host, below a directory" },
	},
	.run = run,
};
