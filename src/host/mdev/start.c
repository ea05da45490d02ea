// SPDX-License-Identifier: GPL-2.0-or-later
/* start.c - mediated devices made and removed, in the order that the kernel documents. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/holders.h"
#include "host/mdev/internal.h"

enum {
	TRIES = 8, /* of a write that a signal came between */
};

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

static int explain(int r, const struct facet_mdev_spec *spec, struct facet_error *err)
{
	const char *why = r == -EEXIST   ? "the UUID exists already"
			  : r == -EUSERS ? "none of the type is left"
			  : r == -EACCES ? "making devices takes root"
					 : strerror(-r);

	return facet_error_set(err, r == -EUSERS ? -ENOSPC : r,
			       "/" TYPE "/create: %s was not made: %s", spec->parent, spec->type,
			       spec->uuid, why);
}

/* Only an interrupted or short write says nothing: then what is there does. */
static int create(struct facet_edit *edit, const struct facet_mdev_spec *spec,
		  struct facet_error *err)
{
	int r = -EINTR;

	for (unsigned int i = 0; i < TRIES && r == -EINTR; i++) {
		r = facet_edit_write(edit, spec->uuid, TYPE "/create", spec->parent, spec->type);
		if (r == -EINTR || r > 0)
			r = is_there(facet_edit_tree(edit), spec) ? 0 : r > 0 ? -EIO : r;
	}
	if (r == 0 && !facet_edit_is_dry(edit) && !is_there(facet_edit_tree(edit), spec))
		r = -ENODEV; /* taken, and not done */
	return r < 0 ? explain(r, spec, err) : 0;
}

static int write_attribute(struct facet_edit *edit, const struct facet_mdev_spec *spec,
			   const struct facet_mdev_attribute *attribute, struct facet_error *err)
{
	int r = -EINTR;

	for (unsigned int i = 0; i < TRIES && r == -EINTR; i++)
		r = facet_edit_write(edit, attribute->value, MDEV_DEVICES "/%s/%s", spec->uuid,
				     attribute->name);
	if (r < 0)
		return facet_error_set(
			err, r, "%s: attribute %.100s: %s", spec->uuid, attribute->name,
			r == -ENOENT ? "the device has none of that name" : strerror(-r));
	return 0;
}

/* 1 is the whole protocol; the device is gone when the write comes back. */
int facet_mdev_take_away(struct facet_edit *edit, const char *uuid)
{
	struct facet_tree *tree = facet_edit_tree(edit);
	struct facet_mdev active;
	int r = -EINTR;

	for (unsigned int i = 0; i < TRIES && r == -EINTR; i++) {
		r = facet_edit_write(edit, "1", MDEV_DEVICES "/%s/remove", uuid);
		/* Somebody else may have been quicker. */
		if (r < 0 && facet_mdev_find_active(tree, uuid, &active) < 0)
			r = 0;
	}
	if (r >= 0 && !facet_edit_is_dry(edit) && facet_mdev_find_active(tree, uuid, &active) == 0)
		return -EBUSY;
	return r < 0 ? r : 0;
}

static int finish(struct facet_edit *edit, const struct facet_mdev_spec *spec, bool define,
		  struct facet_error *err)
{
	int r;

	for (unsigned int i = 0; i < spec->count; i++) {
		r = write_attribute(edit, spec, &spec->attributes[i], err);
		if (r < 0)
			return r;
	}
	return define ? facet_mdev_define(edit, spec, false, err) : 0;
}

static int make(struct facet_edit *edit, const struct facet_mdev_spec *spec, bool define,
		struct facet_error *err)
{
	int undone, r = facet_mdev_note_begin(edit, spec, define);

	if (r < 0)
		return facet_error_set(err, r, "/" MDEV_NOTES "/%s: %s", spec->uuid, strerror(-r));
	r = create(edit, spec, err);
	if (r == 0) {
		r = finish(edit, spec, define, err);
		undone = r < 0 ? facet_mdev_take_away(edit, spec->uuid) : 0;
		/* Then the note stays, for the next of us to try again. */
		if (undone < 0)
			return facet_error_set(err, r,
					       "%s: half made, and not to be removed: %s: see "
					       "dmesg",
					       spec->uuid, strerror(-undone));
	}
	/* With the device as it was wanted a note that stays would have it removed. */
	undone = facet_mdev_note_end(edit, spec->uuid);
	if (r == 0 && undone < 0) {
		if (define)
			facet_mdev_undefine(edit, spec->parent, spec->uuid, NULL);
		facet_mdev_take_away(edit, spec->uuid);
		r = facet_error_set(err, undone, "/" MDEV_NOTES "/%s: %s", spec->uuid,
				    strerror(-undone));
	}
	return r;
}

int facet_mdev_start(struct facet_edit *edit, const struct facet_mdev_spec *spec, bool define,
		     struct facet_error *err)
{
	struct facet_tree *tree = facet_edit_tree(edit);
	int r = check_spec(spec, err);

	r = r ? r : facet_mdev_recover(edit, err);
	r = r ? r : check_absent(tree, spec, err);
	r = r ? r : check_type(tree, spec, err);
	if (r == 0 && define &&
	    facet_tree_exists(tree, MDEV_DEFINITIONS "/%s/%s", spec->parent, spec->uuid))
		r = facet_error_set(err, -EEXIST, "%s: is defined on %s already", spec->uuid,
				    spec->parent);
	return r ? r : make(edit, spec, define, err);
}

/* --- removing one --- */

int facet_mdev_stop(struct facet_edit *edit, const char *uuid, const char *parent, const char *type,
		    bool forced, struct facet_error *err)
{
	struct facet_tree *tree = facet_edit_tree(edit);
	struct facet_mdev active;
	char path[FACET_TREE_PATH];
	int r = facet_mdev_recover(edit, err);

	if (r < 0)
		return r;
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
	r = facet_mdev_take_away(edit, uuid);
	return r < 0 ? facet_error_set(err, r, "/" MDEV_DEVICES "/%s/remove: %s%s", uuid,
				       strerror(-r),
				       r == -EACCES ? ": removing devices takes root" : "")
		     : 0;
}

/* --- all at once --- */

int facet_mdev_autostart(struct facet_edit *edit, const char *parent, unsigned int *ret_started,
			 struct facet_error *err)
{
	struct facet_tree *tree = facet_edit_tree(edit);
	unsigned int count, started = 0;
	struct facet_mdev *list;
	struct facet_error why;
	int failed = 0, r = facet_mdev_list(tree, &list, &count, err);

	for (unsigned int i = 0; r == 0 && i < count; i++) {
		const struct facet_mdev *mdev = &list[i];

		if (!mdev->defined || *mdev->fault || !mdev->spec.autostart || mdev->active ||
		    (parent && strcmp(parent, mdev->spec.parent) != 0))
			continue;
		r = facet_mdev_start(edit, &mdev->spec, false, &why);
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
