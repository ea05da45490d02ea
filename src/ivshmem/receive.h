/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive.h - one message of the server's after another, whatever pieces they come in. */
#ifndef FACET_IVSHMEM_RECEIVE_H
#define FACET_IVSHMEM_RECEIVE_H

#include <stdint.h>

struct receiver {
	uint8_t buf[8];
	unsigned int have;
	int fd; /* that came with them; -1: none */
};

void receiver_init(struct receiver *receiver);
void receiver_fini(struct receiver *receiver);

/*
 * The next message of @sock; @ret_fd, the caller's, is -1 if none came with it. 0; -EAGAIN;
 * -ENOTCONN at the end; -EPROTO: more than one descriptor, or half a message; or what the kernel
 * said.
 */
int receiver_next(struct receiver *receiver, int sock, int64_t *ret_number, int *ret_fd);

#endif
