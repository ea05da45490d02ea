/* SPDX-License-Identifier: GPL-2.0-or-later */
/* args.h - a vector of arguments, put together from data. */
#ifndef FACET_LAUNCH_ARGS_H
#define FACET_LAUNCH_ARGS_H

#include <stdbool.h>

struct facet_args {
	char **items; /* ends with NULL */
	unsigned int count, room;
	bool failed; /* no memory: it is not complete */
};

void facet_args_fini(struct facet_args *args);

void facet_args_add(struct facet_args *args, const char *text);
void facet_args_addf(struct facet_args *args, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * One option of QEMU and its value, begun with @first ("virtio-blk-pci", may be NULL) and ended
 * with NULL: pairs of name and value. Values may hold anything: commas are doubled, as QEMU wants
 * it. A NULL value leaves its pair out.
 */
void facet_args_option(struct facet_args *args, const char *option, const char *first, ...)
	__attribute__((sentinel));

/* For a shell: quoted where it needs to be. malloc()ed; NULL: no memory. */
char *facet_args_quote(const char *text);

#endif
