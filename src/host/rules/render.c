// SPDX-License-Identifier: GPL-2.0-or-later
/* render.c - rules about sharing a GPU through its render node: virtio-gpu by facet-vgpu. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

static void check_node(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	const char *driver = gpu->function.driver;

	if (*gpu->render)
		facet_say(exam, FACET_FINE,
			  facet_saw(gpu->render, "sys/bus/pci/devices/%s/drm", gpu->function.bdf),
			  NULL, "it has the render node %s", gpu->render);
	else if (facet_host_driver_is_vfio(driver))
		facet_say(exam, FACET_STEP,
			  facet_saw(driver, "sys/bus/pci/devices/%s/driver", gpu->function.bdf),
			  "bind it to its own driver again",
			  "it is set aside for guests as a whole: the host cannot draw with it");
	else if (*driver)
		facet_say(exam, FACET_ABSENT,
			  facet_saw(driver, "sys/bus/pci/devices/%s/driver", gpu->function.bdf),
			  NULL, "its driver %s makes no render node", driver);
	else
		facet_say(exam, FACET_FIX,
			  facet_saw("absent", "sys/bus/pci/devices/%s/driver", gpu->function.bdf),
			  "load its driver (modprobe; firmware-* packages for it)",
			  "no driver has it, so it has no render node");
}

static void check_access(struct facet_exam *exam)
{
	const struct facet_host_gpu *gpu = exam->gpu;
	int r = *gpu->render ? facet_tree_access(exam->tree, "dev/dri/%s", gpu->render) : 0;

	if (!*gpu->render)
		return;
	if (r == 0)
		facet_say(exam, FACET_FINE, facet_saw("may be opened", "dev/dri/%s", gpu->render),
			  NULL, "this user may open it");
	else
		facet_say(exam, FACET_FIX, facet_saw(strerror(-r), "dev/dri/%s", gpu->render),
			  "add the user that runs facetd to the group 'render', log in again",
			  "this user may not open its render node");
}

const struct facet_rule facet_rules_render[] = {
	{ "render.node", "can the host draw with it", FACET_ABI_DRM, BIT(FACET_VIRGL), check_node },
	{ "render.access", "may this user open its render node", FACET_ABI_DRM, BIT(FACET_VIRGL),
	  check_access },
	{ 0 },
};
