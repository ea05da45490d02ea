// SPDX-License-Identifier: LGPL-2.1-or-later
/* lib.c - libfacet: each function is one varlink call to facetd. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "facet/facet.h"
#include "varlink/client.h"

enum { ANSWER_TIMEOUT_MS = 60000 };

#define EXPORT __attribute__((visibility("default")))

struct facet_conn {
	struct facet_client *client;
	char text[512], argument[32];
};

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
	char path[256];
	int r;

	*ret = conn;
	if (!conn)
		return -ENOMEM;
	if (socket)
		snprintf(path, sizeof(path), "%s", socket);
	else
		default_socket(path, sizeof(path));
	r = facet_client_open(path, &conn->client, &err);
	if (!r)
		return 0;
	snprintf(conn->text, sizeof(conn->text),
		 "no facetd: %s: start one with `systemctl start facetd` (or `systemctl --user "
		 "start facetd`, or simply `facetd &`)",
		 err.text);
	return r == -ENOENT ? -ECONNREFUSED : r;
}

/* The error of an answer, if it is one. */
static int judge(struct facet_conn *conn, const json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "error"));
	json_t *parameters = json_object_get(message, "parameters");
	const char *text = json_string_value(json_object_get(parameters, "message"));
	const char *argument = json_string_value(json_object_get(parameters, "argument"));
	unsigned int i;

	if (!name)
		return 0;
	if (!argument)
		argument = json_string_value(json_object_get(parameters, "parameter"));
	snprintf(conn->argument, sizeof(conn->argument), "%s", argument ? argument : "");
	if (text)
		snprintf(conn->text, sizeof(conn->text), "%s", text);
	else
		snprintf(conn->text, sizeof(conn->text), "facetd answered %s %s", name,
			 conn->argument);
	for (i = 0; errors[i].name && strcmp(errors[i].name, name) != 0; i++)
		;
	return errors[i].code;
}

/* @parameters is taken; @ret_parameters is the caller's. */
static int call(struct facet_conn *conn, const char *method, json_t *parameters, int fd,
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
		snprintf(conn->text, sizeof(conn->text), "facetd: %s", err.text);
		/* An answer that comes late must not be taken for the next one's. */
		facet_client_close(conn->client);
		conn->client = NULL;
		return r;
	}
	r = judge(conn, message);
	if (!r && ret_parameters)
		*ret_parameters = json_incref(json_object_get(message, "parameters"));
	json_decref(message);
	return r;
}

/* A call whose answer is the text of one field. */
static int call_text(struct facet_conn *conn, const char *method, json_t *parameters,
		     const char *field, char **ret)
{
	json_t *answer = NULL;
	char *text;
	int r = call(conn, method, parameters, -1, &answer);

	if (r)
		return r;
	text = json_dumps(json_object_get(answer, field), JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(answer);
	if (!text) {
		snprintf(conn->text, sizeof(conn->text), "facetd: %s: no %s in the answer", method,
			 field);
		return -EPROTO;
	}
	*ret = text;
	return 0;
}

EXPORT int facet_daemon_version(struct facet_conn *conn, char **ret)
{
	json_t *answer = NULL;
	int r = call(conn, "org.varlink.service.GetInfo", NULL, -1, &answer);
	const char *version = json_string_value(json_object_get(answer, "version"));

	if (!r) {
		*ret = strdup(version ? version : "?");
		r = *ret ? 0 : -ENOMEM;
	}
	json_decref(answer);
	return r;
}

EXPORT int facet_list_gpus(struct facet_conn *conn, char **ret_json)
{
	return call_text(conn, "io.facet.ListGPUs", NULL, "gpus", ret_json);
}

static void set_integer(json_t *parameters, const char *name, uint64_t value)
{
	if (value)
		json_object_set_new(parameters, name, json_integer((json_int_t)value));
}

EXPORT int facet_create(struct facet_conn *conn, const struct facet_create *create, char **ret_json)
{
	json_t *parameters;

	if (create->size < sizeof(*create) || !create->name) {
		snprintf(conn->text, sizeof(conn->text), "facet_create: no name, or no size");
		return -EINVAL;
	}
	parameters = json_pack("{s:s, s:s*, s:s*}", "name", create->name, "gpu", create->gpu,
			       "mechanism", create->mechanism);
	set_integer(parameters, "width", create->width);
	set_integer(parameters, "height", create->height);
	set_integer(parameters, "outputs", create->outputs);
	set_integer(parameters, "vram_bytes", create->vram_bytes);
	return call_text(conn, "io.facet.Create", parameters, "vgpu", ret_json);
}

EXPORT int facet_list(struct facet_conn *conn, char **ret_json)
{
	return call_text(conn, "io.facet.List", NULL, "vgpus", ret_json);
}

EXPORT int facet_show(struct facet_conn *conn, const char *name, char **ret_json)
{
	return call_text(conn, "io.facet.Show", json_pack("{s:s}", "name", name), "vgpu", ret_json);
}

EXPORT int facet_restart(struct facet_conn *conn, const char *name, char **ret_json)
{
	return call_text(conn, "io.facet.Restart", json_pack("{s:s}", "name", name), "vgpu",
			 ret_json);
}

EXPORT int facet_remove(struct facet_conn *conn, const char *name, unsigned int flags)
{
	return call(
		conn, "io.facet.Remove",
		json_pack("{s:s, s:b}", "name", name, "force", (flags & FACET_REMOVE_FORCE) != 0),
		-1, NULL);
}

EXPORT int facet_screenshot(struct facet_conn *conn, const char *name, unsigned int output,
			    int cursor, int fd)
{
	return call(conn, "io.facet.Screenshot",
		    json_pack("{s:s, s:I, s:b}", "name", name, "output", (json_int_t)output,
			      "cursor", cursor),
		    fd, NULL);
}

EXPORT int facet_set_output(struct facet_conn *conn, const char *name, unsigned int output,
			    int connected, uint32_t width, uint32_t height)
{
	json_t *parameters = json_pack("{s:s, s:I}", "name", name, "output", (json_int_t)output);

	if (connected >= 0)
		json_object_set_new(parameters, "connected", json_boolean(connected));
	set_integer(parameters, "width", width);
	set_integer(parameters, "height", height);
	return call(conn, "io.facet.SetOutput", parameters, -1, NULL);
}
