// SPDX-License-Identifier: GPL-2.0-or-later
/* define.c - definitions written and removed: files that mdevctl reads as well. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/mdev/internal.h"

#define PATH MDEV_DEFINITIONS "/%s/%s"

static int failed(int r, const char *parent, const char *uuid, struct facet_error *err)
{
	return facet_error_set(err, r, "/" PATH ": %s%s", parent, uuid, strerror(-r),
			       r == -EACCES || r == -EPERM ? ": definitions are root's" : "");
}

int facet_mdev_define(struct facet_edit *edit, const struct facet_mdev_spec *spec, bool replace,
		      struct facet_error *err)
{
	facet_autofree char *text = facet_mdev_spec_format(spec);
	char uuid[FACET_MDEV_UUID];
	int r;

	if (!text)
		return facet_error_set(err, -ENOMEM, "out of memory");
	if (!facet_mdev_uuid_parse(spec->uuid, uuid) || !facet_mdev_name_sound(spec->parent) ||
	    !facet_mdev_name_sound(spec->type) || strcmp(spec->parent, MDEV_SCRIPTS) == 0)
		return facet_error_set(err, -EINVAL, "%.40s: needs a UUID, a parent and a type",
				       spec->uuid);
	if (!replace && facet_tree_exists(facet_edit_tree(edit), PATH, spec->parent, uuid))
		return facet_error_set(err, -EEXIST, "%s: is defined on %s already", uuid,
				       spec->parent);
	r = facet_edit_put(edit, text, PATH, spec->parent, uuid);
	return r < 0 ? failed(r, spec->parent, uuid, err) : 0;
}

int facet_mdev_undefine(struct facet_edit *edit, const char *parent, const char *uuid,
			struct facet_error *err)
{
	int r;

	if (!facet_mdev_name_sound(parent) || !facet_mdev_name_sound(uuid) ||
	    !facet_tree_exists(facet_edit_tree(edit), PATH, parent, uuid))
		return facet_error_set(err, -ENOENT, "%.40s: is not defined on %.64s", uuid,
				       parent);
	r = facet_edit_remove(edit, PATH, parent, uuid);
	return r < 0 ? failed(r, parent, uuid, err) : 0;
}

int facet_mdev_find_definition(struct facet_tree *tree, const char *uuid, const char *parent,
			       struct facet_mdev_spec *ret, struct facet_error *err)
{
	const char *found = NULL;
	struct facet_names parents;
	int r = 0;

	facet_tree_list(tree, &parents, MDEV_DEFINITIONS);
	for (unsigned int i = 0; r == 0 && i < parents.count; i++) {
		const char *name = parents.items[i];

		if (strcmp(name, MDEV_SCRIPTS) == 0 || (parent && strcmp(name, parent) != 0) ||
		    !facet_tree_exists(tree, PATH, name, uuid))
			continue;
		if (found)
			r = facet_error_set(err, -ENOTUNIQ,
					    "%s: is defined on %s and on %s: say which by --parent",
					    uuid, found, name);
		found = name;
	}
	if (r == 0 && !found)
		r = facet_error_set(err, -ENOENT, "%.40s: is not defined%s%.64s", uuid,
				    parent ? " on " : "", parent ? parent : "");
	if (r == 0)
		r = facet_mdev_read_definition(tree, found, uuid, ret, err);
	facet_names_fini(&parents);
	return r;
}
