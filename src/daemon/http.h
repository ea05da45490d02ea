/* SPDX-License-Identifier: GPL-2.0-or-later */
/* http.h - as much of HTTP/1.1 as a scraper of metrics needs: the head of a GET. Pure. */
#ifndef FACET_DAEMON_HTTP_H
#define FACET_DAEMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { FACETD_HTTP_MAX_HEAD = 8192 };

struct facetd_http_request {
	char path[128]; /* without what follows a '?' */
	bool head;      /* HEAD: no body is wanted */
};

/**
 * facetd_http_parse() - read the head of a request.
 * @text: what came so far, @size bytes, not terminated
 *
 * Return: 0: more has to come; 200: whole and good; else the status to refuse it with (400, 405,
 * 414, 431, 505).
 */
int facetd_http_parse(const char *text, size_t size, struct facetd_http_request *ret);

/* "Not Found" */
const char *facetd_http_reason(int status);

#endif
