// SPDX-License-Identifier: GPL-2.0-or-later
/* runner.c - the engine thread: takes jobs in order, runs them, and sleeps when there are none. */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sched/guard.h"
#include "sched/idle.h"
#include "sched/meter.h"
#include "sched/queue.h"
#include "sched/quota.h"
#include "sched/sched.h"

/*
 * DOC: Theory of Operation
 *
 * One mutex guards the queue, the quotas and the meter; it is never held over a call out of this
 * room, but to ring the doorbell of an arbiter that asked for it. The thread sleeps in idle.c. Who
 * submits wakes it only if it said that it goes to sleep, so a busy queue costs no system call.
 *
 * #syscalls poll ppoll futex clone clone3 set_robust_list rseq prctl
 * #syscalls rt_sigprocmask clock_gettime madvise mmap munmap mprotect exit sched_getaffinity
 */

enum {
	/* A busy queue must not starve the engine's own events: looked at after so many jobs. */
	JOBS_BETWEEN_POLLS = 16,
	/* Idle for so long, the thread gives memory back: a shader compiler leaves much behind. */
	TIDY_AFTER_MS = 2000,
	/* Until then what a frame frees is kept for the next one: pages cost a fault each. */
	KEEP_BYTES = 32 << 20,
};

struct facet_sched {
	struct facet_engine *engine;
	pthread_t thread;
	struct facet_idle idle;

	pthread_mutex_t lock;
	struct facet_job_queue queue;
	struct facet_quota vram, contexts;
	struct facet_meter meter;
	struct facet_guard guard;            /* the engine thread's */
	struct facet_engine_account account; /* what the renderer keeps is paid from vram */
	bool sleeping, stopping;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void sleep_for_work(struct facet_sched *sched)
{
	if (facet_idle_wait(&sched->idle, TIDY_AFTER_MS))
		return;
	malloc_trim(0);
	facet_idle_wait(&sched->idle, -1);
}

enum next { NEXT_JOB, NEXT_SLEEP, NEXT_STOP };

static enum next take(struct facet_sched *sched, struct facet_job **ret, int *ret_status)
{
	enum next next = NEXT_JOB;

