// SPDX-License-Identifier: GPL-2.0-or-later
/* idle_test.c - kicks are served by the engine thread while it is idle, and by the loop if not. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/fake_display.h"
#include "sched/sched.h"

struct fixture {
	struct facet_display display;
	struct facet_engine *engine;
	struct facet_sched *sched;
	struct facet_errands errands;
	struct facet_errand errand;
	int kick_fd, loop_fd;
	pthread_t helper;
	unsigned int runs;
	sem_t ran, busy, go_on;
};

/* As a transport does: the descriptor says whether there is something left to do. */
static void serve_kick(struct facet_errand *errand)
{
	struct fixture *f = facet_container_of(errand, struct fixture, errand);
	uint64_t count;

	if (read(f->kick_fd, &count, sizeof(count)) != sizeof(count))
		return;
	f->helper = pthread_self();
	f->runs++;
	sem_post(&f->ran);
}

static void kick(struct fixture *f)
{
	const uint64_t one = 1;

	assert_int_equal(write(f->kick_fd, &one, sizeof(one)), sizeof(one));
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct facet_engine_config engine = { .display = &f->display, .render_fd = -1 };
	struct facet_sched_config sched = { .errands = &f->errands };

	*state = f;
	sem_init(&f->ran, 0, 0);
	sem_init(&f->busy, 0, 0);
	sem_init(&f->go_on, 0, 0);
	f->errand.run = serve_kick;
	f->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->loop_fd = epoll_create1(EPOLL_CLOEXEC);
	facet_errands_init(&f->errands);
	assert_false(facet_errands_offer(NULL, f->kick_fd, &f->errand));
	assert_false(facet_errands_offer(&f->errands, f->kick_fd, &f->errand)); /* nobody helps */
	assert_int_equal(facet_engine_create("null", &engine, &f->engine, NULL), 0);
	sched.engine = f->engine;
	assert_int_equal(facet_sched_create(&sched, &f->sched, NULL), 0);
	assert_true(facet_errands_offer(&f->errands, f->kick_fd, &f->errand));
	return epoll_ctl(f->loop_fd, EPOLL_CTL_ADD, f->kick_fd, &event);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_sched_destroy(f->sched);
	facet_engine_destroy(f->engine);
	facet_errands_fini(&f->errands);
	close(f->kick_fd);
	close(f->loop_fd);
	sem_destroy(&f->ran);
	sem_destroy(&f->busy);
	sem_destroy(&f->go_on);
	free(f);
	return 0;
}

static void idle_thread_serves_kicks(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 1; i <= 50; i++) {
		kick(f);
		sem_wait(&f->ran);
		assert_int_equal(f->runs, i);
		assert_false(pthread_equal(f->helper, pthread_self()));
	}
}

static void waits_for_the_lock(void **state)
{
	struct fixture *f = *state;
	struct epoll_event event;

	/* As the loop thread does while it works. */
	pthread_mutex_lock(&f->errands.lock);
	kick(f);
	usleep(1000);
	assert_int_equal(f->runs, 0);
	/* The loop may be faster; then nothing is left, and nothing is lost. */
	if (epoll_wait(f->loop_fd, &event, 1, 0) == 1)
		serve_kick(&f->errand);
	pthread_mutex_unlock(&f->errands.lock);
	sem_wait(&f->ran);
	assert_int_equal(f->runs, 1);
}

static void block(struct facet_job *job, int status)
{
	struct fixture *f = job->owner;

	sem_post(&f->busy);
	sem_wait(&f->go_on);
}

static void loop_serves_when_the_engine_is_busy(void **state)
{
	struct fixture *f = *state;
	struct facet_job job = { .kind = FACET_JOB_FENCE, .done = block, .owner = f };
	struct epoll_event event;

	assert_int_equal(facet_sched_submit(f->sched, &job), 0);
	sem_wait(&f->busy);
	kick(f);
	assert_int_equal(epoll_wait(f->loop_fd, &event, 1, -1), 1);
	serve_kick(&f->errand);
	assert_int_equal(f->runs, 1);
	assert_true(pthread_equal(f->helper, pthread_self()));
	sem_post(&f->go_on);
	sem_wait(&f->ran);
	/* And the engine thread takes over again. */
	idle_thread_serves_kicks(&(void *){ (f->runs = 0, f) });
}

static void closed_errands_are_not_run(void **state)
{
	struct fixture *f = *state;

	pthread_mutex_lock(&f->errands.lock);
	f->errands.closed = true;
	pthread_mutex_unlock(&f->errands.lock);
	facet_errands_run(&f->errands, &f->errand);
	kick(f);
	facet_errands_run(&f->errands, &f->errand);
	assert_int_equal(f->runs, 0);
	facet_errands_withdraw(&f->errands, f->kick_fd);
	facet_errands_withdraw(&f->errands, f->kick_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(idle_thread_serves_kicks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_the_lock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loop_serves_when_the_engine_is_busy, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(closed_errands_are_not_run, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
