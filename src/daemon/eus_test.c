// SPDX-License-Identifier: GPL-2.0-or-later
/* eus_test.c - lists of cores, the choice among them on made-up machines, threads that are moved.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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

#include "base/cpulist.h"
#include "daemon/eus.h"

static cpu_set_t cores(const char *list)
{
	cpu_set_t set;

	assert_int_equal(facet_cpulist_parse(list, &set), 0);
	return set;
}

static void assert_cores(const cpu_set_t *set, const char *list)
{
	char text[64];

	assert_int_equal(facetd_eus_format(set, text, sizeof(text)), 0);
	assert_string_equal(text, list);
}

static void test_lists(void **state)
{
	static const char *const bad[] = { "",    " 1", "a",    "1,",          ",1",
					   "3-1", "1-", "1--2", "1-2-3",       "1024",
					   "-1",  "+1", "0x1",  "99999999999", NULL };
	cpu_set_t set = cores("0-3,5,7-8"), untouched = set;
	char text[64];

	assert_int_equal(CPU_COUNT(&set), 7);
	assert_cores(&set, "0-3,5,7-8");
	for (const char *const *list = bad; *list; list++)
		assert_int_equal(facet_cpulist_parse(*list, &set), -EINVAL);
	assert_true(CPU_EQUAL(&set, &untouched));
	set = cores("0,2,1\n");
	assert_cores(&set, "0-2");
	/* One core must not look like a number of cores. */
	set = cores("3-3");
	assert_cores(&set, "3-3");
	assert_int_equal(facetd_eus_number("3-3"), 0);
	assert_int_equal(facetd_eus_number("3"), 3);
	assert_int_equal(facetd_eus_number("0"), 0);
	assert_int_equal(facetd_eus_number(""), 0);
	CPU_ZERO(&set);
	for (int i = 100; i < 200; i += 2)
		CPU_SET(i, &set);
	assert_int_equal(facetd_eus_format(&set, text, sizeof(text)), -ENOSPC);
}

static void put(const char *root, const char *dir, const char *cpulist)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/devices/system/node/%s", root, dir);
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/cpulist");
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(cpulist, file);
	fclose(file);
}

/* Two nodes of four cores, as such machines number them. */
static int make_sys(char *root)
{
	char path[256];

	strcpy(root, "/tmp/facet-eus-XXXXXX");
	assert_non_null(mkdtemp(root));
	for (const char *const *dir = (const char *const[]){ "devices", "devices/system",
							     "devices/system/node", NULL };
	     *dir; dir++) {
		snprintf(path, sizeof(path), "%s/%s", root, *dir);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	put(root, "node0", "0-1,4-5\n");
	put(root, "node1", "2-3,6-7\n");
	return open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_pick(void **state)
{
	struct facetd_eus_load load = { .users = { 1, 0, 0, 0, 1 } };
	cpu_set_t all = cores("0-7"), few = cores("0-2,4"), choice;
	char root[64], command[96];
	int fd = make_sys(root);

	/* Node 1 has nobody yet. */
	assert_int_equal(facetd_eus_pick(fd, 3, &all, &load, false, &choice), 0);
	assert_cores(&choice, "2-3,6");
	/* Node 0 has two that nobody uses: as good as node 1's, and first. */
	assert_int_equal(facetd_eus_pick(fd, 2, &all, &load, false, &choice), 0);
	assert_cores(&choice, "1,5");
	/* No node is large enough: the least used of all. */
	assert_int_equal(facetd_eus_pick(fd, 6, &all, &load, false, &choice), 0);
	assert_cores(&choice, "1-3,5-7");
	assert_int_equal(facetd_eus_pick(fd, 9, &all, &load, false, &choice), -ENOSPC);
	assert_int_equal(facetd_eus_pick(fd, 0, &all, &load, false, &choice), -ENOSPC);
	/* Only what is allowed, and for somebody who shares with nobody only what is unused. */
	assert_int_equal(facetd_eus_pick(fd, 2, &few, &load, false, &choice), 0);
	assert_cores(&choice, "0-1");
	assert_int_equal(facetd_eus_pick(fd, 2, &few, &load, true, &choice), 0);
	assert_cores(&choice, "1-2");
	assert_int_equal(facetd_eus_pick(fd, 3, &few, &load, true, &choice), -ENOSPC);
	close(fd);
	/* A host that tells nothing of nodes. */
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	load.users[1] = 9;
	assert_int_equal(facetd_eus_pick(-1, 2, &all, &load, false, &choice), 0);
	assert_cores(&choice, "2-3");
	close(fd);
}

static void *wait_there(void *barrier)
{
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	return NULL;
}

static void test_pin(void **state)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), first = 0;
	cpu_set_t before, one, now;
	pthread_barrier_t barrier;
	pthread_t thread;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(first, &before))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	pthread_barrier_init(&barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, wait_there, &barrier), 0);
	pthread_barrier_wait(&barrier);
	assert_true(facetd_eus_pin(proc, getpid(), &one) >= 2);
	assert_int_equal(pthread_getaffinity_np(thread, sizeof(now), &now), 0);
	assert_true(CPU_EQUAL(&now, &one));
	assert_int_equal(sched_getaffinity(0, sizeof(now), &now), 0);
	assert_true(CPU_EQUAL(&now, &one));
	assert_true(facetd_eus_pin(proc, getpid(), &before) >= 2);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	assert_true(facetd_eus_pin(proc, 0x7ffffff0, &before) < 0);
	close(proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_pick),
		cmocka_unit_test(test_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
