// SPDX-License-Identifier: GPL-2.0-or-later
/* part_vendor.c - VFs that stay with NVIDIA's driver, which makes each what its type says. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/holders.h"
#include "host/part_internal.h"
#include "host/vendor_vf.h"

/* By number or name, of those that can be made now. */
static bool find_type(const struct facet_host_gpu *gpu, struct facet_part *part)
{
	for (unsigned int i = 0; i < gpu->vf_type_count; i++) {
		const struct facet_host_type *type = &gpu->vf_types[i];

		if (strcmp(type->id, part->type) != 0 && strcmp(type->name, part->type) != 0)
			continue;
		snprintf(part->type, sizeof(part->type), "%s", type->id);
		snprintf(part->type_name, sizeof(part->type_name), "%s", type->name);
		return true;
	}
	return false;
}

static int no_type(const struct facet_host_gpu *gpu, const char *wanted, struct facet_error *err)
{
	char names[120] = "";

	for (unsigned int i = 0; i < gpu->vf_type_count; i++) {
		size_t n = strlen(names);

		snprintf(names + n, sizeof(names) - n, "%s%s (%s)", n ? ", " : "",
			 gpu->vf_types[i].id, gpu->vf_types[i].name);
	}
	return facet_error_set(err, -EINVAL, "type %.40s: cannot be made on gpu %s now; can be: %s",
			       wanted, gpu->function.bdf, names[0] ? names : "none");
}

static bool suits(const struct facet_part_choice *choice, const struct facet_vendor_vf *vf,
		  struct facet_part *part)
{
	struct facet_holders holders;

	part->vf = (int)vf->index;
	snprintf(part->bdf, sizeof(part->bdf), "%s", vf->vf);
	for (unsigned int i = 0; i < choice->gpu->vf_count; i++)
		if (choice->gpu->vfs[i].index == vf->index)
			part->group = choice->gpu->vfs[i].group;
	if (vf->state != FACET_VENDOR_VF_FREE || facet_part_conflict(choice, part))
		return false;
	facet_part_holders(choice->parts, part, &holders);
	return !holders.count && !holders.unknown;
}

static int choose(const struct facet_part_choice *choice, struct facet_part *part,
		  struct facet_error *err)
{
	facet_autofree struct facet_vendor_vf *vfs = NULL;
	const struct facet_host_gpu *gpu = choice->gpu;
	unsigned int count = 0;
	int r = 0;

	if (gpu)
		r = facet_vendor_vf_list(choice->parts->tree, gpu->function.bdf, &vfs, &count, err);
	if (r)
		return r;
	if (!count)
		return facet_error_set(
			err, -EINVAL,
			"gpu %.40s: has no VFs with NVIDIA's files (`sriov-manage -e "
			"%.40s` enables them): `facet doctor` says more",
			choice->request->gpu, choice->request->gpu);
	if (!find_type(gpu, part))
		return no_type(gpu, choice->request->type, err);
	for (unsigned int i = 0; i < count; i++)
		if (suits(choice, &vfs[i], part))
			return 0;
	return facet_error_set(
		err, -ENOSPC,
		"gpu %s: none of its %u VFs is free: `facet gpus --host` shows who has "
		"them",
		gpu->function.bdf, count);
}

static int check(struct facet_parts *parts, const struct facet_part *part, struct facet_error *err)
{
	struct facet_vendor_vf vf;
	int r = facet_part_check_device(parts, part, err);

	if (r == 0)
		r = facet_vendor_vf_look(parts->tree, part->gpu, (unsigned int)part->vf, &vf, err);
	if (r)
		return r == -ENOENT ? -ESTALE : r;
	if (vf.state == FACET_VENDOR_VF_CLAIMED && strcmp(vf.claim.token, part->token) == 0)
		return 0;
	if (vf.state == FACET_VENDOR_VF_UNKNOWN)
		return facet_error_set(err, -EIO, "%s: cannot be told what it is now: %.160s",
				       part->bdf, vf.why);
	return facet_error_set(err, -ESTALE,
			       "%s: is not the vGPU any more that it was made: %.160s", part->bdf,
			       vf.why);
}

/* The framebuffer and the rest are in the name alone, as NVIDIA's papers list it. */
static bool limit(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		  struct facet_part_limit *ret)
{
	if (i || !part->type_name[0])
		return false;
	ret->what = "type";
	snprintf(ret->text, sizeof(ret->text), "%s, by NVIDIA's driver", part->type_name);
	return true;
}

const struct facet_part_ops facet_part_vendor = {
	.typed = true,
	.choose = choose,
	.prepare = facet_part_make_vendor,
	.undo = facet_part_remove_vendor,
	.check = check,
	.limit = limit,
};
