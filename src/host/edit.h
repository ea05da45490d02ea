/* SPDX-License-Identifier: GPL-2.0-or-later */
/* edit.h - writes below a host's root, one program at a time: the kernel's files, and our own. */
#ifndef FACET_HOST_EDIT_H
#define FACET_HOST_EDIT_H

#include <sys/types.h>

#include "host/tree.h"

/*
 * DOC: Theory of Operation
 *
 * Whoever changes a host holds a lock in FACET_EDIT_STATE below its root, so that two of us never
 * do at once. What foreign tools do meanwhile nobody can keep out: who changes something looks
 * before he writes, and reads back after it.
 *
 * A write to the kernel is one write(2), whole, and its errno is the kernel's. It is never tried
 * again here: after EINTR or a short write only the caller can look whether it was done. A file of
 * ours is replaced as a whole, or not at all, also when power fails.
 *
 * A dry run takes no lock and writes nothing; what it would have written is told.
 */
struct facet_edit;

/* Below the root; goes with a reboot, as what it is about does. */
#define FACET_EDIT_STATE "run/facet-host"

/* What changes things; tests put a kernel of their own here. As the calls of the same names. */
struct facet_edit_calls {
	ssize_t (*write)(void *data, const char *path, int fd, const void *text, size_t size);
	int (*renameat)(void *data, int dir, const char *from, const char *to);
	int (*unlinkat)(void *data, int dir, const char *name);
};

struct facet_edit_config {
	const char *root; /* "/", or that of a made-up host */
	bool dry;
	unsigned int wait_ms; /* for the lock; 0: 10 s */
	/* Of each write before it is done; @text NULL: a file is removed. May be NULL. */
	void (*told)(void *data, const char *path, const char *text);
	void *data;
	const struct facet_edit_calls *calls; /* NULL: the kernel's */
	void *calls_data;
};

/**
 * facet_edit_open() - begin to change a host.
 *
 * Return: 0; -EBUSY: another holds the lock; others after a sentence in @err. It belongs to one
 * thread. Released by facet_edit_close(), which takes NULL.
 */
int facet_edit_open(const struct facet_edit_config *cfg, struct facet_edit **ret,
		    struct facet_error *err);
void facet_edit_close(struct facet_edit *edit);

/* To look with. */
struct facet_tree *facet_edit_tree(struct facet_edit *edit);
bool facet_edit_is_dry(const struct facet_edit *edit);

/* To a file of the kernel's. 0; 1: it took a part of it; or negative errno. */
int facet_edit_write(struct facet_edit *edit, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* A file of ours, with the directories above it: 0 or negative errno. */
int facet_edit_put(struct facet_edit *edit, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* The end of one: 0, also when there is none, or negative errno. */
int facet_edit_remove(struct facet_edit *edit, const char *path, ...)
	__attribute__((format(printf, 2, 3)));

#endif
