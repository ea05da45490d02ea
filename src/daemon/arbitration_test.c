// SPDX-License-Identifier: GPL-2.0-or-later
/* arbitration_test.c - the arbiter over processes that do nothing but spin. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/fake_place.h"

/* --- at work --- */

static uint64_t used_ms(struct fake_place *place, int i)
{
	struct facetd_usage usage;

	facetd_arbitration_usage(place->vgpus[i], &usage);
	return usage.used_ns / 1000000;
}

/* Of what both use from now on, until that is so much: however long it takes. */
static double part_of_first(struct fake_place *place, uint64_t ms)
{
	uint64_t before[2] = { used_ms(place, 0), used_ms(place, 1) }, used[2];
	uint64_t until = facetd_now_ns() + 90000000000;

	do {
		fake_place_run_for(place, 100);
		used[0] = used_ms(place, 0) - before[0];
		used[1] = used_ms(place, 1) - before[1];
		assert_true(facetd_now_ns() < until);
	} while (used[0] + used[1] < ms);
	print_message("# used %d ms and %d ms\n", (int)used[0], (int)used[1]);
	return (double)used[0] / (double)(used[0] + used[1]);
}

static bool arbitrating(struct fake_place *place)
{
	return fake_place_soft0(place)->awake;
}

static bool asleep(struct fake_place *place)
{
	return !fake_place_soft0(place)->awake;
}

static void test_shares(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct facetd_enforcement enforcement;
	struct fake_place *place = *state;
	struct facetd_usage usage;
	struct facet_error err;
	double part;

	limits.share.weight = 300;
	fake_vgpu_attach(place, &limits);
	limits.share.weight = 100;
	fake_vgpu_attach(place, &limits);
	fake_vgpu_start(place->vgpus[0], fake_work_spin);
	fake_vgpu_start(place->vgpus[1], fake_work_spin);
	fake_place_run_until(place, arbitrating);
	part_of_first(place, 200);
	/* Loose: this tells that it works at all; tests/bench/shares tells how well. */
	part = part_of_first(place, 1000);
	assert_true(part > 0.65 && part < 0.85);
	facetd_arbitration_usage(place->vgpus[1], &usage);
	assert_string_equal(usage.meter, "cpu-clock");
	assert_true(usage.throttled_ns > 0);
	assert_in_range(usage.entitled_ppm, 249000, 251000);
	assert_true(usage.used_ppm > 0);
	assert_true(place->vgpus[0]->arbitrated->page->heartbeat_ns > 0);
	assert_in_range(place->vgpus[1]->arbitrated->page->share_ppm, 249000, 251000);
	/* The other way round, at once. */
	limits.share.weight = 900;
	assert_int_equal(facetd_arbitration_set(place->vgpus[1], &limits, &err), 0);
	part_of_first(place, 200);
	part = part_of_first(place, 1000);
	assert_true(part > 0.15 && part < 0.35);
	for (unsigned int i = 0; facetd_arbitration_enforcement(place->vgpus[1], i, &enforcement);
	     i++) {
		print_message("# %s: %s: %s\n", enforcement.what,
			      facetd_enforcer_name(enforcement.who), enforcement.why);
		assert_int_not_equal(enforcement.who, FACETD_BY_HARDWARE);
		if (strcmp(enforcement.what, "share") == 0)
			assert_int_equal(enforcement.who, FACETD_BY_FACET);
	}
}

static void test_cap(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_usage before, after;
	uint64_t began;
	double part;

	limits.share.cap_ppm = 200000;
	fake_vgpu_attach(place, &limits);
	fake_vgpu_start(place->vgpus[0], fake_work_spin);
	fake_place_run_until(place, arbitrating);
	fake_place_run_for(place, 300);
	facetd_arbitration_usage(place->vgpus[0], &before);
	began = facetd_now_ns();
	fake_place_run_for(place, 1500);
	facetd_arbitration_usage(place->vgpus[0], &after);
	part = (double)(after.used_ns - before.used_ns) / (double)(facetd_now_ns() - began);
	print_message("# capped to 20 %%: %.1f %%\n", part * 100);
	assert_true(part < 0.23);
}

