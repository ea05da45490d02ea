// SPDX-License-Identifier: GPL-2.0-or-later
/* cpulist.c - reads and writes lists of CPUs. */
#include "base/cpulist.h"

#include <errno.h>
#include <stdio.h>

static int parse_cpu(const char **text)
{
	int cpu = 0;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	for (; **text >= '0' && **text <= '9'; ++*text) {
		cpu = cpu * 10 + (**text - '0');
		if (cpu >= CPU_SETSIZE)
			return -EINVAL;
	}
	return cpu;
}

int facet_cpulist_parse(const char *text, cpu_set_t *ret)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (;; text++) {
		int first = parse_cpu(&text), last = first;

		if (first >= 0 && *text == '-') {
			text++;
			last = parse_cpu(&text);
		}
		if (first < 0 || last < first)
			return -EINVAL;
		for (int cpu = first; cpu <= last; cpu++)
			CPU_SET(cpu, &set);
		if (*text == '\0' || *text == '\n')
			break;
		if (*text != ',')
			return -EINVAL;
	}
	*ret = set;
	return 0;
}

int facet_cpulist_format(const cpu_set_t *set, char *ret, size_t size)
{
	size_t used = 0;

	if (!size)
		return -ENOSPC;
	ret[0] = '\0';
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		int first = cpu, n;

		if (!CPU_ISSET(cpu, set))
			continue;
		while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, set))
			cpu++;
		n = snprintf(ret + used, size - used, cpu > first ? "%s%d-%d" : "%s%d",
			     used ? "," : "", first, cpu);
		used += (size_t)n;
		if (used >= size)
			return -ENOSPC;
	}
	return 0;
}
