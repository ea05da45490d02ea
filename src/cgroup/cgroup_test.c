// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup_test.c - control groups of both versions in made-up trees, and in the real one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroup/cgroup.h"

struct tree {
	char root[64];
	int fd;
};

/* A directory when @text is NULL. */
static void put(const struct tree *tree, const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	if (!text) {
		assert_int_equal(mkdir(full, 0700), 0);
		return;
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_content(const struct tree *tree, const char *path, const char *text)
{
	char full[256], content[128] = "";
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", tree->root, path);
	file = fopen(full, "r");
	assert_non_null(file);
	assert_true(fread(content, 1, sizeof(content) - 1, file) > 0);
	fclose(file);
	/* A kernel takes one write for one value; a plain file keeps the end of a longer one. */
	content[strlen(text)] = '\0';
	assert_string_equal(content, text);
}

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	strcpy(tree->root, "/tmp/facet-cgroup-XXXXXX");
	assert_non_null(mkdtemp(tree->root));
	tree->fd = open(tree->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = tree;
	return 0;
}

static int tear_down(void **state)
{
	struct tree *tree = *state;
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", tree->root);
	assert_int_equal(system(command), 0);
	close(tree->fd);
	free(tree);
	return 0;
}

static void test_nothing(void **state)
{
	struct tree *tree = *state;
	struct facet_cgroups groups;
	struct facet_error err;

	facet_cgroups_init(&groups, tree->fd, "3:cpu,cpuacct:/\n0::/\n", "id");
	assert_false(groups.v2);
	assert_non_null(strstr(facet_cgroups_why(&groups, FACET_CGROUP_CPU), "no cpu controller"));
	assert_int_equal(facet_cgroup_put(&groups, FACET_CGROUP_MEMORY, "a", 1, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "no memory controller"));
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "a", 1, 2, &err), -EOPNOTSUPP);
	assert_int_equal(facet_cgroup_limit_memory(&groups, "a", 1, &err), -EOPNOTSUPP);
	assert_int_equal(facet_cgroup_oom_kills(&groups, "a"), 0);
	facet_cgroup_remove(&groups, "a");
	facet_cgroups_clean(&groups);
}

static void test_v1(void **state)
{
	struct tree *tree = *state;
	struct facet_cgroups groups;
	struct facet_error err;

	put(tree, "cpu", NULL);
	put(tree, "cpu/our", NULL);
	put(tree, "cpu/our/facet-id-a", NULL);
	put(tree, "cpu/our/facet-id-a/cgroup.procs", "");
	put(tree, "cpu/our/facet-id-a/cpu.cfs_quota_us", "-1");
	put(tree, "cpu/our/facet-id-a/cpu.cfs_period_us", "100000");
	put(tree, "cpu/our/facet-id-b", NULL);
	put(tree, "cpu/our/facet-other-c", NULL);
	put(tree, "memory", NULL);
	put(tree, "memory/facet-id-a", NULL);
	put(tree, "memory/facet-id-a/cgroup.procs", "");
	put(tree, "memory/facet-id-a/memory.limit_in_bytes", "9223372036854771712");
	put(tree, "memory/facet-id-a/memory.usage_in_bytes", "5000000\n");
	put(tree, "memory/facet-id-a/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	/* The second path is of a namespace that we do not see. */
	facet_cgroups_init(&groups, tree->fd,
			   "4:memory:/docker/abc\n3:cpuacct,cpu:/our\n0::/elsewhere\n", "id");
	assert_null(facet_cgroups_why(&groups, FACET_CGROUP_CPU));
	assert_string_equal(groups.places[FACET_CGROUP_CPU].path, "cpu/our");
	assert_string_equal(groups.places[FACET_CGROUP_MEMORY].path, "memory");
	assert_int_equal(facet_cgroup_put(&groups, FACET_CGROUP_CPU, "a", 77, &err), 0);
	assert_content(tree, "cpu/our/facet-id-a/cgroup.procs", "77");
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "a", 6400, 20000, &err), 0);
	assert_content(tree, "cpu/our/facet-id-a/cpu.cfs_quota_us", "6400");
	assert_content(tree, "cpu/our/facet-id-a/cpu.cfs_period_us", "20000");
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "a", 0, 20000, &err), 0);
	assert_content(tree, "cpu/our/facet-id-a/cpu.cfs_quota_us", "-1");
	assert_int_equal(facet_cgroup_limit_memory(&groups, "a", 4000000, &err), -EBUSY);
	assert_content(tree, "memory/facet-id-a/memory.limit_in_bytes", "9223372036854771712");
	assert_int_equal(facet_cgroup_limit_memory(&groups, "a", 6000000, &err), 0);
	assert_content(tree, "memory/facet-id-a/memory.limit_in_bytes", "6000000");
	assert_int_equal(facet_cgroup_oom_kills(&groups, "a"), 3);
	/* What an earlier facetd left goes; not what has processes, nor what is another's. */
	facet_cgroups_clean(&groups);
	assert_int_equal(faccessat(tree->fd, "cpu/our/facet-id-a", F_OK, 0), 0);
	assert_int_equal(faccessat(tree->fd, "cpu/our/facet-id-b", F_OK, 0), -1);
	assert_int_equal(faccessat(tree->fd, "cpu/our/facet-other-c", F_OK, 0), 0);
	assert_int_equal(facet_cgroup_put(&groups, FACET_CGROUP_MEMORY, "new", 78, &err), -ENOENT);
	facet_cgroup_remove(&groups, "new");
	assert_int_equal(faccessat(tree->fd, "memory/facet-id-new", F_OK, 0), -1);
}

