// SPDX-License-Identifier: GPL-2.0-or-later
/* varlink_fuzz.c - bytes from a client to a server, and from a server to a client. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "varlink/varlink.h"

static void echo(struct facet_varlink_call *call, void *owner)
{
	int fd = facet_varlink_call_take_fd(call);

	if (fd >= 0)
		close(fd);
	if (facet_varlink_call_more(call) &&
	    facet_varlink_reply_fds(call, NULL, (const int[]){ 0 }, 1, true))
		return;
	facet_varlink_reply(call, json_incref(facet_varlink_call_parameters(call)));
}

static void refuse(struct facet_varlink_call *call, void *owner)
{
	facet_varlink_fail_parameter(call, "x");
}

static void on_answer(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct facet_varlink_request **request = owner;

	if (!answer || answer->error || !answer->continues)
		*request = NULL;
}

/* An abstract address: nothing in the file system. Our id keeps parallel fuzzers apart. */
static socklen_t make_address(struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   (size_t)snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1,
					    "facet-fuzz-%d", (int)getpid()));
}

static void settle(sd_event *event)
{
	while (sd_event_run(event, 0) > 0)
		;
}

/* The bytes arrive at a server in two pieces. */
static void fuzz_server(sd_event *event, const uint8_t *data, size_t size)
{
	static const struct facet_varlink_method methods[] = { { "a.B", echo },
							       { "a.C", refuse },
							       { NULL } };
	static const struct facet_varlink_interface a = { "a", "interface a\n", methods };
	static const struct facet_varlink_interface *const interfaces[] = { &a, NULL };
	struct facet_varlink_server *server;
	struct sockaddr_un address;
	socklen_t length = make_address(&address);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    facet_varlink_server_create(
		    &(struct facet_varlink_server_config){ .event = event,
							   .listen_fd = listener,
							   .product = "fuzz",
							   .interfaces = interfaces },
		    &server, NULL) ||
	    connect(client, (struct sockaddr *)&address, length))
		abort();
	send(client, data, size / 2, MSG_NOSIGNAL);
	settle(event);
	send(client, data + size / 2, size - size / 2, MSG_NOSIGNAL);
	settle(event);
	close(client);
	settle(event);
	facet_varlink_server_destroy(server);
	close(listener);
}

/* The bytes are what a vGPU in a guest's hands answers to facetd. */
static void fuzz_request(sd_event *event, const uint8_t *data, size_t size)
{
	char path[] = "/tmp/facet-fuzz-XXXXXX", file[sizeof(path) + 2];
	struct facet_varlink_request *request = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

	if (!mkdtemp(path))
		abort();
	snprintf(file, sizeof(file), "%s/s", path);
	strcpy(address.sun_path, file);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    facet_varlink_request_create(
		    &(struct facet_varlink_request_config){ .event = event,
							    .path = file,
							    .method = "a.B",
							    .more = true,
							    .answered = on_answer,
							    .owner = &request },
		    &request, NULL))
		abort();
	server = accept(listener, NULL, NULL);
	send(server, data, size, MSG_NOSIGNAL);
	settle(event);
	close(server);
	settle(event);
	facet_varlink_request_destroy(request);
	close(listener);
	unlink(file);
	rmdir(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sd_event *event;

	/* More does not fit into the socket at once. */
	if (size < 1 || size > 65536 || sd_event_new(&event) < 0)
		return 0;
	if (data[0] & 1)
		fuzz_request(event, data + 1, size - 1);
	else
		fuzz_server(event, data + 1, size - 1);
	sd_event_unref(event);
	return 0;
}
