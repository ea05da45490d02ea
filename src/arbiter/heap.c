// SPDX-License-Identifier: GPL-2.0-or-later
/* heap.c - a binary heap in an array. */
#include "arbiter/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int facet_heap_reserve(struct facet_heap *heap, size_t space)
{
	struct facet_heap_entry *entries;

	if (space <= heap->space)
		return 0;
	if (space < 2 * heap->space)
		space = 2 * heap->space;
	entries = reallocarray(heap->entries, space, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	heap->entries = entries;
	heap->space = space;
	return 0;
}

void facet_heap_fini(struct facet_heap *heap)
{
	free(heap->entries);
	*heap = (struct facet_heap){ 0 };
}

static void put(struct facet_heap *heap, size_t i, struct facet_heap_entry entry)
{
	heap->entries[i] = entry;
	entry.node->place = i + 1;
}

static void sift_up(struct facet_heap *heap, size_t i)
{
	struct facet_heap_entry entry = heap->entries[i];

	for (; i; i = (i - 1) / 2) {
		struct facet_heap_entry parent = heap->entries[(i - 1) / 2];

		if (parent.key <= entry.key)
			break;
		put(heap, i, parent);
	}
	put(heap, i, entry);
}

static void sift_down(struct facet_heap *heap, size_t i)
{
	struct facet_heap_entry entry = heap->entries[i];

	for (size_t child; (child = 2 * i + 1) < heap->count; i = child) {
		if (child + 1 < heap->count &&
		    heap->entries[child + 1].key < heap->entries[child].key)
			child++;
		if (entry.key <= heap->entries[child].key)
			break;
		put(heap, i, heap->entries[child]);
	}
	put(heap, i, entry);
}

static void sift(struct facet_heap *heap, size_t i)
{
	if (i && heap->entries[i].key < heap->entries[(i - 1) / 2].key)
		sift_up(heap, i);
	else
		sift_down(heap, i);
}

void facet_heap_push(struct facet_heap *heap, struct facet_heap_node *node, facet_vtime key)
{
	assert(!node->place && heap->count < heap->space);
	heap->entries[heap->count] = (struct facet_heap_entry){ key, node };
	sift_up(heap, heap->count++);
}

void facet_heap_remove(struct facet_heap *heap, struct facet_heap_node *node)
{
	size_t i = node->place - 1;

	if (!node->place)
		return;
	assert(i < heap->count && heap->entries[i].node == node);
	node->place = 0;
	if (i == --heap->count)
		return;
	heap->entries[i] = heap->entries[heap->count];
	sift(heap, i);
}

void facet_heap_update(struct facet_heap *heap, struct facet_heap_node *node, facet_vtime key)
{
	facet_heap_rekey(heap, node, key);
	sift(heap, node->place - 1);
}

void facet_heap_rekey(struct facet_heap *heap, struct facet_heap_node *node, facet_vtime key)
{
	assert(node->place && heap->entries[node->place - 1].node == node);
	heap->entries[node->place - 1].key = key;
}

void facet_heap_order(struct facet_heap *heap)
{
	for (size_t i = heap->count / 2; i-- > 0;)
		sift_down(heap, i);
}
