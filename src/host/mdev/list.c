// SPDX-License-Identifier: GPL-2.0-or-later
/* list.c - mediated devices that run, and those that are defined. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/inventory_internal.h"
#include "host/mdev.h"
#include "host/mdev/internal.h"

/* --- types --- */

void facet_mdev_parents(struct facet_tree *tree, struct facet_names *ret)
{
	facet_tree_list(tree, ret, MDEV_PARENTS);
}

int facet_mdev_types(struct facet_tree *tree, const char *parent, struct facet_host_type **ret,
		     unsigned int *ret_count, struct facet_error *err)
{
	struct facet_host_type *types = NULL;
	char path[FACET_TREE_PATH];
	unsigned int count = 0;

	if (!facet_mdev_name_sound(parent) || !facet_tree_exists(tree, MDEV_PARENTS "/%s", parent))
		return facet_error_set(err, -ENOENT,
				       "%.64s: makes no mediated devices: `facet mdev types` shows "
				       "who does",
				       parent);
	snprintf(path, sizeof(path), MDEV_PARENTS "/%s", parent);
	if (facet_host_read_types(tree, path, &types, &count) < 0)
		return facet_error_set(err, -ENOMEM, "out of memory");
	*ret = types;
	*ret_count = count;
	return 0;
}

/* --- devices --- */

struct list {
	struct facet_mdev *items;
	unsigned int count;
	size_t space;
	bool lost; /* no memory for some */
};

/* A new one at the end, or NULL. */
static struct facet_mdev *append(struct list *list, const char *parent, const char *uuid)
{
	size_t space = list->space ? 2 * list->space : 16;
	struct facet_mdev *more;

	if (list->count == list->space) {
		more = realloc(list->items, space * sizeof(*more));
		if (!more) {
			list->lost = true;
			return NULL;
		}
		list->items = more;
		list->space = space;
	}
	more = &list->items[list->count++];
	*more = (struct facet_mdev){ .group = -1 };
	snprintf(more->spec.parent, sizeof(more->spec.parent), "%s", parent);
	snprintf(more->spec.uuid, sizeof(more->spec.uuid), "%s", uuid);
	return more;
}

/* Names of another form mdevctl does not find again either. */
static bool is_uuid(const char *name)
{
	char uuid[FACET_MDEV_UUID];

	return facet_mdev_uuid_parse(name, uuid) && strcmp(name, uuid) == 0;
}

int facet_mdev_read_definition(struct facet_tree *tree, const char *parent, const char *uuid,
			       struct facet_mdev_spec *ret, struct facet_error *err)
{
	facet_autofree uint8_t *text = NULL;
	struct facet_error why;
	size_t size;
	int r = facet_tree_bytes(tree, &text, &size, MDEV_DEFINITIONS "/%s/%s", parent, uuid);

	if (r == 0 && size > FACET_MDEV_FILE)
		r = -EFBIG;
	if (r < 0)
		return facet_error_set(err, r, "/" MDEV_DEFINITIONS "/%s/%s: cannot be read: %s",
				       parent, uuid, strerror(-r));
	r = facet_mdev_spec_parse((const char *)text, size, ret, &why);
	if (r < 0)
		return facet_error_set(err, r, "/" MDEV_DEFINITIONS "/%s/%s: %.140s", parent, uuid,
				       why.text);
	strcpy(ret->parent, parent);
	strcpy(ret->uuid, uuid);
	return 0;
}

static void read_defined(struct facet_tree *tree, const char *parent, struct list *list)
{
	struct facet_names uuids;
	struct facet_error err;
	struct facet_mdev *mdev;

	facet_tree_list(tree, &uuids, MDEV_DEFINITIONS "/%s", parent);
	for (unsigned int i = 0; i < uuids.count; i++) {
		mdev = is_uuid(uuids.items[i]) ? append(list, parent, uuids.items[i]) : NULL;
		if (!mdev)
			continue;
		mdev->defined = true;
		if (facet_mdev_read_definition(tree, parent, uuids.items[i], &mdev->spec, &err) < 0)
			snprintf(mdev->fault, sizeof(mdev->fault), "%s", err.text);
	}
	facet_names_fini(&uuids);
}

