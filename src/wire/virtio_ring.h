/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio_ring.h - the split virtqueue in guest memory (virtio 1.3, section 2.7). */
#ifndef FACET_WIRE_VIRTIO_RING_H
#define FACET_WIRE_VIRTIO_RING_H

#include <assert.h>
#include <stddef.h>

#include "wire/endian.h"

/* Feature bits of the ring and the transport, by number. */
enum {
	VIRTIO_RING_F_INDIRECT_DESC = 28,
	VIRTIO_RING_F_EVENT_IDX = 29,
	VIRTIO_F_VERSION_1 = 32,
	VIRTIO_F_IOMMU_PLATFORM = 33,
	VIRTIO_F_RING_PACKED = 34,
	VIRTIO_F_IN_ORDER = 35,
	VIRTIO_F_NOTIFICATION_DATA = 38,
	VIRTIO_F_RING_RESET = 40,
};

enum {
	VIRTQ_DESC_F_NEXT = 1,
	VIRTQ_DESC_F_WRITE = 2,
	VIRTQ_DESC_F_INDIRECT = 4,
	VIRTQ_AVAIL_F_NO_INTERRUPT = 1,
};

struct virtq_desc {
	le64 addr;
	le32 len;
	le16 flags;
	le16 next;
};
static_assert(sizeof(struct virtq_desc) == 16 && offsetof(struct virtq_desc, next) == 14, "layout");

/* After ring[size] comes le16 used_event. */
struct virtq_avail {
	le16 flags;
	le16 idx;
	le16 ring[];
};
static_assert(sizeof(struct virtq_avail) == 4, "layout");

struct virtq_used_elem {
	le32 id;
	le32 len;
};
static_assert(sizeof(struct virtq_used_elem) == 8, "layout");

/* After ring[size] comes le16 avail_event. */
struct virtq_used {
	le16 flags;
	le16 idx;
	struct virtq_used_elem ring[];
};
static_assert(sizeof(struct virtq_used) == 4, "layout");

/* Bytes of each part for a ring of @size descriptors, the event word included. */
static inline size_t virtq_desc_bytes(size_t size)
{
	return size * sizeof(struct virtq_desc);
}
static inline size_t virtq_avail_bytes(size_t size)
{
	return sizeof(struct virtq_avail) + (size + 1) * sizeof(le16);
}
static inline size_t virtq_used_bytes(size_t size)
{
	return sizeof(struct virtq_used) + size * sizeof(struct virtq_used_elem) + sizeof(le16);
}

#endif
