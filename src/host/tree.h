/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree.h - reads /sys, /proc, /dev and what else tells about a host, below any directory. */
#ifndef FACET_HOST_TREE_H
#define FACET_HOST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/*
 * DOC: Theory of Operation
 *
 * Below a root that is not "/" a made-up tree stands in for a host: a test's, or a bundle of
 * another person (host/bundle.h). What is in there is hostile: no link leads out of the root, names
 * and texts are cut at a length and freed of what a terminal or JSON would choke on, and only
 * regular files are read.
 *
 * What files cannot say, a real host is asked (a device that is to be opened, a program its
 * version). Such answers have names and are files too in a made-up tree, below facet-probe/.
 *
 * Paths are printf formats, without a leading '/'. A tree belongs to one thread.
 */
struct facet_tree;

enum {
	FACET_TREE_NAME = 64,      /* a name in a directory, with its end */
	FACET_TREE_PATH = 512,     /* below the root, with its end */
	FACET_TREE_NAMES = 16384,  /* of one directory; the rest is not seen */
	FACET_TREE_FILE = 4 << 20, /* what is read of one file; the rest is not seen */
};

struct facet_names {
	char (*items)[FACET_TREE_NAME]; /* sorted */
	unsigned int count;
};

/**
 * facet_tree_open() - look below @root from now on.
 * @root: a directory; "/" is this host
 *
 * Return: 0; negative errno after a sentence in @err. Released by facet_tree_close(), which takes
 * NULL.
 */
int facet_tree_open(const char *root, struct facet_tree **ret, struct facet_error *err);
void facet_tree_close(struct facet_tree *tree);

/* This host, and not a picture of one. */
bool facet_tree_is_real(const struct facet_tree *tree);

/**
 * facet_tree_text() - what a file says.
 * @ret: at most @size - 1 characters, printable or '\n' or '\t', without spaces at the end
 *
 * Return: their number, or negative errno with an empty text.
 */
int facet_tree_text(struct facet_tree *tree, char *ret, size_t size, const char *path, ...)
	__attribute__((format(printf, 4, 5)));
/* The same, in bytes as they are: @ret is the caller's to free. */
int facet_tree_bytes(struct facet_tree *tree, uint8_t **ret, size_t *ret_size, const char *path,
		     ...) __attribute__((format(printf, 4, 5)));
/* A file that is one number, decimal or 0x: 0, or negative errno with *ret as it was. */
int facet_tree_number(struct facet_tree *tree, int64_t *ret, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* The last part of what a link points at: 0, or negative errno with an empty text. */
int facet_tree_link(struct facet_tree *tree, char *ret, size_t size, const char *path, ...)
	__attribute__((format(printf, 4, 5)));
/* All of what it points at: 0, or negative errno with an empty text. */
int facet_tree_target(struct facet_tree *tree, char *ret, size_t size, const char *path, ...)
	__attribute__((format(printf, 4, 5)));
/* What is in a directory: 0, or negative errno with none. Release with facet_names_fini(). */
int facet_tree_list(struct facet_tree *tree, struct facet_names *ret, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
void facet_names_fini(struct facet_names *names);
/* The number that tells a file, once links are followed, from all that had its name before it. */
int facet_tree_inode(struct facet_tree *tree, uint64_t *ret, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* Of the running kernel, one for each boot: "" if it does not say. */
void facet_tree_boot(struct facet_tree *tree, char *ret, size_t size);
bool facet_tree_exists(struct facet_tree *tree, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
/* May this process read and write it? 0, or negative errno. */
int facet_tree_access(struct facet_tree *tree, const char *path, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * facet_tree_write() - tell the kernel something: one write() to a file that is there.
 *
 * Return: 0; negative errno, -EIO when not all of it was taken.
 */
int facet_tree_write(struct facet_tree *tree, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/**
 * facet_tree_replace() - a file of ours has this content now, on disk and after a crash.
 * @content: NULL: the file is not there any more, which may have been so; one that begins with
 *           "#!" may be run
 *
 * Missing directories are made. Return: 0 or negative errno; then it is as it was.
 */
int facet_tree_replace(struct facet_tree *tree, const char *content, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
/* Who answers facet_tree_write() in a made-up tree: a test's kernel. @react returns 0 or -errno. */
void facet_tree_set_kernel(struct facet_tree *tree,
			   int (*react)(void *kernel, const char *path, const char *text),
			   void *kernel);

/**
 * facet_tree_probe() - what only a running host can tell.
 * @name: of the answer, such as "version/qemu"
 * @ask: when the tree has no such answer; writes a short text, returns 0 or negative errno. It
 *       looks into files of the tree, and at the host itself only if the tree is real.
 *
 * Return: length of the text, or negative errno with an empty text.
 */
int facet_tree_probe(struct facet_tree *tree, char *ret, size_t size, const char *name,
		     int (*ask)(struct facet_tree *tree, const char *name, char *ret, size_t size));

/* --- what was read, for a bundle --- */

enum facet_record_kind {
	FACET_RECORD_FILE,
	FACET_RECORD_LINK,
	FACET_RECORD_DIRECTORY,
	FACET_RECORD_ENTRY, /* was seen in a directory, or to exist */
};

struct facet_record {
	enum facet_record_kind kind;
	char *path;
	char *content; /* of a file; where a link points */
	size_t size;
};

/* Remember from now on what is read. */
void facet_tree_record(struct facet_tree *tree);
/* Sorted, each path once; valid until the next call with @tree. -ENOMEM: some are missing. */
int facet_tree_records(struct facet_tree *tree, const struct facet_record **ret,
		       unsigned int *ret_count);

#endif
