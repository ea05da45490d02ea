// SPDX-License-Identifier: LGPL-2.1-or-later
/* conn.c - the connection to facetd: one varlink call at a time. */
#include "lib/conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ANSWER_TIMEOUT_MS = 60000 };

/* What an error of the interface means to a caller in C. */
static const struct {
	const char *name;
	int code;
} errors[] = {
	{ "io.facet.NotFound", -ENOENT },
	{ "io.facet.AlreadyExists", -EEXIST },
	{ "io.facet.InvalidArgument", -EINVAL },
	{ "io.facet.InUse", -EBUSY },
	{ "io.facet.LimitReached", -ENOSPC },
	{ "io.facet.Failed", -EIO },
	{ "org.varlink.service.InvalidParameter", -EINVAL },
	{ NULL, -EPROTO },
};

EXPORT const char *facet_version(void)
{
	return FACET_VERSION;
}

EXPORT unsigned int facet_interface_version(void)
{
	return FACETLIB_INTERFACE;
}

EXPORT const char *facet_error_text(const struct facet_conn *conn)
{
	return conn->text;
}

EXPORT const char *facet_error_argument(const struct facet_conn *conn)
{
	return conn->argument;
}

EXPORT void facet_free(void *answer)
{
	free(answer);
}

EXPORT void facet_close(struct facet_conn *conn)
{
	if (!conn)
		return;
	facet_client_close(conn->client);
	free(conn);
}

int facetlib_fail(struct facet_conn *conn, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(conn->text, sizeof(conn->text), fmt, args);
	va_end(args);
	return code;
}

static void default_socket(char *path, size_t size)
{
	const char *given = getenv("FACET_SOCKET"), *user = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (given && given[0]) {
		snprintf(path, size, "%s", given);
		return;
	}
	if (user && user[0] == '/') {
		snprintf(path, size, "%s/facet/io.facet", user);
		if (stat(path, &st) == 0)
			return;
	}
	snprintf(path, size, "/run/facet/io.facet");
}

EXPORT int facet_connect(const char *socket, struct facet_conn **ret)
{
	struct facet_conn *conn = calloc(1, sizeof(*conn));
	struct facet_error err;
	int r;

	*ret = conn;
	if (!conn)
		return -ENOMEM;
	if (socket)
		snprintf(conn->socket, sizeof(conn->socket), "%s", socket);
	else
		default_socket(conn->socket, sizeof(conn->socket));
	r = facet_client_open(conn->socket, &conn->client, &err);
	if (!r)
		return 0;
	return facetlib_fail(
		conn, r == -ENOENT ? -ECONNREFUSED : r,
		"no facetd: %s: start one with `systemctl start facetd` (or `systemctl --user "
		"start facetd`, or simply `facetd &`)",
		err.text);
}

/* The answer to a question of our own; NULL: none, or an error. */
static json_t *ask(struct facet_conn *conn, const char *method)
{
	json_t *message = NULL, *parameters = NULL;

	if (facet_client_send(conn->client, method, NULL, NULL, 0, false, NULL) == 0)
		facet_client_receive(conn->client, ANSWER_TIMEOUT_MS, &message, NULL);
	if (message && !json_object_get(message, "error"))
		parameters = json_incref(json_object_get(message, "parameters"));
	json_decref(message);
	return parameters;
}

/* 1 is that of facet 0.1 before it was counted. */
static unsigned int ask_interface(struct facet_conn *conn)
{
	json_t *answer = ask(conn, "io.facet.GetVersion");
	json_int_t number = json_integer_value(json_object_get(answer, "interface"));

	json_decref(answer);
	return number > 0 && number <= INT32_MAX ? (unsigned int)number : 1;
}

