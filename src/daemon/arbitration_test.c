// SPDX-License-Identifier: GPL-2.0-or-later
/* arbitration_test.c - admission; and the arbiter over processes that do nothing but spin. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/arbitrated.h"
#include "daemon/process.h"

enum { MANY = 64 };

struct place {
	char path[40];
	cpu_set_t before;
	struct facetd daemon;
	struct facetd_vgpu *vgpus[MANY];
};

/* --- a facetd without varlink, on a host of @cores made-up cores or one real one --- */

static void begin(struct place *place, const struct facetd_arbitration_config *cfg)
{
	assert_true(sd_event_new(&place->daemon.event) >= 0);
	assert_int_equal(facetd_arbitration_create(&place->daemon, cfg, NULL), 0);
	/* Kernel backing has tests of its own, and real groups are none of this test's business. */
	facetd_cgroups_init(&place->daemon.arbitration->cgroups, -1, "", "test");
}

static void end(struct place *place)
{
	facetd_arbitration_destroy(&place->daemon);
	place->daemon.event = sd_event_unref(place->daemon.event);
}

static int set_up(void **state)
{
	struct facetd_arbitration_config cfg = { .soft_vram_bytes = 1ULL << 30 };
	struct place *place = calloc(1, sizeof(*place));
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
	begin(place, &cfg);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	for (int i = 0; i < MANY; i++) {
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
	end(place);
	facetd_rundir_close(&place->daemon.dir);
	assert_int_equal(rmdir(place->path), 0);
	sched_setaffinity(0, sizeof(place->before), &place->before);
	free(place);
	return 0;
}

static struct facetd_vgpu *add(struct place *place, const struct facetd_limits *limits)
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

static struct facetd_vgpu *attach(struct place *place, const struct facetd_limits *limits)
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

/* Always has work, and obeys its gate. */
static void spin(struct facet_share_page *page)
{
	struct timespec soon = { .tv_nsec = 20000000 };
	const uint64_t one = 1;

	__atomic_store_n(&page->backlog, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&page->ring, __ATOMIC_SEQ_CST) && write(bell, &one, sizeof(one)) < 0)
		_exit(2);
	for (;;) {
		for (volatile int i = 0; i < 20000; i++)
			;
		while (closed(page))
			syscall(SYS_futex, &page->open, FUTEX_WAIT, 0, &soon, NULL, 0);
	}
}

static void hang(struct facet_share_page *page)
{
	__atomic_store_n(&page->job_started_ns, 77, __ATOMIC_SEQ_CST);
	spin(page);
}

static void rest(struct facet_share_page *page)
{
	for (;;)
		pause();
}

static void start(struct facetd_vgpu *vgpu, void (*work)(struct facet_share_page *page))
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

static void run_for(struct place *place, uint64_t ms)
{
	uint64_t until = facetd_now_ns() + ms * 1000000, now;

	while ((now = facetd_now_ns()) < until)
		assert_true(sd_event_run(place->daemon.event, (until - now) / 1000 + 1) >= 0);
}

/* As long as it takes on a slow machine. */
static void run_until(struct place *place, bool (*done)(struct place *place))
{
	uint64_t until = facetd_now_ns() + 60000000000;

	while (!done(place)) {
		assert_true(facetd_now_ns() < until);
		assert_true(sd_event_run(place->daemon.event, 1000) >= 0);
	}
}

static struct facetd_arbitrated_gpu *soft0(struct place *place)
{
	return facetd_arbitrated_gpu(&place->daemon, "soft0", NULL);
}

/* --- admission --- */

