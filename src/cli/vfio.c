// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio.c - facet vfio bind|unbind|ls: whole devices, with their IOMMU groups, for guests. */
#include <libsmartcols.h>
#include <stdio.h>
#include <string.h>

#include "cli/host.h"
#include "host/bind.h"
#include "host/holders.h"

#define DEVICE "sys/bus/pci/devices/%s"

/* --- bind, unbind --- */

/* What came of it, of all that go together. */
static void print_group(struct facet_tree *tree, const char *bdf)
{
	char group[16], driver[FACET_TREE_NAME];
	struct facet_names members;

	facet_tree_link(tree, group, sizeof(group), DEVICE "/iommu_group", bdf);
	facet_tree_list(tree, &members, "sys/kernel/iommu_groups/%s/devices", group);
	for (unsigned int i = 0; i < members.count; i++) {
		facet_bind_driver(tree, members.items[i], driver, sizeof(driver));
		printf("%s  %s\n", members.items[i], *driver ? driver : "no driver");
	}
	facet_names_fini(&members);
}

/* What is in the initramfs holds first. */
static void say_initramfs(void)
{
	fputs("facet: for the next start, make the initramfs anew: `update-initramfs -u`, or "
	      "`dracut --force`\n",
	      stderr);
}

static int change_one(const struct cli *cli, struct facet_change *change, const char *bdf,
		      bool giving, struct facet_error *err)
{
	const struct facet_bind_options options = {
		.driver = cli_value(cli, "driver"),
		.forced = cli_value(cli, "force") != NULL,
		.persist = cli_value(cli, "persist") != NULL,
	};
	bool persisted = facet_bind_persists(facet_change_tree(change), bdf);
	int r = giving ? facet_bind(change, bdf, &options, err)
		       : facet_unbind(change, bdf, options.forced, err);

	if (r < 0 || facet_change_is_dry(change))
		return r;
	print_group(facet_change_tree(change), bdf);
	if (giving ? options.persist : persisted)
		say_initramfs();
	return r;
}

static int run_change(const struct cli *cli, bool giving)
{
	char bdf[FACET_HOST_BDF];
	struct facet_change *change;
	struct facet_tree *tree;
	struct facet_error err;
	int r = cli_open_change(cli, &tree, &change);

	if (r)
		return r;
	for (unsigned int i = 1; r == 0 && i < cli->count; i++) {
		r = facet_bind_find(tree, cli->arguments[i], bdf, &err);
		if (r == 0)
			r = change_one(cli, change, bdf, giving, &err);
	}
	facet_change_close(change);
	facet_tree_close(tree);
	return r < 0 ? cli_error(cli, "%s", err.text) : cli_flush();
}

/* --- ls --- */

/* One function of a group, in texts. */
struct row {
	char group[16], ids[16], class[12], driver[FACET_TREE_NAME], user[FACET_TREE_NAME + 16];
	bool vfio, persists;
};

static void read_row(struct facet_tree *tree, const char *group, const char *bdf, struct row *ret)
{
	int64_t class = 0, vendor = 0, device = 0;
	struct facet_holders holders;
	char path[FACET_TREE_PATH];

	*ret = (struct row){ .persists = facet_bind_persists(tree, bdf) };
	snprintf(ret->group, sizeof(ret->group), "%s", group);
	facet_tree_number(tree, &class, DEVICE "/class", bdf);
	facet_tree_number(tree, &vendor, DEVICE "/vendor", bdf);
	facet_tree_number(tree, &device, DEVICE "/device", bdf);
	snprintf(ret->class, sizeof(ret->class), "%04x", (unsigned int)(class >> 8) & 0xffff);
	snprintf(ret->ids, sizeof(ret->ids), "%04x:%04x", (unsigned int)vendor & 0xffff,
		 (unsigned int)device & 0xffff);
	facet_bind_driver(tree, bdf, ret->driver, sizeof(ret->driver));
	ret->vfio = facet_host_driver_is_vfio(ret->driver);
	if (!ret->vfio)
		return;
	snprintf(path, sizeof(path), DEVICE, bdf);
	facet_holders_find(tree, path, &holders);
	if (holders.count)
		snprintf(ret->user, sizeof(ret->user), "%s:%d", holders.command, holders.pid);
}

