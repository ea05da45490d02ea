/* SPDX-License-Identifier: GPL-2.0-or-later */
/* monitor.h - tells whoever listens what happens to vGPUs. */
#ifndef FACET_DAEMON_MONITOR_H
#define FACET_DAEMON_MONITOR_H

#include "daemon/vgpu.h"

/*
 * DOC: Theory of Operation
 *
 * Whatever may have changed something calls facetd_monitor_changed(). While somebody listens, that
 * asks the vGPUs for their state a moment later, compares with what was told last, and tells the
 * difference: so no change can be forgotten by one who makes it, and a storm of them is one
 * question. Nothing is asked while nobody listens, or nothing changes.
 */

int facetd_monitor_create(struct facetd *daemon, struct facet_error *err);
void facetd_monitor_destroy(struct facetd *daemon);

/* Something about a vGPU may be different now; cheap. */
void facetd_monitor_changed(struct facetd *daemon);

/* The method Monitor. */
void facetd_monitor_add(struct facetd *daemon, struct facet_varlink_call *call);

#endif
