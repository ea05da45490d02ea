// SPDX-License-Identifier: GPL-2.0-or-later
/* start.c - mediated devices made and removed, in the order that the kernel documents. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/holders.h"
#include "host/mdev/internal.h"

#define TYPE MDEV_PARENTS "/%s/mdev_supported_types/%s"

/* --- what has to be so --- */

static int check_spec(const struct facet_mdev_spec *spec, struct facet_error *err)
{
	char uuid[FACET_MDEV_UUID];

	if (!facet_mdev_uuid_parse(spec->uuid, uuid) || strcmp(spec->uuid, uuid) != 0)
		return facet_error_set(err, -EINVAL, "%.40s: is no UUID", spec->uuid);
	if (!facet_mdev_name_sound(spec->parent) || strcmp(spec->parent, MDEV_SCRIPTS) == 0)
		return facet_error_set(err, -EINVAL, "%s: has no parent's name", spec->uuid);
	if (!facet_mdev_name_sound(spec->type))
		return facet_error_set(err, -EINVAL, "%s: has no type's name", spec->uuid);
	return 0;
}

static int check_absent(struct facet_tree *tree, const struct facet_mdev_spec *spec,
			struct facet_error *err)
{
	struct facet_mdev active;

	if (facet_mdev_find_active(tree, spec->uuid, &active) < 0)
		return 0;
	return facet_error_set(err, -EEXIST, "%s: runs already, on %s as %s", spec->uuid,
			       active.spec.parent, active.spec.type);
}

static int check_type(struct facet_tree *tree, const struct facet_mdev_spec *spec,
		      struct facet_error *err)
{
	int64_t available = -1;

	if (!facet_tree_exists(tree, MDEV_PARENTS "/%s", spec->parent))
		return facet_error_set(err, -ENOENT,
				       "%s: makes no mediated devices: `facet mdev types` shows "
				       "who does",
				       spec->parent);
	if (!facet_tree_exists(tree, TYPE, spec->parent, spec->type))
		return facet_error_set(err, -ENOENT,
				       "%s: %s has no such type: `facet mdev types %s` shows which",
				       spec->type, spec->parent, spec->parent);
	facet_tree_number(tree, &available, TYPE "/available_instances", spec->parent, spec->type);
	if (available == 0)
		return facet_error_set(err, -ENOSPC,
				       "%s: %s has none left: `facet mdev ls` shows what has them",
				       spec->type, spec->parent);
	return 0;
}

/* --- making one --- */

static bool is_there(struct facet_tree *tree, const struct facet_mdev_spec *spec)
{
	struct facet_mdev active;

	return facet_mdev_find_active(tree, spec->uuid, &active) == 0 &&
	       strcmp(active.spec.parent, spec->parent) == 0 &&
	       strcmp(active.spec.type, spec->type) == 0;
}

/* Its undoing: the device is removed, if it is still there and of that type. */
static int create(struct facet_change *change, const struct facet_mdev_spec *spec,
		  struct facet_error *err)
{
	char path[FACET_TREE_PATH], remove[FACET_TREE_PATH], type[FACET_TREE_PATH];
	const struct facet_change_step step = {
		.path = path,
		.text = spec->uuid,
		.undo_path = remove,
		.undo_text = "1",
		.guard_path = type,
		.guard_text = spec->type,
	};
	int r;

	snprintf(path, sizeof(path), TYPE "/create", spec->parent, spec->type);
	snprintf(remove, sizeof(remove), MDEV_DEVICES "/%s/remove", spec->uuid);
	snprintf(type, sizeof(type), MDEV_DEVICES "/%s/mdev_type", spec->uuid);
	r = facet_change_do(change, &step, err);
	/* Another made it since we looked: nothing of it is ours to undo. */
	if (r == -EEXIST && facet_change_commit(change, err) < 0)
		return -EUCLEAN;
	if (r == -EUSERS)
		r = facet_error_set(err, -ENOSPC, "%s: %s has none left", spec->type, spec->parent);
	if (r == 0 && !facet_change_is_dry(change) && !is_there(facet_change_tree(change), spec))
		r = facet_error_set(err, -ENODEV, "/%s: took %s, and made nothing", path,
				    spec->uuid);
	return r;
}

