// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * optimum_test.c - random hosts of 2 to 16 nodes: is facet_place()'s answer the best there is?
 *
 * The best is found without any of the search's ideas: every way to put the threads on CPUs, and
 * for each of them every corner of what memory can be, or with many nodes the cheapest nodes first,
 * which is exact because the cost is linear in memory then. The cost is worked out anew from the
 * words above cost.c.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "place/place.h"
#include "place/plan.h"

enum {
	HOSTS = 500,
	CORNERS_UP_TO = 5, /* nodes */
	WAYS = 20000,      /* to put threads on CPUs, at most */
};

#define GIB (1ULL << 30)

static uint64_t state = 0x5eed;

static unsigned int any(unsigned int below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)((state >> 16) % below);
}

/* --- hosts --- */

struct host {
	struct facet_topology topology;
	struct facet_place_load load;
	struct facet_place_request request;
	uint64_t room[FACET_PLACE_NODES];
	double ways;
};

static void make_distances(struct facet_topology *t)
{
	const bool packages = any(2), even = any(4) > 0;

	t->distance_known = true;
	for (unsigned int i = 0; i < t->node_count; i++)
		for (unsigned int j = 0; j < t->node_count; j++) {
			unsigned int d = packages && i / 2 == j / 2 ? 12 : 15 + any(20);

			t->distance[i][j] = (unsigned short)(i == j ? 10 : d);
			if (even && j < i)
				t->distance[i][j] = t->distance[j][i];
		}
}

static void make_cpus(struct host *host, unsigned int most)
{
	static const unsigned int loads[] = { 0, 0, 0, 0, 25, 50, 100, 200 };
	struct facet_topology *t = &host->topology;
	unsigned int core = 0, os = 0;

	for (unsigned int node = 0; node < t->node_count; node++) {
		unsigned int cpus = any(5) ? 1 + any(most) : 0, threads = 1 + any(2);

		if (node == t->node_count - 1 && !t->cpu_count)
			cpus = 1;
		for (unsigned int i = 0; i < cpus; i++) {
			os += 1 + (any(6) == 0); /* one that is offline */
			t->cpus[t->cpu_count++] = (struct facet_topology_cpu){
				.os = (unsigned short)os,
				.node = (unsigned short)node,
				.core = (unsigned short)(core + i / threads),
			};
			host->load.cpu[os] = loads[any(8)];
		}
		core += cpus;
	}
}

/* Multisets of @k of @n. */
static double multisets(double n, unsigned int k)
{
	double ways = 1;

	for (unsigned int i = 0; i < k; i++)
		ways = ways * (n + i) / (i + 1);
	return ways;
}

static void make_request(struct host *host)
{
	const struct facet_topology *t = &host->topology;
	struct facet_place_request *r = &host->request;
	uint64_t sum = 0, most = 0;

	for (unsigned int i = 0; i < t->node_count; i++) {
		sum += host->room[i];
		most = host->room[i] > most ? host->room[i] : most;
	}
	/* It fits into one node, or it needs some, or nearly all. */
	r->memory = (any(3) ? most : sum) / 4096 * (256 + any(3840)) + 1;
	r->gpu_count = any(4);
	for (unsigned int i = 0; i < r->gpu_count; i++)
		r->gpus[i] = (int)any(t->node_count + 1) - 1;
	do {
		r->vcpus = 1 + any(6);
		r->eus = any(2) ? any(4) : 0;
		host->ways = multisets(t->cpu_count, r->vcpus) * multisets(t->cpu_count, r->eus);
	} while (host->ways > WAYS);
}

static void make_host(struct host *host, unsigned int nodes)
{
	struct facet_topology *t = &host->topology;

	memset(host, 0, sizeof(*host));
	t->node_count = nodes;
	for (unsigned int i = 0; i < nodes; i++) {
		uint64_t memory = any(6) ? (1 + any(16)) * GIB : 0;

		if (i == nodes - 1 || any(3) == 0)
			memory += GIB;
		t->nodes[i] = (struct facet_topology_node){ .os = i, .memory = memory };
		t->nodes[i].memory_free = memory;
		if (memory)
			host->load.memory[i] = any((unsigned int)(memory / GIB)) * GIB;
		host->room[i] = memory - host->load.memory[i];
	}
	make_distances(t);
	make_cpus(host, nodes > 8 ? 3 : 5);
	make_request(host);
}

/* --- the cost, from its words --- */

struct threads {
	unsigned int count, vcpus; /* the first ones are vCPUs */
	unsigned int cpu[16];      /* in topology.cpus */
};

static double away(const struct host *host, unsigned int from, unsigned int to)
{
	return host->topology.distance[from][to] / 10.0 - 1;
}

