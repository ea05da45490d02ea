/* SPDX-License-Identifier: GPL-2.0-or-later */
/* testbed.h - for this device's tests: a scheduler and a display that do as a test says. */
#ifndef FACET_DEVICE_VIRTIO_GPU_TESTBED_H
#define FACET_DEVICE_VIRTIO_GPU_TESTBED_H

#include "device/virtio_gpu/virtio_gpu.h"

enum { TESTBED_BACKINGS = 16 };

/* Ends every job at once with .status of its kind, or when told. */
struct facet_sched {
	struct facet_engine_caps caps;
	uint64_t quota, used; /* quota 0: none */
	unsigned int contexts, max_contexts;
	bool full; /* refuse jobs */
	bool hold; /* let jobs wait for testbed_release() */
	int status[FACET_JOB_KINDS];

	unsigned int jobs;                   /* that came, but resets */
	unsigned int count[FACET_JOB_KINDS]; /* by kind */
	struct facet_job last;
	char stream[64]; /* start of the last SUBMIT */
	struct facet_list held;
	struct {
		uint32_t resource_id;
		struct facet_backing *backing;
	} backings[TESTBED_BACKINGS];
};

struct facet_display {
	struct facet_display_listener listener;
	unsigned int output_count;
	struct facet_output outputs[FACET_MAX_OUTPUTS];
	bool hold; /* owe the answers to queries */
	unsigned int queries, moves;
	unsigned int moved_output;
	int32_t move_x, move_y;
	bool move_visible;
};

void testbed_sched_init(struct facet_sched *sched, bool has_3d);
void testbed_display_init(struct facet_display *display, unsigned int outputs);

/* Ends the jobs that were held, in order. */
void testbed_release(struct facet_sched *sched);
/* NULL: nothing is attached. */
struct facet_backing *testbed_backing(struct facet_sched *sched, uint32_t resource_id);
/* Tells the device what is wanted of an output. */
void testbed_want(struct facet_display *display, unsigned int output);

#endif
