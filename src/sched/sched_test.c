// SPDX-License-Identifier: GPL-2.0-or-later
/* sched_test.c - order, quotas and numbers of the queue; then the thread, on the null engine. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "sched/guard.h"
#include "sched/queue.h"
#include "sched/quota.h"
#include "sched/sched.h"

static void queue_is_first_in_first_out(void **state)
{
	struct facet_job_queue queue;
	struct facet_job a = { .kind = FACET_JOB_SUBMIT }, b = { .kind = FACET_JOB_FLUSH };
	int status = 1;

	facet_job_queue_init(&queue, 0);
	assert_null(facet_job_queue_pop(&queue, 1, &status));
	assert_int_equal(facet_job_queue_push(&queue, &a, 100), 0);
	assert_int_equal(facet_job_queue_push(&queue, &b, 150), 0);
	assert_int_equal(queue.queued, 2);
	assert_ptr_equal(facet_job_queue_pop(&queue, 170, &status), &a);
	assert_int_equal(status, 0);
	facet_job_queue_ran(&queue, FACET_JOB_SUBMIT, 170, 200);
	assert_ptr_equal(facet_job_queue_pop(&queue, 200, &status), &b);
	facet_job_queue_ran(&queue, FACET_JOB_FLUSH, 200, 205);
	assert_int_equal(queue.queued, 0);
	assert_int_equal(queue.count, 2);
	assert_int_equal(queue.wait_ns, 70 + 50);
	assert_int_equal(queue.busy_ns, 30 + 5);
	assert_int_equal(queue.flushes, 1);
	assert_int_equal(a.queued_ns, 100);
	assert_int_equal(a.started_ns, 170);
}

static void queue_has_an_end(void **state)
{
	struct facet_job_queue queue;
	struct facet_job jobs[4] = { 0 };
	struct facet_job ours[3] = { { .kind = FACET_JOB_CAPTURE },
				     { .kind = FACET_JOB_REFRESH },
				     { .kind = FACET_JOB_RESET } };
	int status;

	facet_job_queue_init(&queue, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(facet_job_queue_push(&queue, &jobs[i], 0), 0);
	assert_int_equal(facet_job_queue_push(&queue, &jobs[3], 0), -EDQUOT);
	assert_int_equal(queue.queued, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(facet_job_queue_push(&queue, &ours[i], 0), 0);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(facet_job_queue_pop(&queue, 0, &status), &jobs[i]);
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(facet_job_queue_pop(&queue, 0, &status), &ours[i]);
	assert_int_equal(facet_job_queue_push(&queue, &jobs[3], 0), 0);
}

static void reset_cancels_what_came_before(void **state)
{
	struct facet_job_queue queue;
	struct facet_job before[2] = { { .kind = FACET_JOB_SUBMIT }, { .kind = FACET_JOB_SUBMIT } };
	struct facet_job picture = { .kind = FACET_JOB_CAPTURE },
			 reset = { .kind = FACET_JOB_RESET };
	struct facet_job after = { .kind = FACET_JOB_SUBMIT };
	struct {
		struct facet_job *job;
		int status;
	} expected[] = {
		{ &before[0], -ECANCELED },
		{ &picture, 0 },
		{ &before[1], -ECANCELED },
		{ &reset, 0 },
		{ &after, 0 },
	};

	facet_job_queue_init(&queue, 0);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(expected); i++)
		facet_job_queue_push(&queue, expected[i].job, 0);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(expected); i++) {
		int status = 1;

		assert_ptr_equal(facet_job_queue_pop(&queue, 0, &status), expected[i].job);
		assert_int_equal(status, expected[i].status);
	}
}

static void quota_is_kept(void **state)
{
	struct facet_quota quota = { .max = 100 }, open = { 0 };

	assert_int_equal(facet_quota_charge(&quota, 60), 0);
	assert_int_equal(facet_quota_charge(&quota, 41), -EDQUOT);
	assert_int_equal(facet_quota_charge(&quota, 40), 0);
	assert_int_equal(facet_quota_charge(&quota, UINT64_MAX), -EDQUOT);
	facet_quota_uncharge(&quota, 90);
	assert_int_equal(quota.used, 10);
	assert_int_equal(quota.peak, 100);
	assert_int_equal(facet_quota_charge(&open, UINT64_MAX), 0);
	assert_int_equal(facet_quota_charge(&open, 1), -EDQUOT);
}

/* The thread: a job whose done() waits keeps the engine thread where the test wants it. */

