/* SPDX-License-Identifier: GPL-2.0-or-later */
/* varlink.h - the door to varlink: a server and a client on sd-event, JSON by jansson. */
#ifndef FACET_VARLINK_VARLINK_H
#define FACET_VARLINK_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/error.h"

/* The blocking client stands alone (LGPL, for libfacet): varlink/client.h. */

struct facet_varlink_server;
struct facet_varlink_call;
struct facet_varlink_request;

struct facet_varlink_method {
	const char *name; /* "io.facet.List" */
	/*
	 * Ends with exactly one facet_varlink_reply(), _reply_fds() or _fail(): now or later.
	 * Until then the connection reads no further.
	 */
	void (*handle)(struct facet_varlink_call *call, void *owner);
};

struct facet_varlink_interface {
	const char *name;        /* "io.facet" */
	const char *description; /* the interface text, for GetInterfaceDescription */
	const struct facet_varlink_method *methods; /* ends with a NULL name */
};

struct facet_varlink_server_config {
	sd_event *event;     /* borrowed, as is all below */
	int listen_fd;       /* borrowed: a listening AF_UNIX stream socket; made non-blocking */
	const char *product; /* for GetInfo: "facetd" */
	const struct facet_varlink_interface *const *interfaces; /* ends with NULL */
	void *owner;                                             /* given to the handlers */
	unsigned int max_connections; /* 0: 64; more are closed at once */
};

int facet_varlink_server_create(const struct facet_varlink_server_config *cfg,
				struct facet_varlink_server **ret, struct facet_error *err);
/* Ends every connection; calls under way get their gone callback first. NULL is fine. */
void facet_varlink_server_destroy(struct facet_varlink_server *server);

/* --- a call under way; all on the loop thread --- */

/* The parameters, an object, borrowed; valid until the call ends. */
json_t *facet_varlink_call_parameters(const struct facet_varlink_call *call);
/* The caller takes several replies ("more"). */
bool facet_varlink_call_more(const struct facet_varlink_call *call);
/* The next descriptor that came with the call, now the caller's own; -1: none left. */
int facet_varlink_call_take_fd(struct facet_varlink_call *call);

/*
 * Tells when the other side hangs up before the call has ended. The call ends with the callback:
 * do not use it afterwards. A call without a callback ends silently when it is answered.
 */
void facet_varlink_call_on_gone(struct facet_varlink_call *call, void (*gone)(void *owner),
				void *owner);

/* The answer. @parameters is taken; NULL is {}. Ends the call. */
void facet_varlink_reply(struct facet_varlink_call *call, json_t *parameters);

/**
 * facet_varlink_reply_fds() - an answer with descriptors.
 * @fds: borrowed: they are duplicated
 * @continues: more answers follow: the call goes on. Only if facet_varlink_call_more().
 *
 * Return: 0; -ENOBUFS when the other side does not read: the connection is then closed (the gone
 * callback has been called), as with any other error.
 */
int facet_varlink_reply_fds(struct facet_varlink_call *call, json_t *parameters, const int *fds,
			    unsigned int fd_count, bool continues);

/* An error: @name "io.facet.NotFound"; @parameters is taken; NULL is {}. Ends the call. */
void facet_varlink_fail(struct facet_varlink_call *call, const char *name, json_t *parameters);

/* org.varlink.service.InvalidParameter. Ends the call. */
void facet_varlink_fail_parameter(struct facet_varlink_call *call, const char *parameter);

/* --- asking somebody else, without blocking --- */

struct facet_varlink_answer {
	const char *error;  /* NULL: it worked. "io.facet.vgpu.NotFound", ... */
	json_t *parameters; /* borrowed; an object */
	bool continues;     /* more answers follow */
	struct facet_varlink_request *request;
};

struct facet_varlink_request_config {
	sd_event *event;
	const char *path;   /* of the socket */
	const char *method; /* "io.facet.vgpu.Status" */
	json_t *parameters; /* taken, also on failure; NULL is {} */
	const int *fds;     /* borrowed: they are duplicated */
	unsigned int fd_count;
	bool more;
	uint64_t timeout_us; /* until the first answer; 0: none */
	/*
	 * For each answer. @answer NULL: the connection broke or the time was up (@error says so).
	 * After NULL, an error or !continues the request is gone: do not destroy it.
	 */
	void (*answered)(void *owner, const struct facet_varlink_answer *answer, int error);
	void *owner;
};

/* One connection, one call. */
int facet_varlink_request_create(const struct facet_varlink_request_config *cfg,
				 struct facet_varlink_request **ret, struct facet_error *err);
/* Gives up; answered is not called. NULL is fine. */
void facet_varlink_request_destroy(struct facet_varlink_request *request);
/* The next descriptor that came with the answers so far, now the caller's own; -1: none left. */
int facet_varlink_request_take_fd(struct facet_varlink_request *request);

#endif
