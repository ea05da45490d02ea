// SPDX-License-Identifier: GPL-2.0-or-later
/* parse.c - texts that drivers write into sysfs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/inventory.h"

/* The number behind "KEY: " at the begin of a line. */
static bool find_number(const char *text, const char *key, uint32_t *ret, const char **ret_end)
{
	size_t size = strlen(key);
	unsigned long number;
	char *end;

	for (; text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL) {
		if (strncmp(text, key, size) != 0 || text[size] != ':')
			continue;
		text += size + 1;
		text += strspn(text, " ");
		if (*text < '0' || *text > '9')
			return false;
		number = strtoul(text, &end, 10);
		*ret = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
		*ret_end = end;
		return true;
	}
	return false;
}

bool facet_host_parse_gvtg(const char *text, struct facet_host_gvtg *ret)
{
	struct facet_host_gvtg found = { .known = true };
	const char *end;

	if (!find_number(text, "low_gm_size", &found.low_mib, &end) ||
	    !find_number(text, "high_gm_size", &found.high_mib, &end) ||
	    !find_number(text, "fence", &found.fences, &end) ||
	    !find_number(text, "weight", &found.weight, &end) ||
	    !find_number(text, "resolution", &found.width, &end) || *end != 'x')
		return false;
	found.height = (uint32_t)strtoul(end + 1, NULL, 10);
	*ret = found;
	return true;
}

unsigned int facet_host_parse_creatable(const char *text, struct facet_host_type *ret,
					unsigned int max)
{
	unsigned int count = 0;
	char id[20], name[FACET_TREE_NAME];

	for (; text && count < max; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL) {
		/* There is a heading in some versions. */
		if (sscanf(text, " %19[0-9] : %63[^\n]", id, name) != 2)
			continue;
		ret[count] = (struct facet_host_type){ .available = -1 };
		strcpy(ret[count].id, id);
		strcpy(ret[count].name, name);
		count++;
	}
	return count;
}

void facet_host_parse_resources(const char *text, struct facet_host_bar ret[FACET_HOST_BARS],
				bool *ret_rom)
{
	uint64_t start, end, flags;

	/* Six BARs, then the ROM; then what bridges and SR-IOV have. */
	for (unsigned int i = 0; i <= FACET_HOST_BARS && text && *text; i++) {
		bool there = sscanf(text, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end,
				    &flags) == 3 &&
			     flags && end > start;

		if (i == FACET_HOST_BARS)
			*ret_rom = there;
		else if (there)
			ret[i].size = end - start + 1;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
}

void facet_host_parse_choice(const char *text, char *ret, size_t size)
{
	const char *from = strchr(text, '['), *to = from ? strchr(from, ']') : NULL;

	if (to)
		snprintf(ret, size, "%.*s", (int)(to - from - 1), from + 1);
	else
		snprintf(ret, size, "%s", text);
}
