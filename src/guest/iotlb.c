// SPDX-License-Identifier: GPL-2.0-or-later
/* iotlb.c - keeps IOVA ranges sorted, merged and bounded. */
#include "guest/iotlb.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void facet_iotlb_fini(struct facet_iotlb *tlb)
{
	free(tlb->ranges);
	*tlb = (struct facet_iotlb){ 0 };
}

void facet_iotlb_clear(struct facet_iotlb *tlb)
{
	tlb->count = 0;
}

/* The index of the first range that ends at or after @iova. */
static size_t search(const struct facet_iotlb *tlb, uint64_t iova)
{
	size_t low = 0, high = tlb->count, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (tlb->ranges[mid].last < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct facet_iotlb_range *facet_iotlb_find(const struct facet_iotlb *tlb, uint64_t iova)
{
	size_t i = search(tlb, iova);

	return i < tlb->count && tlb->ranges[i].first <= iova ? &tlb->ranges[i] : NULL;
}

static void drop(struct facet_iotlb *tlb, size_t from, size_t to)
{
	if (from == to)
		return;
	memmove(&tlb->ranges[from], &tlb->ranges[to], (tlb->count - to) * sizeof(*tlb->ranges));
	tlb->count -= to - from;
}

static int put(struct facet_iotlb *tlb, size_t at, const struct facet_iotlb_range *range)
{
	struct facet_iotlb_range *bigger;
	size_t room = tlb->room ? tlb->room * 2 : 64;

	if (tlb->count == tlb->room) {
		bigger = realloc(tlb->ranges, room * sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		tlb->ranges = bigger;
		tlb->room = room;
	}
	memmove(&tlb->ranges[at + 1], &tlb->ranges[at], (tlb->count - at) * sizeof(*range));
	tlb->ranges[at] = *range;
	tlb->count++;
	return 0;
}

/* Cut [@first, @last] out of the middle of range @i. */
static int split(struct facet_iotlb *tlb, size_t i, uint64_t first, uint64_t last)
{
	struct facet_iotlb_range tail = tlb->ranges[i];

	tail.user_addr += last + 1 - tail.first;
	tail.first = last + 1;
	tlb->ranges[i].last = first - 1;
	if (put(tlb, i + 1, &tail) < 0) {
		facet_iotlb_clear(tlb);
		return -ENOMEM;
	}
	return 0;
}

int facet_iotlb_remove(struct facet_iotlb *tlb, uint64_t first, uint64_t last)
{
	size_t from = search(tlb, first), to;
	struct facet_iotlb_range *r;

	if (from < tlb->count && tlb->ranges[from].first < first) {
		if (tlb->ranges[from].last > last)
			return split(tlb, from, first, last);
		tlb->ranges[from++].last = first - 1;
	}
	for (to = from; to < tlb->count && tlb->ranges[to].last <= last; to++)
		;
	if (to < tlb->count && tlb->ranges[to].first <= last) {
		r = &tlb->ranges[to];
		r->user_addr += last + 1 - r->first;
		r->first = last + 1;
	}
	drop(tlb, from, to);
	return 0;
}

static bool continues(const struct facet_iotlb_range *a, const struct facet_iotlb_range *b)
{
	return a->last + 1 == b->first && a->perm == b->perm && a->perm &&
	       a->user_addr + (b->first - a->first) == b->user_addr;
}

int facet_iotlb_insert(struct facet_iotlb *tlb, const struct facet_iotlb_range *range)
{
	size_t i;
	int r;

	r = facet_iotlb_remove(tlb, range->first, range->last);
	if (r < 0)
		return r;
	if (tlb->count >= FACET_IOTLB_MAX)
		facet_iotlb_clear(tlb);
	i = search(tlb, range->first);
	r = put(tlb, i, range);
	if (r < 0)
		return r;
	if (i + 1 < tlb->count && continues(&tlb->ranges[i], &tlb->ranges[i + 1])) {
		tlb->ranges[i].last = tlb->ranges[i + 1].last;
		drop(tlb, i + 1, i + 2);
	}
	if (i && continues(&tlb->ranges[i - 1], &tlb->ranges[i])) {
		tlb->ranges[i - 1].last = tlb->ranges[i].last;
		drop(tlb, i, i + 1);
	}
	return 0;
}
