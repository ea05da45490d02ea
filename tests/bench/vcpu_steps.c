// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vcpu_steps.c - puts VMs into groups, limits them, and reads how much they ran.
 *
 *   vcpu-steps burn N    N threads that never rest; prints "PID TID..."
 *   vcpu-steps           reads commands, and answers each with a line:
 *     vm NAME PID TID...           its groups, and its threads into them
 *     limit NAME SHARE CAP_PPM     of all of it
 *     vcpu NAME I SHARE CAP_PPM    of one vCPU
 *     measure NAME                 "ALL_NS STEAL_NS THROTTLED_NS, USED_NS STEAL_NS
 * THROTTLED_NS,..." remove NAME                  when its process has ended
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu/cpu.h"

enum { MAX_VMS = 8, MAX_VCPUS = 64 };

static struct {
	char name[32];
	unsigned int vcpus;
	struct facet_cpu_vm *vm;
} vms[MAX_VMS];

static struct facet_cgroups groups;
static int proc_fd;

/* --- burning --- */

static void *burn(void *arg)
{
	__atomic_store_n((pid_t *)arg, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;)
		__asm__ volatile("");
	return NULL;
}

static int burn_all(int count)
{
	static pid_t tids[MAX_VCPUS];
	pthread_t thread;

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, burn, &tids[i]))
			return 1;
	printf("%d", (int)getpid());
	for (int i = 0; i < count; i++) {
		while (!__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE))
			usleep(1000);
		printf(" %d", (int)tids[i]);
	}
	puts("");
	fflush(stdout);
	for (;;)
		pause();
}

/* --- commands --- */

static int find(const char *name)
{
	for (int i = 0; i < MAX_VMS; i++)
		if (vms[i].vm && strcmp(vms[i].name, name) == 0)
			return i;
	return -1;
}

static int free_slot(void)
{
	for (int i = 0; i < MAX_VMS; i++)
		if (!vms[i].vm)
			return i;
	return -1;
}

static int add(char **words, unsigned int count, struct facet_error *err)
{
	pid_t tids[MAX_VCPUS];
	int slot = free_slot(), r;

	if (count < 4 || slot < 0)
		return facet_error_set(err, -EINVAL, "vm NAME PID TID...");
	vms[slot].vcpus = count - 3;
	snprintf(vms[slot].name, sizeof(vms[slot].name), "%s", words[1]);
	for (unsigned int i = 3; i < count; i++)
		tids[i - 3] = atoi(words[i]);
	r = facet_cpu_vm_create(&groups, words[1], count - 3, &vms[slot].vm, err);
	if (!r)
		r = facet_cpu_vm_move(vms[slot].vm, proc_fd, atoi(words[2]), tids, count - 3, err);
	return r;
}

static void print_usage(const struct facet_cpu_usage *usage)
{
	printf("%" PRIu64 " %" PRIu64 " %" PRIu64, usage->used_ns, usage->steal_ns,
	       usage->throttled_ns);
}

static int measure(int slot, struct facet_error *err)
{
	struct facet_cpu_usage usage;

	if (facet_cpu_vm_usage(vms[slot].vm, &usage))
		return facet_error_set(err, -ENODATA, "no usage of %s", vms[slot].name);
	print_usage(&usage);
	for (unsigned int i = 0; i < vms[slot].vcpus; i++) {
		if (facet_cpu_vm_usage_vcpu(vms[slot].vm, i, &usage))
			return facet_error_set(err, -ENODATA, "no usage of vCPU %u", i);
		fputs(",", stdout);
		print_usage(&usage);
	}
	puts("");
	return 0;
}

static int obey(char **words, unsigned int count, struct facet_error *err)
{
	int slot = count > 1 ? find(words[1]) : -1, r = 0;
	struct facet_cpu_limits limits = { 0 };

	if (count > 0 && strcmp(words[0], "vm") == 0) {
		r = add(words, count, err);
	} else if (slot < 0) {
		return facet_error_set(err, -EINVAL, "no such command, or no such VM");
	} else if (strcmp(words[0], "measure") == 0) {
		return measure(slot, err);
	} else if (strcmp(words[0], "remove") == 0) {
		r = facet_cpu_vm_remove(vms[slot].vm);
		vms[slot].vm = NULL;
		if (r)
			facet_error_set(err, r, "%s: its groups stay: %s", words[1], strerror(-r));
	} else if (count >= 4) {
		limits.share = (unsigned int)atoi(words[count - 2]);
		limits.cap_ppm = strtoull(words[count - 1], NULL, 10);
		r = count == 4 ? facet_cpu_vm_limit(vms[slot].vm, &limits, err)
			       : facet_cpu_vm_limit_vcpu(vms[slot].vm, (unsigned int)atoi(words[2]),
							 &limits, err);
	}
	if (!r)
		puts("ok");
	return r;
}

static void serve(void)
{
	char line[2048], *words[MAX_VCPUS + 3], *rest;
	struct facet_error err;

	while (fgets(line, sizeof(line), stdin)) {
		unsigned int count = 0;

		rest = line;
		while (count < MAX_VCPUS + 3 && (words[count] = strtok_r(rest, " \n", &rest)))
			count++;
		if (obey(words, count, &err))
			printf("failed: %s\n", err.text);
		fflush(stdout);
	}
	for (int i = 0; i < MAX_VMS; i++)
		if (vms[i].vm)
			facet_cpu_vm_remove(vms[i].vm);
}

int main(int argc, char **argv)
{
	char own[4096] = "", id[16];
	FILE *file;

	if (argc == 3 && strcmp(argv[1], "burn") == 0)
		return burn_all(atoi(argv[2]) < MAX_VCPUS ? atoi(argv[2]) : MAX_VCPUS);
	file = fopen("/proc/self/cgroup", "r");
	if (!file || !fread(own, 1, sizeof(own) - 1, file))
		return 1;
	fclose(file);
	proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(id, sizeof(id), "b%d", (int)getpid());
	facet_cgroups_init(&groups, open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC), own,
			   id);
	if (facet_cpu_why(&groups)) {
		printf("failed: %s\n", facet_cpu_why(&groups));
		return 1;
	}
	printf("version %d\n", groups.v2 ? 2 : 1);
	fflush(stdout);
	serve();
	return 0;
}
