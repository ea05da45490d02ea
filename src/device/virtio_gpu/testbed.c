// SPDX-License-Identifier: GPL-2.0-or-later
/* testbed.c - stands in for the scheduler and the display when this device is tested alone. */
#include "device/virtio_gpu/testbed.h"

#include <errno.h>
#include <string.h>

void testbed_sched_init(struct facet_sched *sched, bool has_3d)
{
	memset(sched, 0, sizeof(*sched));
	facet_list_init(&sched->held);
	if (!has_3d)
		return;
	sched->caps = (struct facet_engine_caps){
		.has_3d = true,
		.capset_count = 2,
		.capsets = { { 1, 1, 308 }, { 2, 2, 1024 } },
	};
}

struct facet_backing *testbed_backing(struct facet_sched *sched, uint32_t resource_id)
{
	for (int i = 0; i < TESTBED_BACKINGS; i++) {
		if (sched->backings[i].backing && sched->backings[i].resource_id == resource_id)
			return sched->backings[i].backing;
	}
	return NULL;
}

static void let_go(struct facet_sched *sched, uint32_t resource_id, bool all)
{
	for (int i = 0; i < TESTBED_BACKINGS; i++) {
		struct facet_backing *backing = sched->backings[i].backing;

		if (!backing || (!all && sched->backings[i].resource_id != resource_id))
			continue;
		sched->backings[i].backing = NULL;
		backing->release(backing);
	}
}

static int keep(struct facet_sched *sched, const struct facet_job *job)
{
	for (int i = 0; i < TESTBED_BACKINGS; i++) {
		if (sched->backings[i].backing)
			continue;
		sched->backings[i].resource_id = job->resource_id;
		sched->backings[i].backing = job->backing;
		return 0;
	}
	return -ENOMEM;
}

static void execute(struct facet_sched *sched, struct facet_job *job)
{
	int status = sched->status[job->kind];

	if ((job->kind == FACET_JOB_ATTACH_BACKING || job->kind == FACET_JOB_BLOB_CREATE) &&
	    !status)
		status = keep(sched, job);
	if (job->kind == FACET_JOB_DETACH_BACKING || job->kind == FACET_JOB_RESOURCE_UNREF)
		let_go(sched, job->resource_id, false);
	if (job->kind == FACET_JOB_RESET)
		let_go(sched, 0, true);
	if (job->kind == FACET_JOB_CAPSET && !status)
		memset(job->capset.data, 0x5a, job->capset.size);
	job->done(job, status);
}

int facet_sched_submit(struct facet_sched *sched, struct facet_job *job)
{
	if (job->kind != FACET_JOB_RESET) {
		if (sched->full)
			return -EDQUOT;
		sched->jobs++;
	}
	sched->count[job->kind]++;
	sched->last = *job;
	if (job->kind == FACET_JOB_SUBMIT)
		memcpy(sched->stream, job->submit.data,
		       job->submit.size < sizeof(sched->stream) ? job->submit.size
								: sizeof(sched->stream));
	if (sched->hold)
		facet_list_append(&sched->held, &job->link);
	else
		execute(sched, job);
	return 0;
}

void testbed_release(struct facet_sched *sched)
{
	struct facet_list *link;

	while ((link = facet_list_pop(&sched->held)))
		execute(sched, facet_container_of(link, struct facet_job, link));
}

int facet_sched_create(const struct facet_sched_config *cfg, struct facet_sched **ret,
		       struct facet_error *err)
{
	return -ENOTSUP;
}

void facet_sched_destroy(struct facet_sched *sched)
{
}

int facet_sched_charge(struct facet_sched *sched, uint64_t bytes)
{
	uint64_t sum;

	if (__builtin_add_overflow(sched->used, bytes, &sum) ||
	    (sched->quota && sum > sched->quota))
		return -EDQUOT;
	sched->used = sum;
	return 0;
}

void facet_sched_uncharge(struct facet_sched *sched, uint64_t bytes)
{
	sched->used -= bytes;
}

int facet_sched_charge_context(struct facet_sched *sched)
{
	if (sched->max_contexts && sched->contexts >= sched->max_contexts)
		return -EDQUOT;
	sched->contexts++;
	return 0;
}

void facet_sched_uncharge_context(struct facet_sched *sched)
{
	sched->contexts--;
}

void facet_sched_usage(struct facet_sched *sched, struct facet_usage *ret)
{
	*ret = (struct facet_usage){ .vram_bytes = sched->used, .contexts = sched->contexts };
}

const struct facet_engine_caps *facet_sched_caps(const struct facet_sched *sched)
{
	return &sched->caps;
}

void testbed_display_init(struct facet_display *display, unsigned int outputs)
{
	memset(display, 0, sizeof(*display));
	display->output_count = outputs;
	for (unsigned int i = 0; i < outputs; i++) {
		display->outputs[i].connected = i == 0;
		display->outputs[i].width = 800 + i;
		display->outputs[i].height = 600 + i;
	}
}

unsigned int facet_display_output_count(const struct facet_display *display)
{
	return display->output_count;
}

void facet_display_listen(struct facet_display *display,
			  const struct facet_display_listener *listener)
{
	display->listener = listener ? *listener : (struct facet_display_listener){ 0 };
}

const struct facet_output *facet_display_output(const struct facet_display *display,
						unsigned int output)
{
	return &display->outputs[output];
}

void testbed_want(struct facet_display *display, unsigned int output)
{
	display->listener.wanted(display->listener.owner, output, &display->outputs[output]);
}

void facet_display_query(struct facet_display *display, unsigned int output)
{
	display->queries++;
	if (!display->hold)
		testbed_want(display, output);
}

void facet_display_move_cursor(struct facet_display *display, unsigned int output, int32_t x,
			       int32_t y, bool visible)
{
	display->moves++;
	display->moved_output = output;
	display->move_x = x;
	display->move_y = y;
	display->move_visible = visible;
}

/* What the transports want of a display; no test here shows anything. */
int facet_display_add_sink(struct facet_display *display, const struct facet_sink_config *cfg,
			   struct facet_sink **ret, struct facet_error *err)
{
	return -ENOTSUP;
}

void facet_display_remove_sink(struct facet_display *display, struct facet_sink *sink)
{
}

int facet_sink_fd(struct facet_sink *sink)
{
	return -1;
}

int facet_sink_dispatch(struct facet_sink *sink)
{
	return -ENOTCONN;
}
