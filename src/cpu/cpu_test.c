// SPDX-License-Identifier: GPL-2.0-or-later
/* cpu_test.c - a VM's groups in made-up trees of both versions, and where the kernel lets us. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cpu/cpu.h"

struct tree {
	char root[64];
	int fd, proc_fd;
	struct facet_cgroups groups;
	struct facet_cpu_vm *vm;
	struct facet_error err;
};

static void put(const struct tree *tree, const char *path, const char *text)
{
	char full[256];
	FILE *file;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(full, sizeof(full), "%s/%.*s", tree->root, (int)(slash - path), path);
		mkdir(full, 0700);
	}
	snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A plain file keeps the end of what was longer: so each is emptied when it was looked at. */
static void assert_content(const struct tree *tree, const char *path, const char *text)
{
	char full[256], content[128] = "";
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	file = fopen(full, "r+");
	assert_non_null(file);
	assert_true(fread(content, 1, sizeof(content) - 1, file) > 0);
	assert_int_equal(ftruncate(fileno(file), 0), 0);
	fclose(file);
	assert_string_equal(content, text);
}

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	strcpy(tree->root, "/tmp/facet-cpu-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	tree->fd = open(tree->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = tree;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *tree = *state;
	char command[96];

	facet_cpu_vm_destroy(tree->vm);
	snprintf(command, sizeof(command), "rm -r %s", tree->root);
	assert_int_equal(system(command), 0);
	close(tree->fd);
	close(tree->proc_fd);
	free(tree);
	return 0;
}

static void put_group(const struct tree *tree, const char *group, const char *const *files)
{
	char path[128];

	for (; *files; files++) {
		snprintf(path, sizeof(path), "%s/%s", group, *files);
		put(tree, path, "");
	}
}

static const char *const files_v1[] = {
	"tasks", "cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat", NULL
};
static const char *const files_v2[] = { "cgroup.type",  "cgroup.threads",
					"cgroup.procs", "cpu.weight",
					"cpu.max",      "cgroup.subtree_control",
					"cpu.stat",     NULL };

static void begin_v1(struct tree *tree)
{
	put_group(tree, "cpu/facet-vm-id-a", files_v1);
	put_group(tree, "cpu/facet-vm-id-a/emulator", files_v1);
	put_group(tree, "cpu/facet-vm-id-a/vcpu0", files_v1);
	put_group(tree, "cpu/facet-vm-id-a/vcpu1", files_v1);
	facet_cgroups_init(&tree->groups, tree->fd, "3:cpu:/\n", "id");
	assert_null(facet_cpu_why(&tree->groups));
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "a", 2, &tree->vm, &tree->err), 0);
}

/* --- threads of our own as QEMU's --- */

static void *wait_for_end(void *arg)
{
	pid_t *tid = arg;

	__atomic_store_n(tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (__atomic_load_n(tid, __ATOMIC_ACQUIRE))
		usleep(1000);
	return NULL;
}

struct crew {
	pthread_t threads[3];
	pid_t tids[3]; /* set to 0 it ends */
};

static void start_crew(struct crew *crew)
{
	memset(crew, 0, sizeof(*crew));
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			pthread_create(&crew->threads[i], NULL, wait_for_end, &crew->tids[i]), 0);
	for (int i = 0; i < 3; i++)
		while (!__atomic_load_n(&crew->tids[i], __ATOMIC_ACQUIRE))
			usleep(1000);
}

static void end_crew(struct crew *crew)
{
	for (int i = 0; i < 3; i++) {
		__atomic_store_n(&crew->tids[i], 0, __ATOMIC_RELEASE);
		pthread_join(crew->threads[i], NULL);
	}
}

/* --- tests --- */

static void test_nowhere(void **state)
{
	struct tree *tree = *state;

	facet_cgroups_init(&tree->groups, tree->fd, "0::/\n", "id");
	assert_non_null(strstr(facet_cpu_why(&tree->groups), "no cpu controller"));
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "a", 1, &tree->vm, &tree->err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(tree->err.text, "no cpu controller"));
	facet_cpu_clean(&tree->groups);
}

