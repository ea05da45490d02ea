/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgpu_internal.h - what vgpu.c and given.c share of the life of a vGPU. */
#ifndef FACET_DAEMON_VGPU_INTERNAL_H
#define FACET_DAEMON_VGPU_INTERNAL_H

#include "daemon/vgpu.h"

/* In the list, in its place; NULL: out of memory. */
struct facetd_vgpu *facetd_vgpu_new(struct facetd *daemon, const struct facetd_record *record);
void facetd_vgpu_save(const struct facetd_vgpu *vgpu);
/* Tells the waiter. */
void facetd_vgpu_settle(struct facetd_vgpu *vgpu, int error, const char *text);
/* Its folder goes, the waiter is told, and @vgpu is gone. */
void facetd_vgpu_vanish(struct facetd_vgpu *vgpu, int error, const char *text);

#endif