	pthread_mutex_lock(&sched->lock);
	*ret = facet_job_queue_pop(&sched->queue, now(), ret_status);
	if (!*ret)
		next = sched->stopping ? NEXT_STOP : NEXT_SLEEP;
	sched->sleeping = next == NEXT_SLEEP;
	pthread_mutex_unlock(&sched->lock);
	return next;
}

/* The job's own done() is called when all is counted: the guest may send the next one from there.
 */
static void on_done(struct facet_job *job, int status)
{
	struct facet_sched *sched = job->running.sched;

	pthread_mutex_lock(&sched->lock);
	facet_meter_done(&sched->meter, job, now());
	pthread_mutex_unlock(&sched->lock);
	job->done = job->running.done;
	job->kind = job->running.kind;
	job->done(job, status ? status : job->running.status);
}

/* Waits until the job may begin. How long that took is a wait, not work. Returns the quota. */
static uint64_t begin(struct facet_sched *sched, struct facet_job *job)
{
	uint64_t popped = job->started_ns, quota;
	bool held = facet_meter_needs_gate(job->kind) && facet_gate_pass(sched->meter.gate);

	if (held)
		job->started_ns = now();
	pthread_mutex_lock(&sched->lock);
	sched->queue.wait_ns += job->started_ns - popped;
	facet_meter_started(&sched->meter, job);
	quota = sched->vram.max;
	pthread_mutex_unlock(&sched->lock);
	return quota;
}

/* A place in the order is all that is left of it: fences end one after another. */
static void make_it_fail(struct facet_job *job, int status)
{
	job->running.status = status;
	job->kind = FACET_JOB_FENCE;
}

static void run_job(struct facet_sched *sched, struct facet_job *job, int status)
{
	const enum facet_job_kind kind = job->kind;
	uint64_t start, end, quota;

	if (status) {
		job->done(job, status);
		return;
	}
	quota = begin(sched, job);
	if (!facet_guard_allows(&sched->guard, kind, quota, job->started_ns))
		make_it_fail(job, -ENOMEM);
	start = job->started_ns;
	facet_engine_execute(sched->engine, job);
	facet_guard_ran(&sched->guard, facet_engine_renderer(sched->engine)[0]);
	end = now();
	pthread_mutex_lock(&sched->lock);
	facet_job_queue_ran(&sched->queue, kind, start, end);
	facet_meter_executed(&sched->meter, kind, end - start);
	pthread_mutex_unlock(&sched->lock);
}

struct last_job {
	struct facet_job job;
	struct facet_sched *sched;
	bool done; /* under the lock, so that nothing is touched once the thread has seen it */
};

static void last_done(struct facet_job *job, int status)
{
	struct last_job *last = job->owner;
	struct facet_sched *sched = last->sched;

	pthread_mutex_lock(&sched->lock);
	last->done = true;
	facet_idle_wake(&sched->idle);
	pthread_mutex_unlock(&sched->lock);
}

static bool last_is_done(struct last_job *last)
{
	bool done;

	pthread_mutex_lock(&last->sched->lock);
	done = last->done;
	pthread_mutex_unlock(&last->sched->lock);
	return done;
}

/* Fences finish in order: when one of our own has, so have all of the guest's. */
static void wait_for_fences(struct facet_sched *sched)
{
	struct last_job last = {
		.job = { .kind = FACET_JOB_FENCE, .fenced = true, .done = last_done },
		.sched = sched,
	};

	last.job.owner = &last;
	facet_engine_execute(sched->engine, &last.job);
	while (!last_is_done(&last))
		facet_idle_wait(&sched->idle, -1);
}

static void *run(void *arg)
{
	struct facet_sched *sched = arg;
	unsigned int since_poll = 0;

	/* From here: of another thread it would be a file in /proc. */
	pthread_setname_np(pthread_self(), FACET_SCHED_THREAD);
	facet_gate_enter(sched->meter.gate);
	mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
	mallopt(M_MMAP_THRESHOLD, KEEP_BYTES);
	for (;;) {
		struct facet_job *job;
		int status;
		enum next next = take(sched, &job, &status);

		if (next == NEXT_STOP)
			break;
		if (next == NEXT_JOB) {
			run_job(sched, job, status);
			if (++since_poll < JOBS_BETWEEN_POLLS)
				continue;
		}
		since_poll = 0;
		if (next == NEXT_SLEEP)
			sleep_for_work(sched);
		else
			facet_idle_wait(&sched->idle, 0);
	}
	wait_for_fences(sched);
	facet_engine_leave(sched->engine);
	return NULL;
}

/* Signals are the loop thread's. */
static int start_thread(struct facet_sched *sched)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&sched->thread, NULL, run, sched);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return -r;
	return 0;
}

static int charge_renderer(struct facet_engine_account *account, uint64_t bytes)
{
	return facet_sched_charge(facet_container_of(account, struct facet_sched, account), bytes);
}

static void uncharge_renderer(struct facet_engine_account *account, uint64_t bytes)
{
	facet_sched_uncharge(facet_container_of(account, struct facet_sched, account), bytes);
}

int facet_sched_create(const struct facet_sched_config *cfg, struct facet_sched **ret,
		       struct facet_error *err)
{
	struct facet_sched *sched = calloc(1, sizeof(*sched));
	int r;

