// SPDX-License-Identifier: GPL-2.0-or-later
/* fit.c - the types of each GPU, and how many more of them it takes now. */
#include <string.h>

#include "daemon/gpus.h"
#include "daemon/types.h"

/* By the numbers, and then by what arbitration would say to the next one. */
static unsigned int fit(struct facetd *daemon, const char *gpu, const struct facetd_limits *limits,
			const struct facetd_gpu_state *state)
{
	struct facetd_limits wanted = *limits;
	unsigned int room = daemon->count < FACETD_MAX_VGPUS ? FACETD_MAX_VGPUS - daemon->count : 0;

	room = facetd_limits_fit(limits, state, facetd_gpus_weights(daemon, gpu), room);
	if (facetd_arbitration_admit(daemon, gpu, NULL, &wanted, NULL))
		return 0;
	/* Who wants cores alone finds fewer each time; more than the next is not promised. */
	return limits->eus_exclusive && room > 1 ? 1 : room;
}

static json_t *describe(struct facetd *daemon, const char *gpu, const struct facetd_type *type,
			const struct facetd_gpu_state *state)
{
	struct facetd_limits l = facetd_type_limits(type, state->vram_bytes);

	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:s, s:b, s:I, s:b, "
			 "s:i}",
			 "name", type->name, "gpu", gpu, "mechanism",
			 type->mechanism[0] ? type->mechanism : facetd_mechanisms[0], "weight",
			 (json_int_t)l.share.weight, "cap_ppm", (json_int_t)l.share.cap_ppm,
			 "reservation_ppm", (json_int_t)l.share.reservation_ppm, "vram_bytes",
			 (json_int_t)l.vram_bytes, "width", (int)type->width, "height",
			 (int)type->height, "outputs", (int)type->outputs, "eus", l.eus,
			 "eus_exclusive", (int)l.eus_exclusive, "hang_ms", (json_int_t)l.hang_ms,
			 "builtin", (int)type->builtin, "fit", (int)fit(daemon, gpu, &l, state));
}

json_t *facetd_types_describe(struct facetd *daemon)
{
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	unsigned int count = facetd_gpus_list("/sys", gpus);
	json_t *list = json_array();

	for (unsigned int g = 0; g < count; g++) {
		struct facetd_gpu_state state;

		if (facetd_arbitration_gpu(daemon, gpus[g].name, &state, NULL))
			continue;
		for (unsigned int i = 0; i < daemon->types->count; i++) {
			const struct facetd_type *type = &daemon->types->items[i];

			if (facetd_types_find(daemon->types, gpus[g].name, type->name) == type)
				json_array_append_new(list,
						      describe(daemon, gpus[g].name, type, &state));
		}
	}
	return list;
}
