// SPDX-License-Identifier: GPL-2.0-or-later
/* place_test.c - placements a person would expect, policies, refusals, books; hwloc; /sys. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "place/place.h"
#include "place/topology.h"

#define GIB (1ULL << 30)

static struct facet_topology host;
static struct facet_place_load load;
static struct facet_placement answer;
static struct facet_error err;

static void make_host(const char *synthetic)
{
	memset(&load, 0, sizeof(load));
	assert_int_equal(facet_topology_parse(synthetic, &host, &err), 0);
}

static int node_of(unsigned int os)
{
	for (unsigned int i = 0; i < host.cpu_count; i++)
		if (host.cpus[i].os == os)
			return host.cpus[i].node;
	return -1;
}

static void place(const struct facet_place_request *request)
{
	if (facet_place(&host, &load, request, &answer, &err))
		fail_msg("%s", err.text);
}

/* --- choosing --- */

static void test_near_gpu(void **state)
{
	struct facet_place_request request = { .vcpus = 4, .memory = 2 * GIB, .gpu_count = 1 };
	char text[256];

	make_host("synthetic:node:4(memory=8GiB) core:8 pu:1");
	for (int node = 0; node < 4; node++) {
		request.gpus[0] = node;
		place(&request);
		assert_int_equal(answer.chosen.cpu_nodes, 1U << node);
		assert_int_equal(answer.chosen.memory_nodes, 1U << node);
		assert_int_equal(answer.memory[node], 2 * GIB);
		for (int i = 0; i < 4; i++)
			assert_int_equal(node_of(answer.vcpus[i]), node);
		assert_true(answer.chosen.cost.total == 0);
		assert_true(answer.runner_up_count > 0);
		/* Four of its CPUs are left. */
		assert_true(answer.emulator_apart);
		assert_int_equal(CPU_COUNT(&answer.emulator), 4);
		for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			assert_false(CPU_ISSET(cpu, &answer.emulator) &&
				     (CPU_ISSET(cpu, &answer.vcpu_set) || node_of(cpu) != node));
	}
	facet_place_explain(&host, &request, &answer, text, sizeof(text));
	assert_string_equal(text, "node 3: 4 vCPUs, 2048 MiB, 1 GPU; distances are not known");
}

