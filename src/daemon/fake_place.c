// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_place.c - for tests: what they need of a facetd, and processes that do nothing but spin. */
#include "daemon/fake_place.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/process.h"

/* --- a facetd without varlink, on a host of @cores made-up cores or one real one --- */

void fake_place_begin(struct fake_place *place, const struct facetd_arbitration_config *cfg)
{
	assert_true(sd_event_new(&place->daemon.event) >= 0);
	assert_int_equal(facetd_arbitration_create(&place->daemon, cfg, NULL), 0);
	/* Kernel backing has tests of its own, and real groups are none of this test's business. */
	facet_cgroups_init(&place->daemon.arbitration->cgroups, -1, "", "test");
}

void fake_place_end(struct fake_place *place)
{
	facetd_arbitration_destroy(&place->daemon);
	place->daemon.event = sd_event_unref(place->daemon.event);
}

int fake_place_set_up(void **state)
{
	struct facetd_arbitration_config cfg = { .soft_vram_bytes = 1ULL << 30 };
	struct fake_place *place = calloc(1, sizeof(*place));
	int first = 0;
	cpu_set_t one;

	facetd_process_be_prompt();
	/* One core is all that there is: so they compete whatever this host is. */
	assert_int_equal(sched_getaffinity(0, sizeof(place->before), &place->before), 0);
	while (!CPU_ISSET(first, &place->before))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	strcpy(place->path, "/tmp/facet-arbit-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	facet_list_init(&place->daemon.vgpus);
	assert_int_equal(facetd_rundir_open(&place->daemon.dir, place->path, NULL, NULL), 0);
	fake_place_begin(place, &cfg);
	*state = place;
	return 0;
}

int fake_place_tear_down(void **state)
{
	struct fake_place *place = *state;

	for (int i = 0; i < FAKE_VGPUS; i++) {
		struct facetd_vgpu *vgpu = place->vgpus[i];

		if (!vgpu)
			continue;
		facetd_arbitration_detach(vgpu);
		if (vgpu->record.pid) {
			kill(vgpu->record.pid, SIGKILL);
			waitpid(vgpu->record.pid, NULL, 0);
		}
		facetd_held_fini(&vgpu->held);
		free(vgpu);
	}
	fake_place_end(place);
	facetd_rundir_close(&place->daemon.dir);
	assert_int_equal(rmdir(place->path), 0);
	sched_setaffinity(0, sizeof(place->before), &place->before);
	free(place);
	return 0;
}

static struct facetd_vgpu *add(struct fake_place *place, const struct facetd_limits *limits)
{
	struct facetd_vgpu *vgpu = calloc(1, sizeof(*vgpu));
	int i = 0;

	while (place->vgpus[i])
		i++;
	vgpu->daemon = &place->daemon;
	vgpu->pidfd = -1;
	vgpu->fresh = true;
	vgpu->record.limits = *limits;
	snprintf(vgpu->record.name, sizeof(vgpu->record.name), "v%d", i);
	strcpy(vgpu->record.gpu, "soft0");
	place->vgpus[i] = vgpu;
	return vgpu;
}

struct facetd_vgpu *fake_vgpu_attach(struct fake_place *place, const struct facetd_limits *limits)
{
	struct facetd_vgpu *vgpu = add(place, limits);
	struct facet_error err = { .text = "" };

	if (facetd_arbitration_attach(vgpu, &err))
		fail_msg("%s", err.text);
	return vgpu;
}

/* --- processes --- */

static bool closed(struct facet_share_page *page)
{
	return !__atomic_load_n(&page->open, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&page->closed_until_ns, __ATOMIC_SEQ_CST) > facetd_now_ns();
}

static int bell; /* of this process, a child */

static void tell_backlog(struct facet_share_page *page, uint32_t backlog)
{
	const uint32_t when = backlog ? FACET_RING_ARRIVAL : FACET_RING_BOTH;
	const uint64_t one = 1;

	__atomic_store_n(&page->backlog, backlog, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page->ring, __ATOMIC_SEQ_CST) >= when &&
	    write(bell, &one, sizeof(one)) < 0)
		_exit(2);
}

static uint64_t own_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void fake_work_use(struct facet_share_page *page, uint64_t ns)
{
	struct timespec soon = { .tv_nsec = 20000000 };
	uint64_t end = own_ns() + ns;

	while (own_ns() < end) {
		for (volatile int i = 0; i < 20000; i++)
			;
		while (closed(page))
			syscall(SYS_futex, &page->open, FUTEX_WAIT, 0, &soon, NULL, 0);
	}
}

void fake_work_spin(struct facet_share_page *page)
{
	tell_backlog(page, 1);
	fake_work_use(page, UINT64_MAX / 2);
}

void fake_work_frames(struct facet_share_page *page)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	for (;;) {
		tell_backlog(page, 1);
		fake_work_use(page, 10000000);
		tell_backlog(page, 0);
		nanosleep(&pause, NULL);
	}
}

void fake_work_hang(struct facet_share_page *page)
{
	__atomic_store_n(&page->job_started_ns, 77, __ATOMIC_SEQ_CST);
	fake_work_spin(page);
}

void fake_work_rest(struct facet_share_page *page)
{
	for (;;)
		pause();
}

void fake_vgpu_start(struct facetd_vgpu *vgpu, void (*work)(struct facet_share_page *page))
{
	struct facetd_arbitration_exec exec;
	pid_t parent = getpid();

	facetd_arbitration_exec(vgpu, &exec);
	assert_true(exec.share_fd >= 0 && exec.doorbell_fd >= 0);
	vgpu->record.pid = fork();
	if (vgpu->record.pid == 0) {
		struct facet_share_page *page = vgpu->arbitrated->page;

		bell = exec.doorbell_fd;
		/* Nothing of a failed test may spin on. */
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() == parent)
			work(page);
		_exit(1);
	}
	facetd_arbitration_started(vgpu);
	assert_int_equal(vgpu->arbitrated->worker, vgpu->record.pid);
}

void fake_place_run_for(struct fake_place *place, uint64_t ms)
{
	uint64_t until = facetd_now_ns() + ms * 1000000, now;

	while ((now = facetd_now_ns()) < until)
		assert_true(sd_event_run(place->daemon.event, (until - now) / 1000 + 1) >= 0);
}

/* As long as it takes on a slow machine. */
void fake_place_run_until(struct fake_place *place, bool (*done)(struct fake_place *place))
{
	uint64_t until = facetd_now_ns() + 60000000000;

	while (!done(place)) {
		assert_true(facetd_now_ns() < until);
		assert_true(sd_event_run(place->daemon.event, 1000) >= 0);
	}
}

struct facetd_arbitrated_gpu *fake_place_soft0(struct fake_place *place)
{
	return facetd_arbitrated_gpu(&place->daemon, "soft0", NULL);
}

struct facetd_limits fake_limits(const char *eus, bool exclusive)
{
	struct facetd_limits limits = FACETD_LIMITS_DEFAULT;

	limits.vram_bytes = 16 << 20;
	strcpy(limits.eus, eus);
	limits.eus_exclusive = exclusive;
	return limits;
}

void fake_vgpu_hold(struct facetd_vgpu *vgpu, const char *name, int fd)
{
	struct facetd_held *held = &vgpu->held;

	strcpy(held->items[held->count].name, name);
	held->items[held->count++].fd = fd;
}