static void test_names(void **state)
{
	struct tree *tree = *state;

	begin_v1(tree);
	facet_cpu_vm_destroy(tree->vm);
	tree->vm = NULL;
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "../a", 1, &tree->vm, &tree->err),
			 -EINVAL);
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "..", 1, &tree->vm, &tree->err),
			 -EINVAL);
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "", 1, &tree->vm, &tree->err), -EINVAL);
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "b", 0, &tree->vm, &tree->err),
			 -EINVAL);
	assert_int_equal(
		facet_cpu_vm_create(&tree->groups, "b", FACET_CPU_VCPUS + 1, &tree->vm, &tree->err),
		-EINVAL);
	assert_null(tree->vm);
	/* Directories are made, and go again. */
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "b", 3, &tree->vm, &tree->err), 0);
	assert_int_equal(faccessat(tree->fd, "cpu/facet-vm-id-b/vcpu2", F_OK, 0), 0);
	assert_int_equal(facet_cpu_vm_remove(tree->vm), 0);
	assert_int_equal(faccessat(tree->fd, "cpu/facet-vm-id-b", F_OK, 0), -1);
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "b", 1, &tree->vm, &tree->err), 0);
	facet_cpu_vm_destroy(tree->vm);
	tree->vm = NULL;
	facet_cpu_clean(&tree->groups);
	assert_int_equal(faccessat(tree->fd, "cpu/facet-vm-id-b", F_OK, 0), -1);
	assert_int_equal(faccessat(tree->fd, "cpu/facet-vm-id-a", F_OK, 0), 0);
}

static void test_limits_v1(void **state)
{
	struct tree *tree = *state;
	struct facet_error *err = &tree->err;

	begin_v1(tree);
	assert_int_equal(
		facet_cpu_vm_limit(tree->vm, &(struct facet_cpu_limits){ 300, 1500000 }, err), 0);
	assert_content(tree, "cpu/facet-vm-id-a/cpu.shares", "3072");
	/* The old quota may be too much for the new period. */
	assert_content(tree, "cpu/facet-vm-id-a/cpu.cfs_quota_us", "30000");
	assert_content(tree, "cpu/facet-vm-id-a/cpu.cfs_period_us", "20000");
	/* A vCPU is not given more than the VM has; later it is. */
	assert_int_equal(
		facet_cpu_vm_limit_vcpu(tree->vm, 1, &(struct facet_cpu_limits){ 1, 2000000 }, err),
		0);
	assert_content(tree, "cpu/facet-vm-id-a/vcpu1/cpu.shares", "10");
	assert_content(tree, "cpu/facet-vm-id-a/vcpu1/cpu.cfs_quota_us", "30000");
	put(tree, "cpu/facet-vm-id-a/vcpu1/cpu.cfs_period_us", "20000\n");
	assert_int_equal(facet_cpu_vm_limit(tree->vm, &(struct facet_cpu_limits){ 0, 0 }, err), 0);
	assert_content(tree, "cpu/facet-vm-id-a/cpu.shares", "1024");
	assert_content(tree, "cpu/facet-vm-id-a/cpu.cfs_quota_us", "-1");
	assert_content(tree, "cpu/facet-vm-id-a/vcpu1/cpu.cfs_quota_us", "40000");
	/* 1 % of a CPU takes a longer period. */
	assert_int_equal(
		facet_cpu_vm_limit_emulator(tree->vm, &(struct facet_cpu_limits){ 50, 10000 }, err),
		0);
	assert_content(tree, "cpu/facet-vm-id-a/emulator/cpu.shares", "512");
	assert_content(tree, "cpu/facet-vm-id-a/emulator/cpu.cfs_quota_us", "1000");
	assert_content(tree, "cpu/facet-vm-id-a/emulator/cpu.cfs_period_us", "100000");
	/* What is no limit changes nothing. */
	assert_int_equal(facet_cpu_vm_limit(tree->vm, &(struct facet_cpu_limits){ 10001, 0 }, err),
			 -EINVAL);
	assert_int_equal(facet_cpu_vm_limit(tree->vm, &(struct facet_cpu_limits){ 1, 9999 }, err),
			 -EINVAL);
	assert_string_equal(err->text, "CPU cap 0.99 % of a CPU: must be from 1 %");
	assert_int_equal(facet_cpu_vm_limit_vcpu(tree->vm, 2, &(struct facet_cpu_limits){ 0 }, err),
			 -EINVAL);
	/* One that the kernel refuses is taken back as far as it went. */
	assert_int_equal(unlinkat(tree->fd, "cpu/facet-vm-id-a/vcpu0/cpu.cfs_quota_us", 0), 0);
	assert_int_equal(
		facet_cpu_vm_limit_vcpu(tree->vm, 0, &(struct facet_cpu_limits){ 7, 500000 }, err),
		-ENOENT);
	assert_content(tree, "cpu/facet-vm-id-a/vcpu0/cpu.shares", "1024");
}

