// SPDX-License-Identifier: GPL-2.0-or-later
/* gate_test.c - real threads, stopped as the renderer's would be. Nothing waits for a fixed time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/preempt.h"
#include "share/internal.h"

#define MS ((uint64_t)FACET_NS_PER_MS)
enum { SPINNERS = 2 };

struct spinner {
	pthread_t thread;
	const char *name;
	bool is_engine, says_where; /* may be stopped */
	atomic_bool started, end;
	atomic_ulong turns;
};

struct fixture {
	struct facet_share_page *page; /* facetd's side */
	struct facet_gate *gate;
	struct spinner spinners[SPINNERS];
	unsigned int spinning;
};

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = MS / 4 };

	nanosleep(&ts, NULL);
}

static void *spin(void *arg)
{
	struct spinner *s = arg;

	pthread_setname_np(pthread_self(), s->name);
	if (s->is_engine) {
		facet_stop_enter();
		facet_preempt_set(s->says_where);
	}
	atomic_store(&s->started, true);
	while (!atomic_load(&s->end))
		atomic_fetch_add(&s->turns, 1);
	return NULL;
}

/* Mesa blocks all signals but this for the threads it makes. */
static void start_spinner(struct fixture *f, const char *name, bool is_engine, bool says_where,
			  bool blocks)
{
	struct spinner *s = &f->spinners[f->spinning++];
	sigset_t set, before;

	s->name = name;
	s->is_engine = is_engine;
	s->says_where = says_where;
	sigfillset(&set);
	if (!blocks)
		sigdelset(&set, FACET_STOP_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &set, &before);
	assert_int_equal(pthread_create(&s->thread, NULL, spin, s), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	while (!atomic_load(&s->started))
		nap();
}

static uint64_t used(const struct spinner *s)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(s->thread, &clock), 0);
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void end_spinners(struct fixture *f)
{
	for (unsigned int i = 0; i < f->spinning; i++)
		atomic_store(&f->spinners[i].end, true);
	for (unsigned int i = 0; i < f->spinning; i++)
		pthread_join(f->spinners[i].thread, NULL);
	f->spinning = 0;
}

/* Not cmocka's set-up: cmocka takes this signal for itself after that. */
static struct fixture *begin(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_gate_config cfg = { .engine_name = "an-engine" };

	cfg.doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_non_null(f);
	cfg.task_fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(facet_share_create(&f->page, &cfg.page_fd, NULL), 0);
	assert_int_equal(facet_gate_create(&cfg, &f->gate, NULL), 0);
	return f;
}

static void end(struct fixture *f)
{
	facet_gate_destroy(f->gate);
	end_spinners(f);
	facet_share_unmap(f->page);
	free(f);
}

static void close_again(struct fixture *f)
{
	facet_share_set_open(f->page, false, facet_share_now());
}

static const char *why_not(struct fixture *f)
{
	struct facet_gate_state state;

	facet_gate_state(f->gate, &state);
	return state.why_not;
}

/* Keeps the gate closed until the spinner's clock has stood still for a while. */
static void wait_until_stopped(struct fixture *f, const struct spinner *s)
{
	unsigned int still = 0;
	uint64_t before = used(s);

	while (still < 20) {
		uint64_t now;

		close_again(f);
		nap();
		now = used(s);
		still = now == before ? still + 1 : 0;
		before = now;
	}
}

static void wait_until_running(const struct spinner *s)
{
	unsigned long turns = atomic_load(&s->turns);

	while (atomic_load(&s->turns) == turns)
		nap();
}

static void a_running_thread_is_stopped(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "llvmpipe-0", false, false, false);
	start_spinner(f, "llvmpipe-11", false, false, false);
	facet_gate_arrived(f->gate, 1);
	for (int i = 0; i < 20; i++) {
		for (int k = 0; k < SPINNERS; k++)
			wait_until_stopped(f, &f->spinners[k]);
		facet_share_set_open(f->page, true, facet_share_now());
		for (int k = 0; k < SPINNERS; k++)
			wait_until_running(&f->spinners[k]);
	}
	assert_null(why_not(f));
	/* Counted when the gate's thread has seen it open. */
	while (!FACET_SHARE_LOAD(f->page->preempts))
		nap();
	assert_true(FACET_SHARE_LOAD(f->page->stopped_ns) > 20 * MS / 4);
	end(f);
}

