// SPDX-License-Identifier: GPL-2.0-or-later
/* server.c - answers varlink calls on an event loop; never blocks on a client. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "varlink/stream.h"
#include "varlink/varlink.h"

enum {
	DEFAULT_CONNECTIONS = 64,
	CALLS_A_TURN = 16, /* of one connection before the loop serves others */
};

struct connection;

struct facet_varlink_server {
	struct facet_varlink_server_config cfg;
	sd_event_source *accept;
	int reserve; /* a descriptor to give up when there are no more: then accept and close */
	struct facet_list connections;
	unsigned int count;
};

struct facet_varlink_call {
	struct connection *connection;
	json_t *message, *parameters;
	bool more, oneway;
	void (*gone)(void *owner);
	void *gone_owner;
};

struct connection {
	struct facet_list link;
	struct facet_varlink_server *server;
	struct facet_stream stream;
	sd_event_source *io;
	struct facet_varlink_call *call; /* under way */
	bool in_pump, dead;
};

static const char service_text[] =
	"# What every varlink service can tell about itself.\n"
	"interface org.varlink.service\n\n"
	"method GetInfo() -> (\n"
	"  vendor: string,\n  product: string,\n  version: string,\n  url: string,\n"
	"  interfaces: []string\n)\n\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
	"error InterfaceNotFound (interface: string)\n\n"
	"error MethodNotFound (method: string)\n\n"
	"error MethodNotImplemented (method: string)\n\n"
	"error InvalidParameter (parameter: string)\n";

static void pump(struct connection *connection);

static void call_end(struct facet_varlink_call *call)
{
	struct connection *connection = call->connection;

	connection->call = NULL;
	facet_stream_drop_fds(&connection->stream);
	json_decref(call->message);
	json_decref(call->parameters);
	free(call);
}

/* The memory of a connection that is being pumped is freed by pump(). */
static void connection_close(struct connection *connection)
{
	struct facet_varlink_call *call = connection->call;

	if (!connection->dead) {
		connection->dead = true;
		connection->io = sd_event_source_disable_unref(connection->io);
		facet_list_remove(&connection->link);
		connection->server->count--;
		if (call) {
			if (call->gone)
				call->gone(call->gone_owner);
			call_end(call);
		}
		facet_stream_fini(&connection->stream);
	}
	if (!connection->in_pump)
		free(connection);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection *connection = userdata;

	/* A hang-up of both directions: nobody would read the answer. */
	if (revents & (EPOLLHUP | EPOLLERR) && connection->call)
		connection_close(connection);
	else
		pump(connection);
	return 0;
}

static void connection_open(struct facet_varlink_server *server, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection) {
		close(fd);
		return;
	}
	connection->server = server;
	facet_stream_init(&connection->stream, fd);
	if (sd_event_add_io(server->cfg.event, &connection->io, fd, EPOLLIN, on_io, connection) <
	    0) {
		facet_stream_fini(&connection->stream);
		free(connection);
		return;
	}
	facet_list_append(&server->connections, &connection->link);
	server->count++;
}

static int on_accept(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
	struct facet_varlink_server *server = userdata;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && server->reserve >= 0) {
		/* Without this the waiting client would keep the loop spinning. */
		close(server->reserve);
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		server->reserve = fcntl(listen_fd, F_DUPFD_CLOEXEC, 3);
		return 0;
	}
	if (fd < 0)
		return 0;
	if (server->count >= server->cfg.max_connections)
		close(fd);
	else
		connection_open(server, fd);
	return 0;
}

