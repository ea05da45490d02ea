/* SPDX-License-Identifier: GPL-2.0-or-later */
/* change.h - changes a host in steps that are all made, or all undone. */
#ifndef FACET_HOST_CHANGE_H
#define FACET_HOST_CHANGE_H

#include "host/tree.h"

/*
 * DOC: Theory of Operation
 *
 * One program changes a host at a time: who has the lock. What it is about to do, and how that is
 * undone, is on disk before it is done (var/lib/facet/host/journal below the root). Whoever comes
 * next undoes what a program that died, or a kernel that refused, left half done; also after a
 * reboot, which takes what was told the kernel with it, but not our files.
 *
 * Other tools change hosts too, and know nothing of the lock. So each undoing has a guard: a file
 * or link that has to be as the step left it. What is not, is somebody else's by now and stays.
 *
 * A change belongs to one thread. Tree and callback have to outlive it.
 */
struct facet_change;

struct facet_change_config {
	struct facet_tree *tree;
	bool dry_run;         /* tell, and do nothing */
	unsigned int wait_ms; /* for the lock; 0: not at all */
	/* Each step, before it is made: @text is written to @path; NULL: that file is removed. */
	void (*tell)(void *arg, const char *path, const char *text);
	void *tell_arg;
};

/**
 * facet_change_open() - take the lock, and undo what was left half done.
 *
 * Return: 0; -EBUSY: another program changes this host now; -EACCES: it needs root; -EUCLEAN: what
 * was left cannot be undone, as the sentence says. Released by facet_change_close(), which takes
 * NULL and undoes what was not committed.
 */
int facet_change_open(const struct facet_change_config *cfg, struct facet_change **ret,
		      struct facet_error *err);
void facet_change_close(struct facet_change *change);

struct facet_tree *facet_change_tree(const struct facet_change *change);
/* Nothing is done: what was written cannot be read back. */
bool facet_change_is_dry(const struct facet_change *change);
/* What was undone when it was opened: "bind 0000:03:00.0", or "". */
const char *facet_change_recovered(const struct facet_change *change);

/* A step: @text is written to @path. All of it is borrowed for the call. */
struct facet_change_step {
	/* @path NULL: nothing is, and its undoing is for steps that follow. */
	const char *path, *text;
	/* How it is undone; undo_path NULL: by nothing, or by the undoing of others. */
	const char *undo_path, *undo_text;
	/*
	 * ... as long as the file @guard_path says, or the link leads to, @guard_text; "" is also a
	 * file that is not there. NULL: always.
	 */
	const char *guard_path, *guard_text;
};

/* The following steps are for this, in words for a person. Commits what was before. */
int facet_change_begin(struct facet_change *change, const char *what, struct facet_error *err);

/**
 * facet_change_do() - make a step, journalled.
 *
 * Return: 0; what the kernel said, after a sentence that names the file. The caller then returns,
 * and what was done since facet_change_begin() is undone by facet_change_rollback() or _close().
 */
int facet_change_do(struct facet_change *change, const struct facet_change_step *step,
		    struct facet_error *err);

/* An attribute that can be read: undone by what it said before, if it still says @text. */
int facet_change_set(struct facet_change *change, const char *path, const char *text,
		     struct facet_error *err);

/* A file of ours, replaced as a whole; @content NULL: removed. Undone by what it was. */
int facet_change_file(struct facet_change *change, const char *path, const char *content,
		      struct facet_error *err);

/* It was a success: nothing is undone any more. */
int facet_change_commit(struct facet_change *change, struct facet_error *err);

/* 0, or -EUCLEAN: some step could not be undone; the next one who comes tries again. */
int facet_change_rollback(struct facet_change *change, struct facet_error *err);

/* One of both, by @r, which is what it returns, with its sentence in @err, unless that fails. */
int facet_change_end(struct facet_change *change, int r, struct facet_error *err);

/* --- the parser of the journal, also for its fuzz target --- */

struct facet_journal_step {
	char *path, *text; /* path NULL: only its undoing; text NULL: the file is removed */
	char *undo_path, *undo_text, *guard_path, *guard_text;
	bool file; /* of ours, by facet_tree_replace(); else the kernel's */
};

struct facet_journal {
	char *what, *boot;
	struct facet_journal_step *steps;
	unsigned int count;
};

enum { FACET_JOURNAL_STEPS = 4096 };

/* A last line without an end was not reached and is not there. 0, -EINVAL or -ENOMEM. */
int facet_journal_parse(const char *text, size_t size, struct facet_journal *ret);
void facet_journal_fini(struct facet_journal *journal);

#endif
