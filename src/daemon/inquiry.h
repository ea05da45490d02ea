/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inquiry.h - what the processes of some vGPUs say at this moment. */
#ifndef FACET_DAEMON_INQUIRY_H
#define FACET_DAEMON_INQUIRY_H

#include <jansson.h>

#include "daemon/vgpu.h"

struct facetd_inquiry;

/* Makes a value of a vGPU and what its process answered to Status (NULL: nothing). */
typedef json_t *(*facetd_describer)(struct facetd_vgpu *vgpu, const json_t *answer);

/**
 * facetd_inquiry_create() - ask all vGPUs, or @only, for their status.
 * @done: called once, perhaps at once, with an array of what @describe made (borrowed); the
 *        inquiry is gone then
 */
int facetd_inquiry_create(struct facetd *daemon, const struct facetd_vgpu *only,
			  facetd_describer describe, void (*done)(void *owner, json_t *list),
			  void *owner, struct facetd_inquiry **ret);
/*
 * Nobody wants to know any more: it is gone, and who does not answer costs nothing. Not in @done;
 * NULL is fine.
 */
void facetd_inquiry_cancel(struct facetd_inquiry *inquiry);

/* Ends @call later with {"vgpus":[...]} about all. */
void facetd_inquire_all(struct facetd *daemon, struct facet_varlink_call *call,
			facetd_describer describe);
/* Ends @call later with {"vgpu":...}. */
void facetd_inquire(struct facetd *daemon, struct facet_varlink_call *call,
		    const struct facetd_vgpu *vgpu);

#endif
