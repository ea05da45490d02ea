/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* conn.h - what the files of libfacet share: the connection and its calls. */
#ifndef FACET_LIB_CONN_H
#define FACET_LIB_CONN_H

#include <jansson.h>

#include "facet/facet.h"
#include "varlink/client.h"

#define EXPORT __attribute__((visibility("default")))

/* Hidden names: what is exported begins with facet_. */

enum { FACETLIB_INTERFACE = 4 }; /* of io.facet: what we were made for */

struct facet_conn {
	struct facet_client *client;
	char socket[256];
	char text[512], argument[32];
};

/* Sets the sentence, and gives @code. */
int facetlib_fail(struct facet_conn *conn, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* @parameters is taken; *ret_parameters (may be NULL) is the caller's. */
int facetlib_call(struct facet_conn *conn, const char *method, json_t *parameters, int fd,
		  json_t **ret_parameters);

/* A call whose answer is the value of one field, the caller's. */
int facetlib_call_field(struct facet_conn *conn, const char *method, json_t *parameters,
			const char *field, json_t **ret);

/* The error of a message, if it is one: its code, and the sentence is set. */
int facetlib_judge(struct facet_conn *conn, const char *method, const json_t *message);

#endif
