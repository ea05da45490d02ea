// SPDX-License-Identifier: GPL-2.0-or-later
/* in_use.c - who of the host uses a device: screens, disks, networks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/bind.h"
#include "host/holders.h"

#define DEVICE "sys/bus/pci/devices/%s"

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

/* Is @disk, or a part of it, the source of a line of /proc/mounts? */
static bool mounted(const char *mounts, const char *disk, char *ret, size_t size)
{
	size_t n = strlen(disk);

	for (const char *line = mounts; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, "/dev/", 5) != 0 || strncmp(line + 5, disk, n) != 0)
			continue;
		snprintf(ret, size, "a file system of %.*s, which is mounted",
			 (int)strcspn(line, " \n"), line);
		return true;
	}
	return false;
}

/* /dev/nvme0n1 of controller nvme0. */
static bool disk_in_use(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	facet_autofree char *text = NULL;
	facet_autofree uint8_t *mounts = NULL;
	struct facet_names disks;
	size_t bytes;
	bool used = false;

	facet_tree_list(tree, &disks, DEVICE "/nvme", bdf);
	if (disks.count && facet_tree_bytes(tree, &mounts, &bytes, "proc/mounts") == 0)
		text = strndup((const char *)mounts, bytes);
	for (unsigned int i = 0; text && !used && i < disks.count; i++)
		used = mounted(text, disks.items[i], ret, size);
	facet_names_fini(&disks);
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
