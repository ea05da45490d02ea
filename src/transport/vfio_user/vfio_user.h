/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vfio_user.h - serves a PCI function to a vfio-user client (QEMU's vfio-user-pci). It knows no
 * device model and no GPU: others can build on it.
 */
#ifndef FACET_VFIO_USER_VFIO_USER_H
#define FACET_VFIO_USER_VFIO_USER_H

#include "base/errands.h"
#include "pci/pci.h"

struct facet_vfio_user;

struct facet_vfio_user_config {
	const struct facet_pci_ops *function;
	const void *function_config; /* for its create() */
	int listen_fd;               /* taken; accepts one client after another. -1: none */
	int fd;                      /* taken; one client already connected. -1: none */
	struct facet_errands
		*errands; /* messages are offered there; borrowed, NULL: nobody helps */
};

struct facet_vfio_user_status {
	bool connected;          /* a client is there, and has agreed on a version */
	uint64_t drops;          /* messages refused because they made no sense */
	uint64_t received, sent; /* messages, of all clients */
	unsigned int maps;       /* that the client has told us of; */
	unsigned int regions;    /* so many of them we can reach without asking it */
};

/*
 * Creates the function, and waits for clients. All on one thread, the loop's, but for what pci.h
 * allows any.
 */
int facet_vfio_user_create(const struct facet_vfio_user_config *cfg, struct facet_vfio_user **ret,
			   struct facet_error *err);
void facet_vfio_user_destroy(struct facet_vfio_user *vfu);

/* One descriptor to poll (an epoll set of its own); it never changes. */
int facet_vfio_user_fd(const struct facet_vfio_user *vfu);

/*
 * One non-blocking step. 0; -ENOTCONN when the client has gone and none can come again (no
 * listen_fd); never an error for what a guest or client did wrong.
 */
int facet_vfio_user_dispatch(struct facet_vfio_user *vfu);

void facet_vfio_user_status(const struct facet_vfio_user *vfu, struct facet_vfio_user_status *ret);
struct facet_pci *facet_vfio_user_function(struct facet_vfio_user *vfu);
/* Its socket, borrowed; -1: nobody is there. */
int facet_vfio_user_client(const struct facet_vfio_user *vfu);

/*
 * For programs that do nothing else: serve @function at the socket @path, which only this user may
 * connect to, for ever. Returns when that cannot be begun.
 */
int facet_vfio_user_run(const char *path, const struct facet_pci_ops *function,
			const void *function_config, struct facet_error *err);

#endif
