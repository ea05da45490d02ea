// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio.c - rules about giving a whole device away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/rules/rules.h"

#define SAW(gpu, found, file) facet_saw(found, "sys/bus/pci/devices/%s/" file, (gpu)->function.bdf)

/* Reads as all ones when the device does not answer. Not looked at while it sleeps: it would wake.
 */
static void check_alive(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	uint8_t *config;
	size_t size;

	if (*gpu->power_state && strcmp(gpu->power_state, "D0") != 0)
		return;
	if (facet_tree_bytes(exam->tree, &config, &size, "sys/bus/pci/devices/%s/config",
			     gpu->function.bdf) < 0)
		return;
	if (size >= 4 && memcmp(config, "\xff\xff\xff\xff", 4) == 0)
		facet_say(exam, FACET_FIX, SAW(gpu, "ff ff ff ff", "config"),
			  "look at dmesg; power the machine off and on",
			  "the device does not answer: it has fallen off the bus");
	free(config);
}

static void check_override(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	char fix[300];

	if (!*gpu->driver_override || strcmp(gpu->driver_override, gpu->function.driver) == 0)
		return;
	snprintf(fix, sizeof(fix), "%swrite %s to /sys/bus/pci/drivers_probe",
		 *gpu->function.driver ? "unbind it from its driver, then " : "",
		 gpu->function.bdf);
	facet_say(exam, FACET_FIX, SAW(gpu, gpu->driver_override, "driver_override"), fix,
		  "it is meant for driver %s, and is bound to %s", gpu->driver_override,
		  *gpu->function.driver ? gpu->function.driver : "none");
}

static void check_driver(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	const char *driver = gpu->function.driver;
	char fix[100];

	snprintf(fix, sizeof(fix), "facet vfio bind %s%s", gpu->function.bdf,
		 *driver ? "; the host then does without it" : "");
	if (facet_host_driver_is_vfio(driver))
		facet_say(exam, FACET_FINE, SAW(gpu, driver, "driver"), NULL, "it is bound to %s",
			  driver);
	else if (*driver)
		facet_say(exam, FACET_STEP, SAW(gpu, driver, "driver"), fix,
			  "the host uses it by driver %s", driver);
	else
		facet_say(exam, FACET_STEP, SAW(gpu, "absent", "driver"), fix, "no driver has it");
}

static void check_boot_vga(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;

	if (!gpu->boot_vga || facet_host_driver_is_vfio(gpu->function.driver))
		return;
	facet_say(exam, FACET_STEP, SAW(gpu, "1", "boot_vga"),
		  exam->host->count > 1
			  ? "choose another GPU for the console in the firmware's setup"
			  : "be able to log in from elsewhere first; QEMU may need the card's ROM "
			    "as a "
			    "file (romfile=)",
		  "the firmware and the console use this GPU: giving it away makes the screen go "
		  "dark");
}

/* "5.14": kernels before 5.15 do not tell. */
static void check_reset(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	unsigned int version = facet_probe_version(exam->host->kernel);

	if (*gpu->reset_methods)
		facet_say(exam, FACET_FINE, SAW(gpu, gpu->reset_methods, "reset_method"), NULL,
			  "it can be reset between guests");
	else if (version >= 5015)
		facet_say(
			exam, FACET_FIX, SAW(gpu, "absent", "reset_method"),
			"give it to one guest for good, and power the machine off between guests; "
			"look for a quirk of this device in newer kernels",
			"the kernel knows no way to reset it: what one guest leaves in it, the "
			"next "
			"one finds");
}

static void check_node(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	int r;

	if (!facet_host_driver_is_vfio(gpu->function.driver) || gpu->group.id < 0)
		return;
	r = facet_tree_access(exam->tree, "dev/vfio/%d", gpu->group.id);
	if (r == 0)
		facet_say(exam, FACET_FINE,
			  facet_saw("may be opened", "dev/vfio/%d", gpu->group.id), NULL,
			  "this user may open its group");
	else
		facet_say(exam, FACET_FIX, facet_saw(strerror(-r), "dev/vfio/%d", gpu->group.id),
			  "by a udev rule: SUBSYSTEM==\"vfio\", OWNER=\"whoever runs QEMU\"",
			  "this user may not open its group");
}

/* The largest that a BAR could be; VRAM that the CPU can reach at once. */
static void check_rebar(struct facet_exam *exam)
{
	for (unsigned int i = 0; i < FACET_HOST_BARS; i++) {
		const struct facet_host_bar *bar = &exam->gpu->bars[i];
		uint64_t now = bar->size >> 20, largest;
		char sizes[32];

		if (!bar->sizes || bar->sizes >> 44)
			continue;
		largest = 1ull << (63 - __builtin_clzll(bar->sizes));
		if (largest <= now)
			continue;
		snprintf(sizes, sizeof(sizes), "%#llx", (unsigned long long)bar->sizes);
		facet_say(
			exam, FACET_NOTE,
			facet_saw(sizes, "sys/bus/pci/devices/%s/resource%u_resize",
				  exam->gpu->function.bdf, i),
			NULL,
			"BAR %u is %llu MiB and could be %llu MiB; QEMU hands on the size that it "
			"has when bound",
			i, (unsigned long long)now, (unsigned long long)largest);
		return;
	}
}

static void check_numa(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;

	if (gpu->numa_node >= 0 && strchr(gpu->numa_distance, ' '))
		facet_say(exam, FACET_NOTE,
			  facet_saw(gpu->numa_distance, "sys/devices/system/node/node%d/distance",
				    gpu->numa_node),
			  NULL, "it is at NUMA node %d: guests that use it should be there too",
			  gpu->numa_node);
}

const struct facet_rule facet_rules_vfio[] = {
	{ "device.alive", "does the device answer", FACET_ABI_CONFIG_SPACE,
	  BIT(FACET_VIRGL) | BY_VFIO, check_alive },
	{ "vfio.override", "is it bound to the driver that it is meant for",
	  FACET_ABI_DRIVER_OVERRIDE, BIT(FACET_VFIO), check_override },
	{ "vfio.reset", "can it be reset between guests", FACET_ABI_RESET_METHOD, BIT(FACET_VFIO),
	  check_reset },
	{ "vfio.node", "may this user open its group", FACET_ABI_VFIO_GROUP, BIT(FACET_VFIO),
	  check_node },
	{ "vfio.boot-vga", "is it the console's GPU", FACET_ABI_BOOT_VGA, BIT(FACET_VFIO),
	  check_boot_vga },
	{ "vfio.driver", "which driver has it", FACET_ABI_DRIVER, BIT(FACET_VFIO), check_driver },
	{ "vfio.bar", "could its memory be mapped as a whole", FACET_ABI_RESIZE, BIT(FACET_VFIO),
	  check_rebar },
	{ "device.numa", "which NUMA node is near", FACET_ABI_NUMA_NODE, BIT(FACET_VFIO),
	  check_numa },
	{ 0 },
};
