/* SPDX-License-Identifier: GPL-2.0-or-later */
/* launch.h - the command line and the descriptors of a new facet-vgpu process. */
#ifndef FACET_DAEMON_LAUNCH_H
#define FACET_DAEMON_LAUNCH_H

#include "daemon/vgpu.h"

/* The vGPU's two sockets, where they are not open yet. */
int facetd_launch_sockets(struct facetd_vgpu *vgpu, struct facet_error *err);

/* Starts the process; sets record.pid, pidfd and log_start. It adopts what is held. */
int facetd_launch(struct facetd_vgpu *vgpu, struct facet_error *err);

#endif
