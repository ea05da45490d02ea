// SPDX-License-Identifier: GPL-2.0-or-later
/* worker.c - jobs go to a thread by one list, and come back by another and an eventfd. */
#include "daemon/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct facetd_worker {
	pthread_t thread;
	pthread_mutex_t mutex; /* for what follows */
	pthread_cond_t more;
	struct facet_list waiting, finished;
	bool ends;

	int fd; /* readable when something has finished */
	sd_event_source *source;
};

static struct facetd_job *take_first(struct facet_list *list)
{
	struct facet_list *link = facet_list_pop(list);

	return link ? facet_container_of(link, struct facetd_job, link) : NULL;
}

static void *run(void *arg)
{
	struct facetd_worker *worker = arg;
	const uint64_t one = 1;
	struct facetd_job *job;

	pthread_mutex_lock(&worker->mutex);
	for (;;) {
		job = take_first(&worker->waiting);
		if (!job && worker->ends)
			break;
		if (!job) {
			pthread_cond_wait(&worker->more, &worker->mutex);
			continue;
		}
		pthread_mutex_unlock(&worker->mutex);
		job->work(job);
		pthread_mutex_lock(&worker->mutex);
		facet_list_append(&worker->finished, &job->link);
		/* It only fails when it is readable for ever. */
		if (write(worker->fd, &one, sizeof(one)) < 0)
			continue;
	}
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

static void tell_all(struct facetd_worker *worker)
{
	struct facetd_job *job;

	for (;;) {
		pthread_mutex_lock(&worker->mutex);
		job = take_first(&worker->finished);
		pthread_mutex_unlock(&worker->mutex);
		if (!job)
			return;
		job->done(job);
	}
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) > 0)
		tell_all(userdata);
	return 0;
}

/* Signals are the loop's. */
static int start(struct facetd_worker *worker)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int facetd_worker_create(sd_event *event, struct facetd_worker **ret, struct facet_error *err)
{
	struct facetd_worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return facet_error_set(err, -ENOMEM, "out of memory");
	facet_list_init(&worker->waiting);
	facet_list_init(&worker->finished);
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->more, NULL);
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = worker->fd < 0 ? -errno
			   : sd_event_add_io(event, &worker->source, worker->fd, EPOLLIN,
					     on_finished, worker);
	if (r >= 0)
		r = start(worker);
	if (r >= 0) {
		*ret = worker;
		return 0;
	}
	sd_event_source_disable_unref(worker->source);
	if (worker->fd >= 0)
		close(worker->fd);
	free(worker);
	return facet_error_set(err, r, "a thread of facetd: %s", strerror(-r));
}

void facetd_worker_destroy(struct facetd_worker *worker)
{
	if (!worker)
		return;
	pthread_mutex_lock(&worker->mutex);
	worker->ends = true;
	pthread_cond_signal(&worker->more);
	pthread_mutex_unlock(&worker->mutex);
	pthread_join(worker->thread, NULL);
	tell_all(worker);
	sd_event_source_disable_unref(worker->source);
	close(worker->fd);
	pthread_cond_destroy(&worker->more);
	pthread_mutex_destroy(&worker->mutex);
	free(worker);
}

void facetd_worker_add(struct facetd_worker *worker, struct facetd_job *job)
{
	pthread_mutex_lock(&worker->mutex);
	facet_list_append(&worker->waiting, &job->link);
	pthread_cond_signal(&worker->more);
	pthread_mutex_unlock(&worker->mutex);
}
