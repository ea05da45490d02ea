/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.h - where a PCI device stands in sysfs and in /dev/vfio. Only vfio/ includes this. */
#ifndef FACET_HOST_VFIO_PLACE_H
#define FACET_HOST_VFIO_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct facet_vfio_place {
	char address[16]; /* "0000:03:00.0" */
	char group[16];   /* number of its IOMMU group; "": it has none */
	char cdev[24];    /* "vfio0", below /dev/vfio/devices; "": this kernel names none */
};

/* The device, and that a driver of VFIO has it. Everything is looked up below @root_fd. */
int facet_vfio_place_find(int root_fd, const char *device, struct facet_vfio_place *ret,
			  struct facet_error *err);

/* Does the device have a file of its own, and the kernel iommufd? */
bool facet_vfio_place_has_cdev(int root_fd, const char *device);

/* Opens a file of /dev for reading and writing: it, or -errno and what to do. */
int facet_vfio_place_node(int root_fd, const char *path, struct facet_error *err);

/* Who keeps the group from being used: "0000:03:00.1 (driver snd_hda_intel), ..."; maybe "". */
void facet_vfio_place_in_the_way(int root_fd, const struct facet_vfio_place *place, char *to,
				 size_t size);

#endif
