// SPDX-License-Identifier: GPL-2.0-or-later
/* threads.c - the best CPUs for vCPUs and EUs when it is known where memory is. */
#include <stdlib.h>

#include "place/plan.h"

enum { MAX_SHIFTS = 64 };

struct task {
	struct facet_plan *plan;
	double weight;                                      /* of crowding */
	double linear[FACET_PLAN_KINDS][FACET_PLACE_NODES]; /* of a thread, by node */
	int best[FACET_PLACE_NODES];                        /* the least crowded CPU; -1: none */
	double crowding[FACET_PLACE_NODES];                 /* there */
};

/* Of equals the first, so that neighbours are taken in order. */
static void find_best(struct task *task, unsigned int node)
{
	const struct facet_plan *plan = task->plan;

	task->best[node] = -1;
	if (!(plan->cpu_nodes >> node & 1))
		return;
	for (unsigned int i = plan->first[node]; i < plan->first[node + 1]; i++) {
		const struct facet_plan_cpu *cpu = &plan->cpu[i];
		double crowding;

		if (!cpu->usable || cpu->taken >= plan->most)
			continue;
		crowding = facet_plan_crowding(plan, cpu);
		if (task->best[node] < 0 || crowding < task->crowding[node] - 1e-9) {
			task->best[node] = (int)i;
			task->crowding[node] = crowding;
			if (crowding == 0)
				break;
		}
	}
}

static double cost_in(const struct task *task, int kind, unsigned int node)
{
	return task->linear[kind][node] + task->weight * task->crowding[node];
}

static void take(struct task *task, unsigned int cpu, int threads)
{
	facet_plan_take(task->plan, cpu, threads);
	find_best(task, task->plan->cpu[cpu].node);
}

/* Where one more costs least; -1: nowhere. */
static int choose(const struct task *task, int kind)
{
	int best = -1;

	for (unsigned int i = 0; i < task->plan->nodes; i++)
		if (task->best[i] >= 0 &&
		    (best < 0 ||
		     cost_in(task, kind, i) < cost_in(task, kind, (unsigned int)best) - 1e-9))
			best = (int)i;
	return best < 0 ? -1 : task->best[best];
}

/* By node: the thread of a kind that is there, and the one that is best taken away. -1: none. */
struct inhabitants {
	int some[FACET_PLAN_KINDS][FACET_PLACE_NODES];
	unsigned short *worst[FACET_PLACE_NODES]; /* of state->cpu */
	double relief[FACET_PLACE_NODES];         /* of crowding, without it */
};

static void find_inhabitants(struct task *task, struct facet_plan_state *state,
			     struct inhabitants *ret)
{
	struct facet_plan *plan = task->plan;

	for (unsigned int i = 0; i < plan->nodes; i++) {
		ret->worst[i] = NULL;
		for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
			ret->some[kind][i] = -1;
	}
	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++)
		for (unsigned int i = 0; i < plan->count[kind]; i++) {
			unsigned short *cpu = &state->cpu[kind][i];
			unsigned int node = plan->cpu[*cpu].node;
			double relief;

			facet_plan_take(plan, *cpu, -1);
			relief = task->weight * facet_plan_crowding(plan, &plan->cpu[*cpu]);
			facet_plan_take(plan, *cpu, 1);
			ret->some[kind][node] = (int)i;
			if (!ret->worst[node] || relief > ret->relief[node]) {
				ret->worst[node] = cpu;
				ret->relief[node] = relief;
			}
		}
}

/* A thread goes from @from to @over, and the other kind's one that makes room for it to @to. */
struct shift {
	int kind;                    /* of the first */
	unsigned int from, over, to; /* from == over: it goes to @to itself */
	double gain;
};

/* @before: without what the thread that arrives there costs; @linear: of its kind. */
static void find_end(const struct task *task, const double *linear, struct shift shift,
		     double before, struct shift *best)
{
	for (shift.to = 0; shift.to < task->plan->nodes; shift.to++) {
		shift.gain = before - linear[shift.to] - task->weight * task->crowding[shift.to];
		if (shift.to != shift.from && task->best[shift.to] >= 0 && shift.gain > best->gain)
			*best = shift;
	}
}

