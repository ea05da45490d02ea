// SPDX-License-Identifier: GPL-2.0-or-later
/* part_vf.c - virtual functions: given to VFIO's driver, or a type of NVIDIA's. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/holders.h"
#include "host/part_internal.h"

/* --- choosing --- */

/* Why none of them will do, to be said if it comes to that. */
struct rejected {
	unsigned int given, host, open;
	char owner[FACET_PART_OWNER], driver[FACET_TREE_NAME], bdf[FACET_HOST_BDF];
};

static void name_vf(struct facet_part *part, const struct facet_host_vf *vf)
{
	part->vf = (int)vf->index;
	part->group = vf->group;
	part->bound = !facet_host_driver_is_vfio(vf->driver);
	snprintf(part->bdf, sizeof(part->bdf), "%s", vf->bdf);
}

static bool is_given(const struct facet_part_choice *choice, const struct facet_part *part,
		     struct rejected *rejected)
{
	const struct facet_part *other = facet_part_conflict(choice, part);

	if (!other)
		return false;
	rejected->given++;
	strcpy(rejected->owner, other->owner);
	return true;
}

static bool is_open(const struct facet_part_choice *choice, const struct facet_part *part)
{
	struct facet_holders holders;

	facet_part_holders(choice->parts, part, &holders);
	return holders.count || holders.unknown;
}

/* One that is with VFIO already is as good as one that is with nobody: by index. */
static bool suits(const struct facet_part_choice *choice, const struct facet_host_vf *vf,
		  struct facet_part *part, struct rejected *rejected)
{
	name_vf(part, vf);
	if (is_given(choice, part, rejected))
		return false;
	if (vf->driver[0] && !facet_host_driver_is_vfio(vf->driver)) {
		rejected->host++;
		strcpy(rejected->driver, vf->driver);
		strcpy(rejected->bdf, vf->bdf);
		return false;
	}
	if (vf->group < 0 || is_open(choice, part)) {
		rejected->open++;
		return false;
	}
	return true;
}

static int none_enabled(const struct facet_host_gpu *gpu, struct facet_error *err)
{
	const char *bdf = gpu->function.bdf;

	if (gpu->vfs_total <= 0)
		return facet_error_set(
			err, -EINVAL,
			"gpu %s: has no virtual functions (SR-IOV), so that it cannot "
			"be split so: `facet doctor` says what works",
			bdf);
	return facet_error_set(
		err, -ENOSPC,
		"gpu %s: none of its %lld virtual functions is enabled: `facet sriov "
		"set %s --vfs N` enables some",
		bdf, (long long)gpu->vfs_total, bdf);
}

static int none_free(const struct facet_host_gpu *gpu, const struct rejected *rejected,
		     struct facet_error *err)
{
	if (rejected->host)
		return facet_error_set(
			err, -ENOSPC,
			"gpu %s: of %u VFs %u are given to others, and %u are used by "
			"this host (driver %.32s): `facet vfio bind %s` takes one from "
			"it",
			gpu->function.bdf, gpu->vf_count, rejected->given, rejected->host,
			rejected->driver, rejected->bdf);
	return facet_error_set(
		err, -ENOSPC,
		"gpu %s: of %u VFs %u are given to others (as to %.32s), and %u are in "
		"use or without an IOMMU: `facet rm` frees one, or `facet doctor` says "
		"why",
		gpu->function.bdf, gpu->vf_count, rejected->given,
		rejected->given ? rejected->owner : "nobody", rejected->open);
}

static int choose_sriov(const struct facet_part_choice *choice, struct facet_part *part,
			struct facet_error *err)
{
	const struct facet_host_gpu *gpu = choice->gpu;
	struct rejected rejected = { 0 };

	if (!gpu->vf_count)
		return none_enabled(gpu, err);
	if (gpu->vfs[0].vendor)
		return facet_error_set(err, -EINVAL,
				       "gpu %s: its VFs stay with NVIDIA's driver: use --mechanism "
				       "vendor-vf and a type",
				       gpu->function.bdf);
	for (unsigned int i = 0; i < gpu->vf_count; i++)
		if (suits(choice, &gpu->vfs[i], part, &rejected))
			return 0;
	return none_free(gpu, &rejected, err);
}

/* --- what xe holds a VF to --- */

enum profile { EXEC_QUANTUM, PREEMPT_TIMEOUT, PRIORITY, VRAM, PROFILES };

static bool xe_limit(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		     struct facet_part_limit *ret)
{
	static const struct {
		const char *what, *file, *format;
	} known[PROFILES] = {
		[EXEC_QUANTUM] = { "share", "exec_quantum_ms", "runs %s ms at a time" },
		[PREEMPT_TIMEOUT] = { "hang", "preempt_timeout_us",
				      "reset when it does not yield within %s us" },
		[PRIORITY] = { "priority", "sched_priority", "%s" },
		[VRAM] = { "vram", "vram_quota", "%s bytes" },
	};
	char text[FACET_TREE_NAME], chosen[FACET_TREE_NAME];

	for (unsigned int k = 0; k < PROFILES; k++) {
		/* Absent before Linux 6.19, without memory, and with other drivers. */
		if (facet_tree_text(parts->tree, text, sizeof(text),
				    "sys/bus/pci/drivers/xe/%s/sriov_admin/vf%d/profile/%s",
				    part->gpu, part->vf + 1, known[k].file) <= 0)
			continue;
		if (i--)
			continue;
		facet_host_parse_choice(text, chosen, sizeof(chosen));
		ret->what = known[k].what;
		if (k == PRIORITY)
			snprintf(ret->text, sizeof(ret->text), "%s, by xe", chosen);
		else if (strcmp(text, "0") == 0)
			snprintf(ret->text, sizeof(ret->text), "no limit (%s)", known[k].file);
		else
			snprintf(ret->text, sizeof(ret->text), known[k].format, text);
		return true;
	}
	return false;
}

/* --- giving --- */

/* A path of a VF comes again when VFs were off and on; its place in its PF tells. */
static int check_place(struct facet_parts *parts, const struct facet_part *part,
		       struct facet_error *err)
{
	char bdf[FACET_HOST_BDF];

	facet_tree_link(parts->tree, bdf, sizeof(bdf), "sys/bus/pci/devices/%s/virtfn%d", part->gpu,
			part->vf);
	if (strcmp(bdf, part->bdf) != 0)
		return facet_error_set(err, -ESTALE, "%s: VF %d of %s is not there any more",
				       part->bdf, part->vf, part->gpu);
	return 0;
}

static int check_sriov(struct facet_parts *parts, const struct facet_part *part,
		       struct facet_error *err)
{
	int r = check_place(parts, part, err);

	return r ? r : facet_part_check_device(parts, part, err);
}

const struct facet_part_ops facet_part_sriov = {
	.choose = choose_sriov,
	.prepare = facet_part_bind,
	.undo = facet_part_leave,
	.check = check_sriov,
	.limit = xe_limit,
};
