// SPDX-License-Identifier: GPL-2.0-or-later
/* meter_test.c - clocks that only grow, over processes that end; drivers' accounts, made up. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/meter.h"

struct tree {
	char root[64];
	int fd;
};

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

static int set_up(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	strcpy(tree->root, "/tmp/facet-meter-XXXXXX");
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

/* Uses its processor, and says so when that was 20 ms. */
static pid_t spin(int *ret_ready)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct timespec ts;

		for (bool told = false;;) {
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
			if (!told && ts.tv_nsec > 20000000)
				told = write(ends[1], "x", 1) == 1;
		}
	}
	close(ends[1]);
	*ret_ready = ends[0];
	return pid;
}

static void test_cpu_clock(void **state)
{
	struct facetd_meter meter;
	struct facet_error err;
	uint64_t first;
	char c;
	int ready;
	pid_t pid;

	facetd_meter_init(&meter, "cpu-clock", -1);
	assert_int_equal(facetd_meter_read(&meter), 0);
	for (int i = 1; i <= 2; i++) {
		uint64_t before = facetd_meter_read(&meter);

		pid = spin(&ready);
		assert_int_equal(facetd_meter_start(&meter, pid, &err), 0);
		assert_int_equal(read(ready, &c, 1), 1);
		first = facetd_meter_read(&meter);
		assert_true(first - before >= 20000000);
		assert_true(facetd_meter_read(&meter) >= first);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(ready);
		/* It can no longer be asked; what it used stays. */
		assert_true(facetd_meter_read(&meter) >= first);
		facetd_meter_stop(&meter);
		assert_true(facetd_meter_read(&meter) >= first);
	}
	assert_int_equal(facetd_meter_start(&meter, 0x7ffffff0, &err), -ESRCH);
	assert_true(facetd_meter_read(&meter) >= first);
}

static void test_fdinfo(void **state)
{
	struct tree *tree = *state;
	struct facetd_meter meter;
	struct facet_error err;

	put(tree, "77", NULL);
	put(tree, "77/fdinfo", NULL);
	put(tree, "77/fdinfo/0", "pos:\t0\nflags:\t02\nmnt_id:\t9\n");
	facetd_meter_init(&meter, "drm-fdinfo", tree->fd);
	assert_int_equal(facetd_meter_start(&meter, 78, &err), -ENOENT);
	assert_int_equal(facetd_meter_start(&meter, 77, &err), -ENODATA);
	assert_non_null(strstr(err.text, "driver"));
	put(tree, "77/fdinfo/5",
	    "pos:\t0\ndrm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\n"
	    "drm-engine-render:\t1000 ns\ndrm-engine-copy:\t5 ns\n"
	    "drm-engine-capacity-render:\t2 ns\ndrm-engine-video:\t100 ns\n");
	/* The same client by another descriptor, read a moment later; another client; rubbish. */
	put(tree, "77/fdinfo/6",
	    "drm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\ndrm-engine-render:\t1500 ns\n");
	put(tree, "77/fdinfo/7",
	    "drm-client-id:\t7\ndrm-pdev:\t0000:03:00.0\ndrm-engine-gfx:\t200 ns\n"
	    "drm-engine-compute1:\t30 ns\n");
	put(tree, "77/fdinfo/8", "drm-client-id:\t9\ndrm-engine-render:\t-5 ns\n");
	put(tree, "77/fdinfo/9", "drm-client-id:\t10\ndrm-engine-render:\t77 cycles\n");
	put(tree, "77/fdinfo/10", "drm-engine-render:\t77 ns\n");
	put(tree, "77/fdinfo/11",
	    "drm-client-id:\t11\ndrm-engine-render:\t18446744073709551615 ns\n:::\n\n");
	assert_int_equal(facetd_meter_start(&meter, 77, &err), 0);
	assert_int_equal(facetd_meter_read(&meter), 1730);
	put(tree, "77/fdinfo/6",
	    "drm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\ndrm-engine-render:\t2500 ns\n");
	assert_int_equal(facetd_meter_read(&meter), 2730);
	/* A closed descriptor takes its account away, but nothing is given back. */
	put(tree, "77/fdinfo/6", "");
	assert_int_equal(facetd_meter_read(&meter), 2730);
	facetd_meter_stop(&meter);
	assert_int_equal(facetd_meter_start(&meter, 77, &err), 0);
	assert_int_equal(facetd_meter_read(&meter), 2730 + 1230);
}

static void test_idle(void **state)
{
	struct tree *tree = *state;
	struct facetd_idle idle = { .proc_fd = tree->fd, .fd = -1 };
	uint64_t tick_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(2, &set);
	assert_int_equal(facetd_idle_read(&idle, &set), 0);
	put(tree, "stat",
	    "cpu  9 9 9 900 90 0 0\ncpu0 1 2 3 100 5 0 0 0\ncpu1 1 2 3 200 10 0\n"
	    "cpu2 1 2 3 300 20 0\ncpu20 1 2 3 1000 2000\nintr 1 2 3\ncpu0 1 1 1 7 7\n");
	assert_int_equal(facetd_idle_read(&idle, &set), 425 * tick_ns);
	put(tree, "stat", "cpu 1\ncpu0 x\ncpu\n");
	assert_int_equal(facetd_idle_read(&idle, &set), 0);
	close(idle.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu_clock),
		cmocka_unit_test_setup_teardown(test_fdinfo, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idle, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
