// SPDX-License-Identifier: GPL-2.0-or-later
/* names.c - what people call a PCI device, by libpci. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/inventory_internal.h"
#include "host/libpci.h"

static void say_nothing(char *msg, ...)
{
}

/* Without memory; libpci does not take it back. */
__attribute__((noreturn)) static void give_up(char *msg, ...)
{
	abort();
}

void facet_host_name_gpus(struct facet_host *host)
{
	struct pci_access *access = host->count ? pci_alloc() : NULL;

	for (unsigned int i = 0; i < host->count; i++) {
		struct facet_host_gpu *gpu = &host->gpus[i];
		int vendor = gpu->function.vendor, device = gpu->function.device;

		snprintf(gpu->name, sizeof(gpu->name), "[%04x:%04x]", vendor, device);
		if (!access)
			continue;
		/* Names alone are wanted: it is not told to look at the bus. */
		access->error = give_up;
		access->warning = access->debug = say_nothing;
		pci_lookup_name(access, gpu->name, sizeof(gpu->name),
				PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_HWDB, vendor,
				device);
	}
	if (access)
		pci_cleanup(access);
}
