/* SPDX-License-Identifier: GPL-2.0-or-later */
/* given.h - vGPUs that are parts of hardware: no process of ours serves them, the kernel does. */
#ifndef FACET_DAEMON_GIVEN_H
#define FACET_DAEMON_GIVEN_H

#include <jansson.h>

#include "daemon/vgpu.h"
#include "host/holders.h"
#include "host/part.h"

/*
 * DOC: Theory of Operation
 *
 * host/part.h takes and gives back; here it is done on a thread, for drivers take seconds. Whether
 * a part is as it was left, and who has it open, is looked at on another one when somebody asks.
 *
 * The token of a part is in vgpu.json before the part is taken. A facetd that finds a token there
 * asks what became of it; what is taken for its directory under tokens that it does not know was
 * cut short, and is given back.
 */

enum { FACETD_GIVEN_LIMITS = 8 };

struct facetd_given {
	bool busy;              /* being taken or given back: hands off */
	bool known;             /* what follows was filled in */
	struct facet_part part; /* as it was taken */

	/* As it was looked at last. */
	struct facet_part_facts facts;
	struct facet_holders holders;
	struct facet_part_limit limits[FACETD_GIVEN_LIMITS];
	unsigned int limit_count;
};

/* --- of facetd: sets and releases daemon->hardware --- */

/* @root: "/", or a made-up host for tests. */
int facetd_hardware_create(struct facetd *daemon, const char *root, struct facet_error *err);
/* Waits for what is being done. */
void facetd_hardware_destroy(struct facetd *daemon);
/* After all records were read: what was cut short is given back. */
void facetd_hardware_sweep(struct facetd *daemon);

/* --- of a vGPU with a token, for vgpu.c --- */

struct facetd_given *facetd_given_create(void);
void facetd_given_destroy(struct facetd_given *given);

/*
 * A new one, or another for one that failed, whose old part is given back. The waiter is told. A
 * fresh one that cannot be had is gone then.
 */
int facetd_given_take(struct facetd_vgpu *vgpu, struct facet_error *err);
/* Gives it back; the waiter is told. If that fails it stays. */
void facetd_given_release(struct facetd_vgpu *vgpu);
/* What an earlier facetd took. One that was never taken is gone after that. */
void facetd_given_adopt(struct facetd_vgpu *vgpu);

/* --- looking --- */

struct facetd_look;

/**
 * facetd_given_look() - how are the parts?
 * @only: NULL: of all vGPUs
 * @done: called later with @owner, if this returns true; not before it returns
 *
 * Return: false: there is nothing to look at.
 */
bool facetd_given_look(struct facetd *daemon, const struct facetd_vgpu *only,
		       void (*done)(void *owner), void *owner, struct facetd_look **ret);
/* @done is not called any more. NULL is accepted. */
void facetd_given_look_cancel(struct facetd_look *look);

/* --- in the words of the interface --- */

json_t *facetd_given_describe(const struct facetd_vgpu *vgpu);
json_t *facetd_given_enforcement(const struct facetd_vgpu *vgpu);
json_t *facetd_given_guest(const struct facetd_vgpu *vgpu);

#endif
