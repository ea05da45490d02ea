// SPDX-License-Identifier: GPL-2.0-or-later
/* types_fuzz.c - files of types as people may write them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facetd_types *types = facetd_types_create();
	struct facet_error err = { .text = "" };
	unsigned int before;

	if (!types || size > 16384) {
		facetd_types_destroy(types);
		return 0;
	}
	before = types->count;
	/* What is refused is refused with a sentence, and as a whole. */
	if (facetd_types_parse(types, "f", (const char *)data, size, &err) &&
	    (strncmp(err.text, "f:", 2) != 0 || types->count != before))
		abort();
	for (unsigned int i = 0; i < types->count; i++) {
		struct facetd_limits limits = facetd_type_limits(&types->items[i], UINT64_MAX);

		if (!facetd_types_find(types, types->items[i].gpu, types->items[i].name) ||
		    !limits.share.weight || !limits.share.cap_ppm)
			abort();
	}
	facetd_types_destroy(types);
	return 0;
}