static double to_gpus(const struct host *host, unsigned int node, bool from_gpu)
{
	unsigned int known = 0;
	double sum = 0;

	for (unsigned int i = 0; i < host->request.gpu_count; i++) {
		int gpu = host->request.gpus[i];

		if (gpu < 0)
			continue;
		known++;
		sum += from_gpu ? away(host, (unsigned int)gpu, node)
				: away(host, node, (unsigned int)gpu);
	}
	return known ? sum / known : 0;
}

static double load_of(const struct host *host, unsigned int cpu)
{
	return host->load.cpu[host->topology.cpus[cpu].os] / 100.0;
}

static double pairs_of(const struct host *host, const struct threads *threads)
{
	const struct facet_topology *t = &host->topology;
	double sum = 0;

	for (unsigned int i = 0; i < threads->count; i++) {
		const struct facet_topology_cpu *cpu = &t->cpus[threads->cpu[i]];
		unsigned int siblings = 0;
		double beside = 0;

		sum += PAIR_ON_CPU * load_of(host, threads->cpu[i]);
		for (unsigned int j = 0; j < t->cpu_count; j++)
			if (t->cpus[j].core == cpu->core && j != threads->cpu[i]) {
				siblings++;
				beside += load_of(host, j);
			}
		for (unsigned int j = 0; j < i; j++) {
			if (threads->cpu[i] == threads->cpu[j])
				sum += PAIR_ON_CPU;
			else if (t->cpus[threads->cpu[j]].core == cpu->core)
				beside += 1;
		}
		sum += siblings ? PAIR_ON_CORE * beside / siblings : 0;
	}
	return WEIGHT_CROWDING * sum / threads->count;
}

static double busy(const struct host *host, unsigned int node)
{
	unsigned int cpus = 0;
	double sum = 0;

	for (unsigned int i = 0; i < host->topology.cpu_count; i++)
		if (host->topology.cpus[i].node == node) {
			cpus++;
			sum += load_of(host, i);
		}
	return sum / cpus;
}

/* What does not depend on memory; and of each byte, what it costs on each node. */
static double cost_of_threads(const struct host *host, const struct threads *threads,
			      double ret_memory[FACET_PLACE_NODES])
{
	const struct facet_topology *t = &host->topology;
	double sum = pairs_of(host, threads), most = 1;

	for (unsigned int i = 0; i < t->node_count; i++)
		most = (double)host->room[i] > most ? (double)host->room[i] : most;
	for (unsigned int i = 0; i < t->node_count; i++)
		ret_memory[i] = WEIGHT_GPU_MEMORY * to_gpus(host, i, true) +
				WEIGHT_BALANCE * (1 - (double)host->room[i] / most);
	for (unsigned int i = 0; i < threads->count; i++) {
		unsigned int node = t->cpus[threads->cpu[i]].node;
		bool vcpu = i < threads->vcpus;
		double part = vcpu ? WEIGHT_MEMORY / threads->vcpus
				   : WEIGHT_EU / (threads->count - threads->vcpus);

		if (vcpu)
			sum += (WEIGHT_GPU_CPU * to_gpus(host, node, false) +
				WEIGHT_BALANCE * busy(host, node)) /
			       threads->vcpus;
		for (unsigned int j = 0; j < t->node_count; j++)
			ret_memory[j] += part * away(host, node, j);
	}
	return sum;
}

/* --- every placement --- */

static uint64_t rounded(const struct host *host)
{
	return (host->request.memory + 4095) / 4096 * 4096;
}

/* Some nodes are full, one is in part, others are empty: the corners of what is possible. */
static double least_of_corners(const struct host *host, const double memory[FACET_PLACE_NODES])
{
	const unsigned int nodes = host->topology.node_count;
	const uint64_t all = rounded(host);
	double best = INFINITY;

	for (unsigned int full = 0; full < 1U << nodes; full++)
		for (unsigned int last = 0; last < nodes; last++) {
			uint64_t sum = 0;
			double cost = 0;

			if (full >> last & 1)
				continue;
			for (unsigned int i = 0; i < nodes; i++)
				if (full >> i & 1) {
					sum += host->room[i];
					cost += memory[i] * (double)host->room[i];
				}
			if (sum > all || all - sum > host->room[last])
				continue;
			cost += memory[last] * (double)(all - sum);
			best = fmin(best, cost / (double)all);
		}
	return best;
}

