/* SPDX-License-Identifier: GPL-2.0-or-later */
/* place.h - where in a host a VM goes: its vCPUs, its memory, its vGPU's EUs, near its GPUs. */
#ifndef FACET_PLACE_PLACE_H
#define FACET_PLACE_PLACE_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	FACET_PLACE_NODES = 64,
	FACET_PLACE_DEVICES = 1024,
	FACET_PLACE_GPUS = 16,    /* of one VM */
	FACET_PLACE_VCPUS = 1024, /* and EUs: no more than CPUs that a cpu_set_t can name */
	FACET_PLACE_PAGE_SIZES = 4,
	FACET_PLACE_RUNNERS_UP = 4,
};

/* --- what there is --- */

struct facet_topology_pages {
	uint64_t size; /* bytes of one page; 0 ends the list */
	uint64_t free; /* pages */
};

struct facet_topology_node {
	unsigned int os;              /* the kernel's number: QEMU's host-nodes= */
	uint64_t memory, memory_free; /* bytes, without what hugepages have reserved */
	struct facet_topology_pages huge[FACET_PLACE_PAGE_SIZES];
};

/* Only CPUs that are online and that we may use; neighbours in the list share most caches. */
struct facet_topology_cpu {
	unsigned short os;   /* the kernel's number */
	unsigned short node; /* in nodes[]: the one whose memory is nearest */
	unsigned short core; /* counts from 0; CPUs with the same are threads of one core */
};

struct facet_topology_device {
	char bdf[16]; /* "0000:01:00.0" */
	int node;     /* in nodes[]; -1: the firmware does not say, or near all of them */
};

/* Plain data, about 50 KB; no pointers. */
struct facet_topology {
	unsigned int node_count, cpu_count, device_count;
	struct facet_topology_node nodes[FACET_PLACE_NODES];
	struct facet_topology_cpu cpus[CPU_SETSIZE];
	struct facet_topology_device devices[FACET_PLACE_DEVICES];
	/* As the firmware's SLIT: [from][to], 10 is local. */
	unsigned short distance[FACET_PLACE_NODES][FACET_PLACE_NODES];
	bool distance_known; /* else made up from what shares a package */
	bool free_known;     /* else memory_free is memory, and pages that are there are free */
	char source[64];     /* "this host", "synthetic:node:2 pu:4", a file's name */
};

/**
 * facet_topology_read() - this host, as hwloc and /sys show it now.
 *
 * What is free changes all the time: read it anew for each VM. Takes some 10 ms.
 */
int facet_topology_read(struct facet_topology *ret, struct facet_error *err);

/**
 * facet_topology_parse() - another host.
 * @text: "synthetic:node:2 core:4 pu:2" (hwloc's notation), or the name of a file that
 *        `lstopo FILE.xml` wrote
 */
int facet_topology_parse(const char *text, struct facet_topology *ret, struct facet_error *err);

/* In nodes[]; -1: there is no such device, or nobody knows where it is. */
int facet_topology_device_node(const struct facet_topology *topology, const char *bdf);
bool facet_topology_has_device(const struct facet_topology *topology, const char *bdf);

/* --- what is there already --- */

/* Start with all 0. What other programs use shows only in memory_free. */
struct facet_place_load {
	/* By the kernel's number: threads pinned there, in hundredths; a vCPU with a cap of 25 %
	 * is 25. */
	unsigned int cpu[CPU_SETSIZE];
	cpu_set_t exclusive; /* nobody else may be put there */
	/* Promised to guests that have not touched it yet, by index in nodes[]. */
	uint64_t memory[FACET_PLACE_NODES];
	uint64_t huge[FACET_PLACE_NODES][FACET_PLACE_PAGE_SIZES]; /* pages, as in nodes[].huge */
};

/* --- what is wanted --- */

enum facet_place_policy {
	FACET_PLACE_PREFER, /* one node if there is room, else as few and as near as possible */
	FACET_PLACE_STRICT, /* one node has CPUs and memory for all of it, or -ENOSPC */
	FACET_PLACE_SPREAD, /* memory evenly over all nodes that have CPUs; CPUs follow */
};