static int admit(struct place *place, struct facetd_limits limits, const char *words)
{
	struct facet_error err = { .text = "" };
	int r = facetd_arbitration_admit(&place->daemon, "soft0", NULL, &limits, &err);

	if (words && !strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
	return r;
}

static void test_vram(void **state)
{
	struct facetd_arbitration_config all = { .soft_vram_bytes = 1ULL << 30,
						 .overcommit = true };
	struct facetd_limits limits = FACETD_LIMITS_DEFAULT, more = limits, unknown = limits;
	struct place *place = *state;
	struct facetd_gpu_state gpu;
	struct facet_error err;
	struct facetd_vgpu *vgpu;

	assert_int_equal(admit(place, limits, NULL), 0);
	attach(place, &limits);
	vgpu = attach(place, &limits);
	assert_int_equal(facetd_arbitration_gpu(&place->daemon, "soft0", &gpu, NULL), 0);
	assert_int_equal(gpu.vgpus, 2);
	assert_int_equal(gpu.vram_bytes, 1ULL << 30);
	assert_int_equal(gpu.vram_given_bytes, 1ULL << 30);
	assert_int_equal(admit(place, limits, "of which 0 MiB are left"), -ENOSPC);
	/* In exchange for its own it fits, but not with more. */
	more.vram_bytes += 1;
	assert_int_equal(facetd_arbitration_set(vgpu, &limits, &err), 0);
	assert_int_equal(facetd_arbitration_set(vgpu, &more, &err), -ENOSPC);
	assert_int_equal(vgpu->record.limits.vram_bytes, limits.vram_bytes);
	limits.vram_bytes /= 2;
	assert_int_equal(facetd_arbitration_set(vgpu, &limits, &err), 0);
	assert_int_equal(admit(place, limits, NULL), 0);
	/* A driver that tells nothing is no reason to refuse. */
	unknown.vram_bytes = 1ULL << 43;
	assert_int_equal(
		facetd_arbitration_admit(&place->daemon, "renderD128", NULL, &unknown, &err), 0);
	place->daemon.arbitration->overcommit = all.overcommit;
	assert_int_equal(admit(place, unknown, NULL), 0);
}

static struct facetd_limits with_eus(const char *eus, bool exclusive)
{
	struct facetd_limits limits = FACETD_LIMITS_DEFAULT;

	limits.vram_bytes = 16 << 20;
	strcpy(limits.eus, eus);
	limits.eus_exclusive = exclusive;
	return limits;
}

static void test_eus(void **state)
{
	struct place *place = *state;
	struct facetd_limits limits = with_eus("2", false);
	struct facetd_vgpu *any, *pinned, *own;
	struct facet_error err;
	cpu_set_t cores;

	/* A host of eight. */
	CPU_ZERO(&cores);
	for (int i = 0; i < 8; i++)
		CPU_SET(i, &cores);
	place->daemon.arbitration->cores = cores;
	assert_int_equal(admit(place, with_eus("9", false), "soft0 has 8"), -EINVAL);
	assert_int_equal(admit(place, with_eus("6-8", false), "soft0 has 0-7"), -EINVAL);
	assert_int_equal(admit(place, with_eus("6-", false), "must be a list"), -EINVAL);
	assert_int_equal(admit(place, with_eus("", true), "say which"), -EINVAL);
	assert_int_equal(
		facetd_arbitration_admit(&place->daemon, "renderD128", NULL, &limits, &err),
		-EOPNOTSUPP);
	any = attach(place, &(struct facetd_limits){ .share = limits.share });
	assert_false(any->arbitrated->pinned);
	pinned = attach(place, &limits);
	assert_string_equal(pinned->record.limits.eus, "0-1");
	/* Not where the other is; and the rest of the world makes room. */
	limits = with_eus("1", true);
	own = attach(place, &limits);
	assert_string_equal(own->record.limits.eus, "2-2");
	assert_true(any->arbitrated->pinned);
	assert_int_equal(CPU_COUNT(&any->arbitrated->cores), 7);
	assert_false(CPU_ISSET(2, &any->arbitrated->cores));
	assert_int_equal(admit(place, with_eus("1-2", false), "others have them"), -ENOSPC);
	assert_int_equal(admit(place, with_eus("1-3", true), "3-7"), -ENOSPC);
	assert_int_equal(admit(place, with_eus("6", true), "others have them"), -ENOSPC);
	assert_int_equal(admit(place, with_eus("5", true), NULL), 0);
	/* Everything: nothing would be left for the one that has no list. */
	facetd_arbitration_detach(pinned);
	facetd_arbitration_detach(own);
	assert_false(any->arbitrated->pinned);
	assert_int_equal(admit(place, with_eus("0-7", true), "nothing of soft0"), -ENOSPC);
	facetd_arbitration_detach(any);
	limits = with_eus("0-7", true);
	attach(place, &limits);
	assert_int_equal(admit(place, with_eus("", false), "of any"), -ENOSPC);
}

static void test_policies(void **state)
{
	struct facetd_arbitration_config cfg = { .soft_vram_bytes = 1ULL << 30 };
	struct facetd_limits limits = with_eus("", false);
	struct place *place = *state;
	struct facet_error err;

	assert_int_equal(facetd_arbitration_policy(&place->daemon, "soft0"),
			 FACET_POLICY_BEST_EFFORT);
	limits.share.weight = 60;
	attach(place, &limits);
	attach(place, &limits);
	/* 120 % are not to be had. */
	assert_int_equal(
		facetd_arbitration_set_policy(&place->daemon, "soft0", FACET_POLICY_FIXED, &err),
		-ENOSPC);
	assert_int_equal(facetd_arbitration_policy(&place->daemon, "soft0"),
			 FACET_POLICY_BEST_EFFORT);
	limits.share.weight = 40;
	assert_int_equal(facetd_arbitration_set(place->vgpus[1], &limits, &err), 0);
	assert_int_equal(
		facetd_arbitration_set_policy(&place->daemon, "soft0", FACET_POLICY_FIXED, &err),
		0);
	limits.share.weight = 1;
	assert_int_equal(admit(place, limits, "weight 1"), -ENOSPC);
	/* The next facetd remembers, until it is told otherwise. */
	for (int i = 0; i < 2; i++)
		facetd_arbitration_detach(place->vgpus[i]);
	end(place);
	begin(place, &cfg);
	assert_int_equal(facetd_arbitration_policy(&place->daemon, "soft0"), FACET_POLICY_FIXED);
	assert_int_equal(facetd_arbitration_set_policy(&place->daemon, "soft0",
						       FACET_POLICY_BEST_EFFORT, &err),
			 0);
	limits.hang_ms = 1;
	assert_int_equal(admit(place, limits, "hang 1 ms"), -EINVAL);
	limits = with_eus("", false);
	limits.share.cap_ppm = 0;
	assert_int_equal(admit(place, limits, "cap"), -EINVAL);
}

/* --- at work --- */

static uint64_t used_ms(struct place *place, int i)
{
	struct facetd_usage usage;

	facetd_arbitration_usage(place->vgpus[i], &usage);
	return usage.used_ns / 1000000;
}

/* Of what both use from now on, until that is so much: however long it takes. */
static double part_of_first(struct place *place, uint64_t ms)
{
	uint64_t before[2] = { used_ms(place, 0), used_ms(place, 1) }, used[2];
	uint64_t until = facetd_now_ns() + 90000000000;

	do {
		run_for(place, 100);
		used[0] = used_ms(place, 0) - before[0];
		used[1] = used_ms(place, 1) - before[1];
		assert_true(facetd_now_ns() < until);
	} while (used[0] + used[1] < ms);
	print_message("# used %d ms and %d ms\n", (int)used[0], (int)used[1]);
	return (double)used[0] / (double)(used[0] + used[1]);
}

static bool arbitrating(struct place *place)
{
	return soft0(place)->awake;
}

static bool asleep(struct place *place)
{
	return !soft0(place)->awake;
}

static void test_shares(void **state)
{
	struct facetd_limits limits = with_eus("", false);
	struct facetd_enforcement enforcement;
	struct place *place = *state;
	struct facetd_usage usage;
	struct facet_error err;
	double part;

	limits.share.weight = 300;
	attach(place, &limits);
	limits.share.weight = 100;
	attach(place, &limits);
	start(place->vgpus[0], spin);
	start(place->vgpus[1], spin);
	run_until(place, arbitrating);
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
	struct facetd_limits limits = with_eus("", false);
	struct place *place = *state;
	struct facetd_usage before, after;
	uint64_t began;
	double part;

	limits.share.cap_ppm = 200000;
	attach(place, &limits);
	start(place->vgpus[0], spin);
	run_until(place, arbitrating);
	run_for(place, 300);
	facetd_arbitration_usage(place->vgpus[0], &before);
	began = facetd_now_ns();
	run_for(place, 1500);
	facetd_arbitration_usage(place->vgpus[0], &after);
	part = (double)(after.used_ns - before.used_ns) / (double)(facetd_now_ns() - began);
	print_message("# capped to 20 %%: %.1f %%\n", part * 100);
	assert_true(part < 0.23);
}

/* Nobody competes: no ticks, no beats, and a bell that wakes. */
static void test_sleep(void **state)
{
	struct facetd_limits limits = with_eus("", false);
	struct facet_share_page *lone, *idle;
	struct place *place = *state;
	const uint64_t one = 1;
	uint64_t ticks;

	attach(place, &limits);
	attach(place, &limits);
	start(place->vgpus[0], spin);
	start(place->vgpus[1], rest);
	lone = place->vgpus[0]->arbitrated->page;
	idle = place->vgpus[1]->arbitrated->page;
	while (!__atomic_load_n(&lone->backlog, __ATOMIC_SEQ_CST))
		run_for(place, 1);
	run_until(place, asleep);
	run_for(place, 100);
	assert_true(asleep(place));
	assert_int_equal(lone->open, 1);
	assert_int_equal(lone->heartbeat_ns, 0);
	assert_int_equal(idle->ring, 1);
	ticks = soft0(place)->ticks;
	run_for(place, 300);
	assert_true(soft0(place)->ticks - ticks < 4);
	/* Another begins: as its gate does it. */
	__atomic_store_n(&idle->backlog, 1, __ATOMIC_SEQ_CST);
	assert_int_equal(write(place->vgpus[1]->arbitrated->doorbell_fd, &one, 8), 8);
	run_until(place, arbitrating);
	assert_true(lone->heartbeat_ns > 0);
	assert_int_equal(idle->ring, 0);
	__atomic_store_n(&idle->backlog, 0, __ATOMIC_SEQ_CST);
	run_until(place, asleep);
	/* One that rings for nothing, all the time, is heard so often and no more. */
	ticks = soft0(place)->ticks;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(write(place->vgpus[1]->arbitrated->doorbell_fd, &one, 8), 8);
		run_for(place, 1);
	}
	assert_true(soft0(place)->ticks - ticks <= 100);
}

