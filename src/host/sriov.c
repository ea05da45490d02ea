// SPDX-License-Identifier: GPL-2.0-or-later
/* sriov.c - sriov_numvfs, and what comes before it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/bind.h"
#include "host/change_internal.h"
#include "host/holders.h"
#include "host/inventory.h"
#include "host/sriov_internal.h"

#define DEVICE       "sys/bus/pci/devices/%s"
#define SWITCHED_OFF CHANGE_STATE "/autoprobe-%s"

/* VFs that would go: given to a guest, or used by this host. */
static int refuse_used(struct facet_tree *tree, const char *bdf, int64_t count,
		       struct facet_error *err)
{
	char vf[FACET_HOST_BDF], path[FACET_TREE_PATH], who[160];
	int r = 0;

	for (int64_t i = 0; r == 0 && i < count; i++) {
		if (facet_tree_link(tree, vf, sizeof(vf), DEVICE "/virtfn%d", bdf, (int)i) < 0)
			continue;
		snprintf(path, sizeof(path), DEVICE, vf);
		r = facet_holders_refuse(tree, path, vf, false, err);
		if (r == 0 && facet_bind_in_use(tree, vf, who, sizeof(who)))
			r = facet_error_set(err, -EBUSY,
					    "%s: in use by %s; end that first, or "
					    "--force",
					    vf, who);
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

/* A driver may enable fewer than it was told, and say nothing. What it did is undone, too. */
static int count_again(struct facet_change *change, const char *bdf, unsigned int count,
		       struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH], text[24];
	const struct facet_change_step ahead = {
		.undo_path = path,
		.undo_text = "0",
		.guard_path = path,
		.guard_text = text,
	};
	unsigned int there = 0;
	int64_t now = 0;
	int r;

	snprintf(path, sizeof(path), DEVICE "/sriov_numvfs", bdf);
	facet_tree_number(tree, &now, "%s", path);
	for (unsigned int i = 0; i < count; i++)
		there += facet_tree_exists(tree, DEVICE "/virtfn%u", bdf, i);
	if (now == count && there == count)
		return 0;
	snprintf(text, sizeof(text), "%d", (int)now);
	r = facet_change_do(change, &ahead, err);
	return r < 0 ? r
		     : facet_error_set(err, -EIO,
				       "%s: %u VFs were asked for, and its driver made %d; see "
				       "dmesg",
				       bdf, count, (int)now);
}

/* It says in which boot we switched autoprobe off; it was on before. */
static bool switched_off(struct facet_tree *tree, const char *bdf, char boot[FACET_TREE_NAME])
{
	char text[FACET_TREE_NAME];

	facet_tree_boot(tree, boot, FACET_TREE_NAME);
	return facet_tree_text(tree, text, sizeof(text), SWITCHED_OFF, bdf) >= 0 &&
	       strcmp(text, boot) == 0;
}

static int set_autoprobe(struct facet_change *change, const char *bdf, bool on,
			 struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char path[FACET_TREE_PATH], record[FACET_TREE_PATH], boot[FACET_TREE_NAME];
	bool ours = switched_off(tree, bdf, boot);
	int64_t now;
	int r = 0;

	snprintf(path, sizeof(path), DEVICE "/sriov_drivers_autoprobe", bdf);
	snprintf(record, sizeof(record), SWITCHED_OFF, bdf);
	if (facet_tree_number(tree, &now, "%s", path) < 0 || (now == 1) == on)
		return 0;
	if (!on && !ours)
		r = facet_change_file(change, record, boot, err);
	if (r == 0)
		r = facet_change_set(change, path, on ? "1" : "0", err);
	if (r == 0 && on && ours)
		r = facet_change_file(change, record, NULL, err);
	return r;
}

static int enable(struct facet_change *change, const char *bdf, unsigned int count,
		  const struct facet_sriov_options *options, struct facet_error *err)
{
	int r = facet_sriov_provision(change, bdf, count, &options->profile, err);

	if (r == 0)
		r = set_autoprobe(change, bdf, !options->keep_free, err);
	if (r == 0)
		r = set_count(change, bdf, 0, count, err);
	if (r == 0 && !facet_change_is_dry(change))
		r = count_again(change, bdf, count, err);
	return r;
}

/* Without VFs it is again as it was before we made the first. */
static int disable(struct facet_change *change, const char *bdf, int64_t now, bool for_good,
		   struct facet_error *err)
{
	char boot[FACET_TREE_NAME];
	int r = set_count(change, bdf, now, 0, err);

	if (r == 0 && for_good && switched_off(facet_change_tree(change), bdf, boot))
		r = set_autoprobe(change, bdf, true, err);
	return r;
}

/* Who makes VFs? Not every driver, and not each by this file. */
static int check_driver(struct facet_tree *tree, const char *bdf, struct facet_error *err)
{
	char driver[FACET_TREE_NAME], enabled[8];

	facet_bind_driver(tree, bdf, driver, sizeof(driver));
	if (!*driver)
		return facet_error_set(
			err, -ENOENT,
			"%s: no driver has it, and only a driver makes VFs: load its "
			"own, or pci-pf-stub",
			bdf);
	if (strcmp(driver, "nvidia") == 0)
		return facet_error_set(err, -ENOTSUP,
				       "%s: NVIDIA's VFs are made by `/usr/lib/nvidia/sriov-manage "
				       "-e %s`, and unmade with -d",
				       bdf, bdf);
	if (strcmp(driver, "gim") == 0)
		return facet_error_set(err, -ENOTSUP,
				       "%s: AMD's gim makes VFs when it is loaded: modprobe gim "
				       "vf_num=N",
				       bdf);
	if (!facet_host_driver_is_vfio(driver))
		return 0;
	facet_tree_text(tree, enabled, sizeof(enabled),
			"sys/module/vfio_pci/parameters/enable_sriov");
	if (*enabled == 'Y')
		return 0;
	return facet_error_set(err, -ENOTSUP,
			       "%s: %s has it, which makes no VFs: `facet vfio unbind %s` first",
			       bdf, driver, bdf);
}

static int look(struct facet_tree *tree, const char *bdf, unsigned int count, int64_t *ret_now,
		struct facet_error *err)
{
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
	return check_driver(tree, bdf, err);
}

/* There is nothing that has to be said before they are enabled. */
static bool may_stay(int64_t now, unsigned int count, const struct facet_sriov_profile *profile)
{
	return now == count && !profile->vram_quota;
}

static int change_count(struct facet_change *change, const char *bdf, int64_t now,
			unsigned int count, const struct facet_sriov_options *options,
			struct facet_error *err)
{
	int r = 0;

	if (may_stay(now, count, &options->profile))
		return facet_sriov_provision(change, bdf, count, &options->profile, err);
	if (now)
		r = disable(change, bdf, now, !count, err);
	return r == 0 && count ? enable(change, bdf, count, options, err) : r;
}

int facet_sriov_set(struct facet_change *change, const char *bdf, unsigned int count,
		    const struct facet_sriov_options *options, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	int64_t now;
	char what[64];
	int r = look(tree, bdf, count, &now, err);

	if (r == 0 && count)
		r = facet_sriov_check_profile(tree, bdf, count, &options->profile, err);
	if (r == 0 && !options->forced && !may_stay(now, count, &options->profile))
		r = refuse_used(tree, bdf, now, err);
	if (r < 0)
		return r;
	snprintf(what, sizeof(what), "%u VFs on %.16s", count, bdf);
	r = facet_change_begin(change, what, err);
	if (r == 0)
		r = change_count(change, bdf, now, count, options, err);
	return facet_change_end(change, r, err);
}