static int read_group(struct facet_tree *tree, const char *uuid)
{
	char text[FACET_TREE_NAME];

	facet_tree_link(tree, text, sizeof(text), MDEV_DEVICES "/%s/iommu_group", uuid);
	return facet_host_numbered(text, "");
}

int facet_mdev_find_active(struct facet_tree *tree, const char *uuid, struct facet_mdev *ret)
{
	char target[FACET_TREE_PATH], *end;

	*ret = (struct facet_mdev){ .active = true, .group = -1 };
	if (facet_tree_target(tree, target, sizeof(target), MDEV_DEVICES "/%s", uuid) < 0)
		return -ENOENT;
	/* .../PARENT/UUID */
	end = strrchr(target, '/');
	if (!end || strcmp(end + 1, uuid) != 0)
		return -ENOENT;
	*end = '\0';
	end = strrchr(target, '/');
	if (!end || !facet_mdev_name_sound(end + 1))
		return -ENOENT;
	strcpy(ret->spec.parent, end + 1);
	strcpy(ret->spec.uuid, uuid);
	facet_tree_link(tree, ret->spec.type, sizeof(ret->spec.type), MDEV_DEVICES "/%s/mdev_type",
			uuid);
	facet_tree_text(tree, ret->api, sizeof(ret->api), MDEV_DEVICES "/%s/mdev_type/device_api",
			uuid);
	ret->group = read_group(tree, uuid);
	return 0;
}

/* Runs what is defined so? */
static bool is_same(const struct facet_mdev_spec *a, const struct facet_mdev_spec *b)
{
	return strcmp(a->uuid, b->uuid) == 0 && strcmp(a->parent, b->parent) == 0 &&
	       strcmp(a->type, b->type) == 0;
}

static void add_active(struct facet_tree *tree, const char *uuid, struct list *list)
{
	struct facet_mdev active, *mdev = NULL;

	if (!is_uuid(uuid) || facet_mdev_find_active(tree, uuid, &active) < 0)
		return;
	for (unsigned int i = 0; i < list->count && !mdev; i++)
		if (list->items[i].defined && is_same(&list->items[i].spec, &active.spec))
			mdev = &list->items[i];
	if (!mdev) {
		mdev = append(list, active.spec.parent, uuid);
		if (!mdev)
			return;
		strcpy(mdev->spec.type, active.spec.type);
	}
	mdev->active = true;
	mdev->group = active.group;
	strcpy(mdev->api, active.api);
}

static int compare(const void *a, const void *b)
{
	const struct facet_mdev *left = a, *right = b;
	int r = strcmp(left->spec.parent, right->spec.parent);

	r = r ? r : strcmp(left->spec.uuid, right->spec.uuid);
	return r ? r : (int)right->defined - (int)left->defined;
}

int facet_mdev_list(struct facet_tree *tree, struct facet_mdev **ret, unsigned int *ret_count,
		    struct facet_error *err)
{
	struct facet_names names;
	struct list list = { 0 };

	facet_tree_list(tree, &names, MDEV_DEFINITIONS);
	for (unsigned int i = 0; i < names.count; i++)
		if (strcmp(names.items[i], MDEV_SCRIPTS) != 0)
			read_defined(tree, names.items[i], &list);
	facet_names_fini(&names);
	facet_tree_list(tree, &names, MDEV_DEVICES);
	for (unsigned int i = 0; i < names.count; i++)
		add_active(tree, names.items[i], &list);
	facet_names_fini(&names);
	if (list.lost) {
		facet_mdev_list_fini(list.items, list.count);
		return facet_error_set(err, -ENOMEM, "out of memory");
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(*list.items), compare);
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}

void facet_mdev_list_fini(struct facet_mdev *list, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		facet_mdev_spec_fini(&list[i].spec);
	free(list);
}
