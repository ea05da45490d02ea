/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan.h - one question of facet_place(), prepared for being answered. Inside the room only. */
#ifndef FACET_PLACE_PLAN_H
#define FACET_PLACE_PLAN_H

#include "place/place.h"

/*
 * Half a CPU's speed is worse than far memory, which costs a third of it at 2.0 times the latency;
 * two threads of one core have some two thirds of its speed each.
 */
#define WEIGHT_MEMORY     1.0
#define WEIGHT_GPU_MEMORY 0.5
#define WEIGHT_GPU_CPU    0.25
#define WEIGHT_EU         0.5
#define WEIGHT_CROWDING   3.0
#define WEIGHT_BALANCE    0.05

#define PAIR_ON_CPU  1.0
#define PAIR_ON_CORE 0.3

struct facet_plan_cpu {
	unsigned short os, node, core;
	bool usable;
	double load;        /* threads of others; 1 is one that always runs */
	unsigned int taken; /* threads of ours */
};

struct facet_plan_core {
	unsigned int cpus;
	double load; /* of all its CPUs, ours too */
	double pair; /* what a thread on one of them costs one on another */
};

/* vCPUs and EUs are placed by the same rules, and weigh differently. */
enum facet_plan_kind { FACET_PLAN_VCPU, FACET_PLAN_EU, FACET_PLAN_KINDS };

struct facet_plan {
	unsigned int nodes, cpus, most; /* @most of our threads on one CPU */
	unsigned int count[FACET_PLAN_KINDS];
	uint64_t memory, page; /* bytes */
	bool overcommitted;
	uint64_t cpu_nodes; /* where threads may go: bit i */

	/* By node: the distance beyond local, and what follows from it for each. */
	double away[FACET_PLACE_NODES][FACET_PLACE_NODES];
	double gpu_memory[FACET_PLACE_NODES], gpu_cpu[FACET_PLACE_NODES];
	double scarce[FACET_PLACE_NODES]; /* 0: most memory free; 1: none */
	double busy[FACET_PLACE_NODES];   /* threads of others on each CPU */
	uint64_t capacity[FACET_PLACE_NODES];

	/* CPUs of one node stand together, in the order of the topology. */
	unsigned int first[FACET_PLACE_NODES + 1];
	struct facet_plan_cpu cpu[CPU_SETSIZE];
	struct facet_plan_core core[CPU_SETSIZE];
};

/* An answer: cpu[] are indices in the plan's. */
struct facet_plan_state {
	uint64_t memory[FACET_PLACE_NODES];
	unsigned short cpu[FACET_PLAN_KINDS][FACET_PLACE_VCPUS];
	struct facet_place_cost cost;
};

/* --- plan.c --- */

/* Checks the request. 0, -EINVAL or -ENOSPC with a sentence. */
int facet_plan_init(struct facet_plan *plan, const struct facet_topology *topology,
		    const struct facet_place_load *load, const struct facet_place_request *request,
		    struct facet_error *err);

/* --- cost.c --- */

/* What one more thread on this CPU suffers from those that are there, and they from it. */
double facet_plan_crowding(const struct facet_plan *plan, const struct facet_plan_cpu *cpu);
void facet_plan_take(struct facet_plan *plan, unsigned int cpu, int threads);
/* Of one thread, by node, without crowding: @ret[kind][node]. */
void facet_plan_weigh_threads(const struct facet_plan *plan, const uint64_t *memory,
			      double ret[FACET_PLAN_KINDS][FACET_PLACE_NODES]);
/* Of all memory on one node. */
void facet_plan_weigh_memory(const struct facet_plan *plan, const struct facet_plan_state *state,
			     double ret[FACET_PLACE_NODES]);
double facet_plan_thread_weight(const struct facet_plan *plan); /* of one thread's crowding */
/* Fills state->cost; leaves no thread taken. */
void facet_plan_cost(struct facet_plan *plan, struct facet_plan_state *state);

/* --- threads.c --- */

/*
 * Good CPUs for this memory; @thorough: the best ones. Without EUs they are the same. False: there
 * are not as many.
 */
bool facet_plan_put_threads(struct facet_plan *plan, struct facet_plan_state *state, bool thorough);

#endif
