// SPDX-License-Identifier: GPL-2.0-or-later
/* place_steps.c - times facet_place() on a large host: "CASE MS" a line, of processor time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "place/place.h"

static struct facet_topology host;
static struct facet_place_load load;
static struct facet_placement answer;

/* Fails rather than time something else. */
static void read_host(const char *text)
{
	struct facet_error err;

	if (facet_topology_parse(text, &host, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	/* hwloc's notation has no distances: two packages of eight nodes each. */
	for (unsigned int i = 0; i < host.node_count; i++)
		for (unsigned int j = 0; j < host.node_count; j++)
			host.distance[i][j] = i == j ? 10 : i / 8 == j / 8 ? 11 + (i ^ j) % 8 : 32;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void measure(const char *name, struct facet_place_request request, unsigned int rounds)
{
	struct facet_error err;

	request.gpu_count = FACET_PLACE_GPUS;
	for (unsigned int i = 0; i < request.gpu_count; i++)
		request.gpus[i] = (int)(i * 7 % host.node_count);
	for (unsigned int i = 0; i < rounds; i++) {
		double began = now_ms();

		if (facet_place(&host, &load, &request, &answer, &err)) {
			fprintf(stderr, "%s: %s\n", name, err.text);
			exit(1);
		}
		printf("%s %.4f\n", name, now_ms() - began);
	}
}

int main(int argc, char **argv)
{
	const unsigned int rounds = argc > 1 ? (unsigned int)atoi(argv[1]) : 20;
	const uint64_t gib = 1ULL << 30;

	read_host("synthetic:node:16(memory=64GiB) core:8 pu:2");
	measure("small", (struct facet_place_request){ .vcpus = 8, .memory = 16 * gib }, rounds);
	measure("several", (struct facet_place_request){ .vcpus = 64, .memory = 200 * gib },
		rounds);
	measure("all", (struct facet_place_request){ .vcpus = 224, .eus = 32, .memory = 900 * gib },
		rounds);
	/* Nothing is alike any more. */
	srand(1);
	for (unsigned int i = 0; i < host.cpu_count; i++)
		load.cpu[host.cpus[i].os] = (unsigned int)rand() % 4 * 50;
	for (unsigned int i = 0; i < host.node_count; i++)
		load.memory[i] = (uint64_t)(rand() % 32) * gib;
	measure("used",
		(struct facet_place_request){ .vcpus = 128, .eus = 32, .memory = 500 * gib },
		rounds);
	return 0;
}