struct facet_place_request {
	unsigned int vcpus; /* 1 to FACET_PLACE_VCPUS */
	uint64_t memory;    /* bytes, not 0; rounded up to whole pages */
	uint64_t page_size; /* hugepages of this size; 0: ordinary ones */
	unsigned int gpu_count;
	int gpus[FACET_PLACE_GPUS]; /* in nodes[], -1: not known; facet_topology_device_node() */
	unsigned int eus;           /* of a vGPU that renders on cores (soft0) */
	enum facet_place_policy policy;
	bool exclusive; /* CPUs that nobody is pinned to, one for each vCPU and EU */
	bool restrict_cpus;
	cpu_set_t cpus; /* with restrict_cpus: only these */
	uint64_t nodes; /* memory only from these, bit i for nodes[i]; 0: any */
};

/* --- the answer --- */

/* What a placement costs, each 0 or more, weighted already: their sum is the score. */
struct facet_place_cost {
	double memory;   /* vCPUs far from the guest's memory */
	double gpu;      /* GPUs far from memory and from vCPUs */
	double eus;      /* EUs far from the guest's memory */
	double crowding; /* CPUs shared with other threads, cores with other CPUs */
	double balance;  /* nodes taken that have less free than others */
	double total;
};

struct facet_place_candidate {
	uint64_t memory_nodes, cpu_nodes; /* bit i for nodes[i] */
	struct facet_place_cost cost;
};

struct facet_placement {
	unsigned short vcpus[FACET_PLACE_VCPUS]; /* the kernel's number of the CPU of each */
	unsigned short eus[FACET_PLACE_VCPUS];
	unsigned int vcpu_count, eu_count;
	cpu_set_t vcpu_set, eu_set; /* of those above */
	/* For QEMU's other threads: CPUs of these nodes that no vCPU and no EU has; if none, all.
	 */
	cpu_set_t emulator;
	bool emulator_apart; /* false: none were left */
	/* By index in nodes[]; the sum is the request, rounded up. */
	uint64_t memory[FACET_PLACE_NODES];
	bool overcommitted; /* more ordinary memory than is free now, but not more than there is */
	struct facet_place_candidate chosen;
	unsigned int runner_up_count;
	struct facet_place_candidate
		runners_up[FACET_PLACE_RUNNERS_UP]; /* other nodes, best first */
};

/**
 * facet_place() - choose.
 *
 * Pure: the same arguments give the same answer.
 *
 * Return: 0; -EINVAL: a request that no host can meet; -ENOSPC: this one cannot, and @err says
 * what is short and where; -ENOMEM.
 */
int facet_place(const struct facet_topology *topology, const struct facet_place_load *load,
		const struct facet_place_request *request, struct facet_placement *ret,
		struct facet_error *err);

/*
 * What vcpus[], eus[] and memory[] of @placement cost, into its chosen.cost: to judge where
 * somebody else put a VM. CPUs and nodes that are not in the topology, or are not the request's:
 * -EINVAL.
 */
int facet_place_judge(const struct facet_topology *topology, const struct facet_place_load *load,
		      const struct facet_place_request *request, struct facet_placement *placement);

/*
 * Counts a VM in that was placed, or out again. @vcpu_percent: 100, or the cap of each vCPU.
 */
void facet_place_add(const struct facet_topology *topology,
		     const struct facet_place_request *request,
		     const struct facet_placement *placement, unsigned int vcpu_percent,
		     struct facet_place_load *load);
void facet_place_remove(const struct facet_topology *topology,
			const struct facet_place_request *request,
			const struct facet_placement *placement, unsigned int vcpu_percent,
			struct facet_place_load *load);

/* One sentence: "node 1: 4 vCPUs, 2 GiB, with GPU 0; ..." */
void facet_place_explain(const struct facet_topology *topology,
			 const struct facet_place_request *request,
			 const struct facet_placement *placement, char *ret, size_t size);

#endif
