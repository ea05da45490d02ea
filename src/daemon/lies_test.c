// SPDX-License-Identifier: GPL-2.0-or-later
/* lies_test.c - processes that write into their pages and hand over what they please. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/fake_place.h"

static bool found_out(struct fake_place *place)
{
	return place->vgpus[1]->arbitrated->busy;
}

static bool died(const struct facetd_vgpu *vgpu)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)vgpu->record.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid;
}

static uint64_t used_ms(struct facetd_vgpu *vgpu)
{
	struct facetd_usage usage;

	facetd_arbitration_usage(vgpu, &usage);
	return usage.used_ns / 1000000;
}

/* Until both have used so much together. */
static double part_of_second(struct fake_place *place, uint64_t ms)
{
	uint64_t before[2] = { used_ms(place->vgpus[0]), used_ms(place->vgpus[1]) }, used[2];

	do {
		fake_place_run_for(place, 100);
		for (int i = 0; i < 2; i++)
			used[i] = used_ms(place->vgpus[i]) - before[i];
	} while (used[0] + used[1] < ms);
	print_message("# used %d ms and %d ms\n", (int)used[0], (int)used[1]);
	return (double)used[1] / (double)(used[0] + used[1]);
}

static void fake_work_in_secret(struct facet_share_page *page)
{
	fake_work_use(page, UINT64_MAX / 2);
}

/* What counts is what the kernel says that it used. */
static void test_says_that_it_rests(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	double part;

	limits.share.weight = 300;
	fake_vgpu_attach(place, &limits);
	limits.share.weight = 100;
	fake_vgpu_attach(place, &limits);
	fake_vgpu_start(place->vgpus[0], fake_work_spin);
	fake_vgpu_start(place->vgpus[1], fake_work_in_secret);
	/* Within a second or so: the arbiter takes the first for the only one, and sleeps. */
	fake_place_run_until(place, found_out);
	/* What it used too much until then it has to pay for. */
	part = part_of_second(place, 2000);
	assert_true(part < 0.3);
	part = part_of_second(place, 1000);
	assert_true(part > 0.15 && part < 0.35);
}

/* Fills the page, facetd's part, too, with anything. */
static void fake_work_scribble(struct facet_share_page *page)
{
	uint64_t seed = 88172645463325252ULL, *words = (uint64_t *)(void *)page;

	for (;;) {
		for (size_t i = 0; i < FACET_SHARE_BYTES / sizeof(*words); i++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			/* Random, the least, the most. */
			words[i] = seed >> 62 == 0   ? 0
				   : seed >> 62 == 1 ? UINT64_MAX
						     : seed ^ seed << 29;
		}
	}
}

static void check_histogram(const struct facet_histogram *h)
{
	assert_true(h->sum_us <= INT64_MAX);
}

static void check_percentiles(const struct facetd_percentiles *p)
{
	assert_true(p->p50_us <= p->p99_us);
	assert_true(p->p99_us <= 2ULL << FACET_SHARE_BUCKETS);
}

static void ask_everything(struct facetd_vgpu *vgpu)
{
	struct facetd_enforcement enforcement;
	struct facetd_histograms h;
	struct facetd_usage usage;

	facetd_arbitration_usage(vgpu, &usage);
	assert_true(usage.used_ppm <= FACET_SHARE_ALL && usage.entitled_ppm <= FACET_SHARE_ALL);
	assert_true(usage.used_ns < 1ULL << 40 && usage.job_used_ns < 1ULL << 40);
	check_percentiles(&usage.wait);
	check_percentiles(&usage.execution);
	check_percentiles(&usage.latency);
	facetd_arbitration_histograms(vgpu, &h);
	check_histogram(&h.wait);
	check_histogram(&h.execution);
	check_histogram(&h.latency);
	for (unsigned int i = 0; facetd_arbitration_enforcement(vgpu, i, &enforcement); i++)
		assert_non_null(memchr(enforcement.why, '\0', sizeof(enforcement.why)));
}

static void test_scribbles(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_vgpu *honest, *other;
	uint64_t ticks;

	limits.hang_ms = 100;
	honest = fake_vgpu_attach(place, &limits);
	other = fake_vgpu_attach(place, &limits);
	fake_vgpu_start(honest, fake_work_spin);
	fake_vgpu_start(other, fake_work_scribble);
	for (int i = 0; i < 100; i++) {
		fake_place_run_for(place, 10);
		ask_everything(other);
		ask_everything(honest);
	}
	ticks = fake_place_soft0(place)->ticks;
	print_message("# %d ticks\n", (int)ticks);
	assert_true(ticks > 0);
	assert_false(died(honest));
	assert_true(used_ms(honest) > 0);
	/* What is no page any more is not taken for one; and the bell in its place is not heard. */
	fake_vgpu_hold(other, "share", dup(other->arbitrated->page_fd));
	fake_vgpu_hold(other, "doorbell", dup(other->arbitrated->page_fd));
	kill(other->record.pid, SIGKILL);
	facetd_arbitration_detach(other);
	assert_int_equal(facetd_arbitration_attach(other, NULL), 0);
	facetd_arbitration_started(other);
	assert_null(other->arbitrated->page);
	assert_null(other->arbitrated->bell);
	ask_everything(other);
}