int facet_varlink_server_create(const struct facet_varlink_server_config *cfg,
				struct facet_varlink_server **ret, struct facet_error *err)
{
	struct facet_varlink_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return facet_error_set(err, -ENOMEM, "control socket: out of memory");
	server->cfg = *cfg;
	if (!server->cfg.max_connections)
		server->cfg.max_connections = DEFAULT_CONNECTIONS;
	facet_list_init(&server->connections);
	server->reserve = fcntl(cfg->listen_fd, F_DUPFD_CLOEXEC, 3);
	r = fcntl(cfg->listen_fd, F_SETFL, fcntl(cfg->listen_fd, F_GETFL) | O_NONBLOCK);
	if (r == 0)
		r = sd_event_add_io(cfg->event, &server->accept, cfg->listen_fd, EPOLLIN, on_accept,
				    server);
	else
		r = -errno;
	if (r < 0) {
		facet_varlink_server_destroy(server);
		return facet_error_set(err, r, "control socket: cannot be watched: %s",
				       strerror(-r));
	}
	*ret = server;
	return 0;
}

void facet_varlink_server_destroy(struct facet_varlink_server *server)
{
	if (!server)
		return;
	while (!facet_list_empty(&server->connections))
		connection_close(
			facet_container_of(server->connections.next, struct connection, link));
	sd_event_source_disable_unref(server->accept);
	if (server->reserve >= 0)
		close(server->reserve);
	free(server);
}

json_t *facet_varlink_call_parameters(const struct facet_varlink_call *call)
{
	return call->parameters;
}

bool facet_varlink_call_more(const struct facet_varlink_call *call)
{
	return call->more;
}

int facet_varlink_call_take_fd(struct facet_varlink_call *call)
{
	return facet_stream_take_fd(&call->connection->stream);
}

void facet_varlink_call_on_gone(struct facet_varlink_call *call, void (*gone)(void *owner),
				void *owner)
{
	call->gone = gone;
	call->gone_owner = owner;
}

static int respond(struct facet_varlink_call *call, const char *error, json_t *parameters,
		   const int *fds, unsigned int fd_count, bool continues)
{
	struct connection *connection = call->connection;
	json_t *message;
	int err = 0;

	if (!parameters)
		parameters = json_object();
	message = json_pack("{s:s*, s:o}", "error", error, "parameters", parameters);
	if (continues && message)
		json_object_set_new(message, "continues", json_true());
	if (!message)
		err = -ENOMEM;
	else if (!call->oneway)
		err = facet_stream_queue(&connection->stream, message, fds, fd_count);
	json_decref(message);
	if (!continues)
		call_end(call);
	if (!err)
		err = facet_stream_flush(&connection->stream);
	if (err && err != -EAGAIN) {
		connection_close(connection);
		return err;
	}
	/* Inside pump() the loop there goes on by itself. */
	if (!connection->in_pump)
		pump(connection);
	return 0;
}

void facet_varlink_reply(struct facet_varlink_call *call, json_t *parameters)
{
	respond(call, NULL, parameters, NULL, 0, false);
}

int facet_varlink_reply_fds(struct facet_varlink_call *call, json_t *parameters, const int *fds,
			    unsigned int fd_count, bool continues)
{
	return respond(call, NULL, parameters, fds, fd_count, continues);
}

void facet_varlink_fail(struct facet_varlink_call *call, const char *name, json_t *parameters)
{
	respond(call, name, parameters, NULL, 0, false);
}

void facet_varlink_fail_parameter(struct facet_varlink_call *call, const char *parameter)
{
	facet_varlink_fail(call, "org.varlink.service.InvalidParameter",
			   json_pack("{s:s}", "parameter", parameter));
}

static void get_info(struct facet_varlink_call *call, const struct facet_varlink_server_config *cfg)
{
	json_t *names = json_pack("[s]", "org.varlink.service");
	const struct facet_varlink_interface *const *i;

	for (i = cfg->interfaces; *i; i++)
		json_array_append_new(names, json_string((*i)->name));
	facet_varlink_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "facet",
					    "product", cfg->product, "version", FACET_VERSION,
					    "url", "", "interfaces", names));
}

