// SPDX-License-Identifier: GPL-2.0-or-later
/* bind.c - driver_override, unbind, drivers_probe; a group at a time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/bind.h"
#include "host/bind_internal.h"
#include "host/holders.h"
#include "host/inventory_internal.h"

#define DEVICE "sys/bus/pci/devices/%s"
#define PROBE  "sys/bus/pci/drivers_probe"

enum { BRIDGES = 0x06 };

int facet_bind_find(struct facet_tree *tree, const char *device, char ret[FACET_HOST_BDF],
		    struct facet_error *err)
{
	size_t size = strcspn(device, "/");
	const char *vf = device[size] ? device + size + 1 : NULL;

	if (size < 7 || size >= FACET_HOST_BDF || strspn(device, "0123456789abcdef:.") < size ||
	    (vf && facet_host_numbered(vf, "virtfn") < 0))
		return facet_error_set(err, -EINVAL,
				       "device %.40s: must be written as 0000:03:00.0, or "
				       "0000:03:00.0/virtfn2",
				       device);
	snprintf(ret, FACET_HOST_BDF, "%.*s", (int)size, device);
	if (vf)
		facet_tree_link(tree, ret, FACET_HOST_BDF, "sys/bus/pci/devices/%s", device);
	if (!*ret || !facet_tree_exists(tree, DEVICE, ret))
		return facet_error_set(err, -ENODEV, "device %.40s: there is no such PCI device",
				       device);
	return 0;
}

void facet_bind_driver(struct facet_tree *tree, const char *bdf, char *ret, size_t size)
{
	facet_tree_link(tree, ret, size, DEVICE "/driver", bdf);
}

/*
 * The steps are in an order in which their undoing, the last one first, gives the device back: away
 * from the new driver, no override, and then whoever knows it is looked for.
 */
static int leave_driver(struct facet_change *change, const char *bdf, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char driver[FACET_TREE_NAME], link[FACET_TREE_PATH], unbind[FACET_TREE_PATH];
	const struct facet_change_step step = {
		.path = unbind,
		.text = bdf,
		.undo_path = PROBE,
		.undo_text = bdf,
		.guard_path = link,
		.guard_text = "",
	};

	facet_bind_driver(tree, bdf, driver, sizeof(driver));
	if (!*driver)
		return 0;
	snprintf(link, sizeof(link), DEVICE "/driver", bdf);
	snprintf(unbind, sizeof(unbind), "sys/bus/pci/drivers/%s/unbind", driver);
	return facet_change_do(change, &step, err);
}

static int set_override(struct facet_change *change, const char *bdf, const char *driver,
			struct facet_error *err)
{
	char path[FACET_TREE_PATH], before[FACET_TREE_NAME];
	const struct facet_change_step step = {
		.path = path,
		.text = *driver ? driver : "\n", /* nothing at all would be no write */
		.undo_path = path,
		.undo_text = before,
		.guard_path = path,
		.guard_text = *driver ? driver : "(null)",
	};

	snprintf(path, sizeof(path), DEVICE "/driver_override", bdf);
	facet_tree_text(facet_change_tree(change), before, sizeof(before), "%s", path);
	if (strcmp(before, step.guard_text) == 0)
		return 0;
	if (!*before || strcmp(before, "(null)") == 0)
		strcpy(before, "\n");
	return facet_change_do(change, &step, err);
}

static int find_driver(struct facet_change *change, const char *bdf, const char *driver,
		       struct facet_error *err)
{
	char link[FACET_TREE_PATH], unbind[FACET_TREE_PATH];
	struct facet_change_step step = {
		.path = PROBE,
		.text = bdf,
		.undo_path = *driver ? unbind : NULL,
		.undo_text = bdf,
		.guard_path = link,
		.guard_text = driver,
	};

	snprintf(link, sizeof(link), DEVICE "/driver", bdf);
	snprintf(unbind, sizeof(unbind), "sys/bus/pci/drivers/%s/unbind", driver);
	return facet_change_do(change, &step, err);
}

int facet_bind_one(struct facet_change *change, const char *bdf, const char *driver,
		   struct facet_error *err)
{
	char now[FACET_TREE_NAME];
	int r = leave_driver(change, bdf, err);

	if (r == 0)
		r = set_override(change, bdf, driver, err);
	if (r == 0)
		r = find_driver(change, bdf, driver, err);
	if (r < 0 || facet_change_is_dry(change))
		return r;
	/* The write succeeds also when the driver refused. */
	facet_bind_driver(facet_change_tree(change), bdf, now, sizeof(now));
	if (strcmp(now, driver) != 0)
		return facet_error_set(err, -EIO, "%s: driver %s did not take it; see dmesg", bdf,
				       driver);
	return 0;
}

int facet_unbind_one(struct facet_change *change, const char *bdf, struct facet_error *err)
{
	int r = leave_driver(change, bdf, err);

	if (r == 0)
		r = set_override(change, bdf, "", err);
	return r < 0 ? r : find_driver(change, bdf, "", err);
}

/* --- groups --- */

static bool is_bridge(struct facet_tree *tree, const char *bdf)
{
	int64_t class = 0;

	facet_tree_number(tree, &class, DEVICE "/class", bdf);
	return class >> 16 == BRIDGES;
}

int facet_bind_group(struct facet_tree *tree, const char *bdf, struct facet_names *ret,
		     struct facet_error *err)
{
	char group[16];
	unsigned int count = 0;

