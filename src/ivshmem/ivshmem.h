/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ivshmem.h - the door to memory that virtual machines share, with doorbells between them. */
#ifndef FACET_IVSHMEM_IVSHMEM_H
#define FACET_IVSHMEM_IVSHMEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"

/*
 * DOC: Theory of Operation
 *
 * A server owns one region of memory and introduces its clients to each other: stock QEMU's
 * ivshmem-doorbell devices, and host programs. Each client has an id and an eventfd for each
 * vector, which all others hold: who rings writes there, and no byte passes through the server.
 *
 * A client is sent what it does not know yet from a queue of its own, when its socket takes it, so
 * that one that does not read makes nobody wait. What became untrue before it was sent is taken
 * out of the queue: it holds, for each id, one departure and one arrival at most. So nobody has to
 * be dropped for being slow, which a stopped QEMU would not survive: it cannot come back.
 *
 * The lowest id is given that is free, and of which nobody who is there has heard before: QEMU's
 * heap does not survive a second peer with the id of one that left. So a peer that comes again
 * while others stayed has another id.
 *
 * A peer is the other end: a host program that takes part like a virtual machine. It speaks the
 * same protocol through a socket, also to a server in its own process
 * (facet_ivshmem_server_attach).
 *
 * All belongs to one thread. Nothing here blocks: poll the one descriptor and dispatch.
 */

/* --- the memory --- */

enum {
	FACET_IVSHMEM_MAX_CLIENTS = 65536,
	FACET_IVSHMEM_MAX_VECTORS = 2048,
};
#define FACET_IVSHMEM_MIN_SIZE (UINT64_C(1) << 12)
#define FACET_IVSHMEM_MAX_SIZE (UINT64_C(1) << 40)

struct facet_ivshmem_memory_config {
	const char *path; /* of a file, also on hugetlbfs; NULL: a memfd that cannot be resized */
	uint64_t size;    /* a power of two: QEMU aborts otherwise. 0: as large as the file is */
	mode_t mode;      /* of a file that is made; 0: 0600 */
	gid_t gid;        /* of that; (gid_t)-1: as is */
};

struct facet_ivshmem_memory {
	int fd;
	uint64_t size;
	bool created; /* the file was not there before */
};

/**
 * facet_ivshmem_memory_open() - make the memory, or open the file that has it.
 *
 * A file that is there keeps its bytes and its size, which has to be @cfg->size if that is given.
 * On hugetlbfs all pages are taken now: QEMU would die of the one that is missing.
 *
 * Return: 0, @ret->fd is the caller's; -EINVAL for a size that will not do; or what the kernel
 * said.
 */
int facet_ivshmem_memory_open(const struct facet_ivshmem_memory_config *cfg,
			      struct facet_ivshmem_memory *ret, struct facet_error *err);

/* 0, or -EINVAL with a sentence that tells the next size that will do. @what: "--size 3M". */
int facet_ivshmem_check_size(const char *what, uint64_t size, struct facet_error *err);

/* --- the server's socket --- */

struct facet_ivshmem_listener {
	int fd; /* non-blocking; -1: none */
	char path[108];
	dev_t device; /* with inode: what we bound, so that nobody else's is removed */
	ino_t inode;
};

/**
 * facet_ivshmem_listen() - bind and listen. A socket that nobody listens on makes room.
 * @gid: (gid_t)-1: as is
 *
 * Return: 0; -EADDRINUSE: somebody listens there; -EEXIST: it is no socket; or what bind() said.
 */
int facet_ivshmem_listen(const char *path, mode_t mode, gid_t gid,
			 struct facet_ivshmem_listener *ret, struct facet_error *err);
/* Closes it, and removes the path if it still is ours. */
void facet_ivshmem_unlisten(struct facet_ivshmem_listener *listener);

/* --- the server --- */

struct facet_ivshmem_server;

/* As the server knows it; borrowed until it returns to the loop. */
struct facet_ivshmem_client {
	unsigned int id;
	pid_t pid; /* when it connected, as the next two */
	uid_t uid;
	gid_t gid;
	uint64_t since_ns;        /* CLOCK_MONOTONIC */
	uint64_t sent;            /* messages */
	unsigned int waiting;     /* messages that it has not read yet */
	unsigned int waiting_max; /* the most that there were */
	int fd;
	const int *vector_fds; /* as many as the server has vectors */
};

struct facet_ivshmem_server_config {
	const char *name;     /* for messages; copied */
	int listen_fd;        /* borrowed, non-blocking; -1: only facet_ivshmem_server_attach() */
	int memory_fd;        /* borrowed */
	unsigned int vectors; /* of each client: 1 to 2048 */
	unsigned int max_clients; /* 0: 256 */
	unsigned int
		max_waiting; /* messages for one client, after which it is dropped; 0: enough */
	/* Who may connect: root, this process' own user, and these. Both NULL: anybody who can. */
	const uid_t *uids;
	const gid_t *gids; /* the primary group */
	unsigned int uid_count, gid_count;
	/*
	 * For who keeps clients beyond this process' life. @client has joined, or has been told
	 * all it has to know (@behind false) or not yet. Optional.
	 */
	void (*changed)(void *owner, const struct facet_ivshmem_client *client, bool behind);
	void (*left)(void *owner, unsigned int id);
	void *owner;
};

