/* SPDX-License-Identifier: GPL-2.0-or-later */
/* document.h - a YAML text as a tree that knows its lines, held against a schema of libcyaml. */
#ifndef FACET_LAUNCH_DOCUMENT_H
#define FACET_LAUNCH_DOCUMENT_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { FACET_DOC_NODES = 4096, FACET_DOC_DEPTH = 8, FACET_DOC_TEXT = 4096 };

enum facet_doc_kind { FACET_DOC_MAPPING, FACET_DOC_SEQUENCE, FACET_DOC_SCALAR };

struct facet_doc_node {
	enum facet_doc_kind kind;
	bool quoted;
	int parent;               /* -1: the root */
	unsigned int line, index; /* index: in a sequence */
	char *key, *text;         /* NULL: none */
};

struct facet_doc {
	const char *path;             /* borrowed, for errors */
	struct facet_doc_node *nodes; /* parents before children */
	int count;
};

/*
 * Reads the only document of a text. Anchors, aliases and tags are refused, and everything has a
 * bound. Errors begin with "PATH:LINE: ".
 */
int facet_doc_read(const char *path, const char *text, size_t size, struct facet_doc **ret,
		   struct facet_error *err);
void facet_doc_destroy(struct facet_doc *doc);

/* "gpus[0].vram" */
void facet_doc_name(const struct facet_doc *doc, int node, char *ret, size_t size);
/* The node of that name; -1: none. */
int facet_doc_find(const struct facet_doc *doc, const char *name);

/**
 * facet_doc_check() - does libcyaml's schema take it?
 * @scalar: judges the value of a leaf after its type was found right
 *
 * libcyaml itself says neither the line of an unknown key nor what would have been allowed; what
 * passes here, it loads.
 */
int facet_doc_check(const struct facet_doc *doc, const cyaml_schema_value_t *schema,
		    int (*scalar)(const struct facet_doc *doc, int node, struct facet_error *err),
		    struct facet_error *err);

/* "PATH:LINE: NAME FOUND: must be ALLOWED"; -EINVAL */
int facet_doc_wrong(const struct facet_doc *doc, int node, struct facet_error *err,
		    const char *allowed, ...) __attribute__((format(printf, 4, 5)));

#endif