static void a_date_ends_it(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "llvmpipe-0", false, false, false);
	wait_until_stopped(f, &f->spinners[0]);
	/* facetd dies here. */
	wait_until_running(&f->spinners[0]);
	assert_int_equal(facet_share_closed_until(f->page, facet_share_now()), 0);
	/* One that is back too late closes it all the same. */
	wait_until_stopped(f, &f->spinners[0]);
	end(f);
}

static void others_are_not_stopped(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "facet-writer", false, false, false);
	start_spinner(f, "llvmpipe-0", false, false, false);
	wait_until_stopped(f, &f->spinners[1]);
	for (int i = 0; i < 10; i++) {
		close_again(f);
		wait_until_running(&f->spinners[0]);
	}
	end(f);
}

static void the_engine_is_stopped_where_it_may_be(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "an-engine", true, true, false);
	start_spinner(f, "an-engine", true, false, false);
	wait_until_stopped(f, &f->spinners[0]);
	for (int i = 0; i < 10; i++) {
		close_again(f);
		wait_until_running(&f->spinners[1]);
	}
	end(f);
}

static void threads_that_cannot_be_stopped_are_told_of(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "llvmpipe-0", false, false, true);
	while (!why_not(f)) {
		close_again(f);
		nap();
	}
	assert_non_null(strstr(why_not(f), "block"));
	close_again(f);
	wait_until_running(&f->spinners[0]);
	end(f);
}

static void threads_may_come_and_go(void **state)
{
	struct fixture *f = begin();

	for (int i = 0; i < 5; i++) {
		start_spinner(f, "llvmpipe-0", false, false, false);
		wait_until_stopped(f, &f->spinners[0]);
		facet_share_set_open(f->page, true, facet_share_now());
		end_spinners(f);
		f->spinners[0].started = f->spinners[0].end = false;
	}
	end(f);
}

static void the_end_lets_all_go(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "llvmpipe-0", false, false, false);
	wait_until_stopped(f, &f->spinners[0]);
	close_again(f);
	facet_gate_destroy(f->gate);
	f->gate = NULL;
	wait_until_running(&f->spinners[0]);
	end(f);
}

static void *pass(void *arg)
{
	struct fixture *f = arg;

	return facet_gate_pass(f->gate) ? f : NULL;
}

static void passing_waits(void **state)
{
	struct fixture *f = begin();
	uint64_t closed;
	pthread_t thread;
	void *held;

	assert_false(facet_gate_pass(f->gate));
	assert_false(facet_gate_pass(NULL));
	/* By its date... */
	closed = facet_share_now();
	facet_share_set_open(f->page, false, closed);
	assert_true(facet_gate_pass(f->gate));
	assert_true(facet_share_now() >= closed + FACET_SHARE_MAX_CLOSED_MS * MS);
	/* ...when it is opened... */
	close_again(f);
	pthread_create(&thread, NULL, pass, f);
	nap();
	facet_share_set_open(f->page, true, facet_share_now());
	pthread_join(thread, &held);
	/* ...or at the end. */
	close_again(f);
	facet_gate_release(f->gate);
	close_again(f);
	assert_false(facet_gate_pass(f->gate));
	end(f);
}