/* Weights of version 1 are 1024 a thread, of version 2 100. */
static void test_cpu(void **state)
{
	struct tree *tree = *state;
	struct facet_cgroup_cpu cpu = FACET_CGROUP_NO_CPU;
	struct facet_cgroups groups;
	struct facet_error err;

	facet_cgroup_set_weight(&cpu, 1000000);
	assert_false(facet_cgroup_set_idle(&cpu, true));
	put(tree, "cpu", NULL);
	put(tree, "cpu/facet-id-a", NULL);
	facet_cgroups_init(&groups, tree->fd, "3:cpu:/\n", "id");
	assert_int_equal(facet_cgroup_open_cpu(&groups, "a", &cpu, &err), -ENOENT);
	put(tree, "cpu/facet-id-a/cpu.shares", "1024");
	assert_int_equal(facet_cgroup_open_cpu(&groups, "a", &cpu, &err), 0);
	facet_cgroup_set_weight(&cpu, 2500000);
	assert_content(tree, "cpu/facet-id-a/cpu.shares", "2560");
	assert_false(facet_cgroup_set_idle(&cpu, true)); /* before Linux 5.15 */
	facet_cgroup_close_cpu(&cpu);
	put(tree, "cpu/facet-id-a/cpu.idle", "0");
	assert_int_equal(facet_cgroup_open_cpu(&groups, "a", &cpu, &err), 0);
	assert_true(facet_cgroup_set_idle(&cpu, true));
	assert_content(tree, "cpu/facet-id-a/cpu.idle", "1");
	facet_cgroup_set_weight(&cpu, 4000000); /* which the kernel refuses now */
	assert_content(tree, "cpu/facet-id-a/cpu.shares", "2560");
	assert_false(facet_cgroup_set_idle(&cpu, false));
	assert_content(tree, "cpu/facet-id-a/cpu.idle", "0");
	facet_cgroup_set_weight(&cpu, 1);
	assert_content(tree, "cpu/facet-id-a/cpu.shares", "2");
	facet_cgroup_close_cpu(&cpu);
	assert_int_equal(cpu.weight_fd, -1);
}