static bool worker_died(struct place *place)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)place->vgpus[0]->record.pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid;
}

static void test_hang(void **state)
{
	struct facetd_limits limits = with_eus("", false);
	struct place *place = *state;
	struct facetd_usage usage;
	char why[160] = "";
	uint64_t used;

	limits.hang_ms = 200;
	attach(place, &limits);
	start(place->vgpus[0], hang);
	run_until(place, worker_died);
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
	start(place->vgpus[0], spin);
	run_for(place, 300);
	facetd_arbitration_usage(place->vgpus[0], &usage);
	assert_true(usage.used_ns > used);
	assert_int_equal(usage.hangs, 1);
	assert_false(worker_died(place));
}

static void hold(struct facetd_vgpu *vgpu, const char *name, int fd)
{
	struct facetd_held *held = &vgpu->held;

	strcpy(held->items[held->count].name, name);
	held->items[held->count++].fd = fd;
}

/* A new facetd finds the vGPU running, and its page where its process kept it. */
static void test_taken_back(void **state)
{
	struct facetd_arbitration_config cfg = { .soft_vram_bytes = 1ULL << 30 };
	struct facetd_limits limits = with_eus("", false);
	struct facetd_enforcement enforcement;
	struct facet_share_page *page;
	struct place *place = *state;
	struct facetd_vgpu *vgpu = attach(place, &limits);
	int page_fd, bell_fd, ends[2];

	start(vgpu, spin);
	run_for(place, 50);
	page_fd = dup(vgpu->arbitrated->page_fd);
	bell_fd = dup(vgpu->arbitrated->doorbell_fd);
	facetd_arbitration_detach(vgpu);
	assert_int_equal(facet_share_map(page_fd, &page, NULL), 0);
	/* Until then it paces itself. */
	assert_true(page->heartbeat_ns > 0);
	end(place);
	begin(place, &cfg);
	vgpu->fresh = false;
	assert_int_equal(facetd_arbitration_attach(vgpu, NULL), 0);
	facetd_arbitration_started(vgpu);
	assert_true(facetd_arbitration_enforcement(vgpu, 0, &enforcement));
	assert_int_equal(enforcement.who, FACETD_NOT_ENFORCED);
	/* Descriptors that are not what their names say. */
	assert_int_equal(pipe(ends), 0);
	hold(vgpu, "share", ends[0]);
	facetd_arbitration_started(vgpu);
	assert_null(vgpu->arbitrated->page);
	facetd_held_drop(&vgpu->held);
	hold(vgpu, "share", page_fd);
	hold(vgpu, "doorbell", ends[1]);
	facetd_arbitration_started(vgpu);
	assert_non_null(vgpu->arbitrated->page);
	assert_null(vgpu->arbitrated->bell);
	assert_true(facetd_arbitration_enforcement(vgpu, 0, &enforcement));
	assert_int_equal(enforcement.who, FACETD_BY_FACET);
	run_for(place, 50);
	run_until(place, asleep);
	assert_int_equal(page->heartbeat_ns, 0);
	/* The same facetd again, with both. */
	facetd_arbitration_detach(vgpu);
	assert_int_equal(facetd_arbitration_attach(vgpu, NULL), 0);
	facetd_held_drop(&vgpu->held);
	hold(vgpu, "share", dup(vgpu->arbitrated->page_fd));
	facetd_held_drop(&vgpu->held);
	close(bell_fd);
	facet_share_unmap(page);
}