static struct facetd_vgpu *start_job(struct fake_place *place, uint64_t started,
				     void (*work)(struct facet_share_page *page))
{
	struct facetd_limits limits = fake_limits("", false);
	struct facetd_vgpu *vgpu;

	limits.hang_ms = 200;
	vgpu = fake_vgpu_attach(place, &limits);
	fake_vgpu_start(vgpu, work);
	__atomic_store_n(&vgpu->arbitrated->page->job_started_ns, started, __ATOMIC_SEQ_CST);
	return vgpu;
}

static void fake_work_short_jobs(struct facet_share_page *page)
{
	for (uint64_t start = UINT64_MAX;; start -= 12345) {
		__atomic_store_n(&page->job_started_ns, start, __ATOMIC_SEQ_CST);
		fake_work_use(page, 1000000);
	}
}

static struct facetd_vgpu *hanging;

static bool hanging_died(struct fake_place *place)
{
	return died(hanging);
}

/* The date of a job only tells one from the next. */
static void test_jobs_of_any_date(void **state)
{
	struct fake_place *place = *state;
	struct facetd_vgpu *idle = start_job(place, 1, fake_work_rest);
	struct facetd_vgpu *late = start_job(place, UINT64_MAX, fake_work_rest);
	struct facetd_vgpu *backwards = start_job(place, 7, fake_work_short_jobs);

	hanging = start_job(place, facetd_now_ns() + (1ULL << 60), fake_work_spin);
	fake_place_run_until(place, hanging_died);
	while (used_ms(backwards) < 500)
		fake_place_run_for(place, 50);
	assert_false(died(idle) || died(late) || died(backwards));
}

static int sealed(off_t size, int more_seals)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(
		fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | more_seals), 0);
	return fd;
}

/* Each kind once as each; the other end of a pipe or socket is left to the end of the test. */
static unsigned int all_kinds(int *ret)
{
	unsigned int count = 0;

	assert_int_equal(pipe(ret), 0);
	count += 2;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ret + count), 0);
	count += 2;
	ret[count++] = eventfd(0, EFD_SEMAPHORE);
	ret[count++] = timerfd_create(CLOCK_MONOTONIC, 0);
	ret[count++] = open("/", O_RDONLY | O_DIRECTORY);
	ret[count++] = open("/", O_PATH);
	ret[count++] = open("/dev/zero", O_RDWR);
	ret[count++] = sealed(FACET_SHARE_BYTES, 0);
	ret[count++] = sealed(FACET_SHARE_BYTES, F_SEAL_WRITE);
	ret[count++] = sealed(1LL << 62, 0);
	ret[count++] = (int)syscall(SYS_pidfd_open, getpid(), 0);
	for (unsigned int i = 0; i < count; i++)
		assert_true(ret[i] >= 0);
	return count;
}

static void test_descriptors_of_any_kind(void **state)
{
	static const char *const names[] = { "share",   "doorbell", "vhost-user",
					     "memory0", "rings",    "alive" };
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_vgpu *vgpu = fake_vgpu_attach(place, &limits);
	int kinds[16], page_fd;
	unsigned int count = all_kinds(kinds);

	fake_vgpu_start(vgpu, fake_work_rest);
	page_fd = dup(vgpu->arbitrated->page_fd);
	facetd_arbitration_detach(vgpu);
	for (unsigned int k = 0; k < count; k++) {
		assert_int_equal(facetd_arbitration_attach(vgpu, NULL), 0);
		for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			fake_vgpu_hold(vgpu, names[i], dup(kinds[k]));
		facetd_arbitration_started(vgpu);
		assert_null(vgpu->arbitrated->page);
		facetd_held_in_use(&vgpu->held);
		/* With a page, and a doorbell of that kind. */
		close(vgpu->held.items[0].fd);
		vgpu->held.items[0].fd = dup(page_fd);
		facetd_arbitration_started(vgpu);
		assert_non_null(vgpu->arbitrated->page);
		fake_place_run_for(place, 20);
		/* Who cannot be heard is not asked to ring, lest it wait for an answer. */
		if (!vgpu->arbitrated->bell)
			assert_int_equal(vgpu->arbitrated->page->ring, FACET_RING_NEVER);
		ask_everything(vgpu);
		facetd_held_drop(&vgpu->held);
		facetd_arbitration_detach(vgpu);
	}
	for (unsigned int k = 0; k < count; k++)
		close(kinds[k]);
	close(page_fd);
}

/* Sums of sizes stay what they are. */
static void test_memory_without_end(void **state)
{
	struct facetd_limits limits = fake_limits("", false);
	struct fake_place *place = *state;
	struct facetd_vgpu *vgpu = fake_vgpu_attach(place, &limits);
	uint64_t before = 0;
	char name[32];

	fake_vgpu_start(vgpu, fake_work_rest);
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "memory%d", i);
		fake_vgpu_hold(vgpu, name, sealed(INT64_MAX, 0));
		facetd_arbitration_started(vgpu);
		assert_true(vgpu->arbitrated->guest_bytes > before);
		before = vgpu->arbitrated->guest_bytes;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_says_that_it_rests, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_scribbles, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_jobs_of_any_date, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_descriptors_of_any_kind, fake_place_set_up,
						fake_place_tear_down),
		cmocka_unit_test_setup_teardown(test_memory_without_end, fake_place_set_up,
						fake_place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
