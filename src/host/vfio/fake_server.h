/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_server.h - for tests: a vfio-user server in a thread, which can be told to lie. */
#ifndef FACET_HOST_VFIO_FAKE_SERVER_H
#define FACET_HOST_VFIO_FAKE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/vfio_user.h"

enum {
	FAKE_REGION_SIZE = 0x10000, /* region 0; 0x1000 to 0x3000 of it can be mapped */
	FAKE_VECTORS = 20,          /* of VFIO_PCI_MSIX_IRQ_INDEX */
};

struct fake_server;

/*
 * One lie: instead of the reply to @command, or in it. @reply has the header and room for 64 KiB;
 * its size is that of the header's field, but what is sent is @send_size bytes, when that is set.
 */
struct fake_lie {
	const char *name;
	uint16_t command;
	void (*tell)(struct fake_server *server, uint8_t *reply);
	int expected; /* of the client's call; 0: it does not matter */
};

struct fake_server {
	int fd;
	const struct fake_lie *lie;
	const char *capabilities; /* JSON; NULL: none */
	pthread_t thread;

	/* For a lie to set. */
	uint32_t send_size;
	bool silent;
	int region_fd;
	unsigned int fd_count; /* how often region_fd is sent along */

	/* Seen. */
	uint8_t region[FAKE_REGION_SIZE];
	unsigned int commands[VFIO_USER_COMMANDS];
	uint64_t map_address, map_size;
	uint32_t map_flags;
	bool map_has_fd;
	int vectors[FAKE_VECTORS]; /* eventfds, -1: none */
	unsigned int most_fds;     /* in one message */
};

/* Starts it; returns the client's end of its socket. */
int fake_server_start(struct fake_server *server, const struct fake_lie *lie,
		      const char *capabilities);
/* Once the client has closed its end. */
void fake_server_stop(struct fake_server *server);

/* From a lie: a command of the server's own, before the reply. Its reply: 0 or its errno. */
int fake_server_ask(struct fake_server *server, uint16_t command, const void *payload,
		    uint32_t size, void *ret, uint32_t ret_size);
/* Bytes as they are, in whatever pieces. */
void fake_server_send(struct fake_server *server, const void *bytes, size_t size, int fd,
		      unsigned int fd_count);

#endif
