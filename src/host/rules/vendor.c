// SPDX-License-Identifier: GPL-2.0-or-later
/* vendor.c - rules about NVIDIA's vGPUs on virtual functions that stay with its driver. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

#define SAW(gpu, found, file) facet_saw(found, "sys/bus/pci/devices/%s/" file, (gpu)->function.bdf)

static unsigned int count_vendor(const struct facet_host_gpu *gpu, unsigned int *ret_used,
				 unsigned int *ret_mdev)
{
	unsigned int count = 0;

	*ret_used = *ret_mdev = 0;
	for (unsigned int i = 0; i < gpu->vf_count; i++) {
		count += gpu->vfs[i].vendor;
		*ret_used += gpu->vfs[i].type > 0;
		*ret_mdev += gpu->vfs[i].mdev_types > 0;
	}
	return count;
}

/* The whole way from a card to VFs with types; what is missing first. */
static void check_framework(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	const char *driver = gpu->function.driver;
	unsigned int used, mdev, count = count_vendor(gpu, &used, &mdev);

	if (gpu->function.vendor != NVIDIA && !count)
		facet_say(exam, FACET_ABSENT, SAW(gpu, "not NVIDIA's", "vendor"), NULL,
			  "only NVIDIA's cards have it");
	else if (gpu->vfs_total <= 0)
		facet_say(exam, FACET_ABSENT, SAW(gpu, "none", "sriov_totalvfs"), NULL,
			  "it takes SR-IOV, which this card does not have or does not allow");
	else if (count)
		facet_say(exam, FACET_FINE, SAW(gpu, "nvidia/current_vgpu_type", "virtfn*"), NULL,
			  "%u VFs take a type, %u have one", count, used);
	else if (mdev)
		facet_say(exam, FACET_ABSENT, SAW(gpu, "mdev_supported_types", "virtfn*"), NULL,
			  "this driver makes mediated devices of its VFs instead (vGPU 16 and "
			  "older)");
	else if (strcmp(driver, "nvidia") != 0)
		facet_say(exam, FACET_FIX, SAW(gpu, *driver ? driver : "absent", "driver"),
			  "install NVIDIA's vGPU host driver (it needs a licence)",
			  "driver nvidia does not have the card");
	else if (!facet_tree_exists(exam->tree, "usr/lib/nvidia/sriov-manage"))
		facet_say(exam, FACET_FIX, facet_saw("absent", "usr/lib/nvidia/sriov-manage"),
			  "install NVIDIA's vGPU host driver in place of the one for desktops",
			  "NVIDIA's driver is not the one for vGPU hosts");
	else if (!gpu->vfs_enabled)
		facet_say(exam, FACET_STEP, SAW(gpu, "0", "sriov_numvfs"),
			  "/usr/lib/nvidia/sriov-manage -e ALL", "its VFs are not enabled");
	else
		facet_say(exam, FACET_FIX, SAW(gpu, "no nvidia/current_vgpu_type", "virtfn*"),
			  "let the VFs be bound to driver nvidia; look at nvidia-vgpu-mgr's log",
			  "its VFs are enabled, and none takes a type");
}

static void check_types(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	unsigned int used, mdev, count = count_vendor(gpu, &used, &mdev);
	char text[64];

	if (!count)
		return;
	snprintf(text, sizeof(text), "%u types", gpu->vf_type_count);
	if (gpu->vf_type_count)
		facet_say(exam, FACET_FINE, SAW(gpu, text, "virtfn*/nvidia/creatable_vgpu_types"),
			  NULL, "%u types can be made now; the list changes with each that is",
			  gpu->vf_type_count);
	else
		facet_say(exam, used ? FACET_STEP : FACET_FIX,
			  SAW(gpu, "empty", "virtfn*/nvidia/creatable_vgpu_types"),
			  used ? "write 0 to current_vgpu_type of one that no guest uses"
			       : "look at nvidia-smi vgpu -s -v: MIG, or a mode without vGPUs, may "
				 "be on",
			  used ? "the card is full" : "no type can be made on the card");
}

const struct facet_rule facet_rules_vendor[] = {
	{ "vendor.framework", "does NVIDIA's driver give types to VFs", FACET_ABI_NVIDIA_VF,
	  BIT(FACET_VENDOR_VF), check_framework },
	{ "vendor.types", "can a type be made now", FACET_ABI_NVIDIA_VF, BIT(FACET_VENDOR_VF),
	  check_types },
	{ 0 },
};
