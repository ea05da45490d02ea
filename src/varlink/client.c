// SPDX-License-Identifier: LGPL-2.1-or-later
/* client.c - calls a varlink service and waits for the answer. */
#include "varlink/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"
#include "varlink/stream.h"

enum { SEND_TIMEOUT_MS = 10000 };

struct facet_client {
	struct facet_stream stream;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Waits until @deadline (negative: for ever). */
static int wait_for(struct facet_client *client, short events, long long deadline)
{
	struct pollfd p = { .fd = client->stream.fd, .events = events };
	long long left = deadline < 0 ? -1 : deadline - now_ms();
	int r = poll(&p, 1, deadline >= 0 && left < 0 ? 0 : (int)left);

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r ? 0 : -ETIMEDOUT;
}

int facet_client_open(const char *path, struct facet_client **ret, struct facet_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = -1;
	struct facet_client *client;

	if (strlen(path) >= sizeof(address.sun_path))
		return facet_error_set(err, -ENAMETOOLONG,
				       "%.64s...: longer than the %zu bytes of a socket's path",
				       path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return facet_error_set(err, -errno, "%s: %s", path, strerror(errno));
	client = calloc(1, sizeof(*client));
	if (!client)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", path);
	strcpy(client->path, path);
	facet_stream_init(&client->stream, facet_steal_fd(&fd));
	*ret = client;
	return 0;
}

void facet_client_close(struct facet_client *client)
{
	if (!client)
		return;
	facet_stream_fini(&client->stream);
	free(client);
}

static int broken(struct facet_client *client, int code, struct facet_error *err)
{
	if (code == -ENOTCONN || code == -EPIPE)
		return facet_error_set(err, code, "%s: the other side hung up", client->path);
	if (code == -EPROTO || code == -EMSGSIZE)
		return facet_error_set(err, code, "%s: the answer is not varlink", client->path);
	return facet_error_set(err, code, "%s: %s", client->path, strerror(-code));
}

int facet_client_send(struct facet_client *client, const char *method, json_t *parameters,
		      const int *fds, unsigned int fd_count, bool more, struct facet_error *err)
{
	long long deadline = now_ms() + SEND_TIMEOUT_MS;
	json_t *message = json_pack("{s:s, s:o}", "method", method, "parameters",
				    parameters ? parameters : json_object());
	int r = -ENOMEM;

	if (message && more)
		json_object_set_new(message, "more", json_true());
	if (message)
		r = facet_stream_queue(&client->stream, message, fds, fd_count);
	json_decref(message);
	while (r == 0) {
		r = facet_stream_flush(&client->stream);
		if (r != -EAGAIN)
			break;
		r = wait_for(client, POLLOUT, deadline);
	}
	return r ? broken(client, r, err) : 0;
}

int facet_client_receive(struct facet_client *client, int timeout_ms, json_t **ret_message,
			 struct facet_error *err)
{
	long long deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	int r;

	for (;;) {
		r = facet_stream_next(&client->stream, ret_message);
		if (r > 0)
			return 0;
		if (r == 0)
			r = facet_stream_read(&client->stream);
		if (r == -EAGAIN)
			r = wait_for(client, POLLIN, deadline);
		if (r == -ETIMEDOUT)
			return facet_error_set(err, r, "%s: no answer within %d ms", client->path,
					       timeout_ms);
		if (r)
			return broken(client, r, err);
	}
}

int facet_client_fd(const struct facet_client *client)
{
	return client->stream.fd;
}

int facet_client_take_fd(struct facet_client *client)
{
	return facet_stream_take_fd(&client->stream);
}
