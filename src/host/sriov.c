// SPDX-License-Identifier: GPL-2.0-or-later
/* sriov.c - sriov_numvfs, and what comes before it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/bind.h"
#include "host/holders.h"
#include "host/inventory.h"
#include "host/sriov.h"

#define DEVICE "sys/bus/pci/devices/%s"
#define ADMIN  DEVICE "/sriov_admin"

static int refuse_used(struct facet_tree *tree, const char *bdf, int64_t count,
		       struct facet_error *err)
{
	char vf[FACET_TREE_NAME], path[FACET_TREE_PATH];
	int r = 0;

	for (int64_t i = 0; r == 0 && i < count; i++) {
		if (facet_tree_link(tree, vf, sizeof(vf), DEVICE "/virtfn%d", bdf, (int)i) < 0)
			continue;
		snprintf(path, sizeof(path), DEVICE, vf);
		r = facet_holders_refuse(tree, path, vf, false, err);
	}
	return r;
}

static int set_count(struct facet_change *change, const char *bdf, int64_t from, int64_t to,
		     struct facet_error *err)
{
	char path[FACET_TREE_PATH], text[24], before[24];
	const struct facet_change_step step = {
		.path = path,
		.text = text,
		.undo_path = path,
		.undo_text = before,
		.guard_path = path,
		.guard_text = text,
	};

	snprintf(path, sizeof(path), DEVICE "/sriov_numvfs", bdf);
	snprintf(text, sizeof(text), "%d", (int)to);
	snprintf(before, sizeof(before), "%d", (int)from);
	return facet_change_do(change, &step, err);
}

/*
 * What a VF gets is undone whatever it says now: drivers round, and of a choice all is shown. The
 * lock is ours, and the VF is not there yet.
 */
static int provision_one(struct facet_change *change, const char *bdf, unsigned int vf,
			 const char *name, const char *value, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH], text[FACET_TREE_NAME], before[FACET_TREE_NAME];
	const struct facet_change_step step = {
		.path = path,
		.text = value,
		.undo_path = path,
		.undo_text = before,
	};

	snprintf(path, sizeof(path), ADMIN "/vf%u/profile/%s", bdf, vf, name);
	if (facet_tree_text(tree, text, sizeof(text), "%s", path) < 0)
		return facet_error_set(err, -ENOTSUP,
				       "%s: its driver has no %s for a VF (/%s is absent)", bdf,
				       name, path);
	facet_host_parse_choice(text, before, sizeof(before));
	return facet_change_do(change, &step, err);
}

static int provision(struct facet_change *change, const char *bdf, unsigned int count,
		     const struct facet_sriov_profile *profile, struct facet_error *err)
{
	const struct {
		const char *name, *value;
	} items[] = {
		{ "vram_quota", profile->vram_quota },
		{ "exec_quantum_ms", profile->exec_quantum_ms },
		{ "preempt_timeout_us", profile->preempt_timeout_us },
		{ "sched_priority", profile->sched_priority },
	};
	int r = 0;

	for (unsigned int vf = 1; vf <= count; vf++)
		for (size_t i = 0; r == 0 && i < sizeof(items) / sizeof(items[0]); i++)
			if (items[i].value)
				r = provision_one(change, bdf, vf, items[i].name, items[i].value,
						  err);
	return r;
}

/* A driver may enable fewer than it was told, and say nothing. */
static int count_again(struct facet_tree *tree, const char *bdf, unsigned int count,
		       struct facet_error *err)
{
	int64_t now = 0;
	unsigned int there = 0;

	facet_tree_number(tree, &now, DEVICE "/sriov_numvfs", bdf);
	for (unsigned int i = 0; i < count; i++)
		there += facet_tree_exists(tree, DEVICE "/virtfn%u", bdf, i);
	if (now == count && there == count)
		return 0;
	return facet_error_set(err, -EIO,
			       "%s: %u VFs were asked for, and its driver made %d; see dmesg", bdf,
			       count, (int)now);
}

static int enable(struct facet_change *change, const char *bdf, unsigned int count,
		  const struct facet_sriov_options *options, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH];
	int r = provision(change, bdf, count, &options->profile, err);

	snprintf(path, sizeof(path), DEVICE "/sriov_drivers_autoprobe", bdf);
	if (r == 0 && facet_tree_exists(tree, "%s", path))
		r = facet_change_set(change, path, options->keep_free ? "0" : "1", err);
	if (r == 0)
		r = set_count(change, bdf, 0, count, err);
	if (r == 0 && !facet_change_is_dry(change))
		r = count_again(tree, bdf, count, err);
	return r;
}

static bool provisioned(const struct facet_sriov_profile *profile)
{
	return profile->exec_quantum_ms || profile->preempt_timeout_us || profile->vram_quota ||
	       profile->sched_priority;
}

static int look(struct facet_tree *tree, const char *bdf, unsigned int count, int64_t *ret_now,
		struct facet_error *err)
{
	char driver[FACET_TREE_NAME];
	int64_t total;

	if (!facet_tree_exists(tree, DEVICE, bdf))
		return facet_error_set(err, -ENODEV, "%s: there is no such PCI device", bdf);
	if (facet_tree_number(tree, &total, DEVICE "/sriov_totalvfs", bdf) < 0 ||
	    facet_tree_number(tree, ret_now, DEVICE "/sriov_numvfs", bdf) < 0)
		return facet_error_set(err, -ENODEV,
				       "%s: it has no SR-IOV, or the firmware gave it no room for "
				       "VFs; `facet doctor` says more",
				       bdf);
	if ((int64_t)count > total)
		return facet_error_set(err, -ERANGE, "%s: %u VFs: it can have 0 to %d", bdf, count,
				       (int)total);
	facet_bind_driver(tree, bdf, driver, sizeof(driver));
	if (!*driver)
		return facet_error_set(
			err, -ENOENT,
			"%s: no driver has it, and only a driver makes VFs: load its "
			"own, or pci-pf-stub",
			bdf);
	return 0;
}

int facet_sriov_set(struct facet_change *change, const char *bdf, unsigned int count,
		    const struct facet_sriov_options *options, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	int64_t now;
	char what[64];
	int r = look(tree, bdf, count, &now, err);

	if (r < 0 || (now == count && !provisioned(&options->profile)))
		return r;
	if (!options->forced)
		r = refuse_used(tree, bdf, now, err);
	snprintf(what, sizeof(what), "%u VFs on %.16s", count, bdf);
	if (r == 0)
		r = facet_change_begin(change, what, err);
	if (r == 0 && now)
		r = set_count(change, bdf, now, 0, err);
	if (r == 0 && count)
		r = enable(change, bdf, count, options, err);
	return facet_change_end(change, r, err);
}
