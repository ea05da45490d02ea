// SPDX-License-Identifier: GPL-2.0-or-later
/* caps.c - a region's description with its chain of capabilities; a server may have made it up. */
#include "host/vfio/caps.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "base/checked.h"

enum {
	MAX_CHAIN = 32, /* it may run in a circle */
};

static int take_areas(const uint8_t *cap, size_t size, struct facet_vfio_region *region)
{
	struct vfio_region_info_cap_sparse_mmap head;
	struct vfio_region_sparse_mmap_area area;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, cap, sizeof(head));
	if (head.nr_areas > (size - sizeof(head)) / sizeof(area))
		return -EPROTO;
	region->area_count = 0;
	for (uint32_t i = 0; i < head.nr_areas && region->area_count < FACET_VFIO_MAX_AREAS; i++) {
		memcpy(&area, cap + sizeof(head) + i * sizeof(area), sizeof(area));
		if (!facet_inside(area.offset, area.size, region->size))
			return -EPROTO;
		if (area.size)
			region->areas[region->area_count++] =
				(struct facet_vfio_area){ area.offset, area.size };
	}
	return 0;
}

static int walk(const uint8_t *bytes, size_t size, size_t at, struct facet_vfio_region *region)
{
	struct vfio_info_cap_header header;
	int r;

	for (int i = 0; at && i < MAX_CHAIN; i++, at = header.next) {
		if (!facet_inside(at, sizeof(header), size))
			return -EPROTO;
		memcpy(&header, bytes + at, sizeof(header));
		if (header.id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		r = take_areas(bytes + at, size - at, region);
		if (r < 0)
			return r;
	}
	return at ? -EPROTO : 0;
}

int facet_vfio_caps_region(const void *info, size_t size, struct facet_vfio_slot *ret)
{
	struct facet_vfio_region region = { 0 };
	struct vfio_region_info head;
	int r = 0;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(&head, info, sizeof(head));
	region.size = head.size;
	region.readable = head.flags & VFIO_REGION_INFO_FLAG_READ;
	region.writable = head.flags & VFIO_REGION_INFO_FLAG_WRITE;
	if ((head.flags & VFIO_REGION_INFO_FLAG_MMAP) && head.size) {
		region.areas[0].size = head.size;
		region.area_count = 1;
		if (head.flags & VFIO_REGION_INFO_FLAG_CAPS)
			r = walk(info, size, head.cap_offset, &region);
	}
	if (r < 0)
		return r;
	ret->region = region;
	ret->base = head.offset;
	return 0;
}
