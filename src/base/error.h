/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* error.h - what went wrong, in words, without allocating. */
#ifndef FACET_BASE_ERROR_H
#define FACET_BASE_ERROR_H

struct facet_error {
	int code;       /* negative errno */
	char text[256]; /* a sentence for a person, no newline */
};

/**
 * facet_error_set() - record an error and hand its code on.
 * @err: where the sentence goes; NULL drops it
 * @code: negative errno
 * @fmt: names the object, what was wrong with it, and what to do
 *
 * Return: @code, so that a caller can write `return facet_error_set(...)`.
 */
int facet_error_set(struct facet_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
