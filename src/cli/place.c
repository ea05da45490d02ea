// SPDX-License-Identifier: GPL-2.0-or-later
/* place.c - facet place: where a VM would go in this host, or in another, and why. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cpulist.h"
#include "cli/vm.h"
#include "place/place.h"

enum { LIST = 4096 }; /* of CPUs, as text */

struct question {
	struct facet_topology topology;
	struct facet_place_request request;
	struct facet_place_load load; /* VMs that run, and those of the file before this one */
	struct facet_placement answer;
	const struct facet_vm *first; /* that is printed */
};

/* --- the request --- */

static int read_policy(const struct cli *cli, struct facet_place_request *request)
{
	static const char *const names[] = { "prefer", "strict", "spread" };
	const char *value = cli_value(cli, "policy");

	for (int i = 0; value && i < 3; i++)
		if (strcmp(value, names[i]) == 0) {
			request->policy = (enum facet_place_policy)i;
			return 0;
		}
	return value ? cli_wrong(cli, "--policy %s: must be prefer, strict or spread", value) : 0;
}

/* "01:00.0" is of domain 0. */
static int add_gpu(const struct cli *cli, struct question *question, const char *bdf)
{
	struct facet_place_request *request = &question->request;
	char full[32];

	snprintf(full, sizeof(full), "%s%s", strlen(bdf) == 7 ? "0000:" : "", bdf);
	if (!facet_topology_has_device(&question->topology, full))
		return cli_wrong(cli,
				 "--gpu %s: %s has no such PCI device: see `facet gpus --host`",
				 bdf, question->topology.source);
	if (request->gpu_count == FACET_PLACE_GPUS)
		return cli_wrong(cli, "--gpu: at most %d", FACET_PLACE_GPUS);
	request->gpus[request->gpu_count++] = facet_topology_device_node(&question->topology, full);
	return 0;
}

static int read_gpus(const struct cli *cli, struct question *question)
{
	const char *value = cli_value(cli, "gpu");
	facet_autofree char *list = value ? strdup(value) : NULL;
	char *rest = list, *bdf;

	while (rest && (bdf = strsep(&rest, ",")))
		if (add_gpu(cli, question, bdf))
			return CLI_WRONG;
	return 0;
}

static int read_cpus(const struct cli *cli, struct facet_place_request *request)
{
	const char *value = cli_value(cli, "cpus");

	if (!value)
		return 0;
	request->restrict_cpus = true;
	if (facet_cpulist_parse(value, &request->cpus))
		return cli_wrong(cli, "--cpus %s: must be a list of CPUs, such as 0-3,8", value);
	return 0;
}

/* Options beside a file go before what it says. */
static int read_request(const struct cli *cli, struct question *question)
{
	struct facet_place_request *request = &question->request;

	if (cli_value(cli, "exclusive"))
		request->exclusive = true;
	if (cli_value(cli, "gpu"))
		request->gpu_count = 0;
	if (cli_number(cli, "vcpus", 1, FACET_PLACE_VCPUS, &request->vcpus) ||
	    cli_bytes(cli, "memory", &request->memory) ||
	    cli_number(cli, "eus", 0, FACET_PLACE_VCPUS, &request->eus) ||
	    cli_bytes(cli, "hugepages", &request->page_size) || read_policy(cli, request) ||
	    read_cpus(cli, request))
		return CLI_WRONG;
	return read_gpus(cli, question);
}

/* --- the answer --- */

/* "0-1", of nodes. */
static void format_nodes(const struct facet_topology *topology, uint64_t nodes, char *ret,
			 size_t size)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (unsigned int i = 0; i < topology->node_count; i++)
		if (nodes >> i & 1)
			CPU_SET(topology->nodes[i].os, &set);
	facet_cpulist_format(&set, ret, size);
}

static void add_candidate(struct libscols_table *table, const struct facet_topology *topology,
			  const char *name, const struct facet_place_candidate *candidate)
{
	const struct facet_place_cost *cost = &candidate->cost;
	const double parts[] = { cost->total, cost->memory,   cost->gpu,
				 cost->eus,   cost->crowding, cost->balance };
	const char *cells[9] = { name };
	char cpus[256], memory[256], numbers[6][24];

	format_nodes(topology, candidate->cpu_nodes, cpus, sizeof(cpus));
	format_nodes(topology, candidate->memory_nodes, memory, sizeof(memory));
	cells[1] = cpus;
	cells[2] = memory;
	for (int i = 0; i < 6; i++) {
		snprintf(numbers[i], sizeof(numbers[i]), "%.3f", parts[i]);
		cells[3 + i] = numbers[i];
	}
	cli_row(table, cells);
}

