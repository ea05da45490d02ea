// SPDX-License-Identifier: GPL-2.0-or-later
/* iommu.c - rules about the IOMMU as a whole: is there one, is it on, does it guard interrupts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/rules/rules.h"

/* What on the command line switches it off, or NULL. */
static const char *off_by_argument(struct facet_exam *exam)
{
	static const char *const words[] = { "intel_iommu=", "amd_iommu=", "iommu=" };
	static const char *const said[] = { "intel_iommu=off", "amd_iommu=off", "iommu=off" };
	char value[64];

	for (unsigned int i = 0; i < 3; i++)
		if (facet_probe_argument(exam->tree, words[i], value, sizeof(value)) &&
		    strncmp(value, "off", 3) == 0)
			return said[i];
	return NULL;
}

/* The firmware describes one, and the kernel did not start it. */
static void say_off(struct facet_exam *exam, const char *table)
{
	const char *option = strcmp(table, "IVRS") == 0 ? "AMD_IOMMU" : "INTEL_IOMMU";
	char file[128];

	if (facet_probe_option(exam->tree, option, file, sizeof(file)) == FACET_OPTION_OFF)
		facet_say(exam, FACET_CANNOT, facet_saw("not set", "%s", file + 1),
			  "boot a kernel that has it", "this kernel was built without CONFIG_%s",
			  option);
	else
		facet_say(
			exam, FACET_FIX, facet_saw("empty", "sys/class/iommu"),
			strcmp(table, "IVRS") == 0
				? "add amd_iommu=on iommu=pt to the kernel's command line, reboot"
				: "add intel_iommu=on iommu=pt to the kernel's command line, "
				  "reboot",
			"the firmware describes an IOMMU (ACPI table %s), and the kernel does not "
			"use it",
			table);
}

static void check_present(struct facet_exam *exam)
{
	const struct facet_names *units = &exam->host->iommus;
	const char *off = off_by_argument(exam);
	const char *table = facet_tree_exists(exam->tree, "sys/firmware/acpi/tables/DMAR") ? "DMAR"
			    : facet_tree_exists(exam->tree, "sys/firmware/acpi/tables/IVRS")
				    ? "IVRS"
				    : NULL;

	if (units->count)
		facet_say(exam, FACET_FINE, facet_saw(units->items[0], "sys/class/iommu"), NULL,
			  "an IOMMU is on, of %u unit%s", units->count,
			  units->count == 1 ? "" : "s");
	else if (off)
		facet_say(exam, FACET_FIX, facet_saw(off, "proc/cmdline"),
			  "take it off the kernel's command line, reboot",
			  "the kernel was told not to use the IOMMU");
	else if (table)
		say_off(exam, table);
	else if (facet_exam_is_guest(exam))
		facet_say(exam, FACET_FIX, facet_saw("empty", "sys/class/iommu"),
			  "give it one; QEMU: -device intel-iommu,intremap=on,caching-mode=on",
			  "this host is a virtual machine that was given no IOMMU");
	else
		facet_say(
			exam, FACET_FIX,
			facet_saw("neither DMAR nor IVRS", "sys/firmware/acpi/tables"),
			"in the firmware's setup switch on VT-d (Intel), or IOMMU or AMD-Vi (AMD)",
			"the firmware describes no IOMMU: it is off, or the machine has none");
}

/* Does a unit of Intel's say that it can? 1, 0, or -1: this is none, or it cannot be read. */
static int remaps_by_ecap(struct facet_exam *exam, const char *unit, char *text, size_t size)
{
	enum { CAN_REMAP = 1 << 3 };

	if (facet_tree_text(exam->tree, text, size, "sys/class/iommu/%s/intel-iommu/ecap", unit) <=
	    0)
		return -1;
	return (strtoull(text, NULL, 16) & CAN_REMAP) != 0;
}

static bool unsafe_allowed(struct facet_exam *exam)
{
	char text[8];

	facet_tree_text(exam->tree, text, sizeof(text),
			"sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	return text[0] == 'Y';
}

static void say_unsafe(struct facet_exam *exam, struct facet_evidence saw)
{
	if (unsafe_allowed(exam))
		facet_say(
			exam, FACET_NOTE, saw, NULL,
			"interrupts of devices are not remapped, and VFIO was told to do without: "
			"a guest can raise any interrupt of this host");
	else
		facet_say(
			exam, FACET_FIX, saw,
			"switch it on in firmware, and take intremap=off off the kernel's command "
			"line; or trust the guests: vfio_iommu_type1.allow_unsafe_interrupts=1",
			"interrupts of devices are not remapped: VFIO gives no device away "
			"(EPERM)");
}

static void check_remapping(struct facet_exam *exam)
{
	const struct facet_names *units = &exam->host->iommus;
	char value[64], text[32];
	int can = -1;

	if (!units->count)
		return;
	if (facet_probe_argument(exam->tree, "intremap=", value, sizeof(value)) &&
	    strcmp(value, "off") == 0) {
		say_unsafe(exam, facet_saw("intremap=off", "proc/cmdline"));
		return;
	}
	for (unsigned int i = 0; i < units->count && can != 0; i++) {
		can = remaps_by_ecap(exam, units->items[i], text, sizeof(text));
		if (can == 0)
			say_unsafe(exam, facet_saw(text, "sys/class/iommu/%s/intel-iommu/ecap",
						   units->items[i]));
	}
	if (can == 1)
		facet_say(exam, FACET_FINE,
			  facet_saw(text, "sys/class/iommu/%s/intel-iommu/ecap", units->items[0]),
			  NULL, "the IOMMU remaps interrupts");
}

const struct facet_rule facet_rules_iommu[] = {
	{ "iommu.present", "is there an IOMMU, and does the kernel use it", FACET_ABI_CLASS_IOMMU,
	  BY_DEVICE, check_present },
	{ "iommu.remapping", "are interrupts of devices kept to their owners",
	  FACET_ABI_INTEL_IOMMU, BY_DEVICE, check_remapping },
	{ 0 },
};
