// SPDX-License-Identifier: GPL-2.0-or-later
/* account.c - what contexts and the objects in them cost the host, paid from the guest's quota. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "engine/virgl/virgl.h"

/*
 * Estimates, for the library and Mesa tell nobody what they take; above what was seen on llvmpipe
 * for most. What they miss the scheduler sees in the process as a whole (sched/guard.c).
 */
enum {
	CONTEXT_BYTES = 3 << 20, /* each sub-context is an OpenGL context as well */
	OBJECT_BYTES = 2 << 10,
	SHADER_BYTES = 64 << 10,
	BYTES_PER_SHADER_BYTE = 16, /* of its text: in the library, in Mesa, and compiled */
};

struct object {
	uint32_t handle;
	uint64_t bytes;
};

static int compare(const void *a, const void *b)
{
	uint32_t handle_a = ((const struct object *)a)->handle;
	uint32_t handle_b = ((const struct object *)b)->handle;

	return (handle_a > handle_b) - (handle_a < handle_b);
}

uint64_t facet_virgl_shader_bytes(uint32_t text_bytes)
{
	return SHADER_BYTES + (uint64_t)text_bytes * BYTES_PER_SHADER_BYTE;
}

uint64_t facet_virgl_object_bytes(void)
{
	return OBJECT_BYTES;
}

static struct facet_virgl_sub *current(struct facet_virgl_subs *subs)
{
	return &subs->items[subs->current];
}

static struct object *find(struct facet_virgl_sub *sub, uint32_t handle)
{
	struct object key = { .handle = handle };
	struct object **node = tfind(&key, &sub->objects, compare);

	return node ? *node : NULL;
}

void facet_virgl_object_remove(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			       uint32_t handle)
{
	struct facet_virgl_sub *sub = current(subs);
	struct object *object = find(sub, handle);

	if (!object)
		return;
	tdelete(object, &sub->objects, compare);
	facet_engine_uncharge(&virgl->engine, object->bytes);
	free(object);
}

int facet_virgl_object_add(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			   uint32_t handle, uint64_t bytes)
{
	struct object *object;

	/* The library puts a new one in its place. */
	facet_virgl_object_remove(virgl, subs, handle);
	if (facet_engine_charge(&virgl->engine, bytes))
		return -ENOMEM;
	object = malloc(sizeof(*object));
	if (object) {
		*object = (struct object){ handle, bytes };
		if (tsearch(object, &current(subs)->objects, compare))
			return 0;
	}
	free(object);
	facet_engine_uncharge(&virgl->engine, bytes);
	return -ENOMEM;
}

/* tdestroy(3) knows no context. Engine thread only, and there is one engine a process. */
static struct facet_virgl *payee;

static void end_object(void *data)
{
	struct object *object = data;

	facet_engine_uncharge(&payee->engine, object->bytes);
	free(object);
}

static void clear(struct facet_virgl *virgl, struct facet_virgl_sub *sub)
{
	payee = virgl;
	tdestroy(sub->objects, end_object);
	sub->objects = NULL;
}

static unsigned int index_of(const struct facet_virgl_subs *subs, uint32_t id)
{
	for (unsigned int i = 1; i <= subs->count; i++)
		if (subs->items[i].id == id)
			return i;
	return 0;
}

int facet_virgl_context_pay(struct facet_virgl *virgl)
{
	return facet_engine_charge(&virgl->engine, CONTEXT_BYTES) ? -ENOMEM : 0;
}

void facet_virgl_context_unpay(struct facet_virgl *virgl)
{
	facet_engine_uncharge(&virgl->engine, CONTEXT_BYTES);
}

int facet_virgl_sub_add(struct facet_virgl *virgl, struct facet_virgl_subs *subs, uint32_t id)
{
	if (!id || index_of(subs, id))
		return 0;
	if (subs->count == FACET_VIRGL_MAX_SUBS || virgl->sub_count == FACET_VIRGL_MAX_ALL_SUBS ||
	    facet_virgl_context_pay(virgl))
		return -ENOMEM;
	virgl->sub_count++;
	subs->items[++subs->count] = (struct facet_virgl_sub){ .id = id };
	return 0;
}

void facet_virgl_sub_remove(struct facet_virgl *virgl, struct facet_virgl_subs *subs, uint32_t id)
{
	unsigned int i = index_of(subs, id);

	if (!i) /* the first one lives as long as its context */
		return;
	clear(virgl, &subs->items[i]);
	facet_virgl_context_unpay(virgl);
	virgl->sub_count--;
	if (subs->current == i)
		subs->current = 0;
	else if (subs->current == subs->count)
		subs->current = i;
	subs->items[i] = subs->items[subs->count--];
}

/* Where there is none of that number the library stays where it is. */
void facet_virgl_sub_choose(struct facet_virgl_subs *subs, uint32_t id)
{
	unsigned int i = index_of(subs, id);

	if (i || !id)
		subs->current = i;
}

void facet_virgl_subs_clear(struct facet_virgl *virgl, struct facet_virgl_subs *subs)
{
	while (subs->count)
		facet_virgl_sub_remove(virgl, subs, subs->items[1].id);
	clear(virgl, &subs->items[0]);
}
