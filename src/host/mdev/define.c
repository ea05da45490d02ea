// SPDX-License-Identifier: GPL-2.0-or-later
/* define.c - definitions written and removed: files that mdevctl reads as well. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/mdev/internal.h"

#define PATH MDEV_DEFINITIONS "/%s/%s"

int facet_mdev_write_definition(struct facet_change *change, const struct facet_mdev_spec *spec,
				bool replace, struct facet_error *err)
{
	facet_autofree char *text = facet_mdev_spec_format(spec);
	char path[FACET_TREE_PATH];

	if (!text)
		return facet_error_set(err, -ENOMEM, "out of memory");
	snprintf(path, sizeof(path), PATH, spec->parent, spec->uuid);
	if (!replace && facet_tree_exists(facet_change_tree(change), "%s", path))
		return facet_error_set(err, -EEXIST, "%s: is defined on %s already", spec->uuid,
				       spec->parent);
	return facet_change_file(change, path, text, err);
}

int facet_mdev_define(struct facet_change *change, const struct facet_mdev_spec *spec, bool replace,
		      struct facet_error *err)
{
	char uuid[FACET_MDEV_UUID], what[FACET_TREE_NAME];
	int r;

	if (!facet_mdev_uuid_parse(spec->uuid, uuid) || strcmp(uuid, spec->uuid) != 0 ||
	    !facet_mdev_name_sound(spec->parent) || !facet_mdev_name_sound(spec->type) ||
	    strcmp(spec->parent, MDEV_SCRIPTS) == 0)
		return facet_error_set(err, -EINVAL, "%.40s: needs a UUID, a parent and a type",
				       spec->uuid);
	snprintf(what, sizeof(what), "mdev define %s", uuid);
	r = facet_change_begin(change, what, err);
	r = r ? r : facet_mdev_write_definition(change, spec, replace, err);
	return facet_change_end(change, r, err);
}

int facet_mdev_undefine(struct facet_change *change, const char *parent, const char *uuid,
			struct facet_error *err)
{
	char path[FACET_TREE_PATH], what[FACET_TREE_NAME];
	int r;

	if (!facet_mdev_name_sound(parent) || !facet_mdev_name_sound(uuid) ||
	    !facet_tree_exists(facet_change_tree(change), PATH, parent, uuid))
		return facet_error_set(err, -ENOENT, "%.40s: is not defined on %.64s", uuid,
				       parent);
	snprintf(path, sizeof(path), PATH, parent, uuid);
	snprintf(what, sizeof(what), "mdev undefine %.40s", uuid);
	r = facet_change_begin(change, what, err);
	r = r ? r : facet_change_file(change, path, NULL, err);
	return facet_change_end(change, r, err);
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
	if (r == 0) {
		strcpy(ret->parent, found);
		r = facet_mdev_read_definition(tree, found, uuid, ret, err);
	}
	facet_names_fini(&parents);
	return r;
}