static void test_v2(void **state)
{
	struct tree *tree = *state;
	struct facet_error *err = &tree->err;
	struct facet_cpu_usage usage;
	char text[16];
	struct crew crew;

	put(tree, "cgroup.controllers", "cpuset cpu io memory pids\n");
	put(tree, "s/cgroup.controllers", "cpu memory pids\n");
	put(tree, "s/cgroup.subtree_control", "cpu memory pids\n");
	put(tree, "s/facetd/cgroup.procs", "");
	put_group(tree, "s/facet-vm-id-a", files_v2);
	put_group(tree, "s/facet-vm-id-a/emulator", files_v2);
	put_group(tree, "s/facet-vm-id-a/vcpu0", files_v2);
	put(tree, "s/facet-vm-id-a/vcpu0/cgroup.type", "threaded\n");
	put(tree, "s/facet-vm-id-a/emulator/cgroup.type", "domain\n");
	facet_cgroups_init(&tree->groups, tree->fd, "0::/s/facetd\n", "id");
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "a", 1, &tree->vm, err), 0);
	assert_content(tree, "s/facet-vm-id-a/emulator/cgroup.type", "threaded");
	assert_content(tree, "s/facet-vm-id-a/vcpu0/cgroup.type", "threaded\n");
	assert_content(tree, "s/facet-vm-id-a/cgroup.subtree_control", "+cpu");
	assert_int_equal(
		facet_cpu_vm_limit(tree->vm, &(struct facet_cpu_limits){ 250, 500000 }, err), 0);
	assert_content(tree, "s/facet-vm-id-a/cpu.weight", "250");
	assert_content(tree, "s/facet-vm-id-a/cpu.max", "10000 20000");
	start_crew(&crew);
	assert_int_equal(facet_cpu_vm_move(tree->vm, tree->proc_fd, getpid(), crew.tids, 1, err),
			 0);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	assert_content(tree, "s/facet-vm-id-a/cgroup.procs", text);
	snprintf(text, sizeof(text), "%d", (int)crew.tids[0]);
	assert_content(tree, "s/facet-vm-id-a/vcpu0/cgroup.threads", text);
	put(tree, "s/facet-vm-id-a/vcpu0/cpu.stat", "nr_throttled 3\nthrottled_usec 17\n");
	assert_int_equal(facet_cpu_vm_usage_vcpu(tree->vm, 0, &usage), 0);
	assert_int_equal(usage.throttled_ns, 17000);
	assert_int_equal(facet_cpu_vm_usage_vcpu(tree->vm, 1, &usage), -ENODATA);
	assert_int_equal(facet_cpu_vm_usage(tree->vm, &usage), 0);
	assert_true(usage.used_ns > 0);
	/* Again: the process stays, or all threads would be taken out for a moment. */
	assert_int_equal(facet_cpu_vm_move(tree->vm, tree->proc_fd, getpid(), crew.tids, 1, err),
			 0);
	put(tree, "s/facet-vm-id-a/cgroup.procs", "nothing");
	assert_content(tree, "s/facet-vm-id-a/cgroup.procs", "nothing");
	end_crew(&crew);
}

/* QEMU's word for which threads are its own is not taken. */
static void test_hostile_ids(void **state)
{
	struct tree *tree = *state;
	const pid_t others[] = { 1, 0, -5, getppid() };
	struct facet_cpu_usage usage;
	cpu_set_t all;

	begin_v1(tree);
	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(facet_cpu_vm_move(tree->vm, tree->proc_fd, getpid(), &others[i], 1,
						   &tree->err),
				 -EPERM);
		assert_int_equal(facet_cpu_pin(tree->proc_fd, getpid(), &others[i], &all, 1, NULL,
					       &tree->err),
				 -EPERM);
	}
	assert_int_equal(
		facet_cpu_vm_move(tree->vm, tree->proc_fd, getpid(), others, 3, &tree->err),
		-EINVAL);
	assert_int_equal(facet_cpu_vm_move(tree->vm, tree->proc_fd, 0, NULL, 0, &tree->err),
			 -ESRCH);
	assert_int_equal(facet_cpu_vm_usage_vcpu(tree->vm, 0, &usage), -ENODATA);
	assert_int_equal(facet_cpu_vm_usage(tree->vm, &usage), -ENODATA);
}