/* --- what the kernel is told --- */

static void put(const struct place *place, const char *file, const char *text)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	if (!text) {
		assert_int_equal(mkdir(path, 0700), 0);
		return;
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static uint64_t number_in(const struct place *place, const char *file)
{
	char path[PATH_MAX];
	long long number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", place->path, file);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lld", &number), 1);
	fclose(f);
	return (uint64_t)number;
}

static const char *why(struct facetd_vgpu *vgpu, const char *what)
{
	static struct facetd_enforcement enforcement;

	for (unsigned int i = 0; facetd_arbitration_enforcement(vgpu, i, &enforcement); i++)
		if (strcmp(enforcement.what, what) == 0)
			return enforcement.why;
	return "";
}

static void make_groups(struct place *place)
{
	put(place, "cpu", NULL);
	put(place, "cpu/facet-test-v0", NULL);
	put(place, "cpu/facet-test-v0/cgroup.procs", "");
	put(place, "cpu/facet-test-v0/cpu.cfs_quota_us", "");
	put(place, "cpu/facet-test-v0/cpu.cfs_period_us", "");
	put(place, "memory", NULL);
	put(place, "memory/facet-test-v0", NULL);
	put(place, "memory/facet-test-v0/cgroup.procs", "");
	put(place, "memory/facet-test-v0/memory.limit_in_bytes", "");
	put(place, "memory/facet-test-v0/memory.usage_in_bytes", "0");
}

