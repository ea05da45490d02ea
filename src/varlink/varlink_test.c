// SPDX-License-Identifier: GPL-2.0-or-later
/* varlink_test.c - server, client and request against each other over real sockets. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "varlink/client.h"
#include "varlink/stream.h"
#include "varlink/varlink.h"

struct bench {
	char dir[32], path[64];
	sd_event *event;
	int listen_fd;
	struct facet_varlink_server *server;
	struct facet_varlink_call *held; /* of test.Hold */
	unsigned int gone;
};

static void echo(struct facet_varlink_call *call, void *owner)
{
	facet_varlink_reply(call, json_incref(facet_varlink_call_parameters(call)));
}

static void on_gone(void *owner)
{
	struct bench *bench = owner;

	bench->gone++;
	bench->held = NULL;
}

static void hold(struct facet_varlink_call *call, void *owner)
{
	struct bench *bench = owner;

	bench->held = call;
	facet_varlink_call_on_gone(call, on_gone, bench);
}

/* Swaps: answers with /dev/null twice and tells the size of the file that came. */
static void fds(struct facet_varlink_call *call, void *owner)
{
	int in = facet_varlink_call_take_fd(call), null = open("/dev/null", O_RDONLY);
	int out[2] = { null, null };
	struct stat st = { 0 };

	assert_int_equal(facet_varlink_call_take_fd(call), -1);
	fstat(in, &st);
	if (in >= 0)
		close(in);
	facet_varlink_reply_fds(call, json_pack("{s:I}", "size", (json_int_t)st.st_size), out, 2,
				false);
	close(null);
}

static void count(struct facet_varlink_call *call, void *owner)
{
	for (int i = 0; facet_varlink_call_more(call) && i < 3; i++)
		assert_int_equal(
			facet_varlink_reply_fds(call, json_pack("{s:i}", "n", i), NULL, 0, true),
			0);
	facet_varlink_reply(call, json_pack("{s:i}", "n", 3));
}

static void refuse(struct facet_varlink_call *call, void *owner)
{
	facet_varlink_fail(call, "test.No", json_pack("{s:s}", "message", "never"));
}

static int set_up(void **state)
{
	static const struct facet_varlink_method methods[] = {
		{ "test.Echo", echo },   { "test.Hold", hold },     { "test.Fds", fds },
		{ "test.Count", count }, { "test.Refuse", refuse }, { NULL },
	};
	static const struct facet_varlink_interface test = { "test", "interface test\n", methods };
	static const struct facet_varlink_interface *const interfaces[] = { &test, NULL };
	struct bench *bench = calloc(1, sizeof(*bench));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(bench->dir, "/tmp/facet-varlink-XXXXXX");
	assert_non_null(mkdtemp(bench->dir));
	snprintf(bench->path, sizeof(bench->path), "%s/socket", bench->dir);
	strcpy(address.sun_path, bench->path);
	bench->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(bench->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(bench->listen_fd, 16), 0);
	assert_true(sd_event_new(&bench->event) >= 0);
	assert_int_equal(
		facet_varlink_server_create(
			&(struct facet_varlink_server_config){ .event = bench->event,
							       .listen_fd = bench->listen_fd,
							       .product = "test",
							       .interfaces = interfaces,
							       .owner = bench,
							       .max_connections = 3 },
			&bench->server, NULL),
		0);
	*state = bench;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *bench = *state;

	facet_varlink_server_destroy(bench->server);
	sd_event_unref(bench->event);
	close(bench->listen_fd);
	unlink(bench->path);
	rmdir(bench->dir);
	free(bench);
	return 0;
}

/* Everything that can happen now happens. */
static void settle(struct bench *bench)
{
	for (int quiet = 0; quiet < 3;)
		quiet = sd_event_run(bench->event, 1000) > 0 ? 0 : quiet + 1;
}

static struct facet_client *connect_to(struct bench *bench)
{
	struct facet_client *client;

	assert_int_equal(facet_client_open(bench->path, &client, NULL), 0);
	return client;
}

static json_t *receive(struct bench *bench, struct facet_client *client)
{
	struct facet_error err = { .text = "" };
	json_t *message = NULL;

	settle(bench);
	if (facet_client_receive(client, 1000, &message, &err))
		fail_msg("%s", err.text);
	return message;
}

static json_t *ask(struct bench *bench, struct facet_client *client, const char *method,
		   json_t *parameters)
{
	assert_int_equal(facet_client_send(client, method, parameters, NULL, 0, false, NULL), 0);
	return receive(bench, client);
}

static const char *error_of(const json_t *message)
{
	return json_string_value(json_object_get(message, "error"));
}

