/* SPDX-License-Identifier: GPL-2.0-or-later */
/* iotlb.h - what an IOMMU told us so far: IOVA ranges and where they lie. Only guest/ uses it. */
#ifndef FACET_GUEST_IOTLB_H
#define FACET_GUEST_IOTLB_H

#include <stddef.h>
#include <stdint.h>

enum {
	FACET_IOTLB_MAX = 16384, /* ranges; more than that and all are forgotten and asked anew */
};

/* Both ends belong to the range, so that one may end at the last address there is. */
struct facet_iotlb_range {
	uint64_t first, last;
	uint64_t user_addr; /* of @first */
	unsigned int perm;  /* 0: asked, and it is not the guest's */
};

/* Ranges in order, never overlapping; neighbours that continue each other are one. */
struct facet_iotlb {
	struct facet_iotlb_range *ranges;
	size_t count, room;
};

void facet_iotlb_fini(struct facet_iotlb *tlb);
void facet_iotlb_clear(struct facet_iotlb *tlb);

/* Replaces what was known about the range. 0 or -ENOMEM. */
int facet_iotlb_insert(struct facet_iotlb *tlb, const struct facet_iotlb_range *range);
/* 0, or -ENOMEM when it had to be split and could not: then nothing is known any more. */
int facet_iotlb_remove(struct facet_iotlb *tlb, uint64_t first, uint64_t last);
/* The range that holds @iova, or NULL. */
const struct facet_iotlb_range *facet_iotlb_find(const struct facet_iotlb *tlb, uint64_t iova);

#endif
