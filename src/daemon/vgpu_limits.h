/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgpu_limits.h - what a vGPU is to get of its GPU. */
#ifndef FACET_DAEMON_VGPU_LIMITS_H
#define FACET_DAEMON_VGPU_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "arbiter/arbiter.h"

enum {
	FACETD_HANG_MS = 10000, /* GPU time of one job, after which it is a hang; the default */
	FACETD_EUS_SIZE = 64,
};

struct facetd_limits {
	struct facet_share share;
	uint64_t vram_bytes;
	/*
	 * Execution units: "" any; "0-3,5" these; "2" so many. Admission turns a number into a list
	 * (a single one into "3-3", which is a list and no number).
	 */
	char eus[FACETD_EUS_SIZE];
	bool eus_exclusive; /* nobody else may run there */
	bool overcommit;    /* its quota of memory may go past what the GPU has left */
	uint32_t hang_ms;   /* 0: never */
};

#define FACETD_LIMITS_DEFAULT                                                            \
	((struct facetd_limits){                                                         \
		.share = { .weight = FACET_WEIGHT_DEFAULT, .cap_ppm = FACET_SHARE_ALL }, \
		.vram_bytes = 512ULL << 20,                                              \
		.hang_ms = FACETD_HANG_MS })

#endif