/* A line, or an object of the array. */
static void add_row(struct libscols_table *table, json_t *rows, const char *bdf,
		    const struct row *row)
{
	if (table)
		cli_row(table, (const char *const[]){ row->group, bdf, row->class, row->ids,
						      *row->driver ? row->driver : "-",
						      row->persists ? "yes" : "-",
						      *row->user ? row->user : "-" });
	else
		json_array_append_new(rows,
				      json_pack("{ss ss ss ss ss sb sb ss}", "group", row->group,
						"device", bdf, "class", row->class, "ids", row->ids,
						"driver", row->driver, "vfio", row->vfio,
						"persists", row->persists, "user", row->user));
}

static void add_group(const struct cli *cli, struct facet_tree *tree, const char *group,
		      struct libscols_table *table, json_t *rows)
{
	struct facet_names members;
	bool wanted = cli_value(cli, "all") != NULL;
	struct row row;

	facet_tree_list(tree, &members, "sys/kernel/iommu_groups/%s/devices", group);
	for (unsigned int i = 0; !wanted && i < members.count; i++) {
		facet_bind_driver(tree, members.items[i], row.driver, sizeof(row.driver));
		wanted = facet_host_driver_is_vfio(row.driver) ||
			 facet_bind_persists(tree, members.items[i]);
	}
	for (unsigned int i = 0; wanted && i < members.count; i++) {
		read_row(tree, group, members.items[i], &row);
		add_row(table, rows, members.items[i], &row);
	}
	facet_names_fini(&members);
}

static int run_ls(const struct cli *cli)
{
	static const struct cli_column columns[] = {
		{ "GROUP", true }, { "DEVICE" },   { "CLASS" }, { "IDS" },
		{ "DRIVER" },      { "PERSISTS" }, { "USER" },  { NULL },
	};
	const char *root = cli_value(cli, "root");
	struct libscols_table *table;
	struct facet_names groups;
	struct facet_tree *tree;
	struct facet_error err;
	json_t *rows;

	if (facet_tree_open(root ? root : "/", &tree, &err) < 0)
		return cli_wrong(cli, "%s", err.text);
	table = cli->json ? NULL : cli_table(columns);
	rows = cli->json ? json_array() : NULL;
	facet_tree_list(tree, &groups, "sys/kernel/iommu_groups");
	/* By number, where names are sorted as texts. */
	for (unsigned int digits = 1; digits < 10; digits++)
		for (unsigned int i = 0; i < groups.count; i++)
			if (strlen(groups.items[i]) == digits)
				add_group(cli, tree, groups.items[i], table, rows);
	if (!groups.count && !cli->json)
		fputs("facet: there is no IOMMU group: `facet doctor --all` says why\n", stderr);
	facet_names_fini(&groups);
	facet_tree_close(tree);
	return cli->json ? cli_print_json(rows) : cli_print_table(table);
}

static int run(struct cli *cli)
{
	static const struct cli_word words[] = {
		{ "bind", "bind DEVICE... [--driver NAME] [--persist] [--force] [--dry-run]", 2,
		  CLI_MAX_ARGUMENTS, " driver persist force dry-run root " },
		{ "unbind", "unbind DEVICE... [--force] [--dry-run]", 2, CLI_MAX_ARGUMENTS,
		  " force dry-run root " },
		{ "ls", "ls [--all]", 1, 1, " all root " },
		{ 0 },
	};
	const char *word = cli->arguments[0];

	if (cli_check_word(cli, words))
		return CLI_WRONG;
	return strcmp(word, "ls") == 0 ? run_ls(cli) : run_change(cli, strcmp(word, "bind") == 0);
}

const struct cli_verb cli_vfio = {
	.name = "vfio",
	.arguments = "bind|unbind|ls ...",
	.summary = "Give whole PCI devices to guests, with their IOMMU groups",
	.min = 1,
	.max = CLI_MAX_ARGUMENTS,
	.alone = true,
	.options = { { "driver", "NAME", "bind: to this driver of VFIO's (the best for it)" },
		     { "persist", NULL, "bind: also after each start" },
		     { "force", NULL, "also the console's GPU, and what is in use" },
		     { "dry-run", NULL, "print what would be written, and do nothing" },
		     { "all", NULL, "ls: also groups that are with this host" },
		     { "root", "DIR", "a tree of files in place of this host" } },
	.run = run,
};
