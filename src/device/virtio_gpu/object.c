// SPDX-License-Identifier: GPL-2.0-or-later
/* object.c - what a guest made, found by id and paid for once. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "device/virtio_gpu/virtio_gpu.h"

void facet_gpu_object_init(struct gpu_object *object, uint32_t id, struct facet_sched *sched,
			   uint64_t bytes, bool is_context)
{
	object->id = id;
	atomic_init(&object->refs, 1);
	atomic_init(&object->settled, false);
	object->sched = sched;
	object->bytes = bytes;
	object->is_context = is_context;
}

void facet_gpu_object_unref(struct gpu_object *object)
{
	if (atomic_fetch_sub(&object->refs, 1) == 1)
		free(object); /* the first member of what was allocated */
}

void facet_gpu_object_settle(struct gpu_object *object)
{
	if (atomic_exchange(&object->settled, true))
		return;
	if (object->is_context)
		facet_sched_uncharge_context(object->sched);
	else
		facet_sched_uncharge(object->sched, object->bytes);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t id_a = ((const struct gpu_object *)a)->id;
	uint32_t id_b = ((const struct gpu_object *)b)->id;

	return (id_a > id_b) - (id_a < id_b);
}

struct gpu_object *facet_gpu_table_find(struct gpu_table *table, uint32_t id)
{
	struct gpu_object key = { .id = id };
	struct gpu_object **node = tfind(&key, &table->root, compare_ids);

	if (!node)
		return NULL;
	if (atomic_load(&(*node)->settled)) {
		facet_gpu_table_remove(table, *node);
		return NULL;
	}
	return *node;
}

int facet_gpu_table_add(struct gpu_table *table, struct gpu_object *object)
{
	if (!tsearch(object, &table->root, compare_ids))
		return -ENOMEM;
	atomic_fetch_add(&object->refs, 1);
	table->count++;
	return 0;
}

void facet_gpu_table_remove(struct gpu_table *table, struct gpu_object *object)
{
	tdelete(object, &table->root, compare_ids);
	table->count--;
	facet_gpu_object_settle(object);
	facet_gpu_object_unref(object);
}

static void end_object(void *object)
{
	facet_gpu_object_settle(object);
	facet_gpu_object_unref(object);
}

void facet_gpu_table_clear(struct gpu_table *table)
{
	tdestroy(table->root, end_object);
	*table = (struct gpu_table){ 0 };
}