enum { MANY = 1000 };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct fixture {
	struct facet_engine *engine;
	struct facet_sched *sched;
	sem_t gate, reached;
	unsigned int order[MANY + 8], statuses[MANY + 8];
	unsigned int done_count;
};

struct numbered {
	struct facet_job job;
	struct fixture *fixture;
	unsigned int number;
};

static void note(struct facet_job *job, int status)
{
	struct numbered *n = job->owner;
	struct fixture *f = n->fixture;

	f->order[f->done_count] = n->number;
	f->statuses[f->done_count] = (unsigned int)-status;
	f->done_count++;
}

static void block(struct facet_job *job, int status)
{
	struct fixture *f = job->owner;

	sem_post(&f->reached);
	sem_wait(&f->gate);
}

static int set_up(void **state)
{
	struct facet_engine_config engine_config = { .render_fd = -1 };
	struct fixture *f = calloc(1, sizeof(*f));

	sem_init(&f->gate, 0, 0);
	sem_init(&f->reached, 0, 0);
	*state = f;
	return facet_engine_create("null", &engine_config, &f->engine, NULL);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_sched_destroy(f->sched);
	facet_engine_destroy(f->engine);
	sem_destroy(&f->gate);
	sem_destroy(&f->reached);
	free(f);
	return 0;
}

static void start(struct fixture *f, unsigned int max_queued)
{
	struct facet_sched_config config = {
		.engine = f->engine,
		.max_queued = max_queued,
		.max_contexts = 2,
		.vram_bytes = 1000,
	};

	assert_int_equal(facet_sched_create(&config, &f->sched, NULL), 0);
}

static struct facet_job *numbered(struct fixture *f, struct numbered *n, unsigned int number,
				  enum facet_job_kind kind)
{
	*n = (struct numbered){ .fixture = f, .number = number };
	n->job.kind = kind;
	n->job.done = note;
	n->job.owner = n;
	return &n->job;
}

