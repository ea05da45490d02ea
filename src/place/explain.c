// SPDX-License-Identifier: GPL-2.0-or-later
/* explain.c - a placement in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "place/place.h"

struct text {
	char *to;
	size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *fmt, ...)
{
	va_list args;
	int n;

	if (text->used + 1 >= text->size)
		return;
	va_start(args, fmt);
	n = vsnprintf(text->to + text->used, text->size - text->used, fmt, args);
	va_end(args);
	text->used += n > 0 ? (size_t)n : 0;
}

static unsigned int count_in(const struct facet_topology *topology, const unsigned short *cpus,
			     unsigned int count, unsigned int node)
{
	unsigned int sum = 0;

	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < topology->cpu_count; j++)
			sum += topology->cpus[j].os == cpus[i] && topology->cpus[j].node == node;
	return sum;
}

static void explain_node(const struct facet_topology *topology,
			 const struct facet_place_request *request,
			 const struct facet_placement *placement, unsigned int node,
			 struct text *text)
{
	unsigned int vcpus = count_in(topology, placement->vcpus, placement->vcpu_count, node);
	unsigned int eus = count_in(topology, placement->eus, placement->eu_count, node);
	unsigned int gpus = 0;
	const char *comma = "";

	for (unsigned int i = 0; i < request->gpu_count; i++)
		gpus += request->gpus[i] == (int)node;
	if (!vcpus && !eus && !gpus && !placement->memory[node])
		return;
	say(text, "%snode %u:", text->used ? "; " : "", topology->nodes[node].os);
	if (vcpus) {
		say(text, " %u vCPU%s", vcpus, vcpus == 1 ? "" : "s");
		comma = ",";
	}
	if (placement->memory[node]) {
		say(text, "%s %" PRIu64 " MiB", comma, placement->memory[node] >> 20);
		comma = ",";
	}
	if (eus) {
		say(text, "%s %u EU%s", comma, eus, eus == 1 ? "" : "s");
		comma = ",";
	}
	if (gpus)
		say(text, "%s %u GPU%s", comma, gpus, gpus == 1 ? "" : "s");
}

void facet_place_explain(const struct facet_topology *topology,
			 const struct facet_place_request *request,
			 const struct facet_placement *placement, char *ret, size_t size)
{
	struct text text = { ret, size, 0 };
	unsigned int unknown = 0;

	if (size)
		ret[0] = '\0';
	for (unsigned int i = 0; i < topology->node_count; i++)
		explain_node(topology, request, placement, i, &text);
	for (unsigned int i = 0; i < request->gpu_count; i++)
		unknown += request->gpus[i] < 0;
	if (unknown)
		say(&text, "; %u GPU%s at no known node", unknown, unknown == 1 ? "" : "s");
	if (placement->chosen.cost.crowding > 0)
		say(&text, "; CPUs or cores are shared with other threads");
	if (!placement->emulator_apart)
		say(&text, "; QEMU's other threads share the vCPUs' CPUs");
	if (placement->overcommitted)
		say(&text, "; more memory than is free now");
	if (!topology->distance_known && topology->node_count > 1)
		say(&text, "; distances are not known");
}
