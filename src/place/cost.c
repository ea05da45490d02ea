// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * cost.c - what a placement costs: the one definition of "better".
 *
 * DOC: The cost
 *
 * Distances are the firmware's, counted from local: node 1 at 20 is 1.0 away, node 0 itself 0.0.
 *
 * memory    for each vCPU and each byte of the guest: how far, on average.
 * gpu       the same for each GPU and each byte (DMA), and for each GPU and vCPU (registers,
 *           interrupts).
 * eus       for each EU and each byte.
 * crowding  each pair of threads of which one is ours: on one CPU, or on two CPUs of one core.
 *           A sum over pairs does not depend on the order in which threads are placed, and adding
 *           threads one at a time where it rises least gives its minimum.
 * balance   small: of places that are equal otherwise the emptier one.
 *
 * For given threads it is linear in memory, and for given memory it is a sum over threads and
 * pairs. That is what search.c stands on.
 */
#include "place/plan.h"

double facet_plan_crowding(const struct facet_plan *plan, const struct facet_plan_cpu *cpu)
{
	const struct facet_plan_core *core = &plan->core[cpu->core];
	double here = cpu->load + cpu->taken;

	return PAIR_ON_CPU * here + core->pair * (core->load - here);
}

void facet_plan_take(struct facet_plan *plan, unsigned int cpu, int threads)
{
	plan->cpu[cpu].taken += (unsigned int)threads;
	plan->core[plan->cpu[cpu].core].load += threads;
}

double facet_plan_thread_weight(const struct facet_plan *plan)
{
	return WEIGHT_CROWDING / (plan->count[FACET_PLAN_VCPU] + plan->count[FACET_PLAN_EU]);
}

static double mean_away(const struct facet_plan *plan, const uint64_t *memory, unsigned int from)
{
	double sum = 0;

	for (unsigned int to = 0; to < plan->nodes; to++)
		if (memory[to])
			sum += plan->away[from][to] * (double)memory[to];
	return sum / (double)plan->memory;
}

void facet_plan_weigh_threads(const struct facet_plan *plan, const uint64_t *memory,
			      double ret[FACET_PLAN_KINDS][FACET_PLACE_NODES])
{
	const unsigned int vcpus = plan->count[FACET_PLAN_VCPU], eus = plan->count[FACET_PLAN_EU];

	for (unsigned int i = 0; i < plan->nodes; i++) {
		double away = mean_away(plan, memory, i);

		ret[FACET_PLAN_VCPU][i] =
			(WEIGHT_MEMORY * away + WEIGHT_GPU_CPU * plan->gpu_cpu[i] +
			 WEIGHT_BALANCE * plan->busy[i]) /
			vcpus;
		ret[FACET_PLAN_EU][i] = eus ? WEIGHT_EU * away / eus : 0;
	}
}

void facet_plan_weigh_memory(const struct facet_plan *plan, const struct facet_plan_state *state,
			     double ret[FACET_PLACE_NODES])
{
	static const double weights[FACET_PLAN_KINDS] = { WEIGHT_MEMORY, WEIGHT_EU };
	double per_node[FACET_PLACE_NODES] = { 0 };

	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
		for (unsigned int i = 0; i < plan->count[kind]; i++)
			per_node[plan->cpu[state->cpu[kind][i]].node] +=
				weights[kind] / plan->count[kind];
	for (unsigned int to = 0; to < plan->nodes; to++) {
		ret[to] = WEIGHT_GPU_MEMORY * plan->gpu_memory[to] +
			  WEIGHT_BALANCE * plan->scarce[to];
		for (unsigned int from = 0; from < plan->nodes; from++)
			ret[to] += per_node[from] * plan->away[from][to];
	}
}

static void cost_of_threads(struct facet_plan *plan, const struct facet_plan_state *state,
			    const double away[FACET_PLACE_NODES], struct facet_place_cost *cost)
{
	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
		for (unsigned int i = 0; i < plan->count[kind]; i++) {
			const struct facet_plan_cpu *cpu = &plan->cpu[state->cpu[kind][i]];

			cost->crowding += facet_plan_crowding(plan, cpu);
			facet_plan_take(plan, state->cpu[kind][i], 1);
			if (kind == FACET_PLAN_EU) {
				cost->eus += WEIGHT_EU * away[cpu->node] / plan->count[kind];
				continue;
			}
			cost->memory += WEIGHT_MEMORY * away[cpu->node] / plan->count[kind];
			cost->gpu += WEIGHT_GPU_CPU * plan->gpu_cpu[cpu->node] / plan->count[kind];
			cost->balance += WEIGHT_BALANCE * plan->busy[cpu->node] / plan->count[kind];
		}
	cost->crowding *= facet_plan_thread_weight(plan);
	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
		for (unsigned int i = 0; i < plan->count[kind]; i++)
			facet_plan_take(plan, state->cpu[kind][i], -1);
}

void facet_plan_cost(struct facet_plan *plan, struct facet_plan_state *state)
{
	struct facet_place_cost cost = { 0 };
	double away[FACET_PLACE_NODES];

	for (unsigned int i = 0; i < plan->nodes; i++) {
		double part = (double)state->memory[i] / (double)plan->memory;

		away[i] = mean_away(plan, state->memory, i);
		cost.gpu += WEIGHT_GPU_MEMORY * plan->gpu_memory[i] * part;
		cost.balance += WEIGHT_BALANCE * plan->scarce[i] * part;
	}
	cost_of_threads(plan, state, away, &cost);
	cost.total = cost.memory + cost.gpu + cost.eus + cost.crowding + cost.balance;
	state->cost = cost;
}
