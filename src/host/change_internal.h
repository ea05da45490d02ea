/* SPDX-License-Identifier: GPL-2.0-or-later */
/* change_internal.h - what change.c, undo.c and journal.c share. */
#ifndef FACET_HOST_CHANGE_INTERNAL_H
#define FACET_HOST_CHANGE_INTERNAL_H

#include "host/change.h"

#define CHANGE_STATE   "var/lib/facet/host"
#define CHANGE_JOURNAL CHANGE_STATE "/journal"

/* Lines without their end; the caller frees them. NULL: no memory, or no text. */
char *facet_journal_format_begin(const char *what, const char *boot);
char *facet_journal_format_step(const struct facet_journal_step *step);

/* Undoes the journal's steps, the last one first. 0 or -EUCLEAN, after trying all. */
int facet_journal_undo(struct facet_tree *tree, const struct facet_journal *journal,
		       struct facet_error *err);

#endif
