/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rundir.h - the runtime directory: facetd's socket and one folder for each vGPU. */
#ifndef FACET_DAEMON_RUNDIR_H
#define FACET_DAEMON_RUNDIR_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct facetd_rundir {
	char path[PATH_MAX];
	int fd;       /* the directory, locked: one facetd at a time */
	bool created; /* by us */
	bool shared;  /* root's: others may pass through to their sockets */
	gid_t group;  /* of the sockets; (gid_t)-1: as is */
};

/**
 * facetd_rundir_open() - make and lock the directory.
 * @path: NULL: $XDG_RUNTIME_DIR/facet, or for root without that /run/facet
 * @group: name of the group that may use the sockets, or NULL
 */
int facetd_rundir_open(struct facetd_rundir *dir, const char *path, const char *group,
		       struct facet_error *err);
/* Removes the directory if it is ours and empty. */
void facetd_rundir_close(struct facetd_rundir *dir);

/* "DIR/NAME/FILE", or "DIR/FILE" when @name is NULL. */
void facetd_rundir_path(const struct facetd_rundir *dir, const char *name, const char *file,
			char ret[static PATH_MAX]);

/* A listening stream socket in place of whatever was there. @mode as for chmod(). */
int facetd_rundir_listen(const struct facetd_rundir *dir, const char *name, const char *file,
			 mode_t mode, int *ret_fd, struct facet_error *err);

/* Is @fd a listening socket at that place? */
bool facetd_rundir_listens(const struct facetd_rundir *dir, const char *name, const char *file,
			   int fd);

int facetd_rundir_add(const struct facetd_rundir *dir, const char *name, struct facet_error *err);
/* Everything facetd ever puts there, and the folder; what is strange stays, with a warning. */
void facetd_rundir_remove(const struct facetd_rundir *dir, const char *name);

/* [A-Za-z0-9][A-Za-z0-9_.-]{0,63} */
bool facetd_name_valid(const char *name);

#endif