static void thread_keeps_the_order(void **state)
{
	struct fixture *f = *state;
	struct numbered *jobs = calloc(MANY, sizeof(*jobs));
	struct facet_usage usage;

	start(f, 0);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(
			facet_sched_submit(f->sched, numbered(f, &jobs[i], i, FACET_JOB_FLUSH)), 0);
	/* Destruction finishes what was submitted. */
	facet_sched_destroy(f->sched);
	f->sched = NULL;
	assert_int_equal(f->done_count, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(f->order[i], i);
	start(f, 0);
	facet_sched_usage(f->sched, &usage);
	assert_int_equal(usage.jobs, 0);
	free(jobs);
}

static void thread_wakes_up_again(void **state)
{
	struct fixture *f = *state;
	struct facet_job job = { .kind = FACET_JOB_FENCE, .done = block, .owner = f };

	start(f, 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(facet_sched_submit(f->sched, &job), 0);
		sem_wait(&f->reached);
		sem_post(&f->gate);
	}
}

static void thread_refuses_and_cancels(void **state)
{
	struct fixture *f = *state;
	struct facet_job gate = { .kind = FACET_JOB_FENCE, .done = block, .owner = f };
	struct numbered jobs[4];
	struct facet_usage usage;

	start(f, 2);
	assert_int_equal(facet_sched_submit(f->sched, &gate), 0);
	sem_wait(&f->reached);
	assert_int_equal(facet_sched_submit(f->sched, numbered(f, &jobs[0], 0, FACET_JOB_FLUSH)),
			 0);
	assert_int_equal(facet_sched_submit(f->sched, numbered(f, &jobs[1], 1, FACET_JOB_FLUSH)),
			 0);
	assert_int_equal(facet_sched_submit(f->sched, numbered(f, &jobs[2], 2, FACET_JOB_FLUSH)),
			 -EDQUOT);
	facet_sched_usage(f->sched, &usage);
	assert_int_equal(usage.queued, 2);
	assert_int_equal(facet_sched_submit(f->sched, numbered(f, &jobs[3], 3, FACET_JOB_RESET)),
			 0);
	sem_post(&f->gate);
	facet_sched_destroy(f->sched);
	f->sched = NULL;
	assert_int_equal(f->done_count, 3);
	assert_int_equal(f->statuses[0], ECANCELED);
	assert_int_equal(f->statuses[1], ECANCELED);
	assert_int_equal(f->order[2], 3);
	assert_int_equal(f->statuses[2], 0);
}

static void *submit_some(void *arg)
{
	struct numbered *jobs = arg;

	for (unsigned int i = 0; i < MANY / 4; i++)
		facet_sched_submit(jobs[i].fixture->sched, &jobs[i].job);
	return NULL;
}

static void many_threads_may_submit(void **state)
{
	struct fixture *f = *state;
	struct numbered *jobs = calloc(MANY, sizeof(*jobs));
	unsigned int last[4] = { 0 };
	pthread_t threads[4];

	start(f, 0);
	for (unsigned int i = 0; i < MANY; i++)
		numbered(f, &jobs[i], i, FACET_JOB_FENCE);
	for (unsigned int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, submit_some, jobs + (size_t)i * (MANY / 4));
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	facet_sched_destroy(f->sched);
	f->sched = NULL;
	assert_int_equal(f->done_count, MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		unsigned int who = f->order[i] / (MANY / 4), at = f->order[i] % (MANY / 4);

		/* Each submitter's own order is kept, whatever the others do. */
		assert_int_equal(at, last[who]);
		last[who]++;
	}
	free(jobs);
}

static void quotas_of_a_running_one(void **state)
{
	struct fixture *f = *state;
	struct facet_usage usage;

	start(f, 0);
	assert_int_equal(facet_sched_charge(f->sched, 900), 0);
	assert_int_equal(facet_sched_charge(f->sched, 101), -EDQUOT);
	facet_sched_uncharge(f->sched, 500);
	assert_int_equal(facet_sched_charge_context(f->sched), 0);
	assert_int_equal(facet_sched_charge_context(f->sched), 0);
	assert_int_equal(facet_sched_charge_context(f->sched), -EDQUOT);
	facet_sched_uncharge_context(f->sched);
	facet_sched_usage(f->sched, &usage);
	assert_int_equal(usage.vram_bytes, 400);
	assert_int_equal(usage.vram_peak_bytes, 900);
	assert_int_equal(usage.vram_quota_bytes, 1000);
	assert_int_equal(usage.contexts, 1);
}

static void a_quota_may_shrink(void **state)
{
	struct fixture *f = *state;
	struct facet_usage usage;

	start(f, 0);
	assert_int_equal(facet_sched_charge(f->sched, 900), 0);
	facet_sched_set_vram(f->sched, 500);
	assert_int_equal(facet_sched_charge(f->sched, 1), -EDQUOT);
	facet_sched_uncharge(f->sched, 450);
	assert_int_equal(facet_sched_charge(f->sched, 51), -EDQUOT);
	assert_int_equal(facet_sched_charge(f->sched, 50), 0);
	facet_sched_set_vram(f->sched, 2000);
	assert_int_equal(facet_sched_charge(f->sched, 1500), 0);
	facet_sched_usage(f->sched, &usage);
	assert_int_equal(usage.vram_quota_bytes, 2000);
	facet_sched_uncharge(f->sched, 2000);
}

static void statm_is_read(void **state)
{
	assert_int_equal(facet_guard_private_bytes("900 500 120 7 0 60 0\n", 4096), 380 * 4096);
	assert_int_equal(facet_guard_private_bytes("900 100 120 7 0 60 0\n", 4096), 0);
	assert_int_equal(facet_guard_private_bytes("900 500", 4096), 0);
	assert_int_equal(facet_guard_private_bytes("", 4096), 0);
}

/* A process of so many MiB, as its statm would say. */
static void pretend(int fd, unsigned int mib)
{
	long pages = (long)mib * (1 << 20) / sysconf(_SC_PAGESIZE);

	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	assert_true(dprintf(fd, "%ld %ld 50 7 0 60 0\n", pages * 3, pages + 50) > 0);
}

static void a_process_may_be_too_large(void **state)
{
	const uint64_t quota = 100 << 20, later = 1000000000;
	int fd = memfd_create("statm", 0);
	struct facet_guard guard;
	uint64_t now = later;

	pretend(fd, 10);
	facet_guard_init(&guard, fd);
	/* What comes with the renderer is not the guest's. */
	assert_true(facet_guard_allows(&guard, FACET_JOB_CAPSET, quota, now));
	pretend(fd, 60);
	facet_guard_ran(&guard, true);
	/* To the quota and some more, whatever was paid for. */
	pretend(fd, 60 + 100 + 39);
	assert_true(facet_guard_allows(&guard, FACET_JOB_SUBMIT, quota, now += later));
	pretend(fd, 60 + 100 + 41);
	assert_true(facet_guard_allows(&guard, FACET_JOB_SUBMIT, quota, now + 1)); /* just looked */
	assert_false(facet_guard_allows(&guard, FACET_JOB_SUBMIT, quota, now += later));
	assert_false(facet_guard_allows(&guard, FACET_JOB_RESOURCE_CREATE, quota, now += later));
	assert_false(facet_guard_allows(&guard, FACET_JOB_CONTEXT_ATTACH, quota, now += later));
	/* The way down is open. */
	assert_true(facet_guard_allows(&guard, FACET_JOB_RESOURCE_UNREF, quota, now += later));
	assert_true(facet_guard_allows(&guard, FACET_JOB_FLUSH, quota, now += later));
	assert_true(facet_guard_allows(&guard, FACET_JOB_SUBMIT, 0, now += later)); /* no quota */
	assert_true(facet_guard_allows(&guard, FACET_JOB_SUBMIT, quota * 2, now += later));
	pretend(fd, 60);
	assert_true(facet_guard_allows(&guard, FACET_JOB_SUBMIT, quota, now += later));
	close(fd);
	facet_guard_init(&guard, 0);
	assert_true(facet_guard_allows(&guard, FACET_JOB_SUBMIT, 1, now));
}

/* Refused by the size of the process: in its turn, as what it was, and without being run. */
static void no_room_is_answered_in_order(void **state)
{
	struct fixture *f = *state;
	struct facet_sched_config config = { .engine = f->engine, .vram_bytes = 1 << 20 };
	struct numbered jobs[3];

	config.statm_fd = memfd_create("statm", 0);
	pretend(config.statm_fd, 10);
	assert_int_equal(facet_sched_create(&config, &f->sched, NULL), 0);
	pretend(config.statm_fd, 100);
	for (unsigned int i = 0; i < 3; i++) {
		numbered(f, &jobs[i], i, i == 1 ? FACET_JOB_SUBMIT : FACET_JOB_FLUSH);
		assert_int_equal(facet_sched_submit(f->sched, &jobs[i].job), 0);
	}
	facet_sched_destroy(f->sched);
	f->sched = NULL;
	close(config.statm_fd);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(f->order[i], i);
		assert_int_equal(f->statuses[i], i == 1 ? ENOMEM : 0);
	}
	assert_int_equal(jobs[1].job.kind, FACET_JOB_SUBMIT);
}

