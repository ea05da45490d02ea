// SPDX-License-Identifier: GPL-2.0-or-later
/* part_fuzz.c - a file that says who has a part of a GPU, whoever wrote it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* It goes into paths and sentences. */
static void check_text(const char *text, size_t space, bool name)
{
	size_t size = strnlen(text, space);

	if (size == space || (name && (text[0] == '.' || strchr(text, '/'))))
		abort();
	for (size_t i = 0; i < size; i++)
		if (text[i] < ' ' || text[i] > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facet_part part;

	if (facet_part_parse((const char *)data, size, &part))
		return 0;
	check_text(part.token, sizeof(part.token), true);
	check_text(part.gpu, sizeof(part.gpu), true);
	check_text(part.bdf, sizeof(part.bdf), true);
	check_text(part.uuid, sizeof(part.uuid), true);
	check_text(part.parent, sizeof(part.parent), true);
	check_text(part.type, sizeof(part.type), true);
	check_text(part.driver, sizeof(part.driver), true);
	check_text(part.owner, sizeof(part.owner), true);
	check_text(part.type_name, sizeof(part.type_name), false);
	check_text(part.keeper, sizeof(part.keeper), false);
	if (!part.bdf[0] == !part.uuid[0] || part.mechanism == FACET_VIRGL)
		abort();
	return 0;
}
