// SPDX-License-Identifier: GPL-2.0-or-later
/* holders.c - links in /proc/PID/fd that lead to a device of VFIO. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/holders.h"

#define HANDLE "anon_inode:[vfio-device]"

/* What is looked for. */
struct wanted {
	char name[FACET_TREE_NAME]; /* of the device */
	char files[3][FACET_TREE_PATH];
	unsigned int count; /* of files */
};

/* The files by which @device is opened. */
static void name_files(struct facet_tree *tree, const char *device, struct wanted *ret)
{
	const char *slash = strrchr(device, '/');
	char group[FACET_TREE_NAME];
	struct facet_names nodes;

	*ret = (struct wanted){ 0 };
	snprintf(ret->name, sizeof(ret->name), "%s", slash ? slash + 1 : device);
	if (facet_tree_link(tree, group, sizeof(group), "%s/iommu_group", device) == 0) {
		snprintf(ret->files[ret->count++], FACET_TREE_PATH, "/dev/vfio/%s", group);
		snprintf(ret->files[ret->count++], FACET_TREE_PATH, "/dev/vfio/noiommu-%s", group);
	}
	facet_tree_list(tree, &nodes, "%s/vfio-dev", device);
	if (nodes.count)
		snprintf(ret->files[ret->count++], FACET_TREE_PATH, "/dev/vfio/devices/%s",
			 nodes.items[0]);
	facet_names_fini(&nodes);
}

/* What one process has. */
struct had {
	bool it;    /* the device */
	bool other; /* something else of VFIO, by which handles without a name are explained */
	bool mute;  /* a handle that does not say of what */
	char file[FACET_TREE_NAME];
};

/* A handle of some device: of which, newer kernels say. */
static void look_at_handle(struct facet_tree *tree, const struct wanted *wanted, const char *pid,
			   const char *fd, struct had *had)
{
	static const char key[] = "vfio-device-syspath:";
	char text[1024], *path, *slash;

	facet_tree_text(tree, text, sizeof(text), "proc/%s/fdinfo/%s", pid, fd);
	path = strstr(text, key);
	if (!path) {
		had->mute = true;
		return;
	}
	path[strcspn(path, "\n")] = '\0';
	slash = strrchr(path, '/');
	if (slash && strcmp(slash + 1, wanted->name) == 0) {
		had->it = true;
		snprintf(had->file, sizeof(had->file), "a handle of it");
	}
}

static void look_at_fd(struct facet_tree *tree, const struct wanted *wanted, const char *pid,
		       const char *fd, struct had *had)
{
	char target[FACET_TREE_PATH];

	if (facet_tree_target(tree, target, sizeof(target), "proc/%s/fd/%s", pid, fd) < 0)
		return;
	if (strcmp(target, HANDLE) == 0) {
		look_at_handle(tree, wanted, pid, fd, had);
		return;
	}
	for (unsigned int i = 0; i < wanted->count; i++)
		if (strcmp(target, wanted->files[i]) == 0) {
			had->it = true;
			snprintf(had->file, sizeof(had->file), "%s", target);
		}
	had->other |=
		strncmp(target, "/dev/vfio/", 10) == 0 && strcmp(target, "/dev/vfio/vfio") != 0;
}

static void look_at_process(struct facet_tree *tree, const struct wanted *wanted, const char *pid,
			    struct facet_holders *holders)
{
	struct had had = { 0 };
	struct facet_names fds;
	int r = facet_tree_list(tree, &fds, "proc/%s/fd", pid);

	/* -ENOENT, -ESRCH: it is gone, and what it had with it. */
	if (r < 0) {
		holders->unknown += r != -ENOENT && r != -ESRCH;
		return;
	}
	for (unsigned int i = 0; i < fds.count; i++)
		look_at_fd(tree, wanted, pid, fds.items[i], &had);
	if (had.it && !holders->count++) {
		holders->pid = atoi(pid);
		strcpy(holders->file, had.file);
		facet_tree_text(tree, holders->command, sizeof(holders->command), "proc/%s/comm",
				pid);
	} else if (!had.it && ((had.mute && !had.other) || fds.count == FACET_TREE_NAMES)) {
		holders->unknown++;
	}
	facet_names_fini(&fds);
}

static void look_around(struct facet_tree *tree, const struct wanted *wanted,
			struct facet_holders *ret)
{
	struct facet_names processes;

	*ret = (struct facet_holders){ 0 };
	if (facet_tree_list(tree, &processes, "proc") < 0 || processes.count == FACET_TREE_NAMES)
		ret->unknown++;
	for (unsigned int i = 0; i < processes.count; i++)
		if (processes.items[i][0] >= '1' && processes.items[i][0] <= '9')
			look_at_process(tree, wanted, processes.items[i], ret);
	facet_names_fini(&processes);
}

void facet_holders_find(struct facet_tree *tree, const char *device, struct facet_holders *ret)
{
	struct wanted wanted;

	name_files(tree, device, &wanted);
	look_around(tree, &wanted, ret);
}

void facet_holders_of_file(struct facet_tree *tree, const char *file, struct facet_holders *ret)
{
	struct wanted wanted = { .count = 1 };

	snprintf(wanted.files[0], FACET_TREE_PATH, "%s", file);
	look_around(tree, &wanted, ret);
	ret->unknown = 0;
}

int facet_holders_refuse(struct facet_tree *tree, const char *device, const char *name, bool forced,
			 struct facet_error *err)
{
	struct facet_holders holders;

	if (forced)
		return 0;
	facet_holders_find(tree, device, &holders);
	if (holders.count)
		return facet_error_set(err, -EBUSY,
				       "%s: process %d (%s) has %s open: let it end first", name,
				       holders.pid, holders.command, holders.file);
	if (holders.unknown)
		return facet_error_set(err, -EBUSY,
				       "%s: whether %u processes have it open could not be told: "
				       "be root, look, and force it",
				       name, holders.unknown);
	return 0;
}
