/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inquiry.h - answers a call with what the processes of some vGPUs say at this moment. */
#ifndef FACET_DAEMON_INQUIRY_H
#define FACET_DAEMON_INQUIRY_H

#include "daemon/vgpu.h"

/* Ends @call later with {"vgpus":[...]} about all, or {"vgpu":...} about @only. */
void facetd_inquire(struct facetd *daemon, struct facet_varlink_call *call,
		    struct facetd_vgpu *only);

#endif