static void the_first_one_rings(void **state)
{
	struct fixture *f = begin();
	struct facet_gate_config cfg = { .task_fd = -1, .engine_name = "an-engine" };
	struct facet_share_page *page;
	int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t count;

	facet_gate_destroy(f->gate);
	facet_share_unmap(f->page);
	assert_int_equal(facet_share_create(&f->page, &cfg.page_fd, NULL), 0);
	page = f->page;
	page->backlog = 7; /* of a predecessor that was killed */
	cfg.doorbell_fd = dup(bell);
	assert_int_equal(facet_gate_create(&cfg, &f->gate, NULL), 0);
	assert_int_equal(page->backlog, 0);
	assert_non_null(why_not(f));

	facet_gate_arrived(f->gate, 2);
	assert_int_equal(eventfd_read(bell, &count), -1);
	assert_int_equal(page->backlog, 2);
	assert_true(page->busy_since_ns);
	facet_gate_left(f->gate, 2);
	assert_int_equal(page->busy_since_ns, 0);
	page->ring = 1;
	facet_gate_arrived(f->gate, 1);
	facet_gate_arrived(f->gate, 1);
	assert_int_equal(eventfd_read(bell, &count), 0);
	assert_int_equal(count, 1);
	facet_gate_left(f->gate, 1);
	assert_true(page->busy_since_ns);
	facet_gate_left(f->gate, 1);
	assert_int_equal(page->backlog, 0);
	/* Somebody waits for the end. */
	page->ring = FACET_RING_BOTH;
	facet_gate_arrived(f->gate, 2);
	facet_gate_left(f->gate, 1);
	assert_int_equal(eventfd_read(bell, &count), 0);
	assert_int_equal(count, 1);
	facet_gate_left(f->gate, 1);
	assert_int_equal(eventfd_read(bell, &count), 0);
	assert_int_equal(count, 1);
	facet_gate_arrived(NULL, 1);
	facet_gate_left(NULL, 1);
	close(bell);
	end(f);
}

static void wait_until_paced(struct fixture *f)
{
	unsigned int closed = 0, open = 0;

	while (closed < 20 || open < 20) {
		if (facet_share_closed_until(f->page, facet_share_now()))
			closed++;
		else
			open++;
		nap();
	}
}

static bool is_paced(struct fixture *f)
{
	struct facet_gate_state state;

	facet_gate_state(f->gate, &state);
	return state.paced;
}

/* No heartbeat any more: the gate closes itself, and opens again, while there is work. */
static void it_keeps_a_pace_without_facetd(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "llvmpipe-0", false, false, false);
	f->page->share_ppm = 100000;
	f->page->eus = 1;
	facet_gate_arrived(f->gate, 1);
	facet_share_beat(f->page, 1);
	wait_until_paced(f);
	assert_true(is_paced(f));
	while (!FACET_SHARE_LOAD(f->page->preempts))
		nap();
	/* It is back, and has other ideas. */
	facet_share_beat(f->page, 0);
	wait_until_running(&f->spinners[0]);
	end(f);
}

/* facetd sleeps, and for ever: it does not hear who rings. */
static void it_keeps_a_pace_when_nobody_hears(void **state)
{
	struct fixture *f = begin();

	start_spinner(f, "llvmpipe-0", false, false, false);
	f->page->share_ppm = 100000;
	f->page->eus = 1;
	f->page->ring = FACET_RING_ARRIVAL;
	facet_gate_arrived(f->gate, 1);
	wait_until_paced(f);
	assert_true(is_paced(f));
	/* Work that comes later, when it is known that nobody hears. */
	facet_gate_left(f->gate, 1);
	while (!FACET_SHARE_LOAD(f->page->open))
		nap();
	facet_gate_arrived(f->gate, 1);
	wait_until_paced(f);
	/* The next one is there, looked, and sleeps. */
	facet_share_answer(f->page, facet_share_now());
	facet_share_beat(f->page, 0);
	assert_false(is_paced(f));
	/* What the gate did meanwhile is over with its date. */
	while (!FACET_SHARE_LOAD(f->page->open))
		nap();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(facet_share_closed_until(f->page, facet_share_now()), 0);
		nap();
	}
	end(f);
}