static void test_calls(void **state)
{
	struct bench *bench = *state;
	struct facet_client *client = connect_to(bench);
	json_t *message = ask(bench, client, "test.Echo", json_pack("{s:i}", "a", 1)), *p;

	assert_null(error_of(message));
	p = json_object_get(message, "parameters");
	assert_int_equal(json_integer_value(json_object_get(p, "a")), 1);
	json_decref(message);
	message = ask(bench, client, "test.Refuse", NULL);
	assert_string_equal(error_of(message), "test.No");
	json_decref(message);
	message = ask(bench, client, "test.Unknown", NULL);
	assert_string_equal(error_of(message), "org.varlink.service.MethodNotFound");
	json_decref(message);
	message = ask(bench, client, "else.Where", NULL);
	assert_string_equal(error_of(message), "org.varlink.service.InterfaceNotFound");
	json_decref(message);
	facet_client_close(client);
}

static void test_introspection(void **state)
{
	struct bench *bench = *state;
	struct facet_client *client = connect_to(bench);
	json_t *message = ask(bench, client, "org.varlink.service.GetInfo", NULL), *p;

	p = json_object_get(message, "parameters");
	assert_string_equal(json_string_value(json_object_get(p, "product")), "test");
	assert_int_equal(json_array_size(json_object_get(p, "interfaces")), 2);
	json_decref(message);
	message = ask(bench, client, "org.varlink.service.GetInterfaceDescription",
		      json_pack("{s:s}", "interface", "test"));
	p = json_object_get(message, "parameters");
	assert_string_equal(json_string_value(json_object_get(p, "description")),
			    "interface test\n");
	json_decref(message);
	message = ask(bench, client, "org.varlink.service.GetInterfaceDescription", NULL);
	assert_string_equal(error_of(message), "org.varlink.service.InvalidParameter");
	json_decref(message);
	facet_client_close(client);
}

static void test_descriptors(void **state)
{
	struct bench *bench = *state;
	struct facet_client *client = connect_to(bench);
	FILE *file = tmpfile();
	int fd = fileno(file);
	json_t *message;

	assert_int_equal(ftruncate(fd, 42), 0);
	assert_int_equal(facet_client_send(client, "test.Fds", NULL, &fd, 1, false, NULL), 0);
	message = receive(bench, client);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(message, "parameters"), "size")),
		42);
	json_decref(message);
	for (int i = 0; i < 2; i++) {
		fd = facet_client_take_fd(client);
		assert_true(fd >= 0);
		close(fd);
	}
	assert_int_equal(facet_client_take_fd(client), -1);
	fclose(file);
	facet_client_close(client);
}

static void test_more(void **state)
{
	struct bench *bench = *state;
	struct facet_client *client = connect_to(bench);

	assert_int_equal(facet_client_send(client, "test.Count", NULL, NULL, 0, true, NULL), 0);
	for (int i = 0; i <= 3; i++) {
		json_t *message = receive(bench, client);
		json_t *p = json_object_get(message, "parameters");

		assert_int_equal(json_integer_value(json_object_get(p, "n")), i);
		assert_int_equal(json_is_true(json_object_get(message, "continues")), i < 3);
		json_decref(message);
	}
	facet_client_close(client);
}

/* Who leaves before the answer costs nothing; who sends nonsense is shown the door. */
static void test_bad_clients(void **state)
{
	struct bench *bench = *state;
	struct facet_client *client = connect_to(bench);
	static const char *const nonsense[] = { "",    "[]",
						"{",   "{\"method\":1}",
						"{}",  "{\"method\":\"a.B\",\"parameters\":[]}",
						"\xff" };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	json_t *message;
	char byte;

	assert_int_equal(facet_client_send(client, "test.Hold", NULL, NULL, 0, false, NULL), 0);
	settle(bench);
	assert_non_null(bench->held);
	facet_client_close(client);
	settle(bench);
	assert_int_equal(bench->gone, 1);
	strcpy(address.sun_path, bench->path);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		assert_true(write(fd, nonsense[i], strlen(nonsense[i]) + 1) > 0);
		settle(bench);
		assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
		assert_int_not_equal(errno, EAGAIN);
		close(fd);
	}
	client = connect_to(bench);
	message = ask(bench, client, "test.Echo", NULL);
	assert_null(error_of(message));
	json_decref(message);
	facet_client_close(client);
}

