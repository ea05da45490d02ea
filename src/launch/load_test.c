// SPDX-License-Identifier: GPL-2.0-or-later
/* load_test.c - threads that are pinned, and threads that are not. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "launch/load.h"
#include "place/place.h"

static int first_cpu(const cpu_set_t *set)
{
	int cpu = 0;

	while (!CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

static void *wait_for_end(void *arg)
{
	pthread_barrier_wait(arg);
	pthread_barrier_wait(arg);
	return NULL;
}

static void test_threads(void **state)
{
	struct facet_place_load *load = calloc(1, sizeof(*load));
	pthread_barrier_t barrier;
	pthread_t threads[2];
	cpu_set_t before, one;
	int cpu;

	assert_non_null(load);
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	cpu = first_cpu(&before);
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, &barrier), 0);
		assert_int_equal(pthread_setaffinity_np(threads[i], sizeof(one), &one), 0);
	}
	pthread_barrier_wait(&barrier);
	facet_load_add_process(load, getpid());
	/* On a host of one CPU this thread has no choice, either. */
	assert_int_equal(load->cpu[cpu], CPU_COUNT(&before) == 1 ? 300 : 200);
	facet_load_add_process(load, -1);
	assert_int_equal(load->cpu[cpu], CPU_COUNT(&before) == 1 ? 300 : 200);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	free(load);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_threads) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
