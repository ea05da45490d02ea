// SPDX-License-Identifier: GPL-2.0-or-later
/* plan.c - checks a request and works out what the search needs again and again. */
#include "place/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LOCAL = 10 };

/* --- memory --- */

/* Which of the sizes of hugepages; -1: none. */
static int find_pages(const struct facet_topology_node *node, uint64_t size)
{
	for (int i = 0; i < FACET_PLACE_PAGE_SIZES && node->huge[i].size; i++)
		if (node->huge[i].size == size)
			return i;
	return -1;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t sum_capacity(const struct facet_plan *plan)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < plan->nodes; i++)
		sum += plan->capacity[i];
	return sum;
}

static void find_capacity(struct facet_plan *plan, const struct facet_topology *topology,
			  const struct facet_place_load *load,
			  const struct facet_place_request *request, bool all)
{
	for (unsigned int i = 0; i < plan->nodes; i++) {
		const struct facet_topology_node *node = &topology->nodes[i];
		int pages = find_pages(node, request->page_size);

		plan->capacity[i] = 0;
		if (request->nodes && !(request->nodes >> i & 1))
			continue;
		if (!request->page_size)
			plan->capacity[i] =
				less(all ? node->memory : node->memory_free, load->memory[i]);
		else if (pages >= 0)
			plan->capacity[i] = less(node->huge[pages].free, load->huge[i][pages]) *
					    request->page_size;
		plan->capacity[i] -= plan->capacity[i] % plan->page;
	}
}

static int no_memory(const struct facet_plan *plan, const struct facet_topology *topology,
		     const struct facet_place_request *request, struct facet_error *err)
{
	const uint64_t page = request->page_size;
	char each[120] = "";

	for (unsigned int i = 0; i < plan->nodes && strlen(each) < 90; i++)
		snprintf(each + strlen(each), sizeof(each) - strlen(each), "%snode %u has %" PRIu64,
			 i ? ", " : "", topology->nodes[i].os,
			 page ? plan->capacity[i] / page : plan->capacity[i] >> 20);
	if (page)
		return facet_error_set(err, -ENOSPC,
				       "memory: %" PRIu64 " hugepages of %" PRIu64
				       " KiB are needed, %s: reserve more, or ask for less",
				       plan->memory / page, page >> 10, each);
	return facet_error_set(err, -ENOSPC, "memory: %" PRIu64 " MiB are needed, %s: ask for less",
			       plan->memory >> 20, each);
}

static int init_memory(struct facet_plan *plan, const struct facet_topology *topology,
		       const struct facet_place_load *load,
		       const struct facet_place_request *request, struct facet_error *err)
{
	uint64_t most = 1;

	plan->page = request->page_size ? request->page_size : 4096;
	plan->memory = (request->memory + plan->page - 1) / plan->page * plan->page;
	find_capacity(plan, topology, load, request, false);
	/* What is free now need not be what is free then: the kernel drops caches, and swaps. */
	if (sum_capacity(plan) < plan->memory && !request->page_size) {
		find_capacity(plan, topology, load, request, true);
		plan->overcommitted = true;
	}
	if (sum_capacity(plan) < plan->memory)
		return no_memory(plan, topology, request, err);
	for (unsigned int i = 0; i < plan->nodes; i++)
		most = plan->capacity[i] > most ? plan->capacity[i] : most;
	for (unsigned int i = 0; i < plan->nodes; i++)
		plan->scarce[i] = 1 - (double)plan->capacity[i] / (double)most;
	return 0;
}

/* --- CPUs --- */

static bool is_usable(const struct facet_place_load *load,
		      const struct facet_place_request *request, unsigned int cpu)
{
	return !CPU_ISSET(cpu, &load->exclusive) && !(request->exclusive && load->cpu[cpu]) &&
	       (!request->restrict_cpus || CPU_ISSET(cpu, &request->cpus));
}

static void add_cpu(struct facet_plan *plan, const struct facet_topology_cpu *cpu,
		    const struct facet_place_load *load, const struct facet_place_request *request)
{
	struct facet_plan_cpu *ours = &plan->cpu[plan->cpus++];

	*ours = (struct facet_plan_cpu){ .os = cpu->os,
					 .node = cpu->node,
					 .core = cpu->core,
					 .usable = is_usable(load, request, cpu->os),
					 .load = load->cpu[cpu->os] / 100.0 };
	plan->core[cpu->core].cpus++;
	plan->core[cpu->core].load += ours->load;
	plan->busy[cpu->node] += ours->load;
}