struct facet_ivshmem_server_stats {
	unsigned int clients, max_clients, vectors;
	uint64_t joined, left;
	uint64_t refused; /* not allowed, or too many */
	uint64_t dropped; /* they sent something; also counted as left */
};

int facet_ivshmem_server_create(const struct facet_ivshmem_server_config *cfg,
				struct facet_ivshmem_server **ret, struct facet_error *err);
/* Ends every connection. QEMU goes on with the memory and the doorbells that it has. */
void facet_ivshmem_server_destroy(struct facet_ivshmem_server *server);
FACET_DEFINE_CLEANUP(struct facet_ivshmem_server, facet_ivshmem_server_destroy)

int facet_ivshmem_server_fd(const struct facet_ivshmem_server *server);
/* One step. Never an error for what a client did. */
void facet_ivshmem_server_dispatch(struct facet_ivshmem_server *server);

/* A client without the listening socket: @ret_fd, the caller's, is its end of the connection. */
int facet_ivshmem_server_attach(struct facet_ivshmem_server *server, int *ret_fd,
				struct facet_error *err);

/**
 * facet_ivshmem_server_adopt() - go on with a client that another server has greeted.
 * @fd: taken on success, as are
 * @vector_fds: of all its vectors
 *
 * Return: 0; -EEXIST or -ERANGE for its id.
 */
int facet_ivshmem_server_adopt(struct facet_ivshmem_server *server, unsigned int id, int fd,
			       const int *vector_fds);

/* Tells every client that the peer @id has gone: one that had been greeted by another server. */
void facet_ivshmem_server_announce_gone(struct facet_ivshmem_server *server, unsigned int id);

void facet_ivshmem_server_stats(const struct facet_ivshmem_server *server,
				struct facet_ivshmem_server_stats *ret);
void facet_ivshmem_server_each(const struct facet_ivshmem_server *server,
			       void (*use)(void *owner, const struct facet_ivshmem_client *client),
			       void *owner);

/* --- a peer: a host program that takes part --- */

struct facet_ivshmem_peer;

struct facet_ivshmem_peer_config {
	int fd;           /* taken, also on failure: from facet_ivshmem_server_attach(). -1: */
	const char *path; /* of the server's socket */
	unsigned int max_vectors; /* of ours and of each other that are kept; 0: 64 */
	/*
	 * Called by dispatch; all optional. Do not destroy the peer in them.
	 *
	 * ready: the id and the memory are known. rang: one of our vectors was rung; rings that
	 * come faster than they are taken are one call. changed: peer @id has so many vectors now;
	 * 0: it has gone.
	 */
	void (*ready)(void *owner);
	void (*rang)(void *owner, unsigned int vector);
	void (*changed)(void *owner, unsigned int id, unsigned int vectors);
	void *owner;
};

/* Connects; what the server tells comes with the first dispatches. */
int facet_ivshmem_peer_create(const struct facet_ivshmem_peer_config *cfg,
			      struct facet_ivshmem_peer **ret, struct facet_error *err);
/* Unmaps the memory and leaves. NULL is fine. */
void facet_ivshmem_peer_destroy(struct facet_ivshmem_peer *peer);
FACET_DEFINE_CLEANUP(struct facet_ivshmem_peer, facet_ivshmem_peer_destroy)

int facet_ivshmem_peer_fd(const struct facet_ivshmem_peer *peer);

/**
 * facet_ivshmem_peer_dispatch() - one step: takes a bounded number of messages and rings.
 *
 * Return: 0; -ENOTCONN once: the server has gone, while memory and doorbells go on working;
 * -EPROTO, -EMFILE: it cannot be understood or followed (@err tells), and is left alone from now
 * on.
 */
int facet_ivshmem_peer_dispatch(struct facet_ivshmem_peer *peer, struct facet_error *err);

/* Until ready: false, and none of them is written. Others write there at any time: copy, check,
 * use. */
bool facet_ivshmem_peer_ready(const struct facet_ivshmem_peer *peer, unsigned int *ret_id,
			      void **ret_memory, uint64_t *ret_size);
/* How many vectors peer @id has, which may be ourselves. */
unsigned int facet_ivshmem_peer_vectors(const struct facet_ivshmem_peer *peer, unsigned int id);
/* The eventfd behind a vector, borrowed until the peer changes; -1: none. */
int facet_ivshmem_peer_vector_fd(const struct facet_ivshmem_peer *peer, unsigned int id,
				 unsigned int vector);

/* 0, also when it has not been answered since the last; -ENOENT: no such peer or vector. */
int facet_ivshmem_peer_ring(struct facet_ivshmem_peer *peer, unsigned int id, unsigned int vector);

#endif
