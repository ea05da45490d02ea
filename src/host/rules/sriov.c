// SPDX-License-Identifier: GPL-2.0-or-later
/* sriov.c - rules about virtual functions. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

#define SAW(gpu, found, file) facet_saw(found, "sys/bus/pci/devices/%s/" file, (gpu)->function.bdf)

static void check_capable(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	char text[32];

	if (gpu->vfs_total < 0) {
		facet_say(exam, FACET_ABSENT, SAW(gpu, "absent", "sriov_totalvfs"), NULL,
			  "the device has no SR-IOV");
		return;
	}
	snprintf(text, sizeof(text), "%d", (int)gpu->vfs_total);
	if (gpu->vfs_total == 0)
		facet_say(exam, FACET_FIX, SAW(gpu, text, "sriov_totalvfs"),
			  strcmp(gpu->function.driver, "xe") == 0
				  ? "xe: let xe.max_vfs on the kernel's command line not be 0"
				  : "switch SR-IOV on in the firmware's setup or the device's own",
			  "the device has SR-IOV, and its driver or firmware allows no VF");
	else
		facet_say(exam, FACET_FINE, SAW(gpu, text, "sriov_totalvfs"), NULL,
			  "it can have %d VFs", (int)gpu->vfs_total);
}

static bool vfio_enables(struct facet_exam *exam)
{
	char text[8];

	facet_tree_text(exam->tree, text, sizeof(text),
			"sys/module/vfio_pci/parameters/enable_sriov");
	return text[0] == 'Y';
}

/* Who makes the VFs. */
static void check_driver(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	const char *driver = gpu->function.driver;

	if (gpu->vfs_total <= 0)
		return;
	if (!*driver)
		facet_say(exam, FACET_FIX, SAW(gpu, "absent", "driver"),
			  "bind its driver, or pci-pf-stub",
			  "no driver has the device: nobody makes its VFs (ENOENT)");
	else if (strcmp(driver, "nouveau") == 0)
		facet_say(exam, FACET_FIX, SAW(gpu, driver, "driver"),
			  "install NVIDIA's vGPU host driver", "nouveau makes no VFs");
	else if (!facet_host_driver_is_vfio(driver))
		facet_say(exam, FACET_FINE, SAW(gpu, driver, "driver"), NULL, "driver %s has it",
			  driver);
	else if (!vfio_enables(exam))
		facet_say(exam, FACET_FIX, SAW(gpu, driver, "driver"),
			  "bind the device's own driver, or load vfio-pci with enable_sriov=1",
			  "vfio-pci has the device, and makes no VFs unless told so");
	else
		facet_say(
			exam, FACET_FIX, SAW(gpu, driver, "driver"),
			"open the device first, with a VF token, and each VF with the same "
			"(QEMU: vf-token=UUID)",
			"vfio-pci has the device: a VF can be opened only with its token (EACCES)");
}

static void say_none(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	char fix[300];

	if (gpu->function.vendor == NVIDIA)
		snprintf(fix, sizeof(fix), "/usr/lib/nvidia/sriov-manage -e %s", gpu->function.bdf);
	else if (strcmp(gpu->function.driver, "gim") == 0)
		snprintf(fix, sizeof(fix),
			 "load gim with vf_num=N: that is fixed while it is loaded");
	else
		snprintf(fix, sizeof(fix), "facet sriov set %s --vfs N, of 1 to %d",
			 gpu->function.bdf, (int)gpu->vfs_total);
	facet_say(exam, FACET_STEP, SAW(gpu, "0", "sriov_numvfs"), fix, "no VF is enabled");
}

/* VFs by who has them. */
static void check_vfs(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	unsigned int given = 0, unbound = 0, ours = 0, together = 0;
	char text[64];

	if (gpu->vfs_total <= 0)
		return;
	if (!gpu->vfs_enabled) {
		say_none(exam);
		return;
	}
	for (unsigned int i = 0; i < gpu->vf_count; i++) {
		const struct facet_host_vf *vf = &gpu->vfs[i];

		unbound += !*vf->driver;
		given += facet_host_driver_is_vfio(vf->driver);
		ours += facet_host_driver_blocks(vf->driver) && !vf->vendor && !vf->mdev_types;
		together += vf->group >= 0 && vf->group == gpu->group.id;
	}
	snprintf(text, sizeof(text), "%d", (int)gpu->vfs_enabled);
	if (together)
		facet_say(exam, FACET_CANNOT, SAW(gpu, text, "sriov_numvfs"),
			  "another slot or another board: what is between CPU and card lacks ACS",
			  "%u VFs are in the IOMMU group of the device itself", together);
	else if (ours)
		facet_say(exam, FACET_STEP, SAW(gpu, text, "sriov_numvfs"),
			  "facet vfio bind each of them",
			  "%u of %u VFs are with a driver of the host", ours, gpu->vf_count);
	else
		facet_say(exam, FACET_FINE, SAW(gpu, text, "sriov_numvfs"), NULL,
			  "%u VFs: %u bound to VFIO, %u unbound", gpu->vf_count, given, unbound);
}

static void check_xe(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	const char *bdf = gpu->function.bdf;

	if (strcmp(gpu->function.driver, "xe") != 0 || gpu->vfs_total <= 0)
		return;
	if (gpu->profile_count)
		facet_say(exam, FACET_FINE,
			  facet_saw("pf and VFs", "sys/bus/pci/drivers/xe/%s/sriov_admin", bdf),
			  NULL, "shares of VFs can be set, for %u of them", gpu->profile_count - 1);
	else
		facet_say(exam, FACET_NOTE,
			  facet_saw("absent", "sys/bus/pci/drivers/xe/%s/sriov_admin", bdf),
			  "Linux 6.19 or newer has it; older ones only in debugfs",
			  "this kernel's xe gives every VF the same: shares cannot be set");
}

const struct facet_rule facet_rules_sriov[] = {
	{ "sriov.capable", "how many VFs can it have", FACET_ABI_SRIOV, BIT(FACET_SRIOV),
	  check_capable },
	{ "sriov.driver", "does its driver make VFs", FACET_ABI_ENABLE_SRIOV, BIT(FACET_SRIOV),
	  check_driver },
	{ "sriov.vfs", "which VFs are there, and whose are they", FACET_ABI_SRIOV, BIT(FACET_SRIOV),
	  check_vfs },
	{ "sriov.xe", "can shares of VFs be set", FACET_ABI_XE_ADMIN, BIT(FACET_SRIOV), check_xe },
	{ 0 },
};
