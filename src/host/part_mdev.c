// SPDX-License-Identifier: GPL-2.0-or-later
/* part_mdev.c - mediated devices, of which GVT-g's are one kind. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/inventory_internal.h"
#include "host/mdev.h"
#include "host/part_internal.h"

/* --- choosing --- */

struct search {
	const struct facet_part_choice *choice;
	struct facet_part *part;
	bool known;      /* some parent has the type */
	bool pci;        /* and it is for VFIO on PCI */
	bool blocked;    /* by another's whole device */
	char types[140]; /* that there are, with what is free */
};

static void note_type(struct search *search, const struct facet_host_type *type)
{
	size_t n = strlen(search->types);

	snprintf(search->types + n, sizeof(search->types) - n, "%s%s (%lld)", n ? ", " : "",
		 type->id, (long long)type->available);
}

/* True: this is it. */
static bool look_at(struct search *search, const char *parent, const struct facet_host_type *type)
{
	struct facet_part *part = search->part;

	note_type(search, type);
	if (strcmp(type->id, search->choice->request->type) != 0)
		return false;
	search->known = true;
	search->pci |= strcmp(type->api, "vfio-pci") == 0;
	if (type->available <= 0 || strcmp(type->api, "vfio-pci") != 0)
		return false;
	snprintf(part->parent, sizeof(part->parent), "%s", parent);
	snprintf(part->type_name, sizeof(part->type_name), "%s", type->name);
	if (facet_part_conflict(search->choice, part)) {
		search->blocked = true;
		return false;
	}
	return true;
}

static int look_at_parent(struct search *search, const char *parent, bool *ret_found)
{
	struct facet_host_type *types = NULL;
	unsigned int count = 0;
	char path[FACET_TREE_PATH];
	int r;

	snprintf(path, sizeof(path), "sys/%s/%s",
		 search->choice->gpu ? "bus/pci/devices" : "class/mdev_bus", parent);
	r = facet_host_read_types(search->choice->parts->tree, path, &types, &count);
	for (unsigned int i = 0; i < count && !*ret_found; i++)
		*ret_found = look_at(search, parent, &types[i]);
	free(types);
	return r;
}

/* NVIDIA's VFs may be parents, each of one device. */
static int look_at_all(struct search *search, bool *ret_found)
{
	const struct facet_host_gpu *gpu = search->choice->gpu;
	int r = look_at_parent(search, search->choice->request->gpu, ret_found);

	for (unsigned int i = 0; r == 0 && gpu && !*ret_found && i < gpu->vf_count; i++)
		if (gpu->vfs[i].mdev_types)
			r = look_at_parent(search, gpu->vfs[i].bdf, ret_found);
	return r;
}

static int refuse(const struct search *search, struct facet_error *err)
{
	const struct facet_part_request *request = search->choice->request;

	if (!search->types[0])
		return facet_error_set(
			err, -EINVAL,
			"gpu %.40s: makes no mediated devices: `facet doctor` says why",
			request->gpu);
	if (!search->known)
		return facet_error_set(err, -EINVAL, "type %.60s: gpu %.40s has %s", request->type,
				       request->gpu, search->types);
	if (!search->pci)
		return facet_error_set(err, -EINVAL, "type %.60s: is no PCI device", request->type);
	if (search->blocked)
		return facet_error_set(err, -ENOSPC, "gpu %.40s: is given away as a whole",
				       request->gpu);
	return facet_error_set(err, -ENOSPC,
			       "type %.40s: gpu %.40s has room for no more; free are %s",
			       request->type, request->gpu, search->types);
}

static int choose(const struct facet_part_choice *choice, struct facet_part *part,
		  struct facet_error *err)
{
	struct search search = { .choice = choice, .part = part };
	bool found = false;

	if (look_at_all(&search, &found))
		return facet_error_set(err, -ENOMEM, "out of memory");
	if (!found)
		return refuse(&search, err);
	return facet_mdev_uuid_random(part->uuid) ? facet_error_set(err, -EIO, "no random numbers")
						  : 0;
}

static bool is_gvtg(const char *type)
{
	return strstr(type, "-GVTg_") != NULL;
}

static int choose_mdev(const struct facet_part_choice *choice, struct facet_part *part,
		       struct facet_error *err)
{
	if (is_gvtg(part->type))
		return facet_error_set(err, -EINVAL, "type %.60s: is of --mechanism gvtg-hw",
				       part->type);
	return choose(choice, part, err);
}

static int choose_gvtg(const struct facet_part_choice *choice, struct facet_part *part,
		       struct facet_error *err)
{
	if (!is_gvtg(part->type))
		return facet_error_set(
			err, -EINVAL,
			"type %.60s: is none of GVT-g's, as in i915-GVTg_V5_4; others "
			"are of --mechanism mdev",
			part->type);
	return choose(choice, part, err);
}

/* --- giving --- */

static int check(struct facet_parts *parts, const struct facet_part *part, struct facet_error *err)
{
	char type[FACET_TREE_NAME];
	int r = facet_part_check_device(parts, part, err);

	if (r)
		return r;
	facet_tree_link(parts->tree, type, sizeof(type), "sys/bus/mdev/devices/%s/mdev_type",
			part->uuid);
	if (strcmp(type, part->type) != 0)
		return facet_error_set(
			err, -ESTALE,
			"%s: was of type %.40s, and is of type %.40s: somebody made it "
			"anew",
			part->uuid, part->type, type[0] ? type : "none");
	return 0;
}

/* --- what the driver holds it to --- */

static bool gvtg_limit(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		       struct facet_part_limit *ret)
{
	char text[FACET_HOST_TEXT];
	struct facet_host_gvtg type;

	facet_tree_text(parts->tree, text, sizeof(text),
			"sys/bus/mdev/devices/%s/mdev_type/description", part->uuid);
	if (!facet_host_parse_gvtg(text, &type))
		return false;
	switch (i) {
	case 0:
		ret->what = "share";
		snprintf(ret->text, sizeof(ret->text), "weight %" PRIu32 ", by GVT-g's scheduler",
			 type.weight);
		return true;
	case 1:
		ret->what = "vram";
		snprintf(ret->text, sizeof(ret->text),
			 "%" PRIu32 " MiB that the CPU reaches and %" PRIu32
			 " MiB, of the graphics address space; %" PRIu32 " fences",
			 type.low_mib, type.high_mib, type.fences);
		return true;
	case 2:
		ret->what = "resolution";
		snprintf(ret->text, sizeof(ret->text), "%" PRIu32 "x%" PRIu32, type.width,
			 type.height);
		return true;
	default:
		return false;
	}
}

/* Other drivers' texts are for people. */
static bool mdev_limit(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		       struct facet_part_limit *ret)
{
	char text[FACET_HOST_TEXT];

	if (i || facet_tree_text(parts->tree, text, sizeof(text),
				 "sys/bus/mdev/devices/%s/mdev_type/description", part->uuid) <= 0)
		return false;
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	ret->what = "type";
	snprintf(ret->text, sizeof(ret->text), "%.190s", text);
	return true;
}

const struct facet_part_ops facet_part_mdev = {
	.typed = true,
	.choose = choose_mdev,
	.prepare = facet_part_make_mdev,
	.undo = facet_part_remove_mdev,
	.check = check,
	.limit = mdev_limit,
};

const struct facet_part_ops facet_part_gvtg = {
	.typed = true,
	.choose = choose_gvtg,
	.prepare = facet_part_make_mdev,
	.undo = facet_part_remove_mdev,
	.check = check,
	.limit = gvtg_limit,
};
