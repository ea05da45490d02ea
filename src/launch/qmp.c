// SPDX-License-Identifier: GPL-2.0-or-later
/* qmp.c - a line of JSON there, a line of JSON back, and events between. */
#include "launch/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"

enum { LINE = 1 << 20, EVENTS = 100000 }; /* bytes; and how many may come before an answer */

struct facet_qmp {
	int fd, pidfd;
	size_t size; /* bytes of text that came */
	char text[LINE];
};

FACET_DEFINE_CLEANUP(struct facet_qmp, facet_qmp_destroy)

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until there is something to read (or room to write), or QEMU ended. */
static int wait_for(const struct facet_qmp *qmp, short events, int64_t end)
{
	struct pollfd wait[2] = { { .fd = qmp->fd, .events = events },
				  { .fd = qmp->pidfd, .events = POLLIN } };
	int64_t left = end - now_ms();

	if (left <= 0)
		return -ETIMEDOUT;
	if (poll(wait, 2, (int)left) < 0)
		return errno == EINTR ? 0 : -errno;
	return wait[1].revents && !wait[0].revents ? -ECONNRESET : 0;
}

static int fill(struct facet_qmp *qmp)
{
	ssize_t n;

	if (qmp->size == LINE)
		return -EMSGSIZE;
	n = recv(qmp->fd, qmp->text + qmp->size, LINE - qmp->size, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ECONNRESET;
	qmp->size += (size_t)n;
	return 0;
}

/* NULL: none is complete. -EPROTO: that is not JSON. */
static int take_line(struct facet_qmp *qmp, json_t **ret)
{
	char *end = memchr(qmp->text, '\n', qmp->size);

	*ret = NULL;
	if (!end)
		return 0;
	*ret = json_loadb(qmp->text, (size_t)(end - qmp->text), JSON_REJECT_DUPLICATES, NULL);
	qmp->size -= (size_t)(end + 1 - qmp->text);
	memmove(qmp->text, end + 1, qmp->size);
	return *ret ? 0 : -EPROTO;
}

/* The next line that is no event; events are dropped. */
static int read_answer(struct facet_qmp *qmp, int64_t end, json_t **ret)
{
	int r = 0;

	for (unsigned int events = 0; !r && events < EVENTS;) {
		r = take_line(qmp, ret);
		if (r || (*ret && !json_object_get(*ret, "event")))
			return r;
		if (*ret) {
			json_decref(*ret);
			events++;
			continue;
		}
		r = wait_for(qmp, POLLIN, end);
		if (!r)
			r = fill(qmp);
	}
	return r ? r : -EPROTO;
}

static int send_all(struct facet_qmp *qmp, const char *text, size_t size, int64_t end)
{
	ssize_t n;
	int r = 0;

	while (!r && size) {
		n = send(qmp->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			r = -errno;
		} else {
			r = wait_for(qmp, POLLOUT, end);
		}
	}
	return r;
}

static int send_command(struct facet_qmp *qmp, const char *command, json_t *arguments, int64_t end)
{
	json_t *request = json_pack("{s:s, s:o*}", "execute", command, "arguments", arguments);
	facet_autofree char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	int r = -ENOMEM;

	json_decref(request);
	if (text)
		r = send_all(qmp, text, strlen(text), end);
	return r ? r : send_all(qmp, "\n", 1, end);
}

int facet_qmp_call(struct facet_qmp *qmp, const char *command, json_t *arguments, int patience_ms,
		   json_t **ret, struct facet_error *err)
{
	int64_t end = now_ms() + patience_ms;
	json_t *answer = NULL, *value;
	int r = send_command(qmp, command, arguments, end);

	if (!r)
		r = read_answer(qmp, end, &answer);
	if (r)
		return facet_error_set(err, r, "QEMU, asked to %s: %s", command,
				       r == -ECONNRESET ? "has ended" : strerror(-r));
	value = json_object_get(answer, "error");
	if (value)
		r = facet_error_set(err, -EREMOTEIO, "QEMU refuses to %s: %.150s", command,
				    json_string_value(json_object_get(value, "desc")) ?: "?");
	else if (!(value = json_object_get(answer, "return")))
		r = facet_error_set(err, -EPROTO, "QEMU, asked to %s: no answer in QMP", command);
	else if (ret)
		*ret = json_incref(value);
	json_decref(answer);
	return r;
}

int facet_qmp_create(int fd, int pidfd, int patience_ms, struct facet_qmp **ret,
		     struct facet_error *err)
{
	facet_auto(facet_qmp_destroy) struct facet_qmp *qmp = malloc(sizeof(*qmp));
	json_t *greeting = NULL;
	int r;

	if (!qmp) {
		close(fd);
		return facet_error_set(err, -ENOMEM, "QMP: out of memory");
	}
	qmp->fd = fd;
	qmp->pidfd = pidfd;
	qmp->size = 0;
	r = read_answer(qmp, now_ms() + patience_ms, &greeting);
	if (!r && !json_object_get(greeting, "QMP"))
		r = -EPROTO;
	json_decref(greeting);
	if (r)
		return facet_error_set(err, r, "QEMU does not greet by QMP: %s", strerror(-r));
	r = facet_qmp_call(qmp, "qmp_capabilities", NULL, patience_ms, NULL, err);
	if (!r)
		*ret = facet_steal(qmp);
	return r;
}

int facet_qmp_connect(const char *path, int patience_ms, struct facet_qmp **ret,
		      struct facet_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return facet_error_set(err, -ENAMETOOLONG, "%.100s: too long for a socket", path);
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return facet_error_set(err, -errno, "%.100s: %s", path, strerror(errno));
	return facet_qmp_create(facet_steal_fd(&fd), -1, patience_ms, ret, err);
}

void facet_qmp_destroy(struct facet_qmp *qmp)
{
	if (!qmp)
		return;
	close(qmp->fd);
	free(qmp);
}

int facet_qmp_fd(const struct facet_qmp *qmp)
{
	return qmp->fd;
}

bool facet_qmp_drain(struct facet_qmp *qmp)
{
	json_t *line = NULL;
	int r = fill(qmp);

	while (!r) {
		r = take_line(qmp, &line);
		if (!line)
			break;
		json_decref(line);
	}
	return r == 0;
}

int facet_qmp_vcpus(struct facet_qmp *qmp, pid_t *ret, unsigned int max, int patience_ms,
		    struct facet_error *err)
{
	json_t *list = NULL, *item;
	unsigned int count = 0;
	size_t i;
	int r = facet_qmp_call(qmp, "query-cpus-fast", NULL, patience_ms, &list, err);

	if (r)
		return r;
	json_array_foreach(list, i, item)
	{
		json_int_t index = json_integer_value(json_object_get(item, "cpu-index"));
		json_int_t thread = json_integer_value(json_object_get(item, "thread-id"));

		if (index != (json_int_t)i || thread <= 1 || thread > INT32_MAX || count == max)
			break;
		ret[count++] = (pid_t)thread;
	}
	r = count && count == json_array_size(list)
		    ? (int)count
		    : facet_error_set(err, -EPROTO,
				      "QEMU: what it says of its vCPUs makes no sense");
	json_decref(list);
	return r;
}
