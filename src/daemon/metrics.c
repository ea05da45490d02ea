// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics.c - answers GET /metrics, a few scrapers at a time, and never waits for one. */
#include "daemon/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/describe.h"
#include "daemon/http.h"
#include "daemon/inquiry.h"
#include "daemon/listen.h"

#define LOG_AREA "metrics"

enum {
	MAX_CONNECTIONS = 8,
	MAX_TIME_US = 10000000, /* of a connection, from beginning to end */
	DISCARD_BYTES = 4096,
};

struct connection {
	struct facet_list link;
	struct facetd_metrics *metrics;
	int fd;
	sd_event_source *io, *timer;
	char in[FACETD_HTTP_MAX_HEAD];
	size_t in_size;
	bool head_only;
	struct facetd_inquiry *inquiry;
	char *out; /* NULL: nothing to say yet */
	size_t out_size, out_sent;
};

struct facetd_metrics {
	struct facetd *daemon;
	struct facetd_listener listener;
	sd_event_source *accept;
	struct facet_list connections;
	unsigned int count;
};

static void connection_close(struct connection *connection)
{
	facetd_inquiry_cancel(connection->inquiry);
	sd_event_source_disable_unref(connection->io);
	sd_event_source_disable_unref(connection->timer);
	facet_list_remove(&connection->link);
	connection->metrics->count--;
	close(connection->fd);
	free(connection->out);
	free(connection);
}

/* Everything is said: what still comes is read and dropped, lest the answer be lost in a reset. */
static void finish(struct connection *connection)
{
	shutdown(connection->fd, SHUT_WR);
	sd_event_source_set_io_events(connection->io, EPOLLIN);
}

static void send_some(struct connection *connection)
{
	while (connection->out_sent < connection->out_size) {
		ssize_t n = send(connection->fd, connection->out + connection->out_sent,
				 connection->out_size - connection->out_sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			sd_event_source_set_io_events(connection->io, EPOLLOUT);
			return;
		}
		if (n <= 0) {
			connection_close(connection);
			return;
		}
		connection->out_sent += (size_t)n;
	}
	finish(connection);
}

/* @body: borrowed. The connection may be gone afterwards. */
static void answer(struct connection *connection, int status, const char *type, const char *body,
		   size_t size)
{
	FILE *out = open_memstream(&connection->out, &connection->out_size);

	if (!out) {
		connection_close(connection);
		return;
	}
	fprintf(out,
		"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n%s\r\n",
		status, facetd_http_reason(status), type, size,
		status == 405 ? "Allow: GET, HEAD\r\n" : "");
	if (!connection->head_only)
		fwrite(body, 1, size, out);
	if (fclose(out) || !connection->out) {
		connection_close(connection);
		return;
	}
	send_some(connection);
}

static void refuse(struct connection *connection, int status)
{
	char body[80];

	snprintf(body, sizeof(body), "%d %s: GET /metrics is what there is\n", status,
		 facetd_http_reason(status));
	answer(connection, status, "text/plain; charset=utf-8", body, strlen(body));
}

static json_t *describe_gpus(struct facetd *daemon)
{
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	unsigned int count = facetd_gpus_list("/sys", gpus);
	json_t *list = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, facetd_describe_gpu(daemon, &gpus[i], json_array()));
	return list;
}

static void on_counters(void *owner, json_t *vgpus)
{
	struct connection *connection = owner;
	json_t *gpus = describe_gpus(connection->metrics->daemon);
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	connection->inquiry = NULL;
	if (out) {
		facetd_metrics_write(out, vgpus, gpus);
		if (fclose(out))
			size = 0;
	}
	json_decref(gpus);
	if (text && size)
		answer(connection, 200,
		       "application/openmetrics-text; version=1.0.0; charset=utf-8", text, size);
	else
		connection_close(connection);
	free(text);
}

static void serve(struct connection *connection, const struct facetd_http_request *request)
{
	connection->head_only = request->head;
	if (strcmp(request->path, "/metrics") != 0) {
		refuse(connection, 404);
		return;
	}
	sd_event_source_set_io_events(connection->io, 0);
	if (facetd_inquiry_create(connection->metrics->daemon, NULL, facetd_describe_counters,
				  on_counters, connection, &connection->inquiry))
		connection_close(connection);
}

static void read_some(struct connection *connection)
{
	struct facetd_http_request request;
	char discard[DISCARD_BYTES];
	bool answered = connection->out != NULL;
	ssize_t n = answered ? recv(connection->fd, discard, sizeof(discard), MSG_DONTWAIT)
			     : recv(connection->fd, connection->in + connection->in_size,
				    sizeof(connection->in) - connection->in_size, MSG_DONTWAIT);
	int status;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		connection_close(connection);
		return;
	}
	if (answered)
		return;
	connection->in_size += (size_t)n;
	status = facetd_http_parse(connection->in, connection->in_size, &request);
	if (status == 200)
		serve(connection, &request);
	else if (status)
		refuse(connection, status);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection *connection = userdata;

	if (revents & EPOLLOUT)
		send_some(connection);
	else if (revents & EPOLLIN)
		read_some(connection);
	else
		connection_close(connection);
	return 0;
}

static int on_time_up(sd_event_source *source, uint64_t usec, void *userdata)
{
	connection_close(userdata);
	return 0;
}

static int on_accept(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
	struct facetd_metrics *metrics = userdata;
	sd_event *event = metrics->daemon->event;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;

	if (fd < 0)
		return 0;
	connection = metrics->count < MAX_CONNECTIONS ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection) {
		close(fd);
		return 0;
	}
	connection->metrics = metrics;
	connection->fd = fd;
	facet_list_append(&metrics->connections, &connection->link);
	metrics->count++;
	if (sd_event_add_io(event, &connection->io, fd, EPOLLIN, on_io, connection) < 0 ||
	    sd_event_add_time_relative(event, &connection->timer, CLOCK_MONOTONIC, MAX_TIME_US, 0,
				       on_time_up, connection) < 0)
		connection_close(connection);
	return 0;
}

int facetd_metrics_create(struct facetd *daemon, const char *where, struct facet_error *err)
{
	struct facetd_metrics *metrics = calloc(1, sizeof(*metrics));
	int r;

	if (!metrics)
		return facet_error_set(err, -ENOMEM, "facetd: out of memory");
	metrics->daemon = daemon;
	metrics->listener.fd = -1;
	facet_list_init(&metrics->connections);
	daemon->metrics = metrics;
	r = facetd_listener_open(&metrics->listener, where, &daemon->dir, err);
	if (!r && sd_event_add_io(daemon->event, &metrics->accept, metrics->listener.fd, EPOLLIN,
				  on_accept, metrics) < 0)
		r = facet_error_set(err, -EIO, "--metrics-listen %s: cannot be watched", where);
	if (r)
		facetd_metrics_destroy(daemon);
	else
		log_info("%s: answers GET /metrics", metrics->listener.name);
	return r;
}

void facetd_metrics_destroy(struct facetd *daemon)
{
	struct facetd_metrics *metrics = daemon->metrics;

	if (!metrics)
		return;
	daemon->metrics = NULL;
	while (!facet_list_empty(&metrics->connections))
		connection_close(
			facet_container_of(metrics->connections.next, struct connection, link));
	sd_event_source_disable_unref(metrics->accept);
	facetd_listener_close(&metrics->listener);
	free(metrics);
}
