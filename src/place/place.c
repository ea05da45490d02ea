// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * place.c - searches for the placement that costs least, and keeps books of those made.
 *
 * DOC: The search
 *
 * For given memory the best CPUs are found directly (threads.c), for given threads the best memory:
 * nodes in the order of what a byte costs there, each until it is full. Doing both in turns never
 * gets worse, and ends where neither can be bettered alone. Where it begins decides where it ends:
 * many beginnings, each around a node or a pair of near ones, are looked at, and the most promising
 * ones followed to their ends. optimum_test.c compares the answer with the best of all placements.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "place/plan.h"

enum {
	MAX_TURNS = 16,
	NEAR = 4,    /* neighbours that a node is paired with */
	FOLLOW = 12, /* beginnings */
	KEEP = FACET_PLACE_RUNNERS_UP + 1,
};

struct search {
	struct facet_plan plan;
	struct facet_plan_state best, now;
	bool found;
	struct facet_place_candidate kept[KEEP]; /* best first, each of other nodes */
	unsigned int kept_count;
};

/* --- candidates --- */

static struct facet_place_candidate describe(const struct facet_plan *plan,
					     const struct facet_plan_state *state)
{
	struct facet_place_candidate ret = { .cost = state->cost };

	for (unsigned int i = 0; i < plan->nodes; i++)
		if (state->memory[i])
			ret.memory_nodes |= 1ULL << i;
	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
		for (unsigned int i = 0; i < plan->count[kind]; i++)
			ret.cpu_nodes |= 1ULL << plan->cpu[state->cpu[kind][i]].node;
	return ret;
}

static void keep(struct search *search, const struct facet_plan_state *state)
{
	struct facet_place_candidate new = describe(&search->plan, state);
	unsigned int at = 0, last;

	while (at < search->kept_count && search->kept[at].cost.total <= new.cost.total) {
		if (search->kept[at].memory_nodes == new.memory_nodes &&
		    search->kept[at].cpu_nodes == new.cpu_nodes)
			return;
		at++;
	}
	if (at == KEEP)
		return;
	/* A worse one of the same nodes makes room, or else the last. */
	for (last = at; last < search->kept_count; last++)
		if (search->kept[last].memory_nodes == new.memory_nodes &&
		    search->kept[last].cpu_nodes == new.cpu_nodes)
			break;
	if (last == search->kept_count && search->kept_count < KEEP)
		search->kept_count++;
	if (last == KEEP)
		last--;
	memmove(&search->kept[at + 1], &search->kept[at], (last - at) * sizeof(new));
	search->kept[at] = new;
}

/* Threads for the memory in search->now; false: there is no room. */
static bool try_threads(struct search *search, bool thorough)
{
	if (!facet_plan_put_threads(&search->plan, &search->now, thorough))
		return false;
	facet_plan_cost(&search->plan, &search->now);
	keep(search, &search->now);
	if (!search->found || search->now.cost.total < search->best.cost.total - 1e-12)
		search->best = search->now;
	search->found = true;
	return true;
}

/* --- memory --- */

struct by_cost {
	double cost;
	unsigned int node;
};

