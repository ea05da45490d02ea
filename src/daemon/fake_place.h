/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fake_place.h - for tests: a facetd without varlink on a host of one core, and made-up vGPUs. */
#ifndef FACET_DAEMON_FAKE_PLACE_H
#define FACET_DAEMON_FAKE_PLACE_H

#include "daemon/arbitrated.h"

enum { FAKE_VGPUS = 64 };

struct fake_place {
	char path[40];
	cpu_set_t before;
	struct facetd daemon;
	struct facetd_vgpu *vgpus[FAKE_VGPUS];
};

/* For cmocka. A GPU of one core, whatever this host has, and 1 GiB of memory. */
int fake_place_set_up(void **state);
int fake_place_tear_down(void **state);

/* facetd ends, and the next one comes. */
void fake_place_begin(struct fake_place *place, const struct facetd_arbitration_config *cfg);
void fake_place_end(struct fake_place *place);

void fake_place_run_for(struct fake_place *place, uint64_t ms);
/* As long as it takes on a slow machine. */
void fake_place_run_until(struct fake_place *place, bool (*done)(struct fake_place *place));
struct facetd_arbitrated_gpu *fake_place_soft0(struct fake_place *place);

struct facetd_limits fake_limits(const char *eus, bool exclusive);
struct facetd_vgpu *fake_vgpu_attach(struct fake_place *place, const struct facetd_limits *limits);
/* A descriptor that its process handed over; taken. */
void fake_vgpu_hold(struct facetd_vgpu *vgpu, const char *name, int fd);

/* A process of the vGPU. It ends with the test. */
void fake_vgpu_start(struct facetd_vgpu *vgpu, void (*work)(struct facet_share_page *page));
void fake_work_spin(struct facet_share_page *page); /* always has work, and obeys its gate */
/* 10 ms of work, 2 ms of rest; tells of both as a gate does */
void fake_work_frames(struct facet_share_page *page);
void fake_work_hang(struct facet_share_page *page); /* the same, in one job */
void fake_work_rest(struct facet_share_page *page);
/* For works of a test's own: so much processor time, obeying the gate; tells nobody. */
void fake_work_use(struct facet_share_page *page, uint64_t ns);

#endif
