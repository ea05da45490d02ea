// SPDX-License-Identifier: GPL-2.0-or-later
/* group.c - rules about the IOMMU group of a device: it is given away as a whole. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

static void check_there(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	char text[64];

	if (!exam->host->iommus.count)
		return; /* iommu.present says why */
	if (gpu->group.id >= 0) {
		snprintf(text, sizeof(text), "%d", gpu->group.id);
		facet_say(exam, FACET_FINE,
			  facet_saw(text, "sys/bus/pci/devices/%s/iommu_group", gpu->function.bdf),
			  NULL, "it is in IOMMU group %d, of %u device%s", gpu->group.id,
			  gpu->group.count, gpu->group.count == 1 ? "" : "s");
	} else {
		facet_say(exam, FACET_CANNOT,
			  facet_saw("absent", "sys/bus/pci/devices/%s/iommu_group",
				    gpu->function.bdf),
			  NULL, "no IOMMU of this machine covers it");
	}
}

/* Who is in the way, except the device itself: "0000:01:00.1 (snd_hda_intel)". */
static unsigned int find_blockers(const struct facet_host_gpu *gpu, char *ret, size_t size)
{
	unsigned int count = 0;
	size_t n = 0;

	ret[0] = '\0';
	for (unsigned int i = 0; i < gpu->group.count; i++) {
		const struct facet_host_function *member = &gpu->group.members[i];

		if (strcmp(member->bdf, gpu->function.bdf) == 0 ||
		    !facet_host_driver_blocks(member->driver))
			continue;
		if (n < size)
			n += (size_t)snprintf(ret + n, size - n, "%s%s (%s)", count ? ", " : "",
					      member->bdf, member->driver);
		count++;
	}
	return count;
}

static const char *way_out(const struct facet_host_gpu *gpu)
{
	for (unsigned int i = 0; i < gpu->group.count; i++)
		if (strcmp(gpu->group.members[i].driver, "shpchp") == 0)
			return "unbind the bridge from shpchp, or boot with pci=noshpchp or "
			       "without "
			       "that module";
	return "facet vfio bind, which gives away the whole group; if the host needs one of them, "
	       "put the card into another slot";
}

static void check_viable(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	char who[160];
	unsigned int count = find_blockers(gpu, who, sizeof(who));

	if (gpu->group.id < 0)
		return;
	if (!count)
		facet_say(exam, FACET_FINE,
			  facet_saw("nobody else with a driver of the host",
				    "sys/kernel/iommu_groups/%d/devices", gpu->group.id),
			  NULL, "its group can be given away with it");
	else
		facet_say(exam, FACET_FIX,
			  facet_saw(who, "sys/kernel/iommu_groups/%d/devices", gpu->group.id),
			  way_out(gpu), "its group is not viable: %s %s in the way", who,
			  count == 1 ? "is" : "are");
}

/* "0x... 0x... direct": the firmware goes on using that memory through the device. */
static void check_regions(struct facet_exam *exam)
{
	char text[4096], *state = NULL, *line, *type;

	if (exam->gpu->group.id < 0)
		return;
	facet_tree_text(exam->tree, text, sizeof(text),
			"sys/kernel/iommu_groups/%d/reserved_regions", exam->gpu->group.id);
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		type = strrchr(line, ' ');
		if (!type || strcmp(type, " direct") != 0)
			continue;
		facet_say(
			exam, FACET_CANNOT,
			facet_saw(line, "sys/kernel/iommu_groups/%d/reserved_regions",
				  exam->gpu->group.id),
			"look for a firmware option that frees the device, or a newer firmware",
			"the firmware keeps memory of this host mapped for it: the kernel does not "
			"give it away");
		return;
	}
}

const struct facet_rule facet_rules_group[] = {
	{ "group.there", "is the device in an IOMMU group", FACET_ABI_IOMMU_GROUP, BIT(FACET_VFIO),
	  check_there },
	{ "group.regions", "does firmware claim memory through the device",
	  FACET_ABI_RESERVED_REGIONS, BIT(FACET_VFIO), check_regions },
	{ "group.viable", "who else of its group is with a driver of the host",
	  FACET_ABI_GROUP_DEVICES, BIT(FACET_VFIO), check_viable },
	{ 0 },
};
