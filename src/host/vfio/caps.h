/* SPDX-License-Identifier: GPL-2.0-or-later */
/* caps.h - reads what is said of a region. Only vfio/ includes this. */
#ifndef FACET_HOST_VFIO_CAPS_H
#define FACET_HOST_VFIO_CAPS_H

#include "host/vfio/ops.h"

/*
 * A struct vfio_region_info with its capabilities, @size bytes in all. Writes the region and @base
 * of @ret. -EPROTO: it contradicts itself. More areas than FACET_VFIO_MAX_AREAS are left out, which
 * costs speed and nothing else.
 */
int facet_vfio_caps_region(const void *info, size_t size, struct facet_vfio_slot *ret);

#endif
