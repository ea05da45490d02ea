// SPDX-License-Identifier: GPL-2.0-or-later
/* cpu.c - the control groups of a VM: made, filled with threads, limited, removed. */
#include "cpu/cpu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cpu/threads.h"
#include "cpu/vm.h"

/*
 * Short enough for a guest not to notice when it is held, long enough for the kernel's smallest
 * quota of 1 ms to be 1 % of a CPU.
 */
enum {
	PERIOD_US = 20000,
	LONG_PERIOD_US = 100000,
	MIN_QUOTA_US = 1000,
};

const char *facet_cpu_why(const struct facet_cgroups *groups)
{
	return facet_cgroups_why(groups, FACET_CGROUP_CPU);
}

/* --- groups --- */

/* "vcpu3", "emulator", or "" for the VM's own; and a file in it. */
static bool group_path(const struct facet_cpu_vm *vm, int which, const char *file,
		       char ret[static PATH_MAX])
{
	char name[24] = "";

	if (which == FACET_CPU_VM_EMULATOR)
		snprintf(name, sizeof(name), "/emulator");
	else if (which != FACET_CPU_VM_ALL)
		snprintf(name, sizeof(name), "/vcpu%d", which);
	return snprintf(ret, PATH_MAX, "%s%s%s%s", vm->path, name, file ? "/" : "",
			file ? file : "") < PATH_MAX;
}

static int fail(const struct facet_cpu_vm *vm, int code, const char *what, struct facet_error *err)
{
	return facet_error_set(err, code, "VM %s: control group %s: %s", vm->name, what,
			       strerror(-code));
}

/* A group for threads, which has to be told so in version 2. */
static int make_group(const struct facet_cpu_vm *vm, int which, struct facet_error *err)
{
	const int root_fd = vm->groups->root_fd;
	char path[PATH_MAX], text[32];
	int r = 0;

	if (!group_path(vm, which, NULL, path))
		return fail(vm, -ENAMETOOLONG, vm->path, err);
	if (mkdirat(root_fd, path, 0755) < 0 && errno != EEXIST)
		return fail(vm, -errno, path, err);
	if (!vm->groups->v2 || which == FACET_CPU_VM_ALL)
		return 0;
	group_path(vm, which, "cgroup.type", path);
	r = facet_cgroup_read(root_fd, path, text, sizeof(text));
	if (!r && strcmp(text, "threaded\n") != 0)
		r = facet_cgroup_write(root_fd, path, "threaded");
	return r ? fail(vm, r, path, err) : 0;
}

/*
 * In version 2 the first child for threads makes the VM's group the root of a threaded subtree;
 * from then on it may have both processes and controllers for its children.
 */
static int make_groups(struct facet_cpu_vm *vm, struct facet_error *err)
{
	char path[PATH_MAX];
	int r = make_group(vm, FACET_CPU_VM_ALL, err);

	if (!r)
		r = make_group(vm, FACET_CPU_VM_EMULATOR, err);
	if (!r && vm->groups->v2) {
		group_path(vm, FACET_CPU_VM_ALL, "cgroup.subtree_control", path);
		r = facet_cgroup_write(vm->groups->root_fd, path, "+cpu");
		if (r)
			fail(vm, r, path, err);
	}
	for (unsigned int i = 0; !r && i < vm->vcpus; i++)
		r = make_group(vm, (int)i, err);
	return r;
}

static bool is_name(const char *name)
{
	return name[0] && name[0] != '.' && strlen(name) <= NAME_MAX / 2 && !strchr(name, '/');
}

int facet_cpu_vm_create(const struct facet_cgroups *groups, const char *name, unsigned int vcpus,
			struct facet_cpu_vm **ret, struct facet_error *err)
{
	facet_auto(facet_cpu_vm_destroy) struct facet_cpu_vm *vm = NULL;
	const char *why = facet_cpu_why(groups);
	int r;

	if (why)
		return facet_error_set(err, -EOPNOTSUPP, "%s", why);
	if (!is_name(name) || !vcpus || vcpus > FACET_CPU_VCPUS)
		return facet_error_set(err, -EINVAL,
				       "VM %.64s with %u vCPUs: a name without / and 1 to %d vCPUs "
				       "are needed",
				       name, vcpus, FACET_CPU_VCPUS);
	vm = calloc(1, sizeof(*vm));
	if (vm)
		vm->vcpu = calloc(vcpus, sizeof(*vm->vcpu));
	if (!vm || !vm->vcpu)
		return facet_error_set(err, -ENOMEM, "out of memory");
	*vm = (struct facet_cpu_vm){
		.groups = groups, .vcpus = vcpus, .vcpu = vm->vcpu, .proc_fd = -1
	};
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	if (snprintf(vm->path, sizeof(vm->path), "%s/facet-vm-%s-%s",
		     groups->places[FACET_CGROUP_CPU].path, groups->id,
		     name) >= (int)sizeof(vm->path))
		return fail(vm, -ENAMETOOLONG, name, err);
	r = make_groups(vm, err);
	if (r) {
		facet_cpu_vm_remove(facet_steal(vm));
		return r;
	}
	*ret = facet_steal(vm);
	return 0;
}