static struct shift find_shift(const struct task *task, const struct inhabitants *here)
{
	const unsigned int nodes = task->plan->nodes;
	struct shift best = { .gain = 1e-9 };

	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++) {
		const double *mine = task->linear[kind], *other = task->linear[!kind];

		for (unsigned int from = 0; from < nodes; from++) {
			struct shift shift = { .kind = kind, .from = from, .over = from };
			double before = here->relief[from] + mine[from];

			if (here->some[kind][from] < 0)
				continue;
			find_end(task, mine, shift, before, &best);
			for (shift.over = 0; shift.over < nodes; shift.over++)
				if (shift.over != from && here->some[!kind][shift.over] >= 0)
					find_end(task, other, shift,
						 before - mine[shift.over] + other[shift.over],
						 &best);
		}
	}
	return best;
}

static void swap(unsigned short *a, unsigned short *b)
{
	unsigned short was = *a;

	*a = *b;
	*b = was;
}

static bool shift_threads(struct task *task, struct facet_plan_state *state)
{
	struct inhabitants here;
	struct shift shift;
	unsigned short *goes, *steps;
	unsigned int left;

	find_inhabitants(task, state, &here);
	shift = find_shift(task, &here);
	if (shift.gain <= 1e-9)
		return false;
	/* CPUs of one node are alike but for crowding: the worst is the one left. */
	goes = &state->cpu[shift.kind][here.some[shift.kind][shift.from]];
	swap(goes, here.worst[shift.from]);
	left = *goes;
	if (shift.over != shift.from) {
		steps = &state->cpu[!shift.kind][here.some[!shift.kind][shift.over]];
		*goes = *steps;
		goes = steps;
	}
	*goes = (unsigned short)task->best[shift.to];
	take(task, left, -1);
	take(task, *goes, 1);
	return true;
}

static int compare_by_kind(const void *a, const void *b, void *arg)
{
	const struct task *task = arg;
	const unsigned int x = *(const unsigned short *)a, y = *(const unsigned short *)b;
	const unsigned int m = task->plan->cpu[x].node, n = task->plan->cpu[y].node;
	double left = task->linear[FACET_PLAN_VCPU][m] - task->linear[FACET_PLAN_EU][m];
	double right = task->linear[FACET_PLAN_VCPU][n] - task->linear[FACET_PLAN_EU][n];

	if (left != right)
		return left < right ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The same CPUs, but each kind on those where it gains most. */
static void exchange_kinds(struct task *task, struct facet_plan_state *state)
{
	const unsigned int vcpus = task->plan->count[FACET_PLAN_VCPU];
	const unsigned int eus = task->plan->count[FACET_PLAN_EU];
	unsigned short all[2 * FACET_PLACE_VCPUS];

	for (unsigned int i = 0; i < vcpus + eus; i++)
		all[i] = i < vcpus ? state->cpu[FACET_PLAN_VCPU][i]
				   : state->cpu[FACET_PLAN_EU][i - vcpus];
	qsort_r(all, vcpus + eus, sizeof(all[0]), compare_by_kind, task);
	for (unsigned int i = 0; i < vcpus + eus; i++)
		*(i < vcpus ? &state->cpu[FACET_PLAN_VCPU][i]
			    : &state->cpu[FACET_PLAN_EU][i - vcpus]) = all[i];
}

static int compare_cpus(const void *a, const void *b)
{
	return *(const unsigned short *)a - *(const unsigned short *)b;
}

bool facet_plan_put_threads(struct facet_plan *plan, struct facet_plan_state *state, bool thorough)
{
	struct task task = { .plan = plan, .weight = facet_plan_thread_weight(plan) };
	unsigned int done[FACET_PLAN_KINDS] = { 0 };
	bool all = true;

	facet_plan_weigh_threads(plan, state->memory, task.linear);
	for (unsigned int i = 0; i < plan->nodes; i++)
		find_best(&task, i);
	for (int kind = 0; kind < FACET_PLAN_KINDS && all; kind++)
		for (; done[kind] < plan->count[kind]; done[kind]++) {
			int cpu = choose(&task, kind);

			all = cpu >= 0;
			if (!all)
				break;
			state->cpu[kind][done[kind]] = (unsigned short)cpu;
			take(&task, (unsigned int)cpu, 1);
		}
	thorough = thorough && all && plan->count[FACET_PLAN_EU];
	for (int round = 0; thorough && round < MAX_SHIFTS; round++) {
		exchange_kinds(&task, state);
		if (!shift_threads(&task, state))
			break;
	}
	for (int kind = 0; kind < FACET_PLAN_KINDS; kind++) {
		for (unsigned int i = 0; i < done[kind]; i++)
			facet_plan_take(plan, state->cpu[kind][i], -1);
		qsort(state->cpu[kind], done[kind], sizeof(state->cpu[kind][0]), compare_cpus);
	}
	return all;
}
