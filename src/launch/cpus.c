// SPDX-License-Identifier: GPL-2.0-or-later
/* cpus.c - control groups by `cpu`, the choice by `place`. */
#include "launch/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cpulist.h"
#include "cpu/cpu.h"
#include "launch/launch.h"
#include "launch/load.h"
#include "place/place.h"

struct facet_cpus {
	int root_fd, proc_fd;
	bool placed;
	struct facet_cgroups groups;
	struct facet_cpu_vm *vm;
	struct facet_placement placement;
};

struct facet_cpus *facet_cpus_create(void)
{
	struct facet_cpus *cpus = calloc(1, sizeof(*cpus));

	if (!cpus)
		return NULL;
	cpus->root_fd = -1;
	cpus->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return cpus;
}

void facet_cpus_destroy(struct facet_cpus *cpus)
{
	if (!cpus)
		return;
	if (cpus->vm)
		facet_cpu_vm_remove(cpus->vm);
	facet_close_ptr(&cpus->root_fd);
	facet_close_ptr(&cpus->proc_fd);
	free(cpus);
}

static void init_groups(struct facet_cgroups *groups, int *ret_root_fd)
{
	char own[4096] = "", id[16];
	facet_autoclose int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, own, sizeof(own) - 1);

	own[n < 0 ? 0 : n] = '\0';
	snprintf(id, sizeof(id), "run%u", (unsigned int)getuid());
	*ret_root_fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	facet_cgroups_init(groups, *ret_root_fd, own, id);
}

void facet_cpus_sweep(void)
{
	facet_autoclose int root_fd = -1;
	facet_autofree struct facet_cgroups *groups = calloc(1, sizeof(*groups));

	if (!groups)
		return;
	init_groups(groups, &root_fd);
	facet_cpu_clean(groups);
}

/* --- where --- */

static bool is_auto(const char *text)
{
	return text && strcmp(text, "auto") == 0;
}

static bool is_given(const char *text)
{
	return text && strcmp(text, "auto") != 0 && strcmp(text, "none") != 0;
}

int facet_vm_request(const struct facet_vm *vm, const struct facet_topology *topology,
		     struct facet_place_request *ret, struct facet_error *err)
{
	*ret = (struct facet_place_request){
		.vcpus = facet_vm_vcpus(vm),
		.memory = facet_vm_memory_bytes(vm),
		.page_size = !vm->memory.hugepages            ? 0
			     : vm->memory.hugepages[0] == '1' ? 1 << 30
							      : 2 << 20,
		.policy = (enum facet_place_policy)vm->memory.policy,
	};
	for (unsigned int i = 0; i < vm->gpus_count && i < FACET_PLACE_GPUS; i++) {
		const struct facet_vm_gpu *gpu = &vm->gpus[i];
		const char *bdf = gpu->vfio       ? gpu->vfio
				  : gpu->sriov.pf ? gpu->sriov.pf
						  : gpu->mdev.parent;

		if (gpu->vfio && !facet_topology_has_device(topology, gpu->vfio))
			return facet_error_set(err, -ENODEV, "%s: gpus[%u]: vfio %s: not there",
					       vm->name, i, gpu->vfio);
		ret->gpus[ret->gpu_count++] = bdf ? facet_topology_device_node(topology, bdf) : -1;
	}
	return 0;
}

static void print_nodes(const struct facet_topology *topology,
			const struct facet_placement *placement, char *ret, size_t size)
{
	ret[0] = '\0';
	for (unsigned int i = 0; i < topology->node_count; i++)
		if (placement->memory[i])
			snprintf(ret + strlen(ret), size - strlen(ret), "%s%u", ret[0] ? "," : "",
				 topology->nodes[i].os);
}

int facet_cpus_place(struct facet_cpus *cpus, const struct facet_vm *vm, char *ret_nodes,
		     size_t size, struct facet_error *err)
{
	facet_autofree struct facet_topology *topology = NULL;
	facet_autofree struct facet_place_load *load = NULL;
	struct facet_place_request request;
	int r;

	snprintf(ret_nodes, size, "%s", is_given(vm->memory.nodes) ? vm->memory.nodes : "");
	if (!is_auto(vm->cpu.pinning) && !is_auto(vm->memory.nodes))
		return 0;
	topology = calloc(1, sizeof(*topology));
	load = calloc(1, sizeof(*load));
	if (!topology || !load)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vm->name);
	r = facet_topology_read(topology, err);
	if (!r)
		r = facet_vm_request(vm, topology, &request, err);
	facet_load_read(load);
	if (!r)
		r = facet_place(topology, load, &request, &cpus->placement, err);
	if (r)
		return r;
	cpus->placed = true;
	/* On a host of one node there is nothing to bind. */
	if (is_auto(vm->memory.nodes) && topology->node_count > 1)
		print_nodes(topology, &cpus->placement, ret_nodes, size);
	return 0;
}

/* --- how much --- */

static int limit(struct facet_cpus *cpus, const struct facet_vm *vm, pid_t pid, const pid_t *tids,
		 unsigned int count, struct facet_error *err)
{
	struct facet_cpu_limits limits = { .share = vm->cpu.share,
					   .cap_ppm = facet_vm_cpu_cap_ppm(vm) };
	const char *why;
	int r;

	if (!limits.share && !limits.cap_ppm)
		return 0;
	init_groups(&cpus->groups, &cpus->root_fd);
	why = facet_cpu_why(&cpus->groups);
	if (why)
		return facet_error_set(err, -EOPNOTSUPP, "%s: cpu.%s: %.180s", vm->name,
				       limits.cap_ppm ? "cap" : "share", why);
	r = facet_cpu_vm_create(&cpus->groups, vm->name, count, &cpus->vm, err);
	if (!r)
		r = facet_cpu_vm_move(cpus->vm, cpus->proc_fd, pid, tids, count, err);
	return r ? r : facet_cpu_vm_limit(cpus->vm, &limits, err);
}

static int pin(struct facet_cpus *cpus, const struct facet_vm *vm, pid_t pid, const pid_t *tids,
	       unsigned int count, struct facet_error *err)
{
	facet_autofree cpu_set_t *sets = NULL;
	bool chosen = is_auto(vm->cpu.pinning) && cpus->placed;

	if (!chosen && !is_given(vm->cpu.pinning))
		return 0;
	sets = calloc(count, sizeof(*sets));
	if (!sets)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", vm->name);
	for (unsigned int i = 0; i < count; i++) {
		if (chosen)
			CPU_SET(cpus->placement.vcpus[i], &sets[i]);
		else if (facet_cpulist_parse(vm->cpu.pinning, &sets[i]))
			return facet_error_set(err, -EINVAL, "%s: cpu.pinning %.80s: is no list",
					       vm->name, vm->cpu.pinning);
	}
	return facet_cpu_pin(cpus->proc_fd, pid, tids, sets, count,
			     chosen ? &cpus->placement.emulator : NULL, err);
}

int facet_cpus_apply(struct facet_cpus *cpus, const struct facet_vm *vm, pid_t pid,
		     const pid_t *tids, unsigned int count, struct facet_error *err)
{
	int r = limit(cpus, vm, pid, tids, count, err);

	return r ? r : pin(cpus, vm, pid, tids, count, err);
}