/* Nobody competes: no ticks, no beats, and a bell that wakes. */
static void test_sleep(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct facet_share_page *lone, *idle;
	struct fake_place *place = *state;
	const uint64_t one = 1;
	uint64_t ticks, rang = facetd_now_ns();

	fake_vgpu_attach(place, &limits);
	fake_vgpu_attach(place, &limits);
	fake_vgpu_start(place->vgpus[0], fake_work_spin);
	fake_vgpu_start(place->vgpus[1], fake_work_rest);
	lone = place->vgpus[0]->arbitrated->page;
	idle = place->vgpus[1]->arbitrated->page;
	while (!__atomic_load_n(&lone->backlog, __ATOMIC_SEQ_CST))
		fake_place_run_for(place, 1);
	fake_place_run_until(place, asleep);
	fake_place_run_for(place, 100);
	assert_true(asleep(place));
	assert_true(lone->open);
	assert_int_equal(lone->heartbeat_ns, 0);
	assert_int_equal(lone->ring, FACET_RING_NEVER);
	assert_int_equal(idle->ring, FACET_RING_ARRIVAL);
	ticks = fake_place_soft0(place)->ticks;
	fake_place_run_for(place, 300);
	assert_true(fake_place_soft0(place)->ticks - ticks < 4);
	/* Another begins: as its gate does it. */
	__atomic_store_n(&idle->backlog, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(write(place->vgpus[1]->arbitrated->doorbell_fd, &one, 8), 8);
	fake_place_run_until(place, arbitrating);
	assert_true(lone->heartbeat_ns > 0);
	assert_true(idle->answered_ns >= rang);
	__atomic_store_n(&idle->backlog, 0, __ATOMIC_SEQ_CST);
	fake_place_run_until(place, asleep);
	/* It may have been done before it was looked at, and has its answer all the same. */
	rang = facetd_now_ns();
	assert_int_equal(write(place->vgpus[1]->arbitrated->doorbell_fd, &one, 8), 8);
	while (__atomic_load_n(&idle->answered_ns, __ATOMIC_SEQ_CST) < rang)
		fake_place_run_for(place, 1);
	fake_place_run_until(place, asleep);
	/* One that rings for nothing, all the time, is heard so often and no more. */
	ticks = fake_place_soft0(place)->ticks;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(write(place->vgpus[1]->arbitrated->doorbell_fd, &one, 8), 8);
		fake_place_run_for(place, 1);
	}
	assert_true(fake_place_soft0(place)->ticks - ticks <= 100);
}

static bool frames_ring(struct fake_place *place)
{
	return __atomic_load_n(&place->vgpus[0]->arbitrated->page->ring, __ATOMIC_SEQ_CST) ==
	       FACET_RING_BOTH;
}

/* Who waits for its turn gets what one that pauses leaves; and who pauses keeps its claim. */
static void test_pauses(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	double part;

	limits.share.weight = 70;
	fake_vgpu_attach(place, &limits);
	limits.share.weight = 30;
	fake_vgpu_attach(place, &limits);
	fake_vgpu_start(place->vgpus[0], fake_work_frames);
	fake_vgpu_start(place->vgpus[1], fake_work_spin);
	fake_place_run_until(place, frames_ring);
	part_of_first(place, 200);
	part = part_of_first(place, 1500);
	/* Loose, as above. */
	assert_true(part > 0.5 && part < 0.8);
}

/* However often bells are rung, a tick comes when what the ones before cost allows it. */
static void test_ringing_all_the_time(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_arbitrated_gpu *gpu = fake_place_soft0(place);
	uint64_t ticks, cost, began, passed;
	const uint64_t one = 1;

	for (int i = 0; i < 3; i++)
		fake_vgpu_start(fake_vgpu_attach(place, &limits), fake_work_spin);
	fake_place_run_until(place, arbitrating);
	fake_place_run_for(place, 300);
	ticks = gpu->ticks;
	cost = gpu->cost_ns;
	began = facetd_now_ns();
	while ((passed = facetd_now_ns() - began) < 1000000000) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(write(place->vgpus[i]->arbitrated->doorbell_fd, &one, 8),
					 8);
		assert_true(sd_event_run(place->daemon.event, 200) >= 0);
	}
	ticks = gpu->ticks - ticks;
	cost = gpu->cost_ns - cost;
	print_message("# %d ticks in %d ms, %d us each, this loop's own work included\n",
		      (int)ticks, (int)(passed / 1000000), (int)(cost / ticks / 1000));
	assert_true(ticks > 0);
	assert_true(ticks <= passed / 1000000 + 1);
}

static bool worker_died(struct fake_place *place)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)place->vgpus[0]->record.pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid;
}

static void test_hang(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_usage usage;
	char why[160] = "";
	uint64_t used;

	limits.hang_ms = 200;
	fake_vgpu_attach(place, &limits);
	fake_vgpu_start(place->vgpus[0], fake_work_hang);
	fake_place_run_until(place, worker_died);
	assert_true(facetd_arbitration_stopped(place->vgpus[0], why, sizeof(why)));
	assert_string_equal(why, "hang: a job used the GPU for more than 200 ms; reset");
	assert_false(facetd_arbitration_stopped(place->vgpus[0], why, sizeof(why)));
	facetd_arbitration_usage(place->vgpus[0], &usage);
	assert_int_equal(usage.hangs, 1);
	assert_true(usage.used_ns > 200000000);
	assert_false(usage.backlogged);
	used = usage.used_ns;
	waitpid(place->vgpus[0]->record.pid, NULL, 0);
	/* The next process has the same page, and its account goes on. */
	fake_vgpu_start(place->vgpus[0], fake_work_spin);
	fake_place_run_for(place, 300);
	facetd_arbitration_usage(place->vgpus[0], &usage);
	assert_true(usage.used_ns > used);
	assert_int_equal(usage.hangs, 1);
	assert_false(worker_died(place));
}

