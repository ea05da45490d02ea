// SPDX-License-Identifier: GPL-2.0-or-later
/* request.c - asks another varlink service something from an event loop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "varlink/stream.h"
#include "varlink/varlink.h"

struct facet_varlink_request {
	struct facet_stream stream;
	sd_event_source *io, *timer;
	void (*answered)(void *owner, const struct facet_varlink_answer *answer, int error);
	void *owner;
	bool more;
	bool *destroyed; /* set while a callback runs */
};

void facet_varlink_request_destroy(struct facet_varlink_request *request)
{
	if (!request)
		return;
	if (request->destroyed)
		*request->destroyed = true;
	sd_event_source_disable_unref(request->io);
	sd_event_source_disable_unref(request->timer);
	facet_stream_fini(&request->stream);
	free(request);
}

int facet_varlink_request_take_fd(struct facet_varlink_request *request)
{
	return facet_stream_take_fd(&request->stream);
}

static void fail(struct facet_varlink_request *request, int error)
{
	void (*answered)(void *, const struct facet_varlink_answer *, int) = request->answered;
	void *owner = request->owner;

	facet_varlink_request_destroy(request);
	answered(owner, NULL, error);
}

/* Takes the message. True: the request goes on. */
static bool deliver(struct facet_varlink_request *request, json_t *message)
{
	json_t *parameters = json_object_get(message, "parameters");
	struct facet_varlink_answer answer = {
		.error = json_string_value(json_object_get(message, "error")),
		.continues = request->more && json_is_true(json_object_get(message, "continues")),
		.request = request,
	};
	bool destroyed = false, last = answer.error || !answer.continues;

	request->timer = sd_event_source_disable_unref(request->timer);
	answer.parameters = json_is_object(parameters) ? json_incref(parameters) : json_object();
	request->destroyed = &destroyed;
	request->answered(request->owner, &answer, 0);
	json_decref(answer.parameters);
	json_decref(message);
	if (destroyed)
		return false;
	request->destroyed = NULL;
	if (last)
		facet_varlink_request_destroy(request);
	return !last;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct facet_varlink_request *request = userdata;
	json_t *message;
	int r = facet_stream_flush(&request->stream);

	if (r && r != -EAGAIN) {
		fail(request, r);
		return 0;
	}
	sd_event_source_set_io_events(source, r ? EPOLLIN | EPOLLOUT : EPOLLIN);
	r = facet_stream_read(&request->stream);
	if (r == -EAGAIN)
		return 0;
	while (!r) {
		r = facet_stream_next(&request->stream, &message);
		if (r == 0)
			return 0;
		if (r > 0 && !deliver(request, message))
			return 0;
		r = r < 0 ? r : 0;
	}
	fail(request, r);
	return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	fail(userdata, -ETIMEDOUT);
	return 0;
}

static int open_socket(const char *path, int *ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Done at once or not at all for this family: EAGAIN is a full backlog. */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret = facet_steal_fd(&fd);
	return 0;
}

static int start(struct facet_varlink_request *request,
		 const struct facet_varlink_request_config *cfg, json_t *message)
{
	int fd = -1, r = open_socket(cfg->path, &fd);

	if (r)
		return r;
	facet_stream_init(&request->stream, fd);
	r = facet_stream_queue(&request->stream, message, cfg->fds, cfg->fd_count);
	if (r == 0)
		r = sd_event_add_io(cfg->event, &request->io, fd, EPOLLIN | EPOLLOUT, on_io,
				    request);
	if (r >= 0 && cfg->timeout_us)
		r = sd_event_add_time_relative(cfg->event, &request->timer, CLOCK_MONOTONIC,
					       cfg->timeout_us, 10000, on_timeout, request);
	return r < 0 ? r : 0;
}

int facet_varlink_request_create(const struct facet_varlink_request_config *cfg,
				 struct facet_varlink_request **ret, struct facet_error *err)
{
	json_t *parameters = cfg->parameters ? cfg->parameters : json_object();
	json_t *message = json_pack("{s:s, s:o}", "method", cfg->method, "parameters", parameters);
	struct facet_varlink_request *request = calloc(1, sizeof(*request));
	int r = -ENOMEM;

	if (message && cfg->more)
		json_object_set_new(message, "more", json_true());
	if (message && request) {
		request->answered = cfg->answered;
		request->owner = cfg->owner;
		request->more = cfg->more;
		facet_stream_init(&request->stream, -1);
		r = start(request, cfg, message);
	}
	json_decref(message);
	if (r) {
		facet_varlink_request_destroy(request);
		return facet_error_set(err, r, "%s: cannot be asked for %s: %s", cfg->path,
				       cfg->method, strerror(-r));
	}
	*ret = request;
	return 0;
}
