// SPDX-License-Identifier: LGPL-2.1-or-later
/* events.c - what happens to vGPUs, by one call of Monitor that is answered again and again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conn.h"

struct facet_events {
	struct facet_client *client;
	json_t *message; /* the strings of the last event live there */
	bool pending;    /* it has not been given out */
};

EXPORT void facet_events_close(struct facet_events *events)
{
	if (!events)
		return;
	facet_client_close(events->client);
	json_decref(events->message);
	free(events);
}

/* The first answer comes at once, or says that there will be none: that is why it is awaited. */
static int begin(struct facet_conn *conn, struct facet_events *events)
{
	struct facet_error err = { .text = "" };
	int r = facet_client_open(conn->socket, &events->client, &err);

	if (!r)
		r = facet_client_send(events->client, "io.facet.Monitor", NULL, NULL, 0, true,
				      &err);
	if (!r)
		r = facet_client_receive(events->client, 60000, &events->message, &err);
	if (r)
		return facetlib_fail(conn, r, "facetd: %s", err.text);
	events->pending = true;
	return facetlib_judge(conn, "io.facet.Monitor", events->message);
}

EXPORT int facet_events_open(struct facet_conn *conn, struct facet_events **ret)
{
	struct facet_events *events;
	int r;

	if (!conn->client)
		return -ENOTCONN;
	events = calloc(1, sizeof(*events));
	if (!events)
		return facetlib_fail(conn, -ENOMEM, "events: out of memory");
	r = begin(conn, events);
	if (r)
		facet_events_close(events);
	else
		*ret = events;
	return r;
}

EXPORT int facet_events_fd(const struct facet_events *events)
{
	return facet_client_fd(events->client);
}

static const char *text_of(const struct facet_events *events, const char *name)
{
	const json_t *parameters = json_object_get(events->message, "parameters");
	const char *text = json_string_value(json_object_get(parameters, name));

	return text ? text : "";
}

EXPORT int facet_events_next(struct facet_events *events, int timeout_ms, struct facet_event *ret)
{
	int r = 0;

	if (ret->size < sizeof(*ret))
		return -EINVAL;
	if (!events->pending) {
		json_decref(events->message);
		events->message = NULL;
		r = facet_client_receive(events->client, timeout_ms, &events->message, NULL);
	}
	events->pending = false;
	if (r)
		return r;
	if (json_object_get(events->message, "error"))
		return -EPROTO;
	ret->event = text_of(events, "event");
	ret->name = text_of(events, "name");
	ret->state = text_of(events, "state");
	ret->reason = text_of(events, "reason");
	return 0;
}