/* A GPU that is nowhere pulls nowhere; threads of one core come last. */
static void test_no_gpu(void **state)
{
	struct facet_place_request request = {
		.vcpus = 4, .memory = GIB, .gpu_count = 1, .gpus = { -1 }
	};
	char text[256];

	make_host("synthetic:node:2(memory=8GiB) core:4 pu:2");
	place(&request);
	assert_int_equal(answer.chosen.cpu_nodes, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(answer.vcpus[i], 2 * i);
	facet_place_explain(&host, &request, &answer, text, sizeof(text));
	assert_non_null(strstr(text, "1 GPU at no known node"));
	assert_true(answer.chosen.cost.gpu == 0);
}

static void test_beside_others(void **state)
{
	struct facet_place_request request = { .vcpus = 4, .memory = GIB, .eus = 2 };
	struct facet_place_load before;
	static struct facet_placement first;

	make_host("synthetic:node:2(memory=8GiB) core:8 pu:1");
	before = load;
	place(&request);
	assert_int_equal(answer.chosen.cpu_nodes, 1);
	assert_int_equal(answer.eu_count, 2);
	for (int i = 0; i < 2; i++)
		assert_false(CPU_ISSET(answer.eus[i], &answer.vcpu_set));
	facet_place_add(&host, &request, &answer, 100, &load);
	assert_int_equal(load.memory[0], GIB);
	first = answer;
	place(&request);
	assert_int_equal(answer.chosen.cpu_nodes, 2);
	assert_true(answer.chosen.cost.crowding == 0);
	facet_place_remove(&host, &request, &first, 100, &load);
	assert_memory_equal(&load, &before, sizeof(load));
}

static void test_memory_that_is_uneven(void **state)
{
	struct facet_place_request request = { .vcpus = 2, .memory = 6 * GIB, .gpu_count = 1 };

	make_host("synthetic:node:2(memory=4GiB) core:4 pu:1");
	host.nodes[1].memory = host.nodes[1].memory_free = 16 * GIB;
	request.gpus[0] = 0;
	place(&request);
	assert_int_equal(answer.memory[0] + answer.memory[1], 6 * GIB);
	/* What is not free but there will do, if all nodes together have too little. */
	host.nodes[0].memory_free = host.nodes[1].memory_free = GIB;
	place(&request);
	assert_true(answer.overcommitted);
	request.memory = 32 * GIB;
	assert_int_equal(facet_place(&host, &load, &request, &answer, &err), -ENOSPC);
	assert_string_equal(err.text, "memory: 32768 MiB are needed, node 0 has 4096, "
				      "node 1 has 16384: ask for less");
}

static void test_hugepages(void **state)
{
	struct facet_place_request request = {
		.vcpus = 2, .memory = GIB + 1, .page_size = 2 << 20, .policy = FACET_PLACE_STRICT
	};

	make_host("synthetic:node:2(memory=4GiB) core:4 pu:1");
	host.nodes[0].huge[0] = (struct facet_topology_pages){ 2 << 20, 512 };
	host.nodes[1].huge[0] = (struct facet_topology_pages){ 1 << 30, 9 };
	host.nodes[1].huge[1] = (struct facet_topology_pages){ 2 << 20, 513 };
	place(&request);
	assert_int_equal(answer.memory[1], GIB + (2 << 20));
	facet_place_add(&host, &request, &answer, 50, &load);
	assert_int_equal(load.huge[1][1], 513);
	assert_int_equal(load.cpu[answer.vcpus[0]], 50);
	assert_int_equal(facet_place(&host, &load, &request, &answer, &err), -ENOSPC);
	assert_string_equal(err.text, "memory: 513 hugepages of 2048 KiB are needed, node 0 has "
				      "512, node 1 has 0: reserve more, or ask for less");
	request.page_size = 64 << 10;
	assert_int_equal(facet_place(&host, &load, &request, &answer, &err), -ENOSPC);
}

static void test_policies(void **state)
{
	struct facet_place_request request = { .vcpus = 6, .memory = 8 * GIB };

	make_host("synthetic:node:4(memory=4GiB) core:4 pu:1");
	request.policy = FACET_PLACE_STRICT;
	assert_int_equal(facet_place(&host, &load, &request, &answer, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "policy prefer"));
	request.policy = FACET_PLACE_SPREAD;
	place(&request);
	for (int i = 0; i < 4; i++)
		assert_int_equal(answer.memory[i], 2 * GIB);
	host.nodes[2].memory_free = GIB;
	place(&request);
	assert_int_equal(answer.memory[2], GIB);
	assert_in_range(answer.memory[0], 2 * GIB, 3 * GIB);
	request.policy = FACET_PLACE_PREFER;
	request.nodes = 8 | 2;
	place(&request);
	assert_int_equal(answer.chosen.memory_nodes, 8 | 2);
}

static void test_own_cpus(void **state)
{
	struct facet_place_request request = { .vcpus = 3, .memory = GIB, .exclusive = true };

	make_host("synthetic:node:2(memory=4GiB) core:4 pu:1");
	load.cpu[0] = load.cpu[1] = 10;
	place(&request);
	assert_int_equal(answer.chosen.cpu_nodes, 2);
	facet_place_add(&host, &request, &answer, 100, &load);
	/* Now 2, 3 and one of node 1 have nobody. */
	place(&request);
	assert_int_equal(answer.chosen.cpu_nodes, 3);
	facet_place_add(&host, &request, &answer, 100, &load);
	assert_int_equal(facet_place(&host, &load, &request, &answer, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "0 have nobody pinned"));
	/* Others are not put there either, as many as they are. */
	request.exclusive = false;
	place(&request);
	for (int i = 0; i < 3; i++)
		assert_in_range(answer.vcpus[i], 0, 1);
	assert_false(answer.emulator_apart);
	assert_int_equal(CPU_COUNT(&answer.emulator), 2);
	request.restrict_cpus = true;
	CPU_SET(1, &request.cpus);
	place(&request);
	assert_int_equal(CPU_COUNT(&answer.vcpu_set), 1);
	CPU_ZERO(&request.cpus);
	assert_int_equal(facet_place(&host, &load, &request, &answer, &err), -ENOSPC);
}

static void test_refusals(void **state)
{
	const struct facet_place_request good = { .vcpus = 1, .memory = 1 };
	struct facet_place_request bad;

	make_host("synthetic:node:1(memory=4GiB) core:1 pu:1");
	place(&good);
	assert_int_equal(answer.memory[0], 4096);
	bad = good;
	bad.vcpus = 0;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	bad.vcpus = FACET_PLACE_VCPUS + 1;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	bad = good;
	bad.memory = 0;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	bad.memory = UINT64_MAX;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	bad = good;
	bad.eus = FACET_PLACE_VCPUS + 1;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	bad = good;
	bad.gpu_count = 1;
	bad.gpus[0] = 1;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	bad.gpu_count = FACET_PLACE_GPUS + 1;
	assert_int_equal(facet_place(&host, &load, &bad, &answer, &err), -EINVAL);
	/* As many as there can be fit, on one CPU as well. */
	bad = good;
	bad.vcpus = bad.eus = FACET_PLACE_VCPUS;
	place(&bad);
	assert_int_equal(answer.vcpus[FACET_PLACE_VCPUS - 1], 0);
}

static void test_judge(void **state)
{
	struct facet_place_request request = { .vcpus = 2, .memory = GIB };

	make_host("synthetic:node:2(memory=4GiB) core:2 pu:1");
	place(&request);
	answer.vcpus[0] = 0;
	answer.vcpus[1] = 2;
	answer.memory[0] = 0;
	answer.memory[1] = GIB;
	assert_int_equal(facet_place_judge(&host, &load, &request, &answer), 0);
	assert_true(fabs(answer.chosen.cost.total - 0.5) < 1e-9);
	assert_int_equal(answer.chosen.cpu_nodes, 3);
	answer.vcpus[1] = 9;
	assert_int_equal(facet_place_judge(&host, &load, &request, &answer), -EINVAL);
	answer.vcpus[1] = 2;
	answer.memory[1] = 1;
	assert_int_equal(facet_place_judge(&host, &load, &request, &answer), -EINVAL);
}

/* --- topologies --- */

static void test_synthetic(void **state)
{
	make_host("synthetic:package:2 numa:2(memory=1GiB) core:2 pu:2");
	assert_int_equal(host.node_count, 4);
	assert_int_equal(host.cpu_count, 16);
	assert_int_equal(host.cpus[15].node, 3);
	assert_int_equal(host.cpus[14].core, host.cpus[15].core);
	assert_int_equal(host.nodes[3].memory, GIB);
	assert_false(host.distance_known);
	assert_false(host.free_known);
	assert_int_equal(host.distance[1][1], 10);
	assert_int_equal(host.distance[0][1], 12);
	assert_int_equal(host.distance[0][2], 20);
	assert_int_equal(facet_topology_parse("synthetic:nonsense", &host, &err), -EINVAL);
	assert_non_null(strstr(err.text, "hwloc's notation"));
	assert_int_equal(facet_topology_parse("/nowhere.xml", &host, &err), -ENOENT);
	assert_int_equal(facet_topology_parse("synthetic:pu:2048", &host, &err), -EINVAL);
	assert_int_equal(facet_topology_parse("synthetic:node:65 pu:1", &host, &err), -EINVAL);
	assert_int_equal(host.node_count, 4);
}

/* As a file says it: distances, devices of two roots, a CPU that is offline, hugepages. */
static void test_recorded(void **state)
{
	char path[512];
	int node;

	snprintf(path, sizeof(path), "%s/tests/topologies/two-roots.xml", getenv("FACET_SOURCE"));
	make_host(path);
	assert_int_equal(host.node_count, 2);
	assert_true(host.distance_known);
	assert_int_equal(host.distance[0][1], 21);
	node = facet_topology_device_node(&host, "0000:81:00.0");
	assert_int_equal(node, 1);
	assert_int_equal(facet_topology_device_node(&host, "0000:01:00.0"), 0);
	assert_true(facet_topology_has_device(&host, "0000:81:00.0"));
	assert_false(facet_topology_has_device(&host, "0000:82:00.0"));
	assert_int_equal(facet_topology_device_node(&host, "0000:82:00.0"), -1);
	assert_int_equal(host.nodes[1].huge[0].size, 2 << 20);
	assert_int_equal(host.nodes[1].huge[0].free, 128);
	assert_int_equal(host.nodes[1].memory, 3 * GIB - 128 * (2 << 20));
	assert_int_equal(host.cpu_count, 7);
	assert_int_equal(node_of(5), -1);
	place(&(struct facet_place_request){
		.vcpus = 3, .memory = GIB, .gpu_count = 1, .gpus = { node } });
	assert_int_equal(answer.chosen.cpu_nodes, 2);
	assert_int_equal(answer.chosen.memory_nodes, 2);
}

static void put(const char *root, const char *path, const char *text)
{
	char full[256];
	FILE *file;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(full, sizeof(full), "%s/%.*s", root, (int)(slash - path), path);
		mkdir(full, 0700);
	}
	snprintf(full, sizeof(full), "%s/%s", root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_refine(void **state)
{
	char root[] = "/tmp/facet-place-XXXXXX", command[64];
	int fd;

	assert_non_null(mkdtemp(root));
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_host("synthetic:node:2(memory=4GiB) core:2 pu:1");
	host.nodes[1].huge[0].size = 2 << 20;
	host.device_count = 2;
	host.devices[0] = (struct facet_topology_device){ "0000:01:00.0", -1 };
	host.devices[1] = (struct facet_topology_device){ "0000:02:00.0", 0 };
	put(root, "devices/system/node/node0/meminfo",
	    "Node 0 MemTotal: 4194304 kB\nNode 0 MemFree:   1000 kB\nNode 0 Active(file): 20 kB\n"
	    "Node 0 Inactive(file): 3 kB\nNode 0 SReclaimable:   1 kB\n");
	facet_topology_refine(fd, &host);
	assert_int_equal(host.nodes[0].memory_free, 1024 << 10);
	assert_false(host.free_known);
	/* More than there is would be nonsense. */
	put(root, "devices/system/node/node1/meminfo", "Node 1 MemFree: 99999999999999999999 kB\n");
	put(root, "devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "7\n");
	put(root, "bus/pci/devices/0000:01:00.0/numa_node", "1\n");
	put(root, "bus/pci/devices/0000:02:00.0/numa_node", "-1\n");
	facet_topology_refine(fd, &host);
	assert_true(host.free_known);
	assert_in_range(host.nodes[1].memory_free, 0, 4 * GIB);
	assert_int_equal(host.nodes[1].huge[0].free, 7);
	assert_int_equal(host.devices[0].node, 1);
	assert_int_equal(host.devices[1].node, 0);
	close(fd);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void test_this_host(void **state)
{
	assert_int_equal(facet_topology_read(&host, &err), 0);
	assert_in_range(host.node_count, 1, FACET_PLACE_NODES);
	assert_in_range(host.cpu_count, 1, CPU_SETSIZE);
	for (unsigned int i = 0; i < host.node_count; i++)
		assert_in_range(host.nodes[i].memory_free, 0, host.nodes[i].memory);
	memset(&load, 0, sizeof(load));
	place(&(struct facet_place_request){ .vcpus = 1, .memory = 1 << 20 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_near_gpu),      cmocka_unit_test(test_no_gpu),
		cmocka_unit_test(test_beside_others), cmocka_unit_test(test_memory_that_is_uneven),
		cmocka_unit_test(test_hugepages),     cmocka_unit_test(test_policies),
		cmocka_unit_test(test_own_cpus),      cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_judge),         cmocka_unit_test(test_synthetic),
		cmocka_unit_test(test_recorded),      cmocka_unit_test(test_refine),
		cmocka_unit_test(test_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