	if (!sched)
		return facet_error_set(err, -ENOMEM, "scheduler: out of memory");
	sched->engine = cfg->engine;
	sched->vram.max = cfg->vram_bytes;
	sched->contexts.max = cfg->max_contexts;
	facet_job_queue_init(&sched->queue, cfg->max_queued);
	facet_meter_init(&sched->meter, cfg->gate);
	facet_guard_init(&sched->guard, cfg->statm_fd);
	sched->account = (struct facet_engine_account){ .charge = charge_renderer,
							.uncharge = uncharge_renderer };
	facet_engine_set_account(sched->engine, &sched->account);
	pthread_mutex_init(&sched->lock, NULL);
	r = facet_idle_init(&sched->idle, cfg->engine, cfg->errands);
	if (!r) {
		r = start_thread(sched);
		if (r)
			facet_idle_fini(&sched->idle);
	}
	if (r) {
		facet_error_set(err, r, "scheduler: cannot start the engine thread: %s",
				strerror(-r));
		facet_engine_set_account(sched->engine, NULL);
		pthread_mutex_destroy(&sched->lock);
		free(sched);
		return r;
	}
	*ret = sched;
	return 0;
}

void facet_sched_destroy(struct facet_sched *sched)
{
	if (!sched)
		return;
	facet_gate_release(sched->meter.gate);
	pthread_mutex_lock(&sched->lock);
	sched->stopping = true;
	pthread_mutex_unlock(&sched->lock);
	facet_idle_wake(&sched->idle);
	pthread_join(sched->thread, NULL);
	facet_engine_set_account(sched->engine, NULL);
	facet_idle_fini(&sched->idle);
	pthread_mutex_destroy(&sched->lock);
	free(sched);
}

int facet_sched_submit(struct facet_sched *sched, struct facet_job *job)
{
	bool asleep = false;
	int r;

	pthread_mutex_lock(&sched->lock);
	r = facet_job_queue_push(&sched->queue, job, now());
	if (!r) {
		job->running.sched = sched;
		job->running.done = job->done;
		job->running.kind = job->kind;
		job->running.status = 0;
		job->done = on_done;
		facet_meter_queued(&sched->meter, job);
		asleep = sched->sleeping;
		sched->sleeping = false;
	}
	pthread_mutex_unlock(&sched->lock);
	if (asleep)
		facet_idle_wake(&sched->idle);
	return r;
}

int facet_sched_charge(struct facet_sched *sched, uint64_t bytes)
{
	int r;

	pthread_mutex_lock(&sched->lock);
	r = facet_quota_charge(&sched->vram, bytes);
	pthread_mutex_unlock(&sched->lock);
	return r;
}

void facet_sched_uncharge(struct facet_sched *sched, uint64_t bytes)
{
	pthread_mutex_lock(&sched->lock);
	facet_quota_uncharge(&sched->vram, bytes);
	pthread_mutex_unlock(&sched->lock);
}

int facet_sched_charge_context(struct facet_sched *sched)
{
	int r;

	pthread_mutex_lock(&sched->lock);
	r = facet_quota_charge(&sched->contexts, 1);
	pthread_mutex_unlock(&sched->lock);
	return r;
}

void facet_sched_uncharge_context(struct facet_sched *sched)
{
	pthread_mutex_lock(&sched->lock);
	facet_quota_uncharge(&sched->contexts, 1);
	pthread_mutex_unlock(&sched->lock);
}

void facet_sched_set_vram(struct facet_sched *sched, uint64_t bytes)
{
	pthread_mutex_lock(&sched->lock);
	sched->vram.max = bytes;
	pthread_mutex_unlock(&sched->lock);
}

void facet_sched_usage(struct facet_sched *sched, struct facet_usage *ret)
{
	pthread_mutex_lock(&sched->lock);
	*ret = (struct facet_usage){
		.jobs = sched->queue.count,
		.busy_ns = sched->queue.busy_ns,
		.wait_ns = sched->queue.wait_ns,
		.flushes = sched->queue.flushes,
		.vram_bytes = sched->vram.used,
		.vram_peak_bytes = sched->vram.peak,
		.vram_quota_bytes = sched->vram.max,
		.contexts = (unsigned int)sched->contexts.used,
		.queued = sched->queue.queued,
	};
	facet_meter_usage(&sched->meter, ret);
	pthread_mutex_unlock(&sched->lock);
}

const struct facet_engine_caps *facet_sched_caps(const struct facet_sched *sched)
{
	return facet_engine_caps(sched->engine);
}
