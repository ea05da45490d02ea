// SPDX-License-Identifier: GPL-2.0-or-later
/* capture.c - a picture for a person: asked for on the loop, made on the engine thread. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/list.h"
#include "vgpu/vgpu.h"

struct capture {
	struct facet_list link; /* of the capturer's done */
	struct facet_capturer *capturer;
	struct facet_varlink_call *call; /* NULL: the caller has gone */
	struct facet_job job;
	struct facet_error err;
	int status;
};

struct facet_capturer {
	struct facet_sched *sched;
	sd_event_source *source;
	int fd; /* says that done is not empty */
	pthread_mutex_t lock;
	struct facet_list done;
};

static void capture_free(struct capture *capture)
{
	close(capture->job.capture.fd);
	free(capture);
}

/* Engine thread. */
static void capture_done(struct facet_job *job, int status)
{
	struct capture *capture = job->owner;
	struct facet_capturer *capturer = capture->capturer;

	capture->status = status;
	pthread_mutex_lock(&capturer->lock);
	facet_list_append(&capturer->done, &capture->link);
	pthread_mutex_unlock(&capturer->lock);
	eventfd_write(capturer->fd, 1);
}

static void capture_gone(void *owner)
{
	((struct capture *)owner)->call = NULL;
}

static void capture_answer(struct capture *capture)
{
	const struct facet_job *job = &capture->job;

	if (!capture->call)
		return;
	if (!capture->status)
		facet_varlink_reply(capture->call, NULL);
	else if (capture->status == -ENODATA)
		facet_varlink_fail(capture->call, "io.facet.vgpu.Off",
				   json_pack("{s:i}", "output", (int)job->capture.output));
	else
		facet_varlink_fail(capture->call, "io.facet.vgpu.Failed",
				   json_pack("{s:s}", "message",
					     capture->err.text[0] ? capture->err.text
								  : strerror(-capture->status)));
}

static int on_done(sd_event_source *source, int fd, uint32_t revents, void *owner)
{
	struct facet_capturer *capturer = owner;
	struct facet_list done, *link;
	eventfd_t count;

	facet_list_init(&done);
	eventfd_read(fd, &count);
	pthread_mutex_lock(&capturer->lock);
	facet_list_splice(&done, &capturer->done);
	pthread_mutex_unlock(&capturer->lock);
	while ((link = facet_list_pop(&done))) {
		struct capture *capture = facet_container_of(link, struct capture, link);

		capture_answer(capture);
		capture_free(capture);
	}
	return 0;
}

int facet_capturer_create(sd_event *event, struct facet_sched *sched, struct facet_capturer **ret,
			  struct facet_error *err)
{
	struct facet_capturer *capturer = calloc(1, sizeof(*capturer));
	int r;

	if (!capturer)
		return facet_error_set(err, -ENOMEM, "captures: out of memory");
	capturer->sched = sched;
	pthread_mutex_init(&capturer->lock, NULL);
	facet_list_init(&capturer->done);
	capturer->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* #syscalls eventfd2 */
	r = capturer->fd < 0 ? -errno
			     : sd_event_add_io(event, &capturer->source, capturer->fd, EPOLLIN,
					       on_done, capturer);
	if (r < 0) {
		facet_capturer_destroy(capturer);
		return facet_error_set(err, r, "captures: %s", strerror(-r));
	}
	*ret = capturer;
	return 0;
}

void facet_capturer_destroy(struct facet_capturer *capturer)
{
	struct facet_list *link;

	if (!capturer)
		return;
	sd_event_source_unref(capturer->source);
	while ((link = facet_list_pop(&capturer->done)))
		capture_free(facet_container_of(link, struct capture, link));
	if (capturer->fd >= 0)
		close(capturer->fd);
	pthread_mutex_destroy(&capturer->lock);
	free(capturer);
}

static struct capture *capture_new(struct facet_capturer *capturer, struct facet_varlink_call *call,
				   unsigned int output, bool with_cursor, int fd)
{
	struct capture *capture = calloc(1, sizeof(*capture));

	if (!capture)
		return NULL;
	capture->capturer = capturer;
	capture->call = call;
	capture->job = (struct facet_job){
		.kind = FACET_JOB_CAPTURE,
		.capture = { output, fd, with_cursor, &capture->err },
		.done = capture_done,
		.owner = capture,
	};
	return capture;
}

void facet_capturer_start(struct facet_capturer *capturer, struct facet_varlink_call *call,
			  unsigned int output, bool with_cursor)
{
	int fd = facet_varlink_call_take_fd(call), r;
	struct capture *capture;

	if (fd < 0) {
		facet_varlink_fail(
			call, "io.facet.vgpu.Failed",
			json_pack("{s:s}", "message", "no file descriptor came with the call"));
		return;
	}
	capture = capture_new(capturer, call, output, with_cursor, fd);
	r = capture ? facet_sched_submit(capturer->sched, &capture->job) : -ENOMEM;
	if (r == 0) {
		facet_varlink_call_on_gone(call, capture_gone, capture);
		return;
	}
	facet_varlink_fail(call, "io.facet.vgpu.Failed",
			   json_pack("{s:s}", "message", strerror(-r)));
	free(capture);
	close(fd);
}
