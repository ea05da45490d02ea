/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree_internal.h - what tree.c and record.c share. */
#ifndef FACET_HOST_TREE_INTERNAL_H
#define FACET_HOST_TREE_INTERNAL_H

#include <stdarg.h>
#include <stdio.h>

#include "host/tree.h"

/* Where answers of a host that is not this one stand. */
#define PROBES "facet-probe"

struct facet_tree {
	int root_fd;
	bool real;
	bool probes;   /* a made-up tree that has answers */
	bool old;      /* no openat2() here */
	bool recorded; /* everything that is read is remembered */
	bool lost;     /* some of it was not, for lack of memory */
	struct facet_record *records;
	size_t count, space;
	int (*react)(void *kernel, const char *path, const char *text); /* NULL: files are */
	void *kernel;
};

/* openat2() below the root, or negative errno. */
int facet_tree_openat(struct facet_tree *tree, const char *path, int flags, unsigned int mode);

/* The path of a printf format in ret[FACET_TREE_PATH]; if it is too long the caller returns. */
#define FORMAT_PATH(ret, fmt, failure)                                \
	do {                                                          \
		va_list _args;                                        \
		int _n;                                               \
                                                                      \
		va_start(_args, fmt);                                 \
		_n = vsnprintf((ret), FACET_TREE_PATH, (fmt), _args); \
		va_end(_args);                                        \
		if (_n < 0 || _n >= FACET_TREE_PATH)                  \
			return (failure);                             \
	} while (0)

/* Copies what it is given; nothing, unless the tree is recorded. */
void facet_tree_remember(struct facet_tree *tree, enum facet_record_kind kind, const char *path,
			 const char *content, size_t size);

#endif