static int write_attributes(struct facet_change *change, const struct facet_mdev_spec *spec,
			    struct facet_error *err)
{
	char path[FACET_TREE_PATH];
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < spec->count; i++) {
		snprintf(path, sizeof(path), MDEV_DEVICES "/%s/%s", spec->uuid,
			 spec->attributes[i].name);
		if (!facet_change_is_dry(change) &&
		    !facet_tree_exists(facet_change_tree(change), "%s", path))
			return facet_error_set(err, -ENOENT, "%s: has no attribute %s", spec->uuid,
					       spec->attributes[i].name);
		r = facet_change_do(change,
				    &(struct facet_change_step){
					    .path = path, .text = spec->attributes[i].value },
				    err);
	}
	return r;
}

int facet_mdev_start(struct facet_change *change, const struct facet_mdev_spec *spec, bool define,
		     struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	char what[FACET_TREE_NAME];
	int r = check_spec(spec, err);

	r = r ? r : check_absent(tree, spec, err);
	r = r ? r : check_type(tree, spec, err);
	if (r == 0 && define &&
	    facet_tree_exists(tree, MDEV_DEFINITIONS "/%s/%s", spec->parent, spec->uuid))
		r = facet_error_set(err, -EEXIST, "%s: is defined on %s already", spec->uuid,
				    spec->parent);
	if (r < 0)
		return r;
	snprintf(what, sizeof(what), "mdev start %s", spec->uuid);
	r = facet_change_begin(change, what, err);
	r = r ? r : create(change, spec, err);
	r = r ? r : write_attributes(change, spec, err);
	if (r == 0 && define)
		r = facet_mdev_write_definition(change, spec, false, err);
	return facet_change_end(change, r, err);
}

/* --- removing one --- */

/* 1 is the whole protocol; the device is gone when the write comes back. Nothing undoes it. */
static int take_away(struct facet_change *change, const char *uuid, struct facet_error *err)
{
	char path[FACET_TREE_PATH], what[FACET_TREE_NAME];
	struct facet_mdev active;
	int r;

	snprintf(path, sizeof(path), MDEV_DEVICES "/%s/remove", uuid);
	snprintf(what, sizeof(what), "mdev stop %s", uuid);
	r = facet_change_begin(change, what, err);
	if (r == 0)
		r = facet_change_do(change,
				    &(struct facet_change_step){ .path = path, .text = "1" }, err);
	if (!facet_change_is_dry(change)) {
		/* Somebody else may have been quicker. */
		if (facet_mdev_find_active(facet_change_tree(change), uuid, &active) < 0)
			r = 0;
		else if (r == 0)
			r = facet_error_set(err, -EBUSY,
					    "/%s: took 1, and %s is still there: see "
					    "dmesg",
					    path, uuid);
	}
	facet_change_end(change, r, NULL);
	return r;
}

int facet_mdev_stop(struct facet_change *change, const char *uuid, const char *parent,
		    const char *type, bool forced, struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	struct facet_mdev active;
	char path[FACET_TREE_PATH];
	int r;

	if (facet_mdev_find_active(tree, uuid, &active) < 0)
		return facet_error_set(err, -ENOENT, "%.40s: does not run", uuid);
	if ((parent && strcmp(parent, active.spec.parent) != 0) ||
	    (type && strcmp(type, active.spec.type) != 0))
		return facet_error_set(err, -ESTALE, "%s: runs on %s as %s", uuid,
				       active.spec.parent, active.spec.type);
	/* The kernel would wait for whoever has it open, for ever. */
	snprintf(path, sizeof(path), MDEV_DEVICES "/%s", uuid);
	r = facet_holders_refuse(tree, path, uuid, forced, err);
	if (r < 0)
		return r;
	return take_away(change, uuid, err);
}

/* --- all at once --- */

int facet_mdev_autostart(struct facet_change *change, const char *parent, unsigned int *ret_started,
			 struct facet_error *err)
{
	struct facet_tree *tree = facet_change_tree(change);
	unsigned int count, started = 0;
	struct facet_mdev *list;
	struct facet_error why;
	int failed = 0, r = facet_mdev_list(tree, &list, &count, err);

	for (unsigned int i = 0; r == 0 && i < count; i++) {
		const struct facet_mdev *mdev = &list[i];

		if (!mdev->defined || *mdev->fault || !mdev->spec.autostart || mdev->active ||
		    (parent && strcmp(parent, mdev->spec.parent) != 0))
			continue;
		r = facet_mdev_start(change, &mdev->spec, false, &why);
		started += r == 0;
		/* mdevctl may be at the same. */
		if (r < 0 && r != -EEXIST && !failed)
			failed = facet_error_set(err, r, "%s", why.text);
		r = 0;
	}
	if (r == 0)
		facet_mdev_list_fini(list, count);
	*ret_started = started;
	return r ? r : failed;
}
