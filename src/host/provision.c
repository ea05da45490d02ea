// SPDX-License-Identifier: GPL-2.0-or-later
/* provision.c - what each VF gets: files of Intel's xe, which alone has some. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/inventory.h"
#include "host/sriov_internal.h"

#define ADMIN "sys/bus/pci/devices/%s/sriov_admin"
/* Before Linux 6.19 only there: of each GT, and nobody promises it. */
#define DEBUG "sys/kernel/debug/dri/%s/gt%u"

enum { ITEMS = 4, GTS = 8 };

/* In the order in which they are written. */
struct item {
	const char *name, *debug_name; /* debug_name NULL: is not there */
	const char *value;             /* NULL: left as it is */
};

static void list_items(const struct facet_sriov_profile *profile, struct item ret[ITEMS])
{
	const struct item items[ITEMS] = {
		{ "vram_quota", "lmem_quota", profile->vram_quota },
		{ "exec_quantum_ms", "exec_quantum_ms", profile->exec_quantum_ms },
		{ "preempt_timeout_us", "preempt_timeout_us", profile->preempt_timeout_us },
		{ "sched_priority", NULL, profile->sched_priority },
	};

	memcpy(ret, items, sizeof(items));
}

/*
 * The file of an item, VF (from 1) and place: the one of sysfs, or in its absence that of each GT.
 * False: there is none, as a GT without memory of its own has no quota of it.
 */
static bool find_file(struct facet_tree *tree, const char *bdf, unsigned int vf, unsigned int place,
		      const struct item *item, char ret[FACET_TREE_PATH])
{
	if (facet_tree_exists(tree, ADMIN, bdf)) {
		snprintf(ret, FACET_TREE_PATH, ADMIN "/vf%u/profile/%s", bdf, vf, item->name);
		return place == 0 && facet_tree_exists(tree, "%s", ret);
	}
	if (!item->debug_name)
		return false;
	snprintf(ret, FACET_TREE_PATH, DEBUG "/vf%u/%s", bdf, place, vf, item->debug_name);
	return facet_tree_exists(tree, "%s", ret);
}

int facet_sriov_check_profile(struct facet_tree *tree, const char *bdf, unsigned int count,
			      const struct facet_sriov_profile *profile, struct facet_error *err)
{
	struct item items[ITEMS];
	char path[FACET_TREE_PATH];

	list_items(profile, items);
	for (unsigned int vf = 1; vf <= count; vf++)
		for (unsigned int i = 0; i < ITEMS; i++) {
			bool found = !items[i].value;

			for (unsigned int place = 0; !found && place < GTS; place++)
				found = find_file(tree, bdf, vf, place, &items[i], path);
			if (!found)
				return facet_error_set(err, -ENOTSUP,
						       "%s: its driver has no %s for VF %u (only "
						       "xe of Linux 6.19 and newer has it)",
						       bdf, items[i].name, vf - 1);
		}
	return 0;
}

/*
 * It is undone whatever it says now: drivers round, and of a choice all is shown. The lock is ours.
 */
static int write_item(struct facet_change *change, const char *path, const char *value,
		      struct facet_error *err)
{
	char text[FACET_TREE_NAME], before[FACET_TREE_NAME];
	const struct facet_change_step step = {
		.path = path,
		.text = value,
		.undo_path = path,
		.undo_text = before,
	};
	int r = facet_tree_text(facet_change_tree(change), text, sizeof(text), "%s", path);

	if (r < 0)
		return facet_error_set(err, r, "/%s: %s", path, strerror(-r));
	facet_host_parse_choice(text, before, sizeof(before));
	return strcmp(before, value) == 0 ? 0 : facet_change_do(change, &step, err);
}

int facet_sriov_provision(struct facet_change *change, const char *bdf, unsigned int count,
			  const struct facet_sriov_profile *profile, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	struct item items[ITEMS];
	char path[FACET_TREE_PATH];
	int r = 0;

	list_items(profile, items);
	for (unsigned int vf = 1; vf <= count; vf++)
		for (unsigned int at = 0; r == 0 && at < ITEMS * GTS; at++) {
			const struct item *item = &items[at % ITEMS];

			if (item->value && find_file(tree, bdf, vf, at / ITEMS, item, path))
				r = write_item(change, path, item->value, err);
		}
	return r;
}
