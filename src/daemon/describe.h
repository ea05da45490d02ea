/* SPDX-License-Identifier: GPL-2.0-or-later */
/* describe.h - vGPUs in the words of the interface io.facet. */
#ifndef FACET_DAEMON_DESCRIBE_H
#define FACET_DAEMON_DESCRIBE_H

#include <jansson.h>

#include "daemon/gpus.h"
#include "daemon/vgpu.h"

/* A GPU of the interface. @mechanisms: taken. */
json_t *facetd_describe_gpu(struct facetd *daemon, const struct facetd_gpu *gpu,
			    json_t *mechanisms);

/**
 * facetd_describe() - a VGPU of the interface.
 * @answer: what its process answered to Status, not trusted; NULL: nothing
 */
json_t *facetd_describe(struct facetd_vgpu *vgpu, const json_t *answer);
/* Its Counters. */
json_t *facetd_describe_counters(struct facetd_vgpu *vgpu, const json_t *answer);
/* What Monitor compares: name, state, reason, restarts, limits. */
json_t *facetd_describe_state(struct facetd_vgpu *vgpu, const json_t *answer);

/* A Status of the interface from a process's answer, or NULL if that makes no sense. */
json_t *facetd_describe_status(const json_t *answer);

/* A copy that cannot do harm on a terminal and is not longer than 256 bytes. */
json_t *facetd_describe_text(const char *text);

#endif