static int print_candidates(const struct question *question)
{
	static const struct cli_column columns[] = {
		{ "", false },    { "CPUS OF", false }, { "MEMORY OF", false },
		{ "COST", true }, { "MEMORY", true },   { "GPU", true },
		{ "EUS", true },  { "CROWDING", true }, { "BALANCE", true },
		{ NULL, false },
	};
	const struct facet_placement *answer = &question->answer;
	struct libscols_table *table = cli_table(columns);

	add_candidate(table, &question->topology, "chosen", &answer->chosen);
	for (unsigned int i = 0; i < answer->runner_up_count; i++)
		add_candidate(table, &question->topology, i ? "" : "else", &answer->runners_up[i]);
	return cli_print_table(table);
}

/* In the order of vCPUs. */
static void format_order(const unsigned short *cpus, unsigned int count, char *ret, size_t size)
{
	size_t used = 0;

	ret[0] = '\0';
	for (unsigned int i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%u", i ? " " : "", cpus[i]);
}

/* A list may be long: cli_pair() would end it. */
static void add_row(struct libscols_table *table, const char *key, const char *text)
{
	cli_row(table, (const char *const[]){ key, text });
}

static int print_answer(const struct question *question)
{
	const struct facet_placement *answer = &question->answer;
	struct libscols_table *table = cli_table(NULL);
	char text[LIST], bytes[16];

	facet_place_explain(&question->topology, &question->request, answer, text, sizeof(text));
	add_row(table, "decision", text);
	format_order(answer->vcpus, answer->vcpu_count, text, sizeof(text));
	add_row(table, "vcpus", text);
	facet_cpulist_format(&answer->emulator, text, sizeof(text));
	add_row(table, "emulator", text);
	if (answer->eu_count) {
		facet_cpulist_format(&answer->eu_set, text, sizeof(text));
		add_row(table, "eus", text);
	}
	for (unsigned int i = 0; i < question->topology.node_count; i++)
		if (answer->memory[i]) {
			snprintf(text, sizeof(text), "node %u", question->topology.nodes[i].os);
			cli_format_bytes(bytes, sizeof(bytes), answer->memory[i]);
			add_row(table, text, bytes);
		}
	return cli_print_table(table);
}

/* --- as JSON --- */

static json_t *pack_nodes(const struct facet_topology *topology, uint64_t nodes)
{
	json_t *ret = json_array();

	for (unsigned int i = 0; i < topology->node_count; i++)
		if (nodes >> i & 1)
			json_array_append_new(ret, json_integer(topology->nodes[i].os));
	return ret;
}

static json_t *pack_candidate(const struct facet_topology *topology,
			      const struct facet_place_candidate *candidate)
{
	const struct facet_place_cost *cost = &candidate->cost;

	return json_pack("{s:o, s:o, s:{s:f, s:f, s:f, s:f, s:f, s:f}}", "cpu_nodes",
			 pack_nodes(topology, candidate->cpu_nodes), "memory_nodes",
			 pack_nodes(topology, candidate->memory_nodes), "cost", "total",
			 cost->total, "memory", cost->memory, "gpu", cost->gpu, "eus", cost->eus,
			 "crowding", cost->crowding, "balance", cost->balance);
}

static json_t *pack_cpus(const unsigned short *cpus, unsigned int count)
{
	json_t *ret = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(ret, json_integer(cpus[i]));
	return ret;
}

static json_t *pack_memory(const struct question *question)
{
	json_t *ret = json_array();

	for (unsigned int i = 0; i < question->topology.node_count; i++)
		if (question->answer.memory[i])
			json_array_append_new(
				ret,
				json_pack("{s:i, s:I}", "node", (int)question->topology.nodes[i].os,
					  "bytes", (json_int_t)question->answer.memory[i]));
	return ret;
}

static json_t *pack_answer(const struct question *question)
{
	const struct facet_placement *answer = &question->answer;
	json_t *runners_up = json_array();
	char text[512], emulator[LIST];

	for (unsigned int i = 0; i < answer->runner_up_count; i++)
		json_array_append_new(runners_up,
				      pack_candidate(&question->topology, &answer->runners_up[i]));
	facet_place_explain(&question->topology, &question->request, answer, text, sizeof(text));
	facet_cpulist_format(&answer->emulator, emulator, sizeof(emulator));
	return json_pack("{s:s, s:s, s:o, s:o, s:s, s:b, s:o, s:b, s:o, s:o}", "host",
			 question->topology.source, "decision", text, "vcpus",
			 pack_cpus(answer->vcpus, answer->vcpu_count), "eus",
			 pack_cpus(answer->eus, answer->eu_count), "emulator", emulator,
			 "emulator_apart", answer->emulator_apart, "memory", pack_memory(question),
			 "overcommitted", answer->overcommitted, "chosen",
			 pack_candidate(&question->topology, &answer->chosen), "runners_up",
			 runners_up);
}

/* --- the verb --- */

static int read_topology(const struct cli *cli, struct facet_topology *ret)
{
	const char *text = cli_value(cli, "topology");
	struct facet_error err;

	if (text && facet_topology_parse(text, ret, &err))
		return cli_wrong(cli, "--topology %s", err.text);
	if (!text && facet_topology_read(ret, &err))
		return cli_error(cli, "%s", err.text);
	return 0;
}

/* The request stands; an exit code. */
static int decide(const struct cli *cli, struct question *question)
{
	struct facet_error err;
	int r = read_request(cli, question);

	if (r)
		return r;
	r = facet_place(&question->topology, &question->load, &question->request, &question->answer,
			&err);
	if (r)
		return r == -EINVAL ? cli_wrong(cli, "%s", err.text)
				    : cli_error(cli, "%s", err.text);
	return 0;
}

static int print(const struct question *question)
{
	int r = print_answer(question);

	puts("");
	return r ? r : print_candidates(question);
}

static int place_options(const struct cli *cli, struct question *question)
{
	int r;

	if (!cli_value(cli, "vcpus") || !cli_value(cli, "memory"))
		return cli_wrong(cli, "a FILE, or --vcpus N and --memory SIZE are needed");
	r = decide(cli, question);
	if (r)
		return r;
	return cli->json ? cli_print_json(pack_answer(question)) : print(question);
}

/* Of each of its vCPUs, if all run as much as they may. */
static unsigned int busy_percent(const struct facet_vm *vm)
{
	uint64_t cap_ppm = facet_vm_cpu_cap_ppm(vm) / facet_vm_vcpus(vm);

	return cap_ppm && cap_ppm < 1000000 ? (unsigned int)(cap_ppm / 10000) : 100;
}

/* Each beside those that stand before it in the file. */
static int place_vm(const struct cli *cli, struct question *question, const struct facet_vm *vm,
		    json_t *all)
{
	struct facet_error err;
	json_t *one;
	int r = facet_vm_request(vm, &question->topology, &question->request, &err);

	if (r)
		return cli_wrong(cli, "%s", err.text);
	r = decide(cli, question);
	if (r)
		return r;
	facet_place_add(&question->topology, &question->request, &question->answer,
			busy_percent(vm), &question->load);
	if (cli->json) {
		one = pack_answer(question);
		json_object_set_new(one, "name", json_string(vm->name));
		json_array_append_new(all, one);
		return 0;
	}
	printf("%s%s\n", vm == question->first ? "" : "\n", vm->name);
	return print(question);
}

static int place_file(const struct cli *cli, struct question *question)
{
	const char *name = cli->count > 1 ? cli->arguments[1] : NULL;
	const struct facet_vm *only = NULL;
	struct facet_vm_file *file;
	json_t *all = json_array();
	int r = cli_load_vms(cli, cli->arguments[0], &file);

	if (r) {
		json_decref(all);
		return r;
	}
	if (name) {
		only = cli_choose_vm(cli, file, name);
		r = only ? 0 : CLI_WRONG;
	}
	question->first = only ? only : file->vms;
	for (unsigned int i = 0; !r && i < file->vms_count; i++)
		if (!only || only == &file->vms[i])
			r = place_vm(cli, question, &file->vms[i], all);
	facet_vm_file_destroy(file);
	if (!r && cli->json)
		return cli_print_json(all);
	json_decref(all);
	return r;
}

static int run(struct cli *cli)
{
	facet_autofree struct question *question = calloc(1, sizeof(*question));
	int r;

	if (!question)
		return cli_error(cli, "out of memory");
	r = read_topology(cli, &question->topology);
	if (r)
		return r;
	if (!cli_value(cli, "topology"))
		facet_load_read(&question->load);
	return cli->count ? place_file(cli, question) : place_options(cli, question);
}

const struct cli_verb cli_place = {
	.name = "place",
	.arguments = "[FILE [NAME]]",
	.summary = "Show where in this host a VM would go, and why",
	.options = {
		{ "vcpus", "N", "how many" },
		{ "memory", "SIZE", "of the guest" },
		{ "gpu", "BDF[,BDF]...", "GPUs that it will have" },
		{ "eus", "N", "cores for a vGPU that renders on them" },
		{ "hugepages", "SIZE", "memory from pages of this size" },
		{ "policy", "prefer|strict|spread", "near (default), one node only, or over all" },
		{ "exclusive", NULL, "CPUs that nobody else is pinned to" },
		{ "cpus", "LIST", "only these CPUs" },
		{ "topology", "FILE|synthetic:TEXT", "of another host: lstopo's XML, or hwloc's notation" },
		{ NULL },
	},
	.max = 2,
	.alone = true,
	.run = run,
};
