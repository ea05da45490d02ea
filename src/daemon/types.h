/* SPDX-License-Identifier: GPL-2.0-or-later */
/* types.h - named profiles of vGPUs: built-in ones, and those of a file. */
#ifndef FACET_DAEMON_TYPES_H
#define FACET_DAEMON_TYPES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "daemon/arbitration.h"
#include "daemon/vgpu_limits.h"

enum { FACETD_MAX_TYPES = 128 };

struct facetd_type {
	char name[65];
	char gpu[32];       /* "": of every GPU */
	char mechanism[16]; /* "": the best */
	struct facetd_limits limits;
	uint32_t vram_ppm;          /* of the GPU's memory, when limits.vram_bytes is 0 */
	unsigned int width, height; /* the largest that an output may be */
	unsigned int outputs;       /* the most */
	bool builtin;
};

struct facetd_types {
	unsigned int count;
	struct facetd_type items[FACETD_MAX_TYPES];
};

/* The built-in types alone. NULL: no memory. */
struct facetd_types *facetd_types_create(void);
void facetd_types_destroy(struct facetd_types *types);

/* -EEXIST: there is one of that name on that GPU; -ENOSPC: there are too many. */
int facetd_types_add(struct facetd_types *types, const struct facetd_type *type,
		     struct facet_error *err);

/* Adds those of a file; the sentence says where in it something is wrong. */
int facetd_types_load(struct facetd_types *types, const char *path, struct facet_error *err);
/* The same for a text; @path is only what the sentence calls it. */
int facetd_types_parse(struct facetd_types *types, const char *path, const char *text, size_t size,
		       struct facet_error *err);

/* The type as it is on @gpu, which has @vram_bytes: those of a GPU's own come first. NULL: none. */
const struct facetd_type *facetd_types_find(const struct facetd_types *types, const char *gpu,
					    const char *name);
/* Its limits there, with a quota of memory in bytes. */
struct facetd_limits facetd_type_limits(const struct facetd_type *type, uint64_t vram_bytes);

/* How many more of @limits a GPU takes by its numbers, of @room at most. */
unsigned int facetd_limits_fit(const struct facetd_limits *limits,
			       const struct facetd_gpu_state *gpu, unsigned int weights,
			       unsigned int room);

/* The types of all GPUs, as the interface says. */
json_t *facetd_types_describe(struct facetd *daemon);

#endif
