/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* facet.h - libfacet: GPUs for virtual machines, by asking facetd. */
#ifndef FACET_FACET_H
#define FACET_FACET_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque; one thread at a time. */
struct facet_conn;

/*
 * Functions return 0 or a negative errno. After a failure facet_error_text() has a sentence for a
 * person. -ENOENT: no such vGPU; -EEXIST: the name is taken; -EINVAL: an argument, named by
 * facet_error_argument(); -EBUSY: in use; -ENOSPC: a limit; -EIO: the vGPU could not do it;
 * -ECONNREFUSED: no facetd; others: the connection,
 * which is then gone: facet_connect() anew.
 *
 * Answers are JSON texts as the interface io.facet describes them (io.facet(7)), in memory of the
 * caller's: release it with facet_free(). Fields may be added in later versions.
 */

/**
 * facet_connect() - reach facetd.
 * @socket: path, or NULL: $FACET_SOCKET, else $XDG_RUNTIME_DIR/facet/io.facet if it is there,
 *          else /run/facet/io.facet
 * @ret: also set after a failure, so that there is somebody to ask for the text; NULL only when
 *       memory ran out
 */
int facet_connect(const char *socket, struct facet_conn **ret);
/* NULL is fine. */
void facet_close(struct facet_conn *conn);

/* The sentence, or the name of the argument ("" if it was none), of the last failure. */
const char *facet_error_text(const struct facet_conn *conn);
const char *facet_error_argument(const struct facet_conn *conn);

/* "0.1.0"; and facetd's own. */
const char *facet_version(void);
int facet_daemon_version(struct facet_conn *conn, char **ret);

void facet_free(void *answer);

/* What a new vGPU shall be; zero means the default. Set size to sizeof(struct facet_create). */
struct facet_create {
	size_t size;
	const char *name;
	const char *gpu, *mechanism;
	uint32_t width, height; /* pixels */
	uint32_t outputs;
	uint64_t vram_bytes;
};

int facet_list_gpus(struct facet_conn *conn, char **ret_json);
int facet_create(struct facet_conn *conn, const struct facet_create *create, char **ret_json);
int facet_list(struct facet_conn *conn, char **ret_json);
int facet_show(struct facet_conn *conn, const char *name, char **ret_json);
int facet_restart(struct facet_conn *conn, const char *name, char **ret_json);

enum facet_remove_flags {
	FACET_REMOVE_FORCE = 1, /* even if a virtual machine uses it */
};

int facet_remove(struct facet_conn *conn, const char *name, unsigned int flags);

/* A PNG into @fd, which stays the caller's. @cursor: 0 without. */
int facet_screenshot(struct facet_conn *conn, const char *name, unsigned int output, int cursor,
		     int fd);

/* @connected: 1, 0, or -1: as it is. @width, @height: 0: as they are. */
int facet_set_output(struct facet_conn *conn, const char *name, unsigned int output, int connected,
		     uint32_t width, uint32_t height);

#ifdef __cplusplus
}
#endif

#endif