static int compare_costs(const void *a, const void *b)
{
	const struct by_cost *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

/* False: it does not fit. */
static bool fill_memory(const struct facet_plan *plan, const double cost[FACET_PLACE_NODES],
			uint64_t ret[FACET_PLACE_NODES])
{
	struct by_cost order[FACET_PLACE_NODES];
	uint64_t left = plan->memory;

	for (unsigned int i = 0; i < plan->nodes; i++)
		order[i] = (struct by_cost){ cost[i], i };
	qsort(order, plan->nodes, sizeof(order[0]), compare_costs);
	for (unsigned int i = 0; i < plan->nodes; i++) {
		uint64_t *part = &ret[order[i].node], room = plan->capacity[order[i].node];

		*part = left < room ? left : room;
		left -= *part;
	}
	return left == 0;
}

/* Where it is best for the threads as they are. */
static void follow_threads(struct search *search)
{
	double cost[FACET_PLACE_NODES];

	facet_plan_weigh_memory(&search->plan, &search->now, cost);
	fill_memory(&search->plan, cost, search->now.memory);
}

/* Memory as near to these two as there is room. */
static void put_around(struct search *search, unsigned int node, unsigned int second)
{
	const struct facet_plan *plan = &search->plan;
	double cost[FACET_PLACE_NODES];

	for (unsigned int i = 0; i < plan->nodes; i++)
		cost[i] = plan->away[node][i] + plan->away[second][i] + 1 + 1e-3 * plan->scarce[i];
	cost[second] = 1e-6;
	cost[node] = 0;
	fill_memory(plan, cost, search->now.memory);
}

/* Threads as if all memory were there, whether there is room or not; then memory near them. */
static void put_beside(struct search *search, unsigned int node, unsigned int second)
{
	memset(search->now.memory, 0, sizeof(search->now.memory));
	search->now.memory[node] = search->plan.memory / 2;
	search->now.memory[second] += search->plan.memory - search->plan.memory / 2;
	if (facet_plan_put_threads(&search->plan, &search->now, false))
		follow_threads(search);
}

struct beginning {
	double cost;
	unsigned int node, second;
	bool beside;
};

static void begin(struct search *search, const struct beginning *at)
{
	if (at->beside)
		put_beside(search, at->node, at->second);
	else
		put_around(search, at->node, at->second);
}

static int compare_beginnings(const void *a, const void *b)
{
	const struct beginning *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->node != y->node ? (int)x->node - (int)y->node : (int)x->second - (int)y->second;
}

/* How many of the nodes are nearer to @node than @other is. */
static unsigned int rank(const struct facet_plan *plan, unsigned int node, unsigned int other)
{
	const double *away = plan->away[node];
	unsigned int nearer = 0;

	for (unsigned int i = 0; i < plan->nodes; i++)
		nearer += i != node &&
			  (away[i] < away[other] || (away[i] == away[other] && i < other));
	return nearer;
}

/* All of them, the most promising first. */
static unsigned int look_at_beginnings(struct search *search, struct beginning *ret)
{
	const struct facet_plan *plan = &search->plan;
	unsigned int count = 0;

	for (unsigned int i = 0; i < plan->nodes; i++)
		for (unsigned int j = 0; j < plan->nodes; j++) {
			if (i != j && rank(plan, i, j) >= NEAR)
				continue;
			for (int beside = 0; beside < 2; beside++) {
				struct beginning at = { 0, i, j, beside };

				if (!beside && i != j && plan->capacity[i] >= plan->memory)
					continue;
				begin(search, &at);
				if (!try_threads(search, false))
					continue;
				at.cost = search->now.cost.total;
				ret[count++] = at;
			}
		}
	qsort(ret, count, sizeof(*ret), compare_beginnings);
	return count;
}

/* --- policies --- */

static void descend(struct search *search)
{
	double before;

	if (!try_threads(search, true))
		return;
	for (int turn = 0; turn < MAX_TURNS; turn++) {
		before = search->now.cost.total;
		follow_threads(search);
		if (!try_threads(search, true) || search->now.cost.total > before - 1e-12)
			break;
	}
}

static void search_near(struct search *search)
{
	struct beginning all[2 * FACET_PLACE_NODES * (NEAR + 1)];
	unsigned int count = look_at_beginnings(search, all), followed = 0;

	for (unsigned int i = 0; i < count && followed < FOLLOW; i++) {
		if (i && all[i].cost == all[i - 1].cost)
			continue; /* most likely the same */
		begin(search, &all[i]);
		descend(search);
		followed++;
	}
}

/* All of it in one node, or nothing. */
static void search_one(struct search *search)
{
	struct facet_plan *plan = &search->plan;
	const unsigned int wanted = plan->count[FACET_PLAN_VCPU] + plan->count[FACET_PLAN_EU];

	for (unsigned int i = 0; i < plan->nodes; i++) {
		unsigned int usable = 0;

		for (unsigned int cpu = plan->first[i]; cpu < plan->first[i + 1]; cpu++)
			usable += plan->cpu[cpu].usable;
		if (plan->capacity[i] < plan->memory || usable < wanted)
			continue;
		memset(search->now.memory, 0, sizeof(search->now.memory));
		search->now.memory[i] = plan->memory;
		plan->cpu_nodes = 1ULL << i;
		try_threads(search, true);
	}
}

/* Evenly over nodes with CPUs; what does not fit into one goes to the others. */
static void search_spread(struct search *search)
{
	struct facet_plan *plan = &search->plan;
	uint64_t left = plan->memory;

	memset(search->now.memory, 0, sizeof(search->now.memory));
	while (left) {
		unsigned int nodes = 0;
		uint64_t part, before = left;

		for (unsigned int i = 0; i < plan->nodes; i++)
			nodes += plan->first[i + 1] > plan->first[i] &&
				 search->now.memory[i] < plan->capacity[i];
		if (!nodes)
			return;
		part = left / nodes / plan->page * plan->page;
		part = part ? part : plan->page;
		for (unsigned int i = 0; i < plan->nodes && left; i++) {
			uint64_t room = plan->capacity[i] - search->now.memory[i];
			uint64_t more = part < room ? part : room;

			if (plan->first[i + 1] == plan->first[i])
				continue;
			more = more < left ? more : left;
			search->now.memory[i] += more;
			left -= more;
		}
		if (left == before)
			return;
	}
	try_threads(search, true);
}

/* --- the answer --- */

static void find_emulator(const struct facet_plan *plan, struct facet_placement *ret)
{
	uint64_t nodes = ret->chosen.cpu_nodes;
	bool idle = false;

	for (unsigned int i = 0; i < plan->cpus; i++)
		if (nodes >> plan->cpu[i].node & 1 && plan->cpu[i].usable &&
		    !CPU_ISSET(plan->cpu[i].os, &ret->vcpu_set) &&
		    !CPU_ISSET(plan->cpu[i].os, &ret->eu_set)) {
			/* Those that nobody has at all, if there are any. */
			if (plan->cpu[i].load == 0 && !idle)
				CPU_ZERO(&ret->emulator);
			idle |= plan->cpu[i].load == 0;
			if (plan->cpu[i].load == 0 || !idle)
				CPU_SET(plan->cpu[i].os, &ret->emulator);
		}
	ret->emulator_apart = CPU_COUNT(&ret->emulator) > 0;
	for (unsigned int i = 0; !ret->emulator_apart && i < plan->cpus; i++)
		if (nodes >> plan->cpu[i].node & 1 && plan->cpu[i].usable)
			CPU_SET(plan->cpu[i].os, &ret->emulator);
}

static void write_answer(const struct search *search, struct facet_placement *ret)
{
	const struct facet_plan *plan = &search->plan;
	const struct facet_plan_state *best = &search->best;

	*ret = (struct facet_placement){ .vcpu_count = plan->count[FACET_PLAN_VCPU],
					 .eu_count = plan->count[FACET_PLAN_EU],
					 .overcommitted = plan->overcommitted,
					 .chosen = describe(plan, best) };
	for (unsigned int i = 0; i < ret->vcpu_count; i++) {
		ret->vcpus[i] = plan->cpu[best->cpu[FACET_PLAN_VCPU][i]].os;
		CPU_SET(ret->vcpus[i], &ret->vcpu_set);
	}
	for (unsigned int i = 0; i < ret->eu_count; i++) {
		ret->eus[i] = plan->cpu[best->cpu[FACET_PLAN_EU][i]].os;
		CPU_SET(ret->eus[i], &ret->eu_set);
	}
	memcpy(ret->memory, best->memory, sizeof(ret->memory));
	find_emulator(plan, ret);
	for (unsigned int i = 0; i < search->kept_count; i++) {
		const struct facet_place_candidate *other = &search->kept[i];

		if ((other->memory_nodes != ret->chosen.memory_nodes ||
		     other->cpu_nodes != ret->chosen.cpu_nodes) &&
		    ret->runner_up_count < FACET_PLACE_RUNNERS_UP)
			ret->runners_up[ret->runner_up_count++] = *other;
	}
}

static int nothing_found(const struct facet_place_request *request, struct facet_error *err)
{
	if (request->policy == FACET_PLACE_STRICT)
		return facet_error_set(err, -ENOSPC,
				       "no node has %u CPUs and enough memory for all of this VM: "
				       "allow it several (policy prefer), or ask for less",
				       request->vcpus + request->eus);
	return facet_error_set(err, -ENOSPC,
			       "nodes with CPUs have not enough memory: use policy prefer, which "
			       "takes other nodes too");
}

int facet_place(const struct facet_topology *topology, const struct facet_place_load *load,
		const struct facet_place_request *request, struct facet_placement *ret,
		struct facet_error *err)
{
	facet_autofree struct search *search = calloc(1, sizeof(*search));
	int r;

	if (!search)
		return facet_error_set(err, -ENOMEM, "out of memory");
	r = facet_plan_init(&search->plan, topology, load, request, err);
	if (r)
		return r;
	if (request->policy == FACET_PLACE_STRICT)
		search_one(search);
	else if (request->policy == FACET_PLACE_SPREAD)
		search_spread(search);
	else
		search_near(search);
	if (!search->found)
		return nothing_found(request, err);
	write_answer(search, ret);
	return 0;
}

/* --- judging --- */

/* The plan's index of a CPU; -1: not in it. */
static int find_cpu(const struct facet_plan *plan, unsigned short os)
{
	for (unsigned int i = 0; i < plan->cpus; i++)
		if (plan->cpu[i].os == os)
			return (int)i;
	return -1;
}

static int take_over(struct search *search, const struct facet_placement *placement)
{
	const struct facet_plan *plan = &search->plan;

	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
		for (unsigned int i = 0; i < plan->count[kind]; i++) {
			int cpu = find_cpu(plan, kind == FACET_PLAN_EU ? placement->eus[i]
								       : placement->vcpus[i]);

			if (cpu < 0)
				return -EINVAL;
			search->now.cpu[kind][i] = (unsigned short)cpu;
		}
	memcpy(search->now.memory, placement->memory, sizeof(search->now.memory));
	return 0;
}

int facet_place_judge(const struct facet_topology *topology, const struct facet_place_load *load,
		      const struct facet_place_request *request, struct facet_placement *placement)
{
	facet_autofree struct search *search = calloc(1, sizeof(*search));
	uint64_t sum = 0;
	int r;

	if (!search)
		return -ENOMEM;
	r = facet_plan_init(&search->plan, topology, load, request, NULL);
	for (unsigned int i = 0; !r && i < search->plan.nodes; i++)
		sum += placement->memory[i];
	if (r || sum != search->plan.memory || take_over(search, placement))
		return -EINVAL;
	facet_plan_cost(&search->plan, &search->now);
	placement->chosen = describe(&search->plan, &search->now);
	return 0;
}

/* --- books --- */

static void count(const struct facet_topology *topology, const struct facet_place_request *request,
		  const struct facet_placement *placement, unsigned int vcpu_percent, int sign,
		  struct facet_place_load *load)
{
	for (unsigned int i = 0; i < placement->vcpu_count; i++)
		load->cpu[placement->vcpus[i]] += (unsigned int)(sign * (int)vcpu_percent);
	for (unsigned int i = 0; i < placement->eu_count; i++)
		load->cpu[placement->eus[i]] += (unsigned int)(sign * 100);
	for (unsigned int i = 0; i < topology->node_count; i++) {
		if (!request->page_size) {
			load->memory[i] += (uint64_t)sign * placement->memory[i];
			continue;
		}
		for (int size = 0; size < FACET_PLACE_PAGE_SIZES; size++)
			if (topology->nodes[i].huge[size].size == request->page_size)
				load->huge[i][size] += (uint64_t)sign *
						       (placement->memory[i] / request->page_size);
	}
	if (request->exclusive && sign > 0) {
		CPU_OR(&load->exclusive, &load->exclusive, &placement->vcpu_set);
		CPU_OR(&load->exclusive, &load->exclusive, &placement->eu_set);
	} else if (request->exclusive) {
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &placement->vcpu_set) ||
			    CPU_ISSET(cpu, &placement->eu_set))
				CPU_CLR(cpu, &load->exclusive);
	}
}

void facet_place_add(const struct facet_topology *topology,
		     const struct facet_place_request *request,
		     const struct facet_placement *placement, unsigned int vcpu_percent,
		     struct facet_place_load *load)
{
	count(topology, request, placement, vcpu_percent, 1, load);
}

void facet_place_remove(const struct facet_topology *topology,
			const struct facet_place_request *request,
			const struct facet_placement *placement, unsigned int vcpu_percent,
			struct facet_place_load *load)
{
	count(topology, request, placement, vcpu_percent, -1, load);
}