static double least_by_order(const struct host *host, const double memory[FACET_PLACE_NODES])
{
	const unsigned int nodes = host->topology.node_count;
	uint64_t left = rounded(host);
	unsigned int used = 0;
	double cost = 0;

	while (left) {
		unsigned int best = nodes;
		uint64_t part;

		for (unsigned int i = 0; i < nodes; i++)
			if (!(used >> i & 1) && (best == nodes || memory[i] < memory[best]))
				best = i;
		used |= 1U << best;
		part = left < host->room[best] ? left : host->room[best];
		cost += memory[best] * (double)part;
		left -= part;
	}
	return cost / (double)rounded(host);
}

static double least_cost(const struct host *host, struct threads *threads, unsigned int at)
{
	const unsigned int nodes = host->topology.node_count;
	double memory[FACET_PLACE_NODES], best = INFINITY;
	bool first = at == 0 || at == threads->vcpus;

	if (at == threads->count) {
		double cost = cost_of_threads(host, threads, memory);

		return cost + (nodes <= CORNERS_UP_TO ? least_of_corners(host, memory)
						      : least_by_order(host, memory));
	}
	/* Threads of one kind are alike: in rising order. */
	for (unsigned int cpu = first ? 0 : threads->cpu[at - 1]; cpu < host->topology.cpu_count;
	     cpu++) {
		threads->cpu[at] = cpu;
		best = fmin(best, least_cost(host, threads, at + 1));
	}
	return best;
}

/* --- tests --- */

/* The answer keeps to what there is, and costs what it says. */
static void check_answer(const struct host *host, const struct facet_placement *answer)
{
	const struct facet_topology *t = &host->topology;
	struct threads threads = { .vcpus = answer->vcpu_count,
				   .count = answer->vcpu_count + answer->eu_count };
	double memory[FACET_PLACE_NODES], cost;
	struct facet_placement again = *answer;
	uint64_t sum = 0;

	assert_int_equal(answer->vcpu_count, host->request.vcpus);
	assert_int_equal(answer->eu_count, host->request.eus);
	for (unsigned int i = 0; i < threads.count; i++) {
		unsigned int os =
			i < threads.vcpus ? answer->vcpus[i] : answer->eus[i - threads.vcpus];

		threads.cpu[i] = t->cpu_count;
		for (unsigned int j = 0; j < t->cpu_count; j++)
			if (t->cpus[j].os == os)
				threads.cpu[i] = j;
		assert_in_range(threads.cpu[i], 0, t->cpu_count - 1);
	}
	cost = cost_of_threads(host, &threads, memory);
	for (unsigned int i = 0; i < t->node_count; i++) {
		assert_in_range(answer->memory[i], 0, host->room[i]);
		sum += answer->memory[i];
		cost += memory[i] * (double)answer->memory[i] / (double)rounded(host);
	}
	assert_int_equal(sum, rounded(host));
	assert_true(fabs(cost - answer->chosen.cost.total) < 1e-9);
	assert_int_equal(facet_place_judge(t, &host->load, &host->request, &again), 0);
	assert_true(fabs(cost - again.chosen.cost.total) < 1e-9);
	for (unsigned int i = 0; i < answer->runner_up_count; i++)
		assert_true(answer->runners_up[i].cost.total >= cost - 1e-9);
}

static void test_optimum(void **arg)
{
	static struct facet_placement answer;
	static struct host host;
	unsigned int exact = 0, worse = 0;
	double worst = 0, ways = 0;
	struct facet_error err;

	(void)arg;
	for (unsigned int i = 0; i < HOSTS; i++) {
		struct threads threads;
		double best, got;

		make_host(&host, 2 + i % 15);
		threads = (struct threads){ .vcpus = host.request.vcpus,
					    .count = host.request.vcpus + host.request.eus };
		if (facet_place(&host.topology, &host.load, &host.request, &answer, &err))
			fail_msg("host %u: %s", i, err.text);
		check_answer(&host, &answer);
		got = answer.chosen.cost.total;
		best = least_cost(&host, &threads, 0);
		ways += host.ways;
		/* Better than the best: one of the two is wrong. */
		assert_true(got >= best - 1e-9);
		exact += got <= best + 1e-9;
		worse += got > best * 1.01 + 1e-9;
		if (got > best + 1e-9 && got / best - 1 > worst)
			worst = got / best - 1;
		if (got > best * 1.01 + 1e-9)
			print_message("host %u: %u nodes, %u vCPUs, %u EUs: %.6f, best is %.6f\n",
				      i, host.topology.node_count, host.request.vcpus,
				      host.request.eus, got, best);
	}
	print_message("%d hosts, %.0f ways on average: %u exact, the worst %.3f %% above\n", HOSTS,
		      ways / HOSTS, exact, worst * 100);
	assert_int_equal(worse, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_optimum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