static void get_description(struct facet_varlink_call *call,
			    const struct facet_varlink_server_config *cfg)
{
	const char *name = json_string_value(json_object_get(call->parameters, "interface"));
	const struct facet_varlink_interface *const *i;
	const char *text = NULL;

	if (!name) {
		facet_varlink_fail_parameter(call, "interface");
		return;
	}
	if (strcmp(name, "org.varlink.service") == 0)
		text = service_text;
	for (i = cfg->interfaces; *i; i++)
		if (strcmp(name, (*i)->name) == 0)
			text = (*i)->description;
	if (text)
		facet_varlink_reply(call, json_pack("{s:s}", "description", text));
	else
		facet_varlink_fail(call, "org.varlink.service.InterfaceNotFound",
				   json_pack("{s:s}", "interface", name));
}

static void dispatch(struct facet_varlink_call *call, const char *name)
{
	const struct facet_varlink_server_config *cfg = &call->connection->server->cfg;
	const struct facet_varlink_interface *const *i;
	const struct facet_varlink_method *m;
	const char *dot = strrchr(name, '.');
	bool known = false;

	if (strcmp(name, "org.varlink.service.GetInfo") == 0) {
		get_info(call, cfg);
		return;
	}
	if (strcmp(name, "org.varlink.service.GetInterfaceDescription") == 0) {
		get_description(call, cfg);
		return;
	}
	for (i = cfg->interfaces; *i; i++) {
		if (dot && strlen((*i)->name) == (size_t)(dot - name))
			known = known || strncmp((*i)->name, name, (size_t)(dot - name)) == 0;
		for (m = (*i)->methods; m->name; m++) {
			if (strcmp(m->name, name) == 0) {
				m->handle(call, cfg->owner);
				return;
			}
		}
	}
	if (known || !dot || strncmp(name, "org.varlink.service.", 20) == 0)
		facet_varlink_fail(call, "org.varlink.service.MethodNotFound",
				   json_pack("{s:s}", "method", name));
	else
		facet_varlink_fail(call, "org.varlink.service.InterfaceNotFound",
				   json_pack("{s:s#}", "interface", name, (int)(dot - name)));
}

/* Takes the message. False: the client does not speak varlink. */
static bool begin(struct connection *connection, json_t *message)
{
	const char *method = json_string_value(json_object_get(message, "method"));
	json_t *parameters = json_object_get(message, "parameters");
	struct facet_varlink_call *call = calloc(1, sizeof(*call));

	if (!call || !method || (parameters && !json_is_object(parameters))) {
		free(call);
		json_decref(message);
		return false;
	}
	call->connection = connection;
	call->message = message;
	call->parameters = parameters ? json_incref(parameters) : json_object();
	call->more = json_is_true(json_object_get(message, "more"));
	call->oneway = json_is_true(json_object_get(message, "oneway"));
	connection->call = call;
	dispatch(call, method);
	return true;
}

/* One step: 1 go on, 0 wait for @ret_events, or the reason to hang up. */
static int step(struct connection *connection, uint32_t *ret_events)
{
	json_t *message;
	int r = facet_stream_flush(&connection->stream);

	if (r == -EAGAIN) {
		*ret_events = EPOLLOUT;
		return 0;
	}
	if (r)
		return r;
	if (connection->call) {
		*ret_events = 0;
		return 0;
	}
	r = facet_stream_next(&connection->stream, &message);
	if (r > 0)
		return begin(connection, message) ? 1 : -EPROTO;
	if (r == 0)
		r = facet_stream_read(&connection->stream);
	if (r == -EAGAIN) {
		*ret_events = EPOLLIN;
		return 0;
	}
	return r ? r : 1;
}

static void pump(struct connection *connection)
{
	uint32_t events = 0;
	unsigned int turn;
	int r = 1;

	connection->in_pump = true;
	for (turn = 0; r == 1 && turn < CALLS_A_TURN && !connection->dead; turn++)
		r = step(connection, &events);
	connection->in_pump = false;
	/* With input left over, "writable" brings us back at once without starving others. */
	if (r == 1)
		events = EPOLLOUT;
	if (r < 0 || connection->dead || sd_event_source_set_io_events(connection->io, events) < 0)
		connection_close(connection);
}
