/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics.h - GET /metrics: the counters of the vGPUs, for Prometheus and its like. */
#ifndef FACET_DAEMON_METRICS_H
#define FACET_DAEMON_METRICS_H

#include <jansson.h>
#include <stdio.h>

#include "daemon/vgpu.h"

/**
 * facetd_metrics_create() - listen.
 * @where: the path of a unix socket, or 127.0.0.1:PORT, or [::1]:PORT; others are refused: what
 *         virtual machines do is nobody's business elsewhere, and nothing here asks who reads
 */
int facetd_metrics_create(struct facetd *daemon, const char *where, struct facet_error *err);
void facetd_metrics_destroy(struct facetd *daemon);

/* The text, in OpenMetrics. @vgpus: Counters of the interface. @gpus: its GPUs, without mechanisms.
 */
void facetd_metrics_write(FILE *out, const json_t *vgpus, const json_t *gpus);

#endif
