// SPDX-License-Identifier: GPL-2.0-or-later
/* mdev.c - rules about mediated devices. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

#define SAW(gpu, found, file) facet_saw(found, "sys/bus/pci/devices/%s/" file, (gpu)->function.bdf)

/* NVIDIA's from Ampere on are parents VF by VF. */
static unsigned int types_of_vfs(const struct facet_host_gpu *gpu)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < gpu->vf_count; i++)
		count += gpu->vfs[i].mdev_types;
	return count;
}

static void check_parent(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	char text[64];

	if (gpu->type_count || types_of_vfs(gpu)) {
		snprintf(text, sizeof(text), "%u types", gpu->type_count + types_of_vfs(gpu));
		facet_say(exam, FACET_FINE, SAW(gpu, text, "mdev_supported_types"), NULL,
			  "its driver makes mediated devices of %u types",
			  gpu->type_count ? gpu->type_count : types_of_vfs(gpu));
	} else {
		facet_say(exam, facet_exam_has_gvtg(gpu) ? FACET_NOTE : FACET_ABSENT,
			  SAW(gpu, "absent", "mdev_supported_types"), NULL,
			  "its driver %s makes no mediated devices",
			  *gpu->function.driver ? gpu->function.driver : "(none)");
	}
}

static void check_available(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	unsigned int used = 0, told = 0;
	int64_t most = 0;
	char text[64];

	for (unsigned int i = 0; i < gpu->type_count; i++) {
		used += gpu->types[i].used;
		told += gpu->types[i].available >= 0;
		if (gpu->types[i].available > most)
			most = gpu->types[i].available;
	}
	if (!told)
		return;
	snprintf(text, sizeof(text), "at most %d", (int)(most < 10000 ? most : 10000));
	if (most > 0)
		facet_say(exam, FACET_FINE,
			  SAW(gpu, text, "mdev_supported_types/*/available_instances"), NULL,
			  "%u in use, %s more of its smallest type", used, text);
	else if (used)
		facet_say(exam, FACET_STEP,
			  SAW(gpu, "0", "mdev_supported_types/*/available_instances"),
			  "remove one first (facet mdev ls; facet mdev rm)", "all are in use: %u",
			  used);
	else
		facet_say(exam, FACET_FIX,
			  SAW(gpu, "0", "mdev_supported_types/*/available_instances"),
			  "look at dmesg; types share memory with the host",
			  "no type has an instance left, though none is in use");
}

const struct facet_rule facet_rules_mdev[] = {
	{ "mdev.parent", "does its driver make mediated devices", FACET_ABI_MDEV_TYPES,
	  BIT(FACET_MDEV), check_parent },
	{ "mdev.available", "are instances left", FACET_ABI_MDEV_AVAILABLE, BY_MDEV,
	  check_available },
	{ 0 },
};
