// SPDX-License-Identifier: GPL-2.0-or-later
/* explain.c - what a type is, from the texts of drivers that are known. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/mdev.h"

/* The number behind "KEY=". */
static bool find_value(const char *text, const char *key, uint32_t *ret, const char **ret_end)
{
	size_t size = strlen(key);
	unsigned long number;
	char *end;

	for (const char *at = text; (at = strstr(at, key)); at++) {
		if (at != text && at[-1] != ' ' && at[-1] != ',' && at[-1] != '\n')
			continue;
		if (at[size] != '=' || at[size + 1] < '0' || at[size + 1] > '9')
			continue;
		number = strtoul(at + size + 1, &end, 10);
		*ret = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
		*ret_end = end;
		return true;
	}
	return false;
}

bool facet_mdev_parse_nvidia(const char *text, struct facet_mdev_nvidia *ret)
{
	struct facet_mdev_nvidia found = { .known = true };
	const char *end;

	if (!find_value(text, "num_heads", &found.heads, &end) ||
	    !find_value(text, "framebuffer", &found.memory_mib, &end) || *end != 'M' ||
	    !find_value(text, "max_resolution", &found.width, &end) || *end != 'x')
		return false;
	found.height = (uint32_t)strtoul(end + 1, NULL, 10);
	find_value(text, "frl_config", &found.frame_rate, &end);
	find_value(text, "max_instance", &found.instances, &end);
	*ret = found;
	return true;
}

/*
 * GVT-g's numbers are memory of the GTT below 256 MiB or so that the CPU can reach ("low") and that
 * it cannot ("high"); and of each 100 ms a vGPU gets its weight's part of the sum of all weights.
 */
static void explain_gvtg(const struct facet_host_gvtg *type, char *ret, size_t size)
{
	snprintf(ret, size,
		 "%u MiB of graphics memory (%u of it mapped), %u fences, one display up to "
		 "%ux%u, weight %u of 16",
		 type->low_mib + type->high_mib, type->low_mib, type->fences, type->width,
		 type->height, type->weight);
}

static void explain_nvidia(const struct facet_mdev_nvidia *type, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%u MiB of memory, %u display%s up to %ux%u", type->memory_mib,
			 type->heads, type->heads == 1 ? "" : "s", type->width, type->height);

	if (type->frame_rate && n > 0 && (size_t)n < size)
		n += snprintf(ret + n, size - (size_t)n, ", %u frames/s", type->frame_rate);
	if (type->instances && n > 0 && (size_t)n < size)
		snprintf(ret + n, size - (size_t)n, ", %u on a GPU", type->instances);
}

void facet_mdev_explain(const struct facet_host_type *type, char *ret, size_t size)
{
	struct facet_mdev_nvidia nvidia;

	if (type->gvtg.known)
		explain_gvtg(&type->gvtg, ret, size);
	else if (facet_mdev_parse_nvidia(type->description, &nvidia))
		explain_nvidia(&nvidia, ret, size);
	else
		snprintf(ret, size, "%s", *type->description ? type->description : type->name);
	for (char *c = ret; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
}