/* It may not know what we ask for, because it was started before this library was installed. */
static int judge_age(struct facet_conn *conn, const char *what)
{
	unsigned int interface = ask_interface(conn);
	json_t *info = ask(conn, "org.varlink.service.GetInfo");
	const char *version = json_string_value(json_object_get(info, "version"));

	facetlib_fail(
		conn, -EPROTONOSUPPORT,
		"facetd (%.20s, interface %u) is older than this facet (%s, interface %d) and "
		"does not know %s: install the same version of both, and restart facetd "
		"(`systemctl restart facetd`; vGPUs go on meanwhile)",
		version ? version : "?", interface, FACET_VERSION, FACETLIB_INTERFACE, what);
	json_decref(info);
	return interface < FACETLIB_INTERFACE ? -EPROTONOSUPPORT : 0;
}

int facetlib_judge(struct facet_conn *conn, const char *method, const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "error"));
	json_t *parameters = json_object_get(message, "parameters");
	const char *text = json_string_value(json_object_get(parameters, "message"));
	const char *argument = json_string_value(json_object_get(parameters, "argument"));
	bool unknown_method, unknown_parameter;
	unsigned int i;

	if (!name)
		return 0;
	if (!argument)
		argument = json_string_value(json_object_get(parameters, "parameter"));
	snprintf(conn->argument, sizeof(conn->argument), "%s", argument ? argument : "");
	unknown_method = strcmp(name, "org.varlink.service.MethodNotFound") == 0;
	unknown_parameter = strcmp(name, "org.varlink.service.InvalidParameter") == 0;
	if ((unknown_method || unknown_parameter) &&
	    judge_age(conn, unknown_method ? method : conn->argument))
		return -EPROTONOSUPPORT;
	if (text)
		facetlib_fail(conn, 0, "%s", text);
	else
		facetlib_fail(conn, 0, "facetd answered %s %s", name, conn->argument);
	for (i = 0; errors[i].name && strcmp(errors[i].name, name) != 0; i++)
		;
	return errors[i].code;
}

int facetlib_call(struct facet_conn *conn, const char *method, json_t *parameters, int fd,
		  json_t **ret_parameters)
{
	struct facet_error err = { .text = "" };
	json_t *message = NULL;
	int r;

	/* The reason stands in the text already. */
	if (!conn->client) {
		json_decref(parameters);
		return -ENOTCONN;
	}
	conn->text[0] = conn->argument[0] = '\0';
	r = facet_client_send(conn->client, method, parameters, &fd, fd >= 0, false, &err);
	if (!r)
		r = facet_client_receive(conn->client, ANSWER_TIMEOUT_MS, &message, &err);
	if (r) {
		facetlib_fail(conn, r, "facetd: %s", err.text);
		/* An answer that comes late must not be taken for the next one's. */
		facet_client_close(conn->client);
		conn->client = NULL;
		return r;
	}
	r = facetlib_judge(conn, method, message);
	if (!r && ret_parameters)
		*ret_parameters = json_incref(json_object_get(message, "parameters"));
	json_decref(message);
	return r;
}

int facetlib_call_field(struct facet_conn *conn, const char *method, json_t *parameters,
			const char *field, json_t **ret)
{
	json_t *answer = NULL, *value;
	int r = facetlib_call(conn, method, parameters, -1, &answer);

	if (r)
		return r;
	value = json_incref(json_object_get(answer, field));
	json_decref(answer);
	if (!value)
		return facetlib_fail(conn, -EPROTO, "facetd: %s: no %s in the answer", method,
				     field);
	*ret = value;
	return 0;
}

EXPORT int facet_daemon_version(struct facet_conn *conn, char **ret)
{
	json_t *answer = NULL;
	int r = facetlib_call(conn, "org.varlink.service.GetInfo", NULL, -1, &answer);
	const char *version = json_string_value(json_object_get(answer, "version"));

	if (!r) {
		*ret = strdup(version ? version : "?");
		r = *ret ? 0 : -ENOMEM;
	}
	json_decref(answer);
	return r;
}

EXPORT int facet_daemon_interface_version(struct facet_conn *conn, unsigned int *ret)
{
	if (!conn->client)
		return -ENOTCONN;
	*ret = ask_interface(conn);
	return 0;
}
