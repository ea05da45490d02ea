/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* client.h - a blocking varlink client; stands on jansson alone, for libfacet and tests. */
#ifndef FACET_VARLINK_CLIENT_H
#define FACET_VARLINK_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

struct facet_client;

int facet_client_open(const char *path, struct facet_client **ret, struct facet_error *err);
void facet_client_close(struct facet_client *client);

/**
 * facet_client_send() - begin a call.
 * @parameters: taken; NULL is {}
 * @fds: borrowed
 * @more: several answers are welcome
 */
int facet_client_send(struct facet_client *client, const char *method, json_t *parameters,
		      const int *fds, unsigned int fd_count, bool more, struct facet_error *err);

/**
 * facet_client_receive() - wait for the next answer.
 * @timeout_ms: negative: for ever
 * @ret_message: the whole answer: {"parameters":..., "error":..., "continues":...}
 *
 * Return: 0, also for an answer that is an error; -ETIMEDOUT; or the error of the connection.
 */
int facet_client_receive(struct facet_client *client, int timeout_ms, json_t **ret_message,
			 struct facet_error *err);

/* For poll(); receive with a timeout of 0 when it is readable, until -ETIMEDOUT. */
int facet_client_fd(const struct facet_client *client);

/* The next descriptor that came with the answers, now the caller's own; -1: none left. */
int facet_client_take_fd(struct facet_client *client);

#endif