void facet_cpu_vm_destroy(struct facet_cpu_vm *vm)
{
	if (!vm)
		return;
	free(vm->vcpu);
	free(vm);
}

/* Children first. The kernel keeps those with processes. */
static int remove_tree(int root_fd, const char *path)
{
	int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (fd >= 0 && !dir)
		close(fd);
	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			unlinkat(fd, entry->d_name, AT_REMOVEDIR);
	if (dir)
		closedir(dir);
	return unlinkat(root_fd, path, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int facet_cpu_vm_remove(struct facet_cpu_vm *vm)
{
	int r = remove_tree(vm->groups->root_fd, vm->path);

	facet_cpu_vm_destroy(vm);
	return r;
}

void facet_cpu_clean(const struct facet_cgroups *groups)
{
	const char *base = groups->places[FACET_CGROUP_CPU].path;
	int fd = base[0] ? openat(groups->root_fd, base, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	char prefix[32];
	int n = snprintf(prefix, sizeof(prefix), "facet-vm-%s-", groups->id);

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, prefix, (size_t)n) == 0)
			remove_tree(fd, entry->d_name);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

/* --- threads --- */

static int put_thread(void *arg, int vcpu, pid_t tid)
{
	const struct facet_cpu_vm *vm = arg;
	char path[PATH_MAX];

	group_path(vm, vcpu, vm->groups->v2 ? "cgroup.threads" : "tasks", path);
	return facet_cgroup_write(vm->groups->root_fd, path, "%d", (int)tid);
}

int facet_cpu_vm_move(struct facet_cpu_vm *vm, int proc_fd, pid_t pid, const pid_t *tids,
		      unsigned int count, struct facet_error *err)
{
	const struct facet_cpu_threads threads = { proc_fd, pid, tids, count };
	char path[PATH_MAX];
	int r;

	if (count > vm->vcpus)
		return facet_error_set(err, -EINVAL, "VM %s: %u vCPUs, but it was made for %u",
				       vm->name, count, vm->vcpus);
	r = facet_cpu_threads_check(&threads, err);
	if (r)
		return r;
	/* The process as a whole, once: again, it would take the threads back out of their groups.
	 */
	if (vm->groups->v2 && vm->pid != pid) {
		group_path(vm, FACET_CPU_VM_ALL, "cgroup.procs", path);
		r = facet_cgroup_write(vm->groups->root_fd, path, "%d", (int)pid);
	}
	if (!r)
		r = facet_cpu_threads_visit(&threads, put_thread, vm);
	if (r)
		return facet_error_set(err, r,
				       "VM %s: its threads do not go into control group %s: %s",
				       vm->name, vm->path, strerror(-r));
	vm->pid = pid;
	vm->proc_fd = proc_fd;
	for (unsigned int i = 0; i < vm->vcpus; i++)
		vm->vcpu[i].tid = i < count ? tids[i] : 0;
	return 0;
}

/* --- limits --- */

static int check_limits(const struct facet_cpu_limits *limits, struct facet_error *err)
{
	if (limits->share > FACET_CPU_SHARE_MAX)
		return facet_error_set(err, -EINVAL, "CPU share %u: must be from 1 to %d",
				       limits->share, FACET_CPU_SHARE_MAX);
	if (limits->cap_ppm &&
	    (limits->cap_ppm < FACET_CPU_CAP_MIN || limits->cap_ppm > FACET_CPU_CAP_MAX))
		return facet_error_set(err, -EINVAL,
				       "CPU cap %" PRIu64 ".%02" PRIu64
				       " %% of a CPU: must be from 1 %%",
				       limits->cap_ppm / 10000, limits->cap_ppm / 100 % 100);
	return 0;
}

static int write_share(const struct facet_cpu_vm *vm, int which, unsigned int share)
{
	const bool v2 = vm->groups->v2;
	unsigned int weight = share ? share : FACET_CPU_SHARE;
	char path[PATH_MAX];

	if (!v2) { /* whose 1024 is version 2's 100 */
		weight = weight * 1024 / 100;
		weight = weight < 2 ? 2 : weight;
	}
	group_path(vm, which, v2 ? "cpu.weight" : "cpu.shares", path);
	return facet_cgroup_write(vm->groups->root_fd, path, "%u", weight);
}

static int write_cap(const struct facet_cpu_vm *vm, int which, uint64_t cap_ppm)
{
	uint64_t period_us =
		cap_ppm * PERIOD_US / FACET_CPU_ALL < MIN_QUOTA_US ? LONG_PERIOD_US : PERIOD_US;
	char path[PATH_MAX];

	group_path(vm, which, NULL, path);
	return facet_cgroup_write_quota(vm->groups->root_fd, vm->groups->v2, path,
					cap_ppm * period_us / FACET_CPU_ALL,
					cap_ppm ? period_us : PERIOD_US);
}

static uint64_t smaller_cap(uint64_t a, uint64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

/* Version 1 refuses a child more than its parent has. */
static int write_inner_caps(const struct facet_cpu_vm *vm, uint64_t all_ppm)
{
	int r = 0;

	for (int i = FACET_CPU_VM_EMULATOR; !r && i < (int)vm->vcpus; i++) {
		uint64_t cap_ppm = i < 0 ? vm->emulator.limits.cap_ppm : vm->vcpu[i].limits.cap_ppm;

		if (cap_ppm)
			r = write_cap(vm, i, smaller_cap(cap_ppm, all_ppm));
	}
	return r;
}

static int write_all(const struct facet_cpu_vm *vm, const struct facet_cpu_limits *limits,
		     const struct facet_cpu_limits *before)
{
	bool tighter =
		limits->cap_ppm && smaller_cap(limits->cap_ppm, before->cap_ppm) == limits->cap_ppm;
	int r = write_share(vm, FACET_CPU_VM_ALL, limits->share);

	if (!r && tighter)
		r = write_inner_caps(vm, limits->cap_ppm);
	if (!r)
		r = write_cap(vm, FACET_CPU_VM_ALL, limits->cap_ppm);
	if (!r && !tighter)
		r = write_inner_caps(vm, limits->cap_ppm);
	return r;
}

static int limit_failed(const struct facet_cpu_vm *vm, int code, struct facet_error *err)
{
	return facet_error_set(err, code,
			       "VM %s: the kernel refuses this CPU share or cap in %s: %s%s",
			       vm->name, vm->path, strerror(-code),
			       code == -EINVAL ? ": a group above may have a smaller one" : "");
}

int facet_cpu_vm_limit(struct facet_cpu_vm *vm, const struct facet_cpu_limits *limits,
		       struct facet_error *err)
{
	int r = check_limits(limits, err);

	if (r)
		return r;
	r = write_all(vm, limits, &vm->all.limits);
	if (r) {
		write_all(vm, &vm->all.limits, limits);
		return limit_failed(vm, r, err);
	}
	vm->all.limits = *limits;
	return 0;
}

static int limit_group(struct facet_cpu_vm *vm, int which, struct facet_cpu_group *group,
		       const struct facet_cpu_limits *limits, struct facet_error *err)
{
	int r = check_limits(limits, err);

	if (r)
		return r;
	r = write_share(vm, which, limits->share);
	if (!r)
		r = write_cap(vm, which,
			      limits->cap_ppm ? smaller_cap(limits->cap_ppm, vm->all.limits.cap_ppm)
					      : 0);
	if (r) {
		write_share(vm, which, group->limits.share);
		return limit_failed(vm, r, err);
	}
	group->limits = *limits;
	return 0;
}

int facet_cpu_vm_limit_vcpu(struct facet_cpu_vm *vm, unsigned int vcpu,
			    const struct facet_cpu_limits *limits, struct facet_error *err)
{
	if (vcpu >= vm->vcpus)
		return facet_error_set(err, -EINVAL, "VM %s: no vCPU %u, it has %u", vm->name, vcpu,
				       vm->vcpus);
	return limit_group(vm, (int)vcpu, &vm->vcpu[vcpu], limits, err);
}

int facet_cpu_vm_limit_emulator(struct facet_cpu_vm *vm, const struct facet_cpu_limits *limits,
				struct facet_error *err)
{
	return limit_group(vm, FACET_CPU_VM_EMULATOR, &vm->emulator, limits, err);
}

/* --- usage --- */

/* By the kernel's bandwidth limits of one group; 0: never. */
static uint64_t read_throttled(const struct facet_cpu_vm *vm, int which)
{
	const char *key = vm->groups->v2 ? "throttled_usec " : "throttled_time ";
	char path[PATH_MAX], text[512], *at;
	uint64_t value;

	group_path(vm, which, "cpu.stat", path);
	if (facet_cgroup_read(vm->groups->root_fd, path, text, sizeof(text)))
		return 0;
	at = strstr(text, key);
	value = at ? strtoull(at + strlen(key), NULL, 10) : 0;
	return vm->groups->v2 ? value * 1000 : value;
}

int facet_cpu_vm_usage_vcpu(const struct facet_cpu_vm *vm, unsigned int vcpu,
			    struct facet_cpu_usage *ret)
{
	struct facet_cpu_usage usage = { 0 };

	if (vcpu >= vm->vcpus || !vm->vcpu[vcpu].tid ||
	    facet_cpu_threads_read(vm->proc_fd, vm->pid, vm->vcpu[vcpu].tid, &usage))
		return -ENODATA;
	usage.throttled_ns = read_throttled(vm, (int)vcpu);
	*ret = usage;
	return 0;
}

int facet_cpu_vm_usage(const struct facet_cpu_vm *vm, struct facet_cpu_usage *ret)
{
	struct facet_cpu_usage usage = { 0 };

	if (!vm->pid || facet_cpu_threads_read_all(vm->proc_fd, vm->pid, &usage))
		return -ENODATA;
	usage.throttled_ns = read_throttled(vm, FACET_CPU_VM_ALL);
	*ret = usage;
	return 0;
}