/* With a gate: what its page says, and who waits. cmocka wants the gate's signal for itself. */

static struct facet_share_page *start_gated(struct fixture *f, struct facet_gate **ret)
{
	struct facet_gate_config gate_config = { .doorbell_fd = -1,
						 .task_fd = -1,
						 .engine_name = FACET_SCHED_THREAD };
	struct facet_sched_config config = { .engine = f->engine };
	struct facet_share_page *page;

	assert_int_equal(facet_share_create(&page, &gate_config.page_fd, NULL), 0);
	assert_int_equal(facet_gate_create(&gate_config, ret, NULL), 0);
	config.gate = *ret;
	assert_int_equal(facet_sched_create(&config, &f->sched, NULL), 0);
	return page;
}

static void end_gated(struct fixture *f, struct facet_share_page *page, struct facet_gate *gate)
{
	facet_sched_destroy(f->sched);
	f->sched = NULL;
	facet_gate_destroy(gate);
	facet_share_unmap(page);
}

#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_SEQ_CST)

static void the_page_tells_what_is_under_way(void **state)
{
	struct fixture *f = *state;
	struct facet_gate *gate;
	struct facet_share_page *page = start_gated(f, &gate);
	struct facet_job job = { .kind = FACET_JOB_SUBMIT, .done = block, .owner = f };
	struct facet_job fence = { .kind = FACET_JOB_FENCE, .done = block, .owner = f };
	struct facet_job refresh = { .kind = FACET_JOB_REFRESH, .done = block, .owner = f };

	/* The null engine is done inside execute(), and done() comes when all is counted. */
	assert_int_equal(facet_sched_submit(f->sched, &refresh), 0);
	sem_wait(&f->reached);
	assert_int_equal(LOAD(page->backlog), 0); /* ours is nobody's load */
	assert_int_equal(facet_sched_submit(f->sched, &job), 0);
	assert_int_equal(facet_sched_submit(f->sched, &fence), 0);
	assert_int_equal(LOAD(page->backlog), 2);
	assert_true(LOAD(page->busy_since_ns));
	assert_int_equal(LOAD(page->job_started_ns), 0);
	sem_post(&f->gate);
	sem_wait(&f->reached);
	assert_int_equal(LOAD(page->backlog), 1);
	assert_int_equal(LOAD(page->jobs), 1);
	assert_int_equal(LOAD(page->latency.count), 1);
	assert_true(job.fenced); /* what a submit leaves to the GPU counts as well */
	sem_post(&f->gate);
	sem_wait(&f->reached);
	assert_int_equal(LOAD(page->backlog), 0);
	assert_int_equal(LOAD(page->busy_since_ns), 0);
	assert_int_equal(LOAD(page->job_started_ns), 0);
	assert_int_equal(LOAD(page->jobs), 2);
	sem_post(&f->gate);
	assert_int_equal(LOAD(page->wait.count), 1);
	end_gated(f, page, gate);
}

