// SPDX-License-Identifier: GPL-2.0-or-later
/* http.c - reads the head of a request; whatever is odd is refused, not guessed at. */
#include "daemon/http.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A piece of the text. */
struct piece {
	const char *start;
	size_t size;
};

static bool is(const struct piece *piece, const char *text)
{
	return piece->size == strlen(text) && memcmp(piece->start, text, piece->size) == 0;
}

/* What stands before the next @end, which is left out; false: there is none. */
static bool take(struct piece *from, const char *end, struct piece *ret)
{
	size_t length = strlen(end);
	const char *found = memmem(from->start, from->size, end, length);

	if (!found)
		return false;
	*ret = (struct piece){ from->start, (size_t)(found - from->start) };
	from->size -= ret->size + length;
	from->start = found + length;
	return true;
}

static bool printable(const struct piece *piece)
{
	for (size_t i = 0; i < piece->size; i++)
		if ((unsigned char)piece->start[i] <= 0x20 ||
		    (unsigned char)piece->start[i] >= 0x7f)
			return false;
	return piece->size > 0;
}

static int parse_target(struct piece target, struct facetd_http_request *ret)
{
	const char *query;

	if (!printable(&target) || target.start[0] != '/')
		return 400;
	query = memchr(target.start, '?', target.size);
	if (query)
		target.size = (size_t)(query - target.start);
	if (target.size >= sizeof(ret->path))
		return 414;
	memcpy(ret->path, target.start, target.size);
	ret->path[target.size] = '\0';
	return 200;
}

static int parse_line(struct piece line, struct facetd_http_request *ret)
{
	struct piece method, target;

	if (!take(&line, " ", &method) || !take(&line, " ", &target) || !printable(&method))
		return 400;
	if (!is(&line, "HTTP/1.1") && !is(&line, "HTTP/1.0"))
		return line.size > 5 && memcmp(line.start, "HTTP/", 5) == 0 ? 505 : 400;
	ret->head = is(&method, "HEAD");
	if (!ret->head && !is(&method, "GET"))
		return 405;
	return parse_target(target, ret);
}

/* "Name: value"; a name has no spaces, a value no control characters. */
static int check_field(const struct piece *field)
{
	const char *colon = memchr(field->start, ':', field->size);
	struct piece name;

	if (!colon)
		return 400;
	name = (struct piece){ field->start, (size_t)(colon - field->start) };
	if (!printable(&name))
		return 400;
	for (size_t i = name.size + 1; i < field->size; i++)
		if ((unsigned char)field->start[i] < 0x20 && field->start[i] != '\t')
			return 400;
	return 200;
}

int facetd_http_parse(const char *text, size_t size, struct facetd_http_request *ret)
{
	struct piece rest = { text, size }, line;
	int status;

	if (!memmem(text, size, "\r\n\r\n", 4))
		return size >= FACETD_HTTP_MAX_HEAD ? 431 : 0;
	*ret = (struct facetd_http_request){ .path = "" };
	take(&rest, "\r\n", &line);
	status = parse_line(line, ret);
	while (status == 200 && take(&rest, "\r\n", &line) && line.size)
		status = check_field(&line);
	return status;
}

const char *facetd_http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} known[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 414, "URI Too Long" },
		{ 431, "Request Header Fields Too Large" },
		{ 505, "HTTP Version Not Supported" },
		{ 0, NULL },
	};

	for (size_t i = 0; known[i].reason; i++)
		if (known[i].status == status)
			return known[i].reason;
	return "Internal Server Error";
}