/* Work, and nobody who asked for a ring: who works alone is nobody's concern. */
static void who_did_not_ring_is_not_paced(void **state)
{
	struct fixture *f = begin();
	uint64_t until = facet_share_now() + 3ULL * FACET_SHARE_STALE_MS * MS;

	start_spinner(f, "llvmpipe-0", false, false, false);
	f->page->share_ppm = 10000;
	f->page->eus = 1;
	facet_gate_arrived(f->gate, 1);
	while (facet_share_now() < until) {
		assert_int_equal(f->page->open, 1);
		nap();
	}
	assert_false(is_paced(f));
	end(f);
}

static bool read_sleeps(const char *tid, unsigned long *ret)
{
	char path[64], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		found |= strcmp(line, "Name:\tfacet-gate\n") == 0;
		if (found && sscanf(line, "voluntary_ctxt_switches: %lu", ret) == 1)
			break;
	}
	if (file)
		fclose(file);
	return found;
}

/* How often the gate's thread has gone to sleep; it has its name when it has begun. */
static unsigned long sleeps_of_gate(void)
{
	unsigned long count = 0;
	struct dirent *entry;
	bool found = false;

	while (!found) {
		DIR *dir = opendir("/proc/self/task");

		assert_non_null(dir);
		while (!found && (entry = readdir(dir)))
			found = read_sleeps(entry->d_name, &count);
		closedir(dir);
	}
	return count;
}

/* As soon as it does: three times as long as between two looks at a heartbeat. */
static void wait_until_it_sleeps(void)
{
	unsigned long before, now = sleeps_of_gate();

	do {
		before = now;
		for (uint64_t end = facet_share_now() + 300 * MS; facet_share_now() < end;)
			nap();
		now = sleeps_of_gate();
	} while (now != before);
}

/* With a heartbeat, with one that is old, closed for ever, or unheard: no work, no wakeups. */
static void an_idle_one_costs_nothing(void **state)
{
	struct fixture *f = begin();

	f->page->share_ppm = 10000;
	f->page->eus = 1;
	wait_until_it_sleeps();
	facet_share_beat(f->page, facet_share_now());
	facet_gate_arrived(f->gate, 1);
	facet_gate_left(f->gate, 1);
	wait_until_it_sleeps(); /* old, by now */
	assert_true(is_paced(f));
	facet_gate_arrived(f->gate, 1);
	close_again(f);
	facet_gate_left(f->gate, 1);
	wait_until_it_sleeps();
	facet_share_beat(f->page, 0);
	f->page->ring = FACET_RING_ARRIVAL;
	facet_gate_arrived(f->gate, 1);
	while (!is_paced(f))
		nap();
	facet_gate_left(f->gate, 1);
	wait_until_it_sleeps();
	end(f);
}

static void one_gate_a_process(void **state)
{
	struct fixture *f = begin();
	struct facet_gate_config cfg = { .doorbell_fd = -1, .task_fd = -1, .engine_name = "x" };
	struct facet_share_page *page;
	struct facet_gate *gate;

	assert_int_equal(facet_share_create(&page, &cfg.page_fd, NULL), 0);
	assert_int_equal(facet_gate_create(&cfg, &gate, NULL), -EBUSY);
	assert_int_equal(fcntl(cfg.page_fd, F_GETFD), FD_CLOEXEC); /* still ours */
	close(cfg.page_fd);
	facet_share_unmap(page);
	assert_int_equal(f->page->open, 1);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_thread_is_stopped),
		cmocka_unit_test(a_date_ends_it),
		cmocka_unit_test(others_are_not_stopped),
		cmocka_unit_test(the_engine_is_stopped_where_it_may_be),
		cmocka_unit_test(threads_that_cannot_be_stopped_are_told_of),
		cmocka_unit_test(threads_may_come_and_go),
		cmocka_unit_test(the_end_lets_all_go),
		cmocka_unit_test(passing_waits),
		cmocka_unit_test(the_first_one_rings),
		cmocka_unit_test(it_keeps_a_pace_without_facetd),
		cmocka_unit_test(it_keeps_a_pace_when_nobody_hears),
		cmocka_unit_test(who_did_not_ring_is_not_paced),
		cmocka_unit_test(an_idle_one_costs_nothing),
		cmocka_unit_test(one_gate_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
