// SPDX-License-Identifier: GPL-2.0-or-later
/* types.c - which profiles there are, and how many of each go by the numbers. */
#include "daemon/types.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* 1/n of time and memory each; the smaller, the smaller its screens. */
static const struct {
	unsigned int part, width, height, outputs;
} parts[] = {
	{ 1, 8192, 8192, 16 },
	{ 2, 7680, 4320, 8 },
	{ 4, 3840, 2160, 4 },
	{ 8, 1920, 1200, 2 },
};

static void add_builtin(struct facetd_types *types)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(parts); i++) {
		struct facetd_type *type = &types->items[types->count++];

		*type = (struct facetd_type){ .mechanism = "virgl",
					      .limits = FACETD_LIMITS_DEFAULT,
					      .vram_ppm = FACET_SHARE_ALL / parts[i].part,
					      .width = parts[i].width,
					      .height = parts[i].height,
					      .outputs = parts[i].outputs,
					      .builtin = true };
		snprintf(type->name, sizeof(type->name), "virgl-%u", parts[i].part);
		/* Weight is percent under policy fixed: rounded down, n of them fit there, too. */
		type->limits.share.weight = 100 / parts[i].part;
		type->limits.share.reservation_ppm =
			type->limits.share.weight * (FACET_SHARE_ALL / 100);
		type->limits.vram_bytes = 0;
	}
}

struct facetd_types *facetd_types_create(void)
{
	struct facetd_types *types = calloc(1, sizeof(*types));

#if HAVE_VIRGL
	if (types)
		add_builtin(types);
#else
	(void)add_builtin;
#endif
	return types;
}

void facetd_types_destroy(struct facetd_types *types)
{
	free(types);
}

int facetd_types_add(struct facetd_types *types, const struct facetd_type *type,
		     struct facet_error *err)
{
	for (unsigned int i = 0; i < types->count; i++) {
		const struct facetd_type *other = &types->items[i];

		if (strcmp(other->name, type->name) != 0 ||
		    (!other->builtin && strcmp(other->gpu, type->gpu) != 0))
			continue;
		return facet_error_set(err, -EEXIST,
				       "there is a%s type %s already: choose another "
				       "name",
				       other->builtin ? " built-in" : "", type->name);
	}
	if (types->count == FACETD_MAX_TYPES)
		return facet_error_set(err, -ENOSPC, "more than %d types", FACETD_MAX_TYPES);
	types->items[types->count++] = *type;
	return 0;
}

const struct facetd_type *facetd_types_find(const struct facetd_types *types, const char *gpu,
					    const char *name)
{
	const struct facetd_type *found = NULL;

	for (unsigned int i = 0; i < types->count; i++) {
		const struct facetd_type *type = &types->items[i];

		if (strcmp(type->name, name) != 0)
			continue;
		if (strcmp(type->gpu, gpu) == 0)
			return type;
		if (!type->gpu[0])
			found = type;
	}
	return found;
}

struct facetd_limits facetd_type_limits(const struct facetd_type *type, uint64_t vram_bytes)
{
	struct facetd_limits limits = type->limits;

	/* Whole MiB. Divided first: the product of bytes and ppm is beyond 64 bits. */
	if (!limits.vram_bytes)
		limits.vram_bytes = (vram_bytes >> 20) * type->vram_ppm / FACET_SHARE_ALL << 20;
	return limits;
}

static unsigned int at_most(unsigned int fit, uint64_t have, uint64_t each)
{
	return each && have / each < fit ? (unsigned int)(have / each) : fit;
}

unsigned int facetd_limits_fit(const struct facetd_limits *limits,
			       const struct facetd_gpu_state *gpu, unsigned int weights,
			       unsigned int room)
{
	uint64_t vram = gpu->vram_bytes > gpu->vram_given_bytes
				? gpu->vram_bytes - gpu->vram_given_bytes
				: 0;
	unsigned int fit = room;

	if (gpu->vram_bytes)
		fit = at_most(fit, vram, limits->vram_bytes);
	fit = at_most(fit,
		      gpu->reserved_ppm < FACET_SHARE_ALL ? FACET_SHARE_ALL - gpu->reserved_ppm : 0,
		      limits->share.reservation_ppm);
	if (gpu->policy == FACET_POLICY_FIXED)
		fit = at_most(fit, weights < 100 ? 100 - weights : 0, limits->share.weight);
	return fit;
}
