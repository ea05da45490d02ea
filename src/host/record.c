// SPDX-License-Identifier: GPL-2.0-or-later
/* record.c - remembers what was read of a tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/tree_internal.h"

void facet_tree_record(struct facet_tree *tree)
{
	tree->recorded = true;
}

static void release(struct facet_record *record)
{
	free(record->path);
	free(record->content);
}

void facet_tree_close(struct facet_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->count; i++)
		release(&tree->records[i]);
	free(tree->records);
	facet_close_ptr(&tree->root_fd);
	free(tree);
}

void facet_tree_remember(struct facet_tree *tree, enum facet_record_kind kind, const char *path,
			 const char *content, size_t size)
{
	size_t space = tree->space ? 2 * tree->space : 256;
	struct facet_record *r;
	void *more;

	if (!tree->recorded)
		return;
	if (tree->count == tree->space) {
		more = reallocarray(tree->records, space, sizeof(*tree->records));
		tree->lost |= !more;
		if (!more)
			return;
		tree->records = more;
		tree->space = space;
	}
	r = &tree->records[tree->count];
	*r = (struct facet_record){
		.kind = kind, .path = strdup(path), .content = calloc(1, size + 1), .size = size
	};
	if (!r->path || !r->content) {
		release(r);
		tree->lost = true;
		return;
	}
	if (size)
		memcpy(r->content, content, size);
	tree->count++;
}

/* By path; of one path first what says most. */
static int compare(const void *a, const void *b)
{
	const struct facet_record *left = a, *right = b;
	int order = strcmp(left->path, right->path);

	if (order)
		return order;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	/* One that was read in pieces: the longest. */
	return left->size > right->size ? -1 : left->size < right->size;
}

int facet_tree_records(struct facet_tree *tree, const struct facet_record **ret,
		       unsigned int *ret_count)
{
	size_t kept = 0;

	if (tree->count)
		qsort(tree->records, tree->count, sizeof(*tree->records), compare);
	for (size_t i = 0; i < tree->count; i++) {
		if (kept && strcmp(tree->records[kept - 1].path, tree->records[i].path) == 0)
			release(&tree->records[i]);
		else
			tree->records[kept++] = tree->records[i];
	}
	tree->count = kept;
	*ret = tree->records;
	*ret_count = (unsigned int)kept;
	return tree->lost ? -ENOMEM : 0;
}