static void cancelled_jobs_are_no_backlog(void **state)
{
	struct fixture *f = *state;
	struct facet_gate *gate;
	struct facet_share_page *page = start_gated(f, &gate);
	struct facet_job first = { .kind = FACET_JOB_FENCE, .done = block, .owner = f };
	struct numbered jobs[2];

	assert_int_equal(facet_sched_submit(f->sched, &first), 0);
	sem_wait(&f->reached);
	assert_int_equal(facet_sched_submit(f->sched, numbered(f, &jobs[0], 0, FACET_JOB_SUBMIT)),
			 0);
	assert_int_equal(facet_sched_submit(f->sched, numbered(f, &jobs[1], 1, FACET_JOB_RESET)),
			 0);
	assert_int_equal(LOAD(page->backlog), 1);
	sem_post(&f->gate);
	facet_sched_destroy(f->sched);
	f->sched = NULL;
	assert_int_equal(f->statuses[0], ECANCELED);
	assert_int_equal(LOAD(page->backlog), 0);
	assert_int_equal(LOAD(page->wait.count), 0);
	end_gated(f, page, gate);
}

/* Renews the date until something has to come through, which must not be the job. */
static void jobs_wait_at_a_closed_gate(void **state)
{
	struct fixture *f = *state;
	struct facet_gate *gate;
	struct facet_share_page *page = start_gated(f, &gate);
	struct facet_job fence = { .kind = FACET_JOB_FENCE, .done = block, .owner = f };
	struct facet_job flush = { .kind = FACET_JOB_FLUSH, .done = block, .owner = f };
	const struct timespec nap = { .tv_nsec = 1000000 };
	struct facet_usage usage;
	uint64_t renewed = 0;
	int naps = 0;

	facet_share_set_open(page, false, now_ns());
	/* What costs the GPU nothing goes through. */
	assert_int_equal(facet_sched_submit(f->sched, &fence), 0);
	sem_wait(&f->reached);
	sem_post(&f->gate);
	assert_int_equal(facet_sched_submit(f->sched, &flush), 0);
	while (naps < 70 && sem_trywait(&f->reached)) {
		assert_int_equal(LOAD(page->backlog), 1);
		renewed = now_ns();
		facet_share_set_open(page, false, renewed);
		nanosleep(&nap, NULL);
		naps++;
	}
	if (naps < 70) { /* on a host so slow that the date passed */
		assert_true(now_ns() - renewed >= FACET_SHARE_MAX_CLOSED_MS * 1000000ULL);
	} else {
		assert_int_equal(LOAD(page->job_started_ns), 0);
		facet_share_set_open(page, true, now_ns());
		sem_wait(&f->reached);
		facet_sched_usage(f->sched, &usage);
		assert_true(usage.wait_ns >= 70 * 1000000);
		assert_true(usage.wait.p50_us >= 32768); /* its bucket holds up to 131072 */
	}
	sem_post(&f->gate);
	/* And nobody waits who is to end. */
	facet_share_set_open(page, false, now_ns());
	assert_int_equal(facet_sched_submit(f->sched, &flush), 0);
	sem_post(&f->gate);
	end_gated(f, page, gate);
	assert_int_equal(sem_trywait(&f->reached), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_is_first_in_first_out),
		cmocka_unit_test(queue_has_an_end),
		cmocka_unit_test(reset_cancels_what_came_before),
		cmocka_unit_test(quota_is_kept),
		cmocka_unit_test_setup_teardown(thread_keeps_the_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(thread_wakes_up_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(thread_refuses_and_cancels, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_threads_may_submit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(quotas_of_a_running_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_quota_may_shrink, set_up, tear_down),
		cmocka_unit_test(statm_is_read),
		cmocka_unit_test(a_process_may_be_too_large),
		cmocka_unit_test_setup_teardown(no_room_is_answered_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_page_tells_what_is_under_way, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(cancelled_jobs_are_no_backlog, set_up, tear_down),
		cmocka_unit_test_setup_teardown(jobs_wait_at_a_closed_gate, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
