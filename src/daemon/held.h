/* SPDX-License-Identifier: GPL-2.0-or-later */
/* held.h - what a vGPU's process left with facetd for its successor: descriptors and a state. */
#ifndef FACET_DAEMON_HELD_H
#define FACET_DAEMON_HELD_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

enum {
	FACETD_HELD_MAX = 253,
	FACETD_HELD_STATE_MAX = 64 << 10, /* bytes of JSON */
};

struct facetd_held {
	unsigned int count;
	struct {
		char name[32];
		int fd;
	} items[FACETD_HELD_MAX];
	json_t *state; /* the vGPU's own; not looked at */
};

void facetd_held_fini(struct facetd_held *held);

/**
 * facetd_held_take() - read a Handover answer.
 * @parameters: from a process that may be in a guest's hands
 * @take_fd: gives the next descriptor that came, or -1
 * @held: replaced as a whole on success, left alone on failure; without what could not be closed
 *        at once (base/strange.h)
 */
int facetd_held_take(struct facetd_held *held, const json_t *parameters,
		     int (*take_fd)(void *owner), void *owner, struct facet_error *err);

/* Borrowed; -1: none of that name. */
int facetd_held_fd(const struct facetd_held *held, const char *name);

/* The connection to QEMU. Borrowed; -1: none. */
int facetd_held_front(const struct facetd_held *held);

/* The process is dead: ends a connection that nobody can take over. True: there was one. */
bool facetd_held_hang_up(const struct facetd_held *held);

/* Does a virtual machine hold the other end? */
bool facetd_held_in_use(const struct facetd_held *held);

/* Forgets all but the state: the front-end has gone. */
void facetd_held_drop(struct facetd_held *held);

/**
 * facetd_held_memfd() - what a successor gets: {"fds":{"vhost-user":7,...},"state":{...}}.
 * @first_number: of the first item in the successor; the others follow
 */
int facetd_held_memfd(const struct facetd_held *held, int first_number, int *ret);

#endif
