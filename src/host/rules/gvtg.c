// SPDX-License-Identifier: GPL-2.0-or-later
/* gvtg.c - rules about Intel's GVT-g: vGPUs of i915, from Broadwell to Comet Lake. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "host/rules/rules.h"

bool facet_exam_has_gvtg(const struct facet_host_gpu *gpu)
{
	/* Device numbers without their last digit: generations share what is before it. */
	static const uint16_t families[] = {
		0x160, 0x161, 0x162, 0x163,                      /* Broadwell */
		0x190, 0x191, 0x192, 0x193,                      /* Skylake */
		0x590, 0x591, 0x592, 0x593, 0x87c,               /* Kaby and Amber Lake */
		0x0a8, 0x1a8, 0x5a8,                             /* Broxton */
		0x3e9, 0x3ea,                                    /* Coffee, Whiskey Lake */
		0x9b2, 0x9b4, 0x9ba, 0x9bc, 0x9be, 0x9bf, 0x9b6, /* Comet Lake */
	};

	if (gpu->function.vendor != INTEL)
		return false;
	for (unsigned int i = 0; i < FACET_ARRAY_SIZE(families); i++)
		if (gpu->function.device >> 4 == families[i])
			return true;
	return false;
}

static bool has_types(const struct facet_host_gpu *gpu)
{
	return gpu->type_count && strstr(gpu->types[0].id, "GVTg");
}

static void check_device(struct facet_exam *exam)
{
	const struct facet_host_function *f = &exam->gpu->function;
	char text[32];

	snprintf(text, sizeof(text), "%04x:%04x", f->vendor, f->device);
	if (!facet_exam_has_gvtg(exam->gpu) && !has_types(exam->gpu))
		facet_say(exam, FACET_ABSENT,
			  facet_saw(text, "sys/bus/pci/devices/%s/device", f->bdf), NULL,
			  "GVT-g was made for Intel's Broadwell to Comet Lake");
}

/* i915 lets root alone read its parameter; then the command line has to do. */
static bool is_enabled(struct facet_exam *exam, struct facet_evidence *ret_saw)
{
	char text[16];

	if (facet_tree_text(exam->tree, text, sizeof(text),
			    "sys/module/i915/parameters/enable_gvt") > 0) {
		*ret_saw = facet_saw(text, "sys/module/i915/parameters/enable_gvt");
		return text[0] == 'Y' || text[0] == '1';
	}
	*ret_saw = facet_saw("no i915.enable_gvt=1", "proc/cmdline");
	return facet_probe_argument(exam->tree, "i915.enable_gvt=", text, sizeof(text)) &&
	       (text[0] == '1' || text[0] == 'Y' || text[0] == 'y');
}

static bool guc_submits(struct facet_exam *exam)
{
	char text[16];
	long bits;

	if (facet_tree_text(exam->tree, text, sizeof(text),
			    "sys/module/i915/parameters/enable_guc") <= 0 &&
	    !facet_probe_argument(exam->tree, "i915.enable_guc=", text, sizeof(text)))
		return false;
	bits = strtol(text, NULL, 10);
	return bits > 0 && (bits & 1);
}

static void check_enabled(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	struct facet_evidence saw;
	char file[128];

	if (!facet_exam_has_gvtg(gpu) && !has_types(gpu))
		return;
	if (has_types(gpu))
		facet_say(exam, FACET_FINE,
			  facet_saw(gpu->types[0].id, "sys/bus/pci/devices/%s/mdev_supported_types",
				    gpu->function.bdf),
			  NULL, "GVT-g is on, with %u types", gpu->type_count);
	else if (facet_probe_option(exam->tree, "DRM_I915_GVT", file, sizeof(file)) ==
		 FACET_OPTION_OFF)
		facet_say(exam, FACET_CANNOT, facet_saw("not set", "%s", file + 1),
			  "boot a kernel that has it, as Debian's do",
			  "this kernel was built without CONFIG_DRM_I915_GVT");
	else if (strcmp(gpu->function.driver, "i915") != 0)
		facet_say(exam, FACET_FIX,
			  facet_saw(*gpu->function.driver ? gpu->function.driver : "absent",
				    "sys/bus/pci/devices/%s/driver", gpu->function.bdf),
			  "bind it to i915",
			  "GVT-g is a part of i915, which does not have the device");
	else if (!is_enabled(exam, &saw))
		facet_say(exam, FACET_FIX, saw,
			  "add i915.enable_gvt=1 to the kernel's command line, reboot",
			  "i915 was not told to offer GVT-g");
	else if (guc_submits(exam))
		facet_say(exam, FACET_FIX,
			  facet_saw("bit 0 set", "sys/module/i915/parameters/enable_guc"),
			  "let i915.enable_guc be 0 or 2, reboot",
			  "i915 submits work through the GuC, and then refuses GVT-g");
	else if (facet_probe_module(exam->tree, "kvmgt") != FACET_MODULE_LOADED)
		facet_say(exam, FACET_FIX, facet_saw("absent", "sys/module/kvmgt"),
			  "modprobe kvmgt",
			  "the module kvmgt, which makes the devices, is not loaded");
	else
		facet_say(exam, FACET_CANNOT,
			  facet_saw("absent", "sys/bus/pci/devices/%s/mdev_supported_types",
				    gpu->function.bdf),
			  "look for 'gvt' in dmesg",
			  "GVT-g was asked for, and i915 does not offer it");
}

const struct facet_rule facet_rules_gvtg[] = {
	{ "gvtg.device", "was GVT-g made for it", FACET_ABI_GVTG, BIT(FACET_GVTG), check_device },
	{ "gvtg.enabled", "does i915 offer it", FACET_ABI_GVTG_PARAMETERS, BY_MDEV, check_enabled },
	{ 0 },
};
