/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shared_file.h - a file that programs map together: made whole, found again, removed. */
#ifndef FACET_BASE_SHARED_FILE_H
#define FACET_BASE_SHARED_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Knows a file again, whatever lies under its name now. Both 0: none. */
struct facet_file_id {
	uint64_t device, inode;
};

/**
 * facet_shared_file_make() - a new file, which nobody sees yet.
 * @path: where it is to appear; nothing happens there before facet_shared_file_show()
 * @size: bytes. All are taken from the file system now: one that is missing later is a SIGBUS in
 *        whoever touches it
 * @group: may read and write the file, as the user may; (gid_t)-1: the one that new files get
 *
 * Closed before it was shown, it is gone.
 *
 * Return: 0, with a descriptor of the caller's; -ENOSPC when it does not fit; -errno.
 */
int facet_shared_file_make(const char *path, uint64_t size, gid_t group, int *ret_fd,
			   struct facet_file_id *ret_id, struct facet_error *err);

/* Never in the place of something: -EEXIST. */
int facet_shared_file_show(int fd, const char *path, struct facet_error *err);

/**
 * facet_shared_file_find() - the file that was made earlier.
 * @size: it is made whole again if somebody has cut it
 *
 * Return: 0, with a descriptor of the caller's; -ENOENT when there is nothing; -EEXIST when
 * something else is there; -errno.
 */
int facet_shared_file_find(const char *path, const struct facet_file_id *id, uint64_t size,
			   int *ret_fd, struct facet_error *err);

/* Takes all of @size from the file system, as make() does. */
int facet_shared_file_fill(int fd, const char *path, uint64_t size, struct facet_error *err);

/* What else lies there stays. */
void facet_shared_file_remove(const char *path, const struct facet_file_id *id);

#endif
