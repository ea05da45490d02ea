// SPDX-License-Identifier: GPL-2.0-or-later
/* in_use.c - who of the host uses a device: screens, disks, networks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/bind.h"
#include "host/holders.h"

#define DEVICE "sys/bus/pci/devices/%s"

enum { LIST_SIZE = 65536 };

/* Nodes below /dev/dri that a process has open. */
static bool screen_in_use(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	struct facet_names nodes;
	struct facet_holders holders = { 0 };

	facet_tree_list(tree, &nodes, DEVICE "/drm", bdf);
	for (unsigned int i = 0; i < nodes.count && !holders.count; i++) {
		char file[FACET_TREE_PATH];

		snprintf(file, sizeof(file), "/dev/dri/%s", nodes.items[i]);
		facet_holders_of_file(tree, file, &holders);
	}
	facet_names_fini(&nodes);
	if (holders.count)
		snprintf(ret, size, "%s (process %d), which has %s open", holders.command,
			 holders.pid, holders.file);
	return holders.count;
}

/* @list: lines whose first word is a file, as those of /proc/mounts: what follows it. */
static bool find_line(const char *list, const char *disk, char *ret, size_t size)
{
	char path[FACET_TREE_NAME + 8];
	size_t n = (size_t)snprintf(path, sizeof(path), "/dev/%s", disk);

	for (const char *line = list; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, path, n) != 0 || strcspn(line + n, " \t") != 0)
			continue;
		line += n + strspn(line + n, " \t");
		snprintf(ret, size, "%.*s", (int)strcspn(line, " \t\n"), line);
		return true;
	}
	return false;
}

static bool one_disk_in_use(struct facet_tree *tree, const char *disk, char *ret, size_t size)
{
	facet_autofree char *list = malloc(LIST_SIZE);
	struct facet_names holders;
	char where[64];
	bool used;

	facet_tree_list(tree, &holders, "sys/class/block/%s/holders", disk);
	used = holders.count;
	if (used)
		snprintf(ret, size, "%.60s, which /dev/%s is part of", holders.items[0], disk);
	facet_names_fini(&holders);
	if (used || !list)
		return used;
	facet_tree_text(tree, list, LIST_SIZE, "proc/mounts");
	used = find_line(list, disk, where, sizeof(where));
	if (used)
		snprintf(ret, size, "the file system of /dev/%s, mounted at %s", disk, where);
	if (used)
		return true;
	facet_tree_text(tree, list, LIST_SIZE, "proc/swaps");
	used = find_line(list, disk, where, sizeof(where));
	if (used)
		snprintf(ret, size, "swap on /dev/%s", disk);
	return used;
}

/* A namespace of several paths hangs below no device: nvme0n1 belongs to controller nvme0. */
static bool is_of(struct facet_tree *tree, const char *disk, const char *bdf,
		  const struct facet_names *nvmes)
{
	char target[FACET_TREE_PATH], part[24];

	facet_tree_target(tree, target, sizeof(target), "sys/class/block/%s", disk);
	snprintf(part, sizeof(part), "/%.16s/", bdf);
	if (strstr(target, part))
		return true;
	for (unsigned int i = 0; i < nvmes->count; i++) {
		size_t n = strlen(nvmes->items[i]);

		if (strncmp(disk, nvmes->items[i], n) == 0 && disk[n] == 'n')
			return true;
	}
	return false;
}

static bool disk_in_use(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	struct facet_names disks, nvmes;
	bool used = false;

	facet_tree_list(tree, &nvmes, DEVICE "/nvme", bdf);
	facet_tree_list(tree, &disks, "sys/class/block");
	for (unsigned int i = 0; !used && i < disks.count; i++)
		used = is_of(tree, disks.items[i], bdf, &nvmes) &&
		       one_disk_in_use(tree, disks.items[i], ret, size);
	facet_names_fini(&disks);
	facet_names_fini(&nvmes);
	return used;
}

static bool network_in_use(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	struct facet_names links;
	char state[16];
	bool used = false;

	facet_tree_list(tree, &links, DEVICE "/net", bdf);
	for (unsigned int i = 0; !used && i < links.count; i++) {
		facet_tree_text(tree, state, sizeof(state), DEVICE "/net/%s/operstate", bdf,
				links.items[i]);
		used = strcmp(state, "up") == 0;
		if (used)
			snprintf(ret, size, "network %s, which is up", links.items[i]);
	}
	facet_names_fini(&links);
	return used;
}

bool facet_bind_in_use(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	return screen_in_use(tree, bdf, ret, size) || disk_in_use(tree, bdf, ret, size) ||
	       network_in_use(tree, bdf, ret, size);
}