	*ret = (struct facet_names){ 0 };
	if (!facet_tree_exists(tree, DEVICE, bdf))
		return facet_error_set(err, -ENODEV, "%s: there is no such PCI device", bdf);
	if (facet_tree_link(tree, group, sizeof(group), DEVICE "/iommu_group", bdf) < 0)
		return facet_error_set(
			err, -ENODEV,
			"%s: it has no IOMMU group, so no guest can be held away from "
			"this host's memory; `facet doctor` says why",
			bdf);
	facet_tree_list(tree, ret, "sys/kernel/iommu_groups/%s/devices", group);
	for (unsigned int i = 0; i < ret->count; i++)
		if (strlen(ret->items[i]) < FACET_HOST_BDF && !is_bridge(tree, ret->items[i]))
			memmove(ret->items[count++], ret->items[i], sizeof(ret->items[0]));
	ret->count = count;
	if (is_bridge(tree, bdf))
		return facet_error_set(err, -EINVAL, "%s: a bridge is not given away", bdf);
	return 0;
}

/* Bridges stay with who has them; some drivers of theirs keep the group from VFIO (shpchp). */
static int check_bridges(struct facet_tree *tree, const char *bdf, struct facet_error *err)
{
	struct facet_names all;
	char driver[FACET_TREE_NAME];
	int r = 0;

	facet_tree_list(tree, &all, DEVICE "/iommu_group/devices", bdf);
	for (unsigned int i = 0; r == 0 && i < all.count; i++) {
		if (!is_bridge(tree, all.items[i]))
			continue;
		facet_bind_driver(tree, all.items[i], driver, sizeof(driver));
		if (facet_host_driver_blocks(driver))
			r = facet_error_set(err, -EBUSY,
					    "%s: bridge %.16s is with driver %s, which keeps their "
					    "group from VFIO: boot without that driver",
					    bdf, all.items[i], driver);
	}
	facet_names_fini(&all);
	return r;
}

static int refuse_used(struct facet_tree *tree, const char *bdf, struct facet_error *err)
{
	char who[160];
	int64_t boot = 0, vfs = 0;

	facet_tree_number(tree, &boot, DEVICE "/boot_vga", bdf);
	if (boot == 1)
		return facet_error_set(err, -EBUSY,
				       "%s: this host booted with it, and its console may go dark; "
				       "--force gives it away all the same",
				       bdf);
	facet_tree_number(tree, &vfs, DEVICE "/sriov_numvfs", bdf);
	if (vfs > 0)
		return facet_error_set(err, -EBUSY,
				       "%s: %d VFs need its driver: `facet sriov set %s --vfs 0` "
				       "first",
				       bdf, (int)vfs, bdf);
	if (facet_bind_in_use(tree, bdf, who, sizeof(who)))
		return facet_error_set(err, -EBUSY, "%s: in use by %s; end that first, or --force",
				       bdf, who);
	return 0;
}

static int refuse_held(struct facet_tree *tree, const char *bdf, bool forced,
		       struct facet_error *err)
{
	char path[FACET_TREE_PATH];

	snprintf(path, sizeof(path), DEVICE, bdf);
	return facet_holders_refuse(tree, path, bdf, forced, err);
}

static int bind_member(struct facet_change *change, const char *bdf,
		       const struct facet_bind_options *options, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char now[FACET_TREE_NAME], driver[FACET_TREE_NAME];
	int r = 0;

	facet_bind_driver(tree, bdf, now, sizeof(now));
	if (facet_host_driver_is_vfio(now) && !options->driver)
		strcpy(driver, now);
	else
		r = facet_bind_choose(change, bdf, options->driver, driver, err);
	if (r == 0 && options->persist)
		r = facet_bind_remember(change, bdf, driver, err);
	if (r < 0 || strcmp(now, driver) == 0)
		return r;
	if (facet_host_driver_is_vfio(now))
		r = refuse_held(tree, bdf, options->forced, err);
	else if (!options->forced)
		r = refuse_used(tree, bdf, err);
	return r < 0 ? r : facet_bind_one(change, bdf, driver, err);
}

static int unbind_member(struct facet_change *change, const char *bdf, bool forced,
			 struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char now[FACET_TREE_NAME];
	int r = facet_bind_forget(change, bdf, err);

	facet_bind_driver(tree, bdf, now, sizeof(now));
	if (r < 0 || !facet_host_driver_is_vfio(now))
		return r;
	r = refuse_held(tree, bdf, forced, err);
	return r < 0 ? r : facet_unbind_one(change, bdf, err);
}

int facet_bind(struct facet_change *change, const char *bdf,
	       const struct facet_bind_options *options, struct facet_error *err)
{
	struct facet_names members;
	char what[64];
	int r = facet_bind_group(facet_change_tree(change), bdf, &members, err);

	snprintf(what, sizeof(what), "giving %.16s to VFIO", bdf);
	if (r == 0)
		r = check_bridges(facet_change_tree(change), bdf, err);
	if (r == 0)
		r = facet_change_begin(change, what, err);
	for (unsigned int i = 0; r == 0 && i < members.count; i++)
		r = bind_member(change, members.items[i], options, err);
	facet_names_fini(&members);
	return facet_change_end(change, r, err);
}

int facet_unbind(struct facet_change *change, const char *bdf, bool forced, struct facet_error *err)
{
	struct facet_names members;
	char what[64];
	int r = facet_bind_group(facet_change_tree(change), bdf, &members, err);

	snprintf(what, sizeof(what), "taking %.16s from VFIO", bdf);
	if (r == 0)
		r = facet_change_begin(change, what, err);
	for (unsigned int i = 0; r == 0 && i < members.count; i++)
		r = unbind_member(change, members.items[i], forced, err);
	facet_names_fini(&members);
	return facet_change_end(change, r, err);
}
