// SPDX-License-Identifier: GPL-2.0-or-later
/* part_whole.c - the whole device, with all of its group. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/holders.h"
#include "host/part_internal.h"

/* A VF of a device that is given away would be without its PF's driver. */
static int choose(const struct facet_part_choice *choice, struct facet_part *part,
		  struct facet_error *err)
{
	const struct facet_host_gpu *gpu = choice->gpu;
	const char *bdf = gpu->function.bdf;
	const struct facet_part *other;
	struct facet_holders holders;

	snprintf(part->bdf, sizeof(part->bdf), "%s", bdf);
	part->group = gpu->group.id;
	part->bound = !facet_host_driver_is_vfio(gpu->function.driver);
	if (part->group < 0)
		return facet_error_set(err, -EINVAL,
				       "gpu %s: is in no IOMMU group, without which no guest gets "
				       "it: `facet doctor` says why",
				       bdf);
	other = facet_part_conflict(choice, part);
	if (other)
		return facet_error_set(err, -ENOSPC,
				       "gpu %s: is given to %s, or a part of it or its group is: "
				       "`facet rm %s` first",
				       bdf, other->owner, other->owner);
	if (gpu->vfs_enabled > 0)
		return facet_error_set(err, -EBUSY,
				       "gpu %s: has %lld VFs, which need its driver: `facet sriov "
				       "set %s --vfs 0` first, or use --mechanism sriov",
				       bdf, (long long)gpu->vfs_enabled, bdf);
	facet_part_holders(choice->parts, part, &holders);
	if (holders.count)
		return facet_error_set(err, -EBUSY, "gpu %s: process %d (%s) has it open", bdf,
				       holders.pid, holders.command);
	return 0;
}

const struct facet_part_ops facet_part_vfio = {
	.choose = choose,
	.prepare = facet_part_bind,
	.undo = facet_part_unbind,
	.check = facet_part_check_device,
};
