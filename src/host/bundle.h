/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bundle.h - what the doctor read of a host, for somebody else to look at. */
#ifndef FACET_HOST_BUNDLE_H
#define FACET_HOST_BUNDLE_H

#include <stdio.h>

#include "host/tree.h"

/**
 * facet_bundle_write() - write all that was read since facet_tree_record() as a tar archive.
 *
 * Unpacked it is a tree for facet_tree_open() from which the same findings come. Left out: the
 * names of this machine and user, UUIDs and MAC addresses (others stand in for them, the same for
 * the same), words of the kernel's command line that no rule asks for, and all of a file but the
 * lines that rules look at, where others tell who one is.
 *
 * Return: the number of files, or negative errno after a sentence in @err.
 */
int facet_bundle_write(struct facet_tree *tree, FILE *out, struct facet_error *err);

/* --- what makes it anonymous, for tests too --- */

struct facet_scrub;

/* The names of this machine and user, which may be NULL. NULL: out of memory. */
struct facet_scrub *facet_scrub_create(const char *host, const char *user);
void facet_scrub_destroy(struct facet_scrub *scrub);

/* Each writes at most @size - 1 characters, and gives their number. */
size_t facet_scrub_path(struct facet_scrub *scrub, const char *path, char *ret, size_t size);
size_t facet_scrub_file(struct facet_scrub *scrub, const char *path, const char *content, size_t n,
			char *ret, size_t size);

#endif
