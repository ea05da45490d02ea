/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fds.h - descriptors that come over a stream socket, along with some of its bytes. */
#ifndef FACET_BASE_FDS_H
#define FACET_BASE_FDS_H

#include <stddef.h>
#include <sys/types.h>

enum { FACET_FDS_MAX = 16 };

/**
 * facet_fds_receive() - read up to @size bytes that have come, without waiting.
 * @fds: room for @max (at most FACET_FDS_MAX), of which *@count are in use; what comes is added and
 *       is the caller's, whatever is returned
 *
 * Return: bytes; 0 when none wait; -ECONNRESET when the other end has gone; -EPROTO when more
 * descriptors came than there is room for: those are closed.
 */
ssize_t facet_fds_receive(int sock, void *to, size_t size, int *fds, unsigned int *count,
			  unsigned int max);

#endif