static void test_pin(void **state)
{
	struct tree *tree = *state;
	cpu_set_t before, one, now, vcpus[2], none;
	struct crew crew;
	int first = 0;

	sched_getaffinity(0, sizeof(before), &before);
	while (!CPU_ISSET(first, &before))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	vcpus[0] = one;
	vcpus[1] = before;
	start_crew(&crew);
	assert_int_equal(
		facet_cpu_pin(tree->proc_fd, getpid(), crew.tids, vcpus, 2, &before, &tree->err),
		0);
	sched_getaffinity(crew.tids[0], sizeof(now), &now);
	assert_true(CPU_EQUAL(&now, &one));
	sched_getaffinity(crew.tids[1], sizeof(now), &now);
	assert_true(CPU_EQUAL(&now, &before));
	/* vCPUs stay, the others go. */
	assert_int_equal(
		facet_cpu_pin(tree->proc_fd, getpid(), crew.tids, NULL, 2, &one, &tree->err), 0);
	sched_getaffinity(crew.tids[1], sizeof(now), &now);
	assert_true(CPU_EQUAL(&now, &before));
	sched_getaffinity(crew.tids[2], sizeof(now), &now);
	assert_true(CPU_EQUAL(&now, &one));
	CPU_ZERO(&none);
	CPU_SET(CPU_SETSIZE - 1, &none);
	assert_int_equal(
		facet_cpu_pin(tree->proc_fd, getpid(), crew.tids, NULL, 0, &none, &tree->err),
		-EINVAL);
	assert_int_equal(facet_cpu_pin(tree->proc_fd, getpid(), NULL, NULL, 0, &before, &tree->err),
			 0);
	end_crew(&crew);
}

/* --- the kernel's own --- */

static bool is_in(pid_t tid, const char *group)
{
	char path[64], text[2048] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)tid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	return strstr(text, group);
}

static void check_real(struct tree *tree, pid_t pid, const pid_t *tids)
{
	struct facet_error *err = &tree->err;
	struct facet_cpu_usage usage;

	assert_int_equal(facet_cpu_vm_move(tree->vm, tree->proc_fd, pid, tids, 2, err), 0);
	assert_true(is_in(tids[0], "x/vcpu0\n"));
	assert_true(is_in(tids[1], "x/vcpu1\n"));
	assert_true(is_in(tids[2], "x/emulator\n"));
	assert_true(is_in(pid, "x/emulator\n"));
	/* In every order: version 1 refuses children more than their parent. */
	for (uint64_t i = 0; i < 3; i++) {
		static const uint64_t caps[] = { 800000, 100000, 0 };

		assert_int_equal(facet_cpu_vm_limit_vcpu(tree->vm, 0,
							 &(struct facet_cpu_limits){ 50, 500000 },
							 err),
				 0);
		assert_int_equal(facet_cpu_vm_limit(
					 tree->vm, &(struct facet_cpu_limits){ 200, caps[i] }, err),
				 0);
		assert_int_equal(facet_cpu_vm_limit_vcpu(
					 tree->vm, 1, &(struct facet_cpu_limits){ 0, 12000 }, err),
				 0);
	}
	assert_int_equal(facet_cpu_vm_usage_vcpu(tree->vm, 1, &usage), 0);
	assert_int_equal(facet_cpu_vm_usage(tree->vm, &usage), 0);
}

/* The process whose threads they are has to end before its groups can. */
static void test_real(void **state)
{
	struct tree *tree = *state;
	int pipe_fds[2], fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char own[2048] = "", id[16];
	FILE *file = fopen("/proc/self/cgroup", "r");
	pid_t pid, tids[3];

	assert_non_null(file);
	assert_true(fread(own, 1, sizeof(own) - 1, file) > 0);
	fclose(file);
	snprintf(id, sizeof(id), "t%d", (int)getpid());
	facet_cgroups_init(&tree->groups, fd, own, id);
	if (facet_cpu_why(&tree->groups)) {
		print_message("no real control groups: %s\n", facet_cpu_why(&tree->groups));
		close(fd);
		skip();
	}
	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0) {
		struct crew crew;

		start_crew(&crew);
		if (write(pipe_fds[1], crew.tids, sizeof(crew.tids)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(pipe_fds[0], tids, sizeof(tids)), sizeof(tids));
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "x", 2, &tree->vm, &tree->err), 0);
	check_real(tree, pid, tids);
	/* The next one takes over what is there. */
	facet_cpu_vm_destroy(tree->vm);
	facet_cpu_clean(&tree->groups);
	assert_int_equal(facet_cpu_vm_create(&tree->groups, "x", 2, &tree->vm, &tree->err), 0);
	check_real(tree, pid, tids);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(facet_cpu_vm_move(tree->vm, tree->proc_fd, pid, tids, 2, &tree->err),
			 -ESRCH);
	assert_int_equal(facet_cpu_vm_remove(tree->vm), 0);
	tree->vm = NULL;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nowhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits_v1, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_v2, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_ids, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pin, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_real, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
