/* SPDX-License-Identifier: GPL-2.0-or-later */
/* part_internal.h - what the files behind part.h share: a table of ops for each mechanism. */
#ifndef FACET_HOST_PART_INTERNAL_H
#define FACET_HOST_PART_INTERNAL_H

#include "host/part.h"

/* Below the root. It goes with a reboot, as the parts do. */
#define FACET_PARTS_DIR "run/facet-parts"

struct facet_parts {
	struct facet_tree *tree;
	bool borrowed; /* the tree is */
	int dir_fd;    /* run/facet-parts; -1: not there */
	int lock_fd;   /* held from choosing to being ready; -1: not */
};

/* What a choice is made from. */
struct facet_part_choice {
	struct facet_parts *parts;
	const struct facet_part_request *request;
	const struct facet_host *host;
	const struct facet_host_gpu *gpu; /* NULL: a parent that is no PCI device */
	const struct facet_part *taken;   /* by whomever */
	unsigned int taken_count;
};

struct facet_part_ops {
	bool typed; /* its request has a type */

	/*
	 * Fills in what is to be given: a part that is free. -EINVAL, -ENOSPC with a sentence.
	 * Changes nothing.
	 */
	int (*choose)(const struct facet_part_choice *choice, struct facet_part *part,
		      struct facet_error *err);
	/* Makes it ready for QEMU, or leaves everything as it was. */
	int (*prepare)(struct facet_parts *parts, struct facet_part *part, struct facet_error *err);
	/*
	 * The host is as it was before prepare(); also after that was cut short anywhere, and when
	 * nothing is left to do. Touches nothing that it cannot know to be ours.
	 */
	int (*undo)(struct facet_parts *parts, const struct facet_part *part,
		    struct facet_error *err);
	/* -ESTALE with a sentence when it is not as prepare() left it. */
	int (*check)(struct facet_parts *parts, const struct facet_part *part,
		     struct facet_error *err);
	/* NULL: the hardware holds it to nothing but what it is. */
	bool (*limit)(struct facet_parts *parts, const struct facet_part *part, unsigned int i,
		      struct facet_part_limit *ret);
};

/* One that gives nothing to VFIO (virgl): NULL. */
const struct facet_part_ops *facet_part_ops(enum facet_mechanism mechanism);

/* --- part_change.c: prepare() and undo(), by what changes hosts --- */

int facet_part_bind(struct facet_parts *parts, struct facet_part *part, struct facet_error *err);
int facet_part_unbind(struct facet_parts *parts, const struct facet_part *part,
		      struct facet_error *err);
int facet_part_leave(struct facet_parts *parts, const struct facet_part *part,
		     struct facet_error *err);
int facet_part_make_mdev(struct facet_parts *parts, struct facet_part *part,
			 struct facet_error *err);
int facet_part_remove_mdev(struct facet_parts *parts, const struct facet_part *part,
			   struct facet_error *err);
int facet_part_make_vendor(struct facet_parts *parts, struct facet_part *part,
			   struct facet_error *err);
int facet_part_remove_vendor(struct facet_parts *parts, const struct facet_part *part,
			     struct facet_error *err);

extern const struct facet_part_ops facet_part_vfio, facet_part_sriov, facet_part_mdev,
	facet_part_gvtg, facet_part_vendor;

/* --- part.c --- */

/* The parts of a tree that is open, which has to outlive them: a test's. */
int facet_parts_open_tree(struct facet_tree *tree, struct facet_parts **ret,
			  struct facet_error *err);

/* Where the files are: ours or root's, and nobody else's to write (-EPERM). */
int facet_parts_find_dir(struct facet_parts *parts, bool create);
/* Is a candidate, or what it cannot do without, given to somebody? Who that is. */
const struct facet_part *facet_part_conflict(const struct facet_part_choice *choice,
					     const struct facet_part *candidate);
/* -ESTALE unless the device is the one that it was, and not another under its name. */
int facet_part_check_device(struct facet_parts *parts, const struct facet_part *part,
			    struct facet_error *err);

/* --- part_file.c: one file for each part; the lock is held for all but loading --- */

/* What never two parts have; the name of its file. */
void facet_part_key(const struct facet_part *part, char ret[static FACET_TREE_NAME]);
int facet_part_load(struct facet_parts *parts, struct facet_part **ret, unsigned int *ret_count,
		    struct facet_error *err);
/* -EEXIST: there is one. */
int facet_part_add(struct facet_parts *parts, const struct facet_part *part,
		   struct facet_error *err);
int facet_part_replace(struct facet_parts *parts, const struct facet_part *part,
		       struct facet_error *err);
int facet_part_drop(struct facet_parts *parts, const struct facet_part *part,
		    struct facet_error *err);

#endif
