/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmfr.h - the files in which a vGPU's screens are published; facetd makes and removes them. */
#ifndef FACET_DAEMON_KVMFR_H
#define FACET_DAEMON_KVMFR_H

#include "daemon/call.h"

/* What Create() wants of them. False: the call has been answered with what is wrong. */
bool facetd_kvmfr_choose(struct facet_varlink_call *call, const struct facetd *daemon,
			 struct facetd_record *record);

/**
 * facetd_kvmfr_open() - the files for a new process of the vGPU.
 * @ret_fds: one for each output, the caller's; all -1 when nothing is to be published
 *
 * Those that were made for an earlier process are used again, so that who watches goes on. Each is
 * in the saved record before it has a name: none is ever left behind, and none of others is taken.
 */
int facetd_kvmfr_open(struct facetd_vgpu *vgpu, int ret_fds[FACETD_MAX_OUTPUTS],
		      struct facet_error *err);

void facetd_kvmfr_remove(const struct facetd_vgpu *vgpu);

#endif
