/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_sysfs.h - tests: a made-up kernel, which does what it is told by writing to its files. */
#ifndef FACET_HOST_FAKE_SYSFS_H
#define FACET_HOST_FAKE_SYSFS_H

#include "host/tree.h"

/*
 * A directory below /tmp with sys/, proc/ and dev/ in it, and who answers facet_tree_write() there
 * as the documents say: driver_override, bind, unbind, drivers_probe, sriov_numvfs. What it does
 * not know is a file that says what was written to it.
 *
 * Asserts by cmocka: only for tests.
 */
struct fake_sysfs {
	char root[64];
	struct facet_tree *tree;

	char (*log)[FACET_TREE_PATH]; /* "sys/bus/pci/drivers_probe=0000:03:00.0" */
	unsigned int writes;          /* those that came, and are in the log */

	unsigned int fail_at; /* the write that fails, from 1; 0: none */
	int fail_with;        /* negative errno; 0: the process dies */
	bool fail_after;      /* when it was made, as a short write may have been; else before */

	/* Looks at a write before the fake does: 1: go on; else what the writer gets. */
	int (*also)(struct fake_sysfs *fake, const char *path, const char *text);
};

struct fake_sysfs *fake_sysfs_create(void);
void fake_sysfs_destroy(struct fake_sysfs *fake);

/* Files and links as they are, with what is missing above them. */
void fake_sysfs_put(struct fake_sysfs *fake, const char *text, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
void fake_sysfs_link(struct fake_sysfs *fake, const char *target, const char *path, ...)
	__attribute__((format(printf, 3, 4)));
void fake_sysfs_remove(struct fake_sysfs *fake, const char *path, ...)
	__attribute__((format(printf, 2, 3)));
/* A file's text, or where a link leads; "" if there is none. Valid until the next call. */
const char *fake_sysfs_get(struct fake_sysfs *fake, const char *path, ...)
	__attribute__((format(printf, 2, 3)));

void fake_sysfs_add_driver(struct fake_sysfs *fake, const char *name);
/* @driver: its own, which it is with from the start; "": none. @group: -1: no IOMMU. */
void fake_sysfs_add_device(struct fake_sysfs *fake, const char *bdf, uint32_t class,
			   const char *driver, int group);
/* VFs get functions .1, .2, ... of the next device, groups from 100, and @vf_driver. */
void fake_sysfs_add_sriov(struct fake_sysfs *fake, const char *bdf, unsigned int total,
			  const char *vf_driver);

#endif
