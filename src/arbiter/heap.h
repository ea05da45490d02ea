/* SPDX-License-Identifier: GPL-2.0-or-later */
/* heap.h - the least key first; its nodes are part of what they order. */
#ifndef FACET_ARBITER_HEAP_H
#define FACET_ARBITER_HEAP_H

#include <stddef.h>

/*
 * Virtual time, in ns. 64 bits would not do: a member with a 10^-9 of the GPU that has it to itself
 * for a year is at 3 * 10^25. Times in ns that fit 64 bits are keys, too.
 */
typedef __int128 facet_vtime;

struct facet_heap_node {
	size_t place; /* in the heap's array, from 1; 0: in no heap */
};

struct facet_heap_entry {
	facet_vtime key; /* here and not in the node, so that sifting does not visit the nodes */
	struct facet_heap_node *node;
};

struct facet_heap {
	struct facet_heap_entry *entries;
	size_t count, space;
};

int facet_heap_reserve(struct facet_heap *heap, size_t space); /* 0 or -ENOMEM */
void facet_heap_fini(struct facet_heap *heap);

void facet_heap_push(struct facet_heap *heap, struct facet_heap_node *node, facet_vtime key);
void facet_heap_remove(struct facet_heap *heap, struct facet_heap_node *node); /* no-op if out */
void facet_heap_update(struct facet_heap *heap, struct facet_heap_node *node, facet_vtime key);

/* Many keys at once: each is set, then the heap is ordered, O(n) in all. */
void facet_heap_rekey(struct facet_heap *heap, struct facet_heap_node *node, facet_vtime key);
void facet_heap_order(struct facet_heap *heap);

static inline const struct facet_heap_entry *facet_heap_top(const struct facet_heap *heap)
{
	return heap->count ? &heap->entries[0] : NULL;
}

#endif