static int init_cpus(struct facet_plan *plan, const struct facet_topology *topology,
		     const struct facet_place_load *load, const struct facet_place_request *request,
		     struct facet_error *err)
{
	const unsigned int wanted = request->vcpus + request->eus;
	unsigned int usable = 0;

	for (unsigned int node = 0; node < plan->nodes; node++) {
		plan->first[node] = plan->cpus;
		for (unsigned int i = 0; i < topology->cpu_count; i++)
			if (topology->cpus[i].node == node)
				add_cpu(plan, &topology->cpus[i], load, request);
		if (plan->cpus > plan->first[node])
			plan->busy[node] /= plan->cpus - plan->first[node];
	}
	plan->first[plan->nodes] = plan->cpus;
	for (unsigned int i = 0; i < CPU_SETSIZE; i++)
		if (plan->core[i].cpus > 1)
			plan->core[i].pair = PAIR_ON_CORE / (plan->core[i].cpus - 1);
	for (unsigned int i = 0; i < plan->cpus; i++)
		usable += plan->cpu[i].usable;
	plan->most = request->exclusive ? 1 : wanted;
	if (request->exclusive && usable < wanted)
		return facet_error_set(
			err, -ENOSPC,
			"CPUs: %u for this VM alone are needed, %u have nobody pinned "
			"to them: share them, or ask for less",
			wanted, usable);
	if (!usable)
		return facet_error_set(
			err, -ENOSPC,
			"CPUs: all that this VM may use belong to others: free some, "
			"or allow it more");
	return 0;
}

/* --- distances --- */

static void init_distances(struct facet_plan *plan, const struct facet_topology *topology,
			   const struct facet_place_request *request)
{
	unsigned int known = 0;

	for (unsigned int i = 0; i < plan->nodes; i++)
		for (unsigned int j = 0; j < plan->nodes; j++) {
			double away = topology->distance[i][j] / (double)LOCAL - 1;

			plan->away[i][j] = away > 0 ? away : 0;
		}
	for (unsigned int g = 0; g < request->gpu_count; g++)
		known += request->gpus[g] >= 0;
	for (unsigned int g = 0; g < request->gpu_count; g++)
		for (unsigned int i = 0; request->gpus[g] >= 0 && i < plan->nodes; i++) {
			plan->gpu_memory[i] += plan->away[request->gpus[g]][i] / known;
			plan->gpu_cpu[i] += plan->away[i][request->gpus[g]] / known;
		}
}

static int check(const struct facet_topology *topology, const struct facet_place_request *request,
		 struct facet_error *err)
{
	if (!request->vcpus || request->vcpus > FACET_PLACE_VCPUS)
		return facet_error_set(err, -EINVAL, "vCPUs: %u must be from 1 to %d",
				       request->vcpus, FACET_PLACE_VCPUS);
	if (request->eus > FACET_PLACE_VCPUS)
		return facet_error_set(err, -EINVAL, "EUs: %u must be at most %d", request->eus,
				       FACET_PLACE_VCPUS);
	if (!request->memory || request->memory > INT64_MAX / 2 || request->page_size > 1ULL << 40)
		return facet_error_set(err, -EINVAL,
				       "memory: %" PRIu64 " bytes are no size of a VM",
				       request->memory);
	if (request->gpu_count > FACET_PLACE_GPUS)
		return facet_error_set(err, -EINVAL, "GPUs: %u must be at most %d",
				       request->gpu_count, FACET_PLACE_GPUS);
	for (unsigned int i = 0; i < request->gpu_count; i++)
		if (request->gpus[i] >= (int)topology->node_count)
			return facet_error_set(err, -EINVAL, "GPU %u: there is no node %d", i,
					       request->gpus[i]);
	return 0;
}

int facet_plan_init(struct facet_plan *plan, const struct facet_topology *topology,
		    const struct facet_place_load *load, const struct facet_place_request *request,
		    struct facet_error *err)
{
	int r = check(topology, request, err);

	*plan = (struct facet_plan){
		.nodes = topology->node_count,
		.cpu_nodes = ~0ULL,
		.count = { [FACET_PLAN_VCPU] = request->vcpus, [FACET_PLAN_EU] = request->eus },
	};
	if (!r)
		r = init_cpus(plan, topology, load, request, err);
	if (!r)
		r = init_memory(plan, topology, load, request, err);
	if (!r)
		init_distances(plan, topology, request);
	return r;
}
