// SPDX-License-Identifier: GPL-2.0-or-later
/* kernel.c - rules about how the running kernel was built, and its modules. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

static const char *option_word(enum facet_option option)
{
	static const char *const words[] = { "unknown", "not set", "m", "y" };

	return words[option];
}

/* A driver that VFIO is done with, built as @option. */
static void check_driver(struct facet_exam *exam, const char *option, const char *module,
			 const char *what)
{
	enum facet_module found = facet_probe_module(exam->tree, module);
	char file[128], fix[64];
	enum facet_option set = facet_probe_option(exam->tree, option, file, sizeof(file));

	snprintf(fix, sizeof(fix), "modprobe %s", module);
	if (found == FACET_MODULE_LOADED || set == FACET_OPTION_BUILT_IN)
		facet_say(exam, FACET_FINE,
			  found == FACET_MODULE_LOADED
				  ? facet_saw("present", "sys/module/%s", module)
				  : facet_saw("y", "%s", file + 1),
			  NULL, "%s is there", what);
	else if (set == FACET_OPTION_OFF)
		facet_say(exam, FACET_CANNOT, facet_saw("not set", "%s", file + 1),
			  "boot a kernel that has it, as Debian's do",
			  "this kernel was built without CONFIG_%s: no %s", option, what);
	else if (found == FACET_MODULE_ABSENT)
		facet_say(exam, FACET_FIX,
			  facet_saw("not listed", "lib/modules/%s/modules.dep", exam->host->kernel),
			  "install the kernel's whole package of modules, of the version that runs",
			  "%s was built as a module, and that is not installed", what);
	else if (found == FACET_MODULE_AVAILABLE)
		facet_say(exam, FACET_STEP, facet_saw("absent", "sys/module/%s", module), fix,
			  "%s is a module that is not loaded", what);
	else
		facet_say(exam, FACET_STEP, facet_saw(option_word(set), "%s", file + 1), fix,
			  "it cannot be told whether %s is there: no list of modules was found",
			  what);
}

static void check_vfio(struct facet_exam *exam)
{
	check_driver(exam, "VFIO_PCI", "vfio_pci", "vfio-pci");
}

static void check_mdev(struct facet_exam *exam)
{
	check_driver(exam, "VFIO_MDEV", "mdev", "support for mediated devices");
}

/* What does without, if need be. */
static void note_option(struct facet_exam *exam, const char *option, const char *with,
			const char *without)
{
	char file[128];
	enum facet_option set = facet_probe_option(exam->tree, option, file, sizeof(file));

	if (set == FACET_OPTION_UNKNOWN)
		return;
	facet_say(exam, set == FACET_OPTION_OFF ? FACET_NOTE : FACET_FINE,
		  facet_saw(option_word(set), "%s", file + 1), NULL, "CONFIG_%s: %s", option,
		  set == FACET_OPTION_OFF ? without : with);
}

static void check_iommufd(struct facet_exam *exam)
{
	note_option(exam, "IOMMUFD", "/dev/iommu is there for QEMU's -object iommufd",
		    "off: VFIO works through groups and containers only");
}

static void check_cdev(struct facet_exam *exam)
{
	note_option(exam, "VFIO_DEVICE_CDEV", "devices can be opened one by one",
		    "off: devices are opened through their group only");
}

static void check_dmem(struct facet_exam *exam)
{
	note_option(exam, "CGROUP_DMEM", "the kernel can limit a vGPU's device memory",
		    "off: the kernel cannot limit device memory; facet's own quota holds");
}

/* Drivers that can move a VF with its guest to another host. */
static void check_variants(struct facet_exam *exam)
{
	static const char *const options[] = { "XE_VFIO_PCI", "NVGRACE_GPU_VFIO_PCI",
					       "VIRTIO_VFIO_PCI", "MLX5_VFIO_PCI" };
	char file[128], have[160] = "";
	size_t n = 0;

	for (unsigned int i = 0; i < sizeof(options) / sizeof(*options); i++) {
		enum facet_option set =
			facet_probe_option(exam->tree, options[i], file, sizeof(file));

		if (set == FACET_OPTION_UNKNOWN)
			return;
		if (set != FACET_OPTION_OFF)
			n += (size_t)snprintf(have + n, sizeof(have) - n, "%s%s", n ? " " : "",
					      options[i]);
	}
	if (n)
		facet_say(exam, FACET_FINE, facet_saw(have, "%s", file + 1), NULL,
			  "this kernel has VFIO drivers of vendors: %s", have);
	else
		facet_say(
			exam, FACET_NOTE, facet_saw("none set", "%s", file + 1), NULL,
			"this kernel has no VFIO driver of a vendor: VFs go to vfio-pci, and their "
			"guests cannot be migrated");
}

static void check_config(struct facet_exam *exam)
{
	char file[128];

	if (facet_probe_option(exam->tree, "PCI", file, sizeof(file)) == FACET_OPTION_UNKNOWN)
		facet_say(exam, FACET_NOTE, facet_saw("absent or not readable", "%s", file + 1),
			  "install the kernel's configuration as /boot/config-RELEASE",
			  "how this kernel was built is not known: rules about that say nothing");
}

const struct facet_rule facet_rules_kernel[] = {
	{ "kernel.config", "is the kernel's configuration known", FACET_ABI_CONFIG, 0,
	  check_config },
	{ "kernel.vfio", "is vfio-pci there", FACET_ABI_MODULES, BIT(FACET_VFIO) | BIT(FACET_SRIOV),
	  check_vfio },
	{ "kernel.mdev", "are mediated devices there", FACET_ABI_MODULES, BY_MDEV, check_mdev },
	{ "kernel.iommufd", "is iommufd there", FACET_ABI_CONFIG, BY_VFIO, check_iommufd },
	{ "kernel.cdev", "can a device be opened without its group", FACET_ABI_CONFIG, BY_VFIO,
	  check_cdev },
	{ "kernel.variants", "are vendors' VFIO drivers there", FACET_ABI_CONFIG, BIT(FACET_SRIOV),
	  check_variants },
	{ "kernel.dmem", "can the kernel limit device memory", FACET_ABI_CONFIG, BIT(FACET_VIRGL),
	  check_dmem },
	{ 0 },
};
