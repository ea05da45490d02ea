/* SPDX-License-Identifier: GPL-2.0-or-later */
/* socket.h - a connection to a vfio-user server. Only vfio/ includes this. */
#ifndef FACET_HOST_VFIO_SOCKET_H
#define FACET_HOST_VFIO_SOCKET_H

#include "base/list.h"
#include "host/vfio/channel.h"
#include "host/vfio/ops.h"

struct facet_vfio_socket {
	struct facet_vfio base;
	struct facet_vfio_channel channel; /* closed for good when the server broke the protocol */
	unsigned int timeout_ms;
	uint16_t next_id;

	/* What the server takes. */
	unsigned int max_fds;
	uint32_t max_xfer;
	uint32_t max_maps;

	/* What it may read and write by messages. */
	struct facet_list maps;
	unsigned int map_count;
};

/*
 * A device on a connected socket, which is taken even when this fails. For tests; everybody else
 * has facet_vfio_open().
 */
int facet_vfio_socket_attach(int fd, const char *name, unsigned int timeout_ms,
			     struct facet_vfio **ret, struct facet_error *err);

/* --- request.c --- */

/*
 * Sends a command and waits for its reply, answering what the server asks meanwhile. Then the
 * payload, of as many bytes as are returned, and its descriptors lie in @channel, until
 * facet_vfio_channel_done(). Negative: the server refused, or the connection is closed now.
 */
int facet_vfio_socket_request(struct facet_vfio_socket *sock, uint16_t command,
			      const struct iovec *parts, unsigned int part_count, const int *fds,
			      unsigned int fd_count, struct facet_error *err);
/* Close the connection because of what the server said; returns -EPROTO. */
int facet_vfio_socket_protest(struct facet_vfio_socket *sock, const char *what,
			      struct facet_error *err);
int facet_vfio_socket_dispatch(struct facet_vfio *vfio, struct facet_error *err);

/* Both sides say who they are. */
int facet_vfio_socket_greet(struct facet_vfio_socket *sock, struct facet_error *err);

/* --- socket_dma.c --- */

int facet_vfio_socket_dma_map(struct facet_vfio *vfio, const struct facet_vfio_dma *dma,
			      struct facet_error *err);
int facet_vfio_socket_dma_unmap(struct facet_vfio *vfio, uint64_t iova, uint64_t size,
				struct facet_error *err);
void facet_vfio_socket_forget_maps(struct facet_vfio_socket *sock);
/*
 * Copies what is mapped at @iova to @buf, or, with @write, back. -EFAULT: some of it is not mapped,
 * or not for that; what comes before it was copied.
 */
int facet_vfio_socket_copy(struct facet_vfio_socket *sock, uint64_t iova, void *buf, size_t size,
			   bool write);

#endif