static void test_v2(void **state)
{
	struct tree *tree = *state;
	struct facet_cgroups groups;
	struct facet_error err;

	put(tree, "cgroup.controllers", "cpuset cpu io memory pids\n");
	put(tree, "s", NULL);
	put(tree, "s/cgroup.controllers", "cpu pids\n");
	put(tree, "s/cgroup.subtree_control", "pids\n");
	put(tree, "s/facetd", NULL);
	put(tree, "s/facetd/cgroup.controllers", "pids\n");
	put(tree, "s/facet-id-a", NULL);
	put(tree, "s/facet-id-a/cgroup.procs", "");
	put(tree, "s/facet-id-a/cpu.max", "max 100000");
	/* Our group is the one below what was delegated. */
	facet_cgroups_init(&groups, tree->fd, "0::/s/facetd\n", "id");
	assert_true(groups.v2);
	assert_null(facet_cgroups_why(&groups, FACET_CGROUP_CPU));
	assert_content(tree, "s/cgroup.subtree_control", "+cpu");
	assert_non_null(strstr(facet_cgroups_why(&groups, FACET_CGROUP_MEMORY), "not delegated"));
	assert_int_equal(facet_cgroup_put(&groups, FACET_CGROUP_CPU, "a", 77, &err), 0);
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "a", 6400, 20000, &err), 0);
	assert_content(tree, "s/facet-id-a/cpu.max", "6400 20000");
	/* One that has processes cannot have children that are given anything. */
	put(tree, "s/cgroup.subtree_control", "pids\n");
	put(tree, "s/cgroup.type", "domain\n");
	put(tree, "s/cgroup.procs", "5\n");
	facet_cgroups_init(&groups, tree->fd, "0::/s/facetd\n", "id");
	assert_non_null(
		strstr(facet_cgroups_why(&groups, FACET_CGROUP_CPU), "processes of its own"));
	assert_content(tree, "s/cgroup.subtree_control", "pids");
	put(tree, "s/cgroup.procs", "");
	/* Switched on already; a memory limit that would end the process is not set. */
	put(tree, "s/cgroup.controllers", "cpu memory\n");
	put(tree, "s/cgroup.subtree_control", "cpu memory\n");
	put(tree, "s/facet-id-a/memory.max", "max");
	put(tree, "s/facet-id-a/memory.current", "100\n");
	put(tree, "s/facet-id-a/memory.events", "low 0\noom 5\noom_kill 2\noom_group_kill 0\n");
	facet_cgroups_init(&groups, tree->fd, "0::/s/facetd\n", "id");
	assert_content(tree, "s/cgroup.subtree_control", "cpu memory");
	assert_int_equal(facet_cgroup_limit_memory(&groups, "a", 99, &err), -EBUSY);
	assert_int_equal(facet_cgroup_limit_memory(&groups, "a", 101, &err), 0);
	assert_content(tree, "s/facet-id-a/memory.max", "101");
	assert_int_equal(facet_cgroup_oom_kills(&groups, "a"), 2);
}

/* Where the kernel lets us: a process goes in, is counted, and the group goes. */
static void test_real(void **state)
{
	int fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char own[2048] = "", path[PATH_MAX], id[16];
	struct facet_cgroups groups;
	struct facet_error err;
	FILE *file = fopen("/proc/self/cgroup", "r");
	pid_t pid;

	assert_non_null(file);
	assert_true(fread(own, 1, sizeof(own) - 1, file) > 0);
	fclose(file);
	snprintf(id, sizeof(id), "t%d", (int)getpid());
	facet_cgroups_init(&groups, fd, own, id);
	if (facet_cgroups_why(&groups, FACET_CGROUP_CPU)) {
		print_message("no real control groups: %s\n",
			      facet_cgroups_why(&groups, FACET_CGROUP_CPU));
		close(fd);
		skip();
	}
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(facet_cgroup_put(&groups, FACET_CGROUP_CPU, "x", pid, &err), 0);
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "x", 5000, 20000, &err), 0);
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "x", 15000, 10000, &err), 0);
	assert_int_equal(facet_cgroup_limit_cpu(&groups, "x", 0, 0, &err), 0);
	snprintf(path, sizeof(path), "%.2000s/facet-%s-x", groups.places[FACET_CGROUP_CPU].path,
		 id);
	facet_cgroups_clean(&groups);
	assert_int_equal(faccessat(fd, path, F_OK, 0), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	facet_cgroup_remove(&groups, "x");
	assert_int_equal(faccessat(fd, path, F_OK, 0), -1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_v1, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cpu, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_v2, set_up, tear_down),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
