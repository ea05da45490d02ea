/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - the server and its clients, for this room alone. */
#ifndef FACET_IVSHMEM_INTERNAL_H
#define FACET_IVSHMEM_INTERNAL_H

#include <time.h>

#include "ivshmem/ivshmem.h"
#include "wire/ivshmem.h"

enum { MAX_IDS = WIRE_IVSHMEM_MAX_ID + 1 };
_Static_assert((int)FACET_IVSHMEM_MAX_CLIENTS == (int)MAX_IDS, "an id for each");
_Static_assert((int)FACET_IVSHMEM_MAX_VECTORS == (int)WIRE_IVSHMEM_MAX_VECTORS, "as the device");

/* What a note carries besides its number, if not the eventfd of that client's vector. */
enum {
	NOTE_ALONE = -1,
	NOTE_MEMORY = -2,
};

/* One message that has not been sent. */
struct note {
	int number;
	int vector;
};

struct client {
	struct facet_ivshmem_client pub; /* waiting: of the notes */
	struct facet_ivshmem_server *server;
	struct note *notes; /* a queue: from first on */
	unsigned int first, room;
	unsigned int bytes_done; /* of the first note; its descriptor is gone with them */
	bool behind;             /* and the owner of the server knows */
	bool waits_for_room;     /* in the epoll set */
	bool fresh;              /* notes came since the last flush */
	uint8_t *told;           /* a bit for each id: has it heard of somebody else who had it? */
	unsigned int told_bytes;
	const char *doom;   /* why it will be dropped; NULL: it will not */
	bool doom_is_leave; /* it is its own wish */
	int vector_fds[];
};

struct facet_ivshmem_server {
	struct facet_ivshmem_server_config cfg;
	struct facet_ivshmem_server_stats stats;
	char *name;
	uid_t *uids;
	gid_t *gids;
	int epoll_fd;
	int reserve; /* a descriptor to give up when there are no more: then accept and close */
	unsigned int doomed;
	time_t log_second;
	unsigned int log_lines;  /* in it */
	unsigned int top;        /* no client has an id from here on */
	struct client **clients; /* by id: MAX_IDS */
	unsigned int *told;      /* how many clients have heard of an id: MAX_IDS */
};

/* @fd is taken on success. Its vectors and credentials are the caller's to fill in. */
struct client *client_create(struct facet_ivshmem_server *server, unsigned int id, int fd);
/* Closes all that it has. */
void client_destroy(struct client *client);
/* Eventfds for its vectors. -EMFILE: so few are left that others would suffer. */
int client_make_vectors(struct client *client);

void client_doom(struct client *client, const char *why, bool is_leave);

/* It has heard of @id, or takes that into its grave. False: out of memory. */
bool client_remember(struct client *client, unsigned int id);

/* Queues all that a new client has to know. */
void client_greet(struct client *client);
/* Queues that @other has come, or gone. */
void client_tell_arrival(struct client *client, const struct client *other);
void client_tell_gone(struct client *client, unsigned int id);

/* Sends what the socket takes. */
void client_flush(struct client *client);
/* It has sent something, or gone. */
void client_read(struct client *client);

#endif