/* A message may come byte by byte, many at once, and must end within a megabyte. */
static void test_pieces(void **state)
{
	struct bench *bench = *state;
	static const char call[] = "{\"method\":\"test.Echo\",\"parameters\":{\"x\":\"y\"}}";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), answers = 0, sent = 0;
	char buf[4096], big[65536];
	ssize_t n;

	strcpy(address.sun_path, bench->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	for (size_t i = 0; i < sizeof(call); i++) {
		assert_int_equal(write(fd, call + i, 1), 1);
		settle(bench);
	}
	for (int i = 0; i < 99; i++)
		assert_int_equal(write(fd, call, sizeof(call)), sizeof(call));
	/* The server waits while we do not read, and goes on when we do. */
	do {
		settle(bench);
		n = read(fd, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			answers += buf[i] == 0;
	} while (n > 0);
	assert_int_equal(answers, 100);
	memset(big, 'x', sizeof(big));
	while (sent < (4 << 20)) {
		n = send(fd, big, sizeof(big), MSG_NOSIGNAL);
		settle(bench);
		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (int)n : 0;
	}
	assert_true(sent < (2 << 20));
	close(fd);
}

static void test_limits(void **state)
{
	struct bench *bench = *state;
	struct facet_client *clients[4];
	struct facet_error err;
	json_t *message;

	for (int i = 0; i < 4; i++) {
		clients[i] = connect_to(bench);
		settle(bench);
	}
	/* The fourth was one too many. */
	facet_client_send(clients[3], "test.Echo", NULL, NULL, 0, false, &err);
	settle(bench);
	assert_int_not_equal(facet_client_receive(clients[3], 1000, &message, &err), 0);
	for (int i = 0; i < 3; i++) {
		message = ask(bench, clients[i], "test.Echo", NULL);
		json_decref(message);
	}
	for (int i = 0; i < 4; i++)
		facet_client_close(clients[i]);
}

struct asked {
	unsigned int answers, fds;
	int error;
	char name[64];
};

static void on_answer(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct asked *asked = owner;
	int fd;

	asked->answers++;
	asked->error = error;
	if (answer && answer->error)
		snprintf(asked->name, sizeof(asked->name), "%s", answer->error);
	while (answer && (fd = facet_varlink_request_take_fd(answer->request)) >= 0) {
		asked->fds++;
		close(fd);
	}
}

static int request(struct bench *bench, const char *method, bool more, uint64_t timeout_us,
		   struct asked *asked, struct facet_varlink_request **ret)
{
	return facet_varlink_request_create(
		&(struct facet_varlink_request_config){ .event = bench->event,
							.path = bench->path,
							.method = method,
							.more = more,
							.timeout_us = timeout_us,
							.answered = on_answer,
							.owner = asked },
		ret, NULL);
}

static void test_requests(void **state)
{
	struct bench *bench = *state;
	struct asked asked[4] = { 0 };
	struct facet_varlink_request *r;

	assert_int_equal(request(bench, "test.Count", true, 0, &asked[0], &r), 0);
	settle(bench);
	assert_int_equal(asked[0].answers, 4);
	assert_int_equal(request(bench, "test.Fds", false, 0, &asked[1], &r), 0);
	settle(bench);
	assert_int_equal(asked[1].fds, 2);
	assert_int_equal(request(bench, "test.Refuse", false, 0, &asked[2], &r), 0);
	settle(bench);
	assert_string_equal(asked[2].name, "test.No");
	assert_int_equal(request(bench, "test.Hold", false, 20000, &asked[3], &r), 0);
	while (!asked[3].answers)
		sd_event_run(bench->event, UINT64_MAX);
	assert_int_equal(asked[3].error, -ETIMEDOUT);
	/* Given up before an answer: silence. */
	settle(bench);
	assert_int_equal(request(bench, "test.Hold", false, 0, &asked[3], &r), 0);
	settle(bench);
	facet_varlink_request_destroy(r);
	settle(bench);
	assert_int_equal(asked[3].answers, 1);
	assert_int_equal(bench->gone, 2);
}

/* Descriptors that nobody waits for are closed, and too many of them end the connection. */
static void test_stream_fds(void **state)
{
	struct facet_stream a, b;
	int pair[2], many[FACET_STREAM_MAX_FDS];
	json_t *message = json_object();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	facet_stream_init(&a, pair[0]);
	facet_stream_init(&b, pair[1]);
	for (int i = 0; i < FACET_STREAM_MAX_FDS; i++)
		many[i] = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(facet_stream_queue(&a, message, many, FACET_STREAM_MAX_FDS), 0);
	assert_int_equal(facet_stream_flush(&a), 0);
	assert_int_equal(facet_stream_read(&b), 0);
	assert_int_equal(facet_stream_read(&b), -EPROTO);
	assert_int_equal(b.fd_count, FACET_STREAM_MAX_FDS);
	facet_stream_fini(&a);
	facet_stream_fini(&b);
	json_decref(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_introspection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_descriptors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_more, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
		cmocka_unit_test(test_stream_fds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
