/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.h - the other end of the socket, for tests and measurements. */
#ifndef FACET_VFIO_USER_CLIENT_H
#define FACET_VFIO_USER_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "wire/vfio_user.h"

enum { VFU_CLIENT_ROOM = (1 << 20) + 64 };

struct vfu_client {
	int fd;
	void (*step)(void *owner); /* let the server work, in this thread; NULL: it has its own */
	void *owner;
	uint16_t id;
	/* The last message that came. */
	struct vfio_user_header header;
	uint8_t *payload; /* VFU_CLIENT_ROOM */
	size_t size;
	int fds[VFIO_USER_MAX_FDS];
	unsigned int fd_count;
};

void vfu_client_init(struct vfu_client *client, int fd);
/* Closes the socket, and descriptors that came last. */
void vfu_client_fini(struct vfu_client *client);

/* Send one message. True when all of it went. */
bool vfu_client_send(struct vfu_client *client, const struct vfio_user_header *header,
		     const void *payload, size_t size, const int *fds, unsigned int fd_count);
/* The next message, on @fd (the main socket, or a twin): false when the server has hung up. */
bool vfu_client_receive_on(struct vfu_client *client, int fd);
bool vfu_client_receive(struct vfu_client *client);
/* Answer the server's request that was received last; @error 0, or an errno. */
bool vfu_client_answer(struct vfu_client *client, const void *payload, size_t size, uint32_t error);

/* A command and its reply: 0, the error in it, or -1 when the server has hung up. */
int vfu_client_call(struct vfu_client *client, enum vfio_user_command command, const void *payload,
		    size_t size, const int *fds, unsigned int fd_count);
/* With these capabilities, NULL: none. */
int vfu_client_version(struct vfu_client *client, const char *json);
/* @fd -1: not shared. */
int vfu_client_map(struct vfu_client *client, uint64_t address, uint64_t size, int fd,
		   uint64_t offset);
int vfu_client_read(struct vfu_client *client, uint32_t region, uint64_t offset, void *to,
		    uint32_t size);
int vfu_client_write(struct vfu_client *client, uint32_t region, uint64_t offset, const void *from,
		     uint32_t size, bool posted);

#endif