/* A new facetd finds the vGPU running, and its page where its process kept it. */
static void test_taken_back(void **state)
{
	struct facetd_arbitration_config cfg = { .soft_vram_bytes = 1ULL << 30 };
	struct facetd_limits limits = fake_limits("", false);
	struct facetd_enforcement enforcement;
	struct facet_share_page *page;
	struct fake_place *place = *state;
	struct facetd_vgpu *vgpu = fake_vgpu_attach(place, &limits);
	int page_fd, bell_fd, ends[2];

	fake_vgpu_start(vgpu, fake_work_spin);
	fake_place_run_for(place, 50);
	page_fd = dup(vgpu->arbitrated->page_fd);
	bell_fd = dup(vgpu->arbitrated->doorbell_fd);
	facetd_arbitration_detach(vgpu);
	assert_int_equal(facet_share_map(page_fd, &page, NULL), 0);
	/* Until then it paces itself. */
	assert_true(page->heartbeat_ns > 0);
	fake_place_end(place);
	fake_place_begin(place, &cfg);
	vgpu->fresh = false;
	assert_int_equal(facetd_arbitration_attach(vgpu, NULL), 0);
	facetd_arbitration_started(vgpu);
	assert_true(facetd_arbitration_enforcement(vgpu, 0, &enforcement));
	assert_int_equal(enforcement.who, FACETD_NOT_ENFORCED);
	/* Descriptors that are not what their names say. */
	assert_int_equal(pipe(ends), 0);
	fake_vgpu_hold(vgpu, "share", ends[0]);
	facetd_arbitration_started(vgpu);
	assert_null(vgpu->arbitrated->page);
	facetd_held_drop(&vgpu->held);
	fake_vgpu_hold(vgpu, "share", page_fd);
	fake_vgpu_hold(vgpu, "doorbell", ends[1]);
	facetd_arbitration_started(vgpu);
	assert_non_null(vgpu->arbitrated->page);
	assert_null(vgpu->arbitrated->bell);
	assert_true(facetd_arbitration_enforcement(vgpu, 0, &enforcement));
	assert_int_equal(enforcement.who, FACETD_BY_FACET);
	fake_place_run_for(place, 50);
	fake_place_run_until(place, asleep);
	assert_int_equal(page->heartbeat_ns, 0);
	/* The same facetd again, with both. */
	facetd_arbitration_detach(vgpu);
	assert_int_equal(facetd_arbitration_attach(vgpu, NULL), 0);
	facetd_held_drop(&vgpu->held);
	fake_vgpu_hold(vgpu, "share", dup(vgpu->arbitrated->page_fd));
	facetd_held_drop(&vgpu->held);
	close(bell_fd);
	facet_share_unmap(page);
}

/* Its cost is bounded whatever the number: each tick decides when the next may be. */
static void test_many(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_arbitrated_gpu *gpu = fake_place_soft0(place);
	struct timespec cpu[2];
	uint64_t began, ticks, passed;
	double cost;

	limits.vram_bytes = 1 << 20;
	for (int i = 0; i < FAKE_VGPUS; i++)
		fake_vgpu_start(fake_vgpu_attach(place, &limits), fake_work_spin);
	fake_place_run_until(place, arbitrating);
	fake_place_run_for(place, 500);
	began = facetd_now_ns();
	ticks = gpu->ticks;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu[0]);
	fake_place_run_for(place, 3000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu[1]);
	passed = facetd_now_ns() - began;
	cost = ((double)(cpu[1].tv_sec - cpu[0].tv_sec) * 1e9 +
		(double)(cpu[1].tv_nsec - cpu[0].tv_nsec)) /
	       (double)passed;
	print_message(
		"# %d vGPUs: %.2f %% of a core, %.0f ticks/s, %.1f us each by its own account\n",
		FAKE_VGPUS, cost * 100, (double)(gpu->ticks - ticks) * 1e9 / (double)passed,
		(double)gpu->tick_cost_ns / 1e3);
	assert_true(gpu->ticks > ticks);
	assert_true(cost < 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shares, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_cap, fake_place_set_up, fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_sleep, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_pauses, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_ringing_all_the_time, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_hang, fake_place_set_up, fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_taken_back, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_many, fake_place_set_up, fake_place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