static void test_backing(void **state)
{
	struct facetd_limits limits = with_eus("", false);
	struct place *place = *state;
	struct facetd_vgpu *vgpu;
	char command[64];
	int ram;

	make_groups(place);
	facetd_cgroups_init(&place->daemon.arbitration->cgroups, place->daemon.dir.fd,
			    "2:memory:/\n1:cpu:/\n", "test");
	limits.share.cap_ppm = 300000;
	vgpu = attach(place, &limits);
	start(vgpu, rest);
	assert_int_equal(number_in(place, "cpu/facet-test-v0/cgroup.procs"), vgpu->record.pid);
	/* 32 % of one core, in each 20 ms. */
	assert_int_equal(number_in(place, "cpu/facet-test-v0/cpu.cfs_quota_us"), 6400);
	assert_non_null(strstr(why(vgpu, "cap"), "32.0 %"));
	/* The guest's memory is not known: whoever touches it first must not be ended for it. */
	assert_int_equal(number_in(place, "memory/facet-test-v0/memory.limit_in_bytes"), -1);
	ram = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(ram, 3ULL << 30), 0);
	hold(vgpu, "memory0", ram);
	facetd_arbitration_started(vgpu);
	assert_int_equal(number_in(place, "memory/facet-test-v0/memory.limit_in_bytes"),
			 (3ULL << 30) + (384ULL << 20) + limits.vram_bytes);
	assert_non_null(strstr(why(vgpu, "memory"), "3072 of them for the guest"));
	/* Without a cap the quota goes, and the vGPU's account says so. */
	limits.share.cap_ppm = FACET_SHARE_ALL;
	put(place, "cpu/facet-test-v0/cpu.cfs_quota_us", "");
	assert_int_equal(facetd_arbitration_set(vgpu, &limits, NULL), 0);
	assert_int_equal(number_in(place, "cpu/facet-test-v0/cpu.cfs_quota_us"), -1);
	assert_string_equal(why(vgpu, "cap"), "");
	snprintf(command, sizeof(command), "rm -r %s/*", place->path);
	assert_int_equal(system(command), 0);
}

/* Its cost is bounded whatever the number: each tick decides when the next may be. */
static void test_many(void **state)
{
	struct facetd_limits limits = with_eus("", false);
	struct place *place = *state;
	struct facetd_arbitrated_gpu *gpu = soft0(place);
	struct timespec cpu[2];
	uint64_t began, ticks, passed;
	double cost;

	limits.vram_bytes = 1 << 20;
	for (int i = 0; i < MANY; i++)
		start(attach(place, &limits), spin);
	run_until(place, arbitrating);
	run_for(place, 500);
	began = facetd_now_ns();
	ticks = gpu->ticks;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu[0]);
	run_for(place, 3000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu[1]);
	passed = facetd_now_ns() - began;
	cost = ((double)(cpu[1].tv_sec - cpu[0].tv_sec) * 1e9 +
		(double)(cpu[1].tv_nsec - cpu[0].tv_nsec)) /
	       (double)passed;
	print_message(
		"# %d vGPUs: %.2f %% of a core, %.0f ticks/s, %.1f us each by its own account\n",
		MANY, cost * 100, (double)(gpu->ticks - ticks) * 1e9 / (double)passed,
		(double)gpu->tick_cost_ns / 1e3);
	assert_true(gpu->ticks > ticks);
	assert_true(cost < 0.05);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_vram, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_eus, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_policies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shares, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sleep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hang, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_taken_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_backing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
