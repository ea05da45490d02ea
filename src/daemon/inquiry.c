// SPDX-License-Identifier: GPL-2.0-or-later
/* inquiry.c - asks several vGPU processes for their status at once and waits for the slowest. */
#include "daemon/inquiry.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/describe.h"

enum { STATUS_TIMEOUT_US = 3000000 };

struct inquiry;

struct item {
	struct inquiry *inquiry;
	char name[65]; /* the vGPU may go while we wait */
	json_t *status;
};

struct inquiry {
	struct facetd *daemon;
	struct facet_varlink_call *call; /* NULL: nobody listens any more */
	bool single;
	unsigned int count, pending;
	struct item items[];
};

static void finish(struct inquiry *inquiry)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < inquiry->count; i++) {
		struct item *item = &inquiry->items[i];
		struct facetd_vgpu *vgpu = facetd_vgpu_find(inquiry->daemon, item->name);

		if (vgpu)
			json_array_append_new(list, facetd_describe(vgpu, item->status));
		json_decref(item->status);
	}
	if (inquiry->call && !inquiry->single)
		facet_varlink_reply(inquiry->call, json_pack("{s:O}", "vgpus", list));
	else if (inquiry->call && json_array_size(list) == 0)
		facet_varlink_fail(inquiry->call, "io.facet.NotFound",
				   json_pack("{s:s, s:s}", "name", inquiry->items[0].name,
					     "message", "the vGPU has just been removed"));
	else if (inquiry->call)
		facet_varlink_reply(inquiry->call,
				    json_pack("{s:O}", "vgpu", json_array_get(list, 0)));
	json_decref(list);
	free(inquiry);
}

static void release(struct inquiry *inquiry)
{
	if (--inquiry->pending == 0)
		finish(inquiry);
}

static void on_status(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct item *item = owner;

	if (answer && !answer->error)
		item->status = json_incref(answer->parameters);
	release(item->inquiry);
}

static void on_gone(void *owner)
{
	struct inquiry *inquiry = owner;

	inquiry->call = NULL;
}

static void ask(struct inquiry *inquiry, const struct facetd_vgpu *vgpu)
{
	struct item *item = &inquiry->items[inquiry->count++];
	struct facet_varlink_request *request;
	char path[PATH_MAX];

	item->inquiry = inquiry;
	strcpy(item->name, vgpu->record.name);
	if (vgpu->phase != FACETD_UP)
		return;
	facetd_rundir_path(&inquiry->daemon->dir, item->name, "control.sock", path);
	if (facet_varlink_request_create(
		    &(struct facet_varlink_request_config){ .event = inquiry->daemon->event,
							    .path = path,
							    .method = "io.facet.vgpu.Status",
							    .timeout_us = STATUS_TIMEOUT_US,
							    .answered = on_status,
							    .owner = item },
		    &request, NULL) == 0)
		inquiry->pending++;
}

void facetd_inquire(struct facetd *daemon, struct facet_varlink_call *call,
		    struct facetd_vgpu *only)
{
	struct inquiry *inquiry =
		calloc(1, sizeof(*inquiry) + (daemon->count + 1) * sizeof(struct item));
	struct facet_list *link;

	if (!inquiry) {
		facet_varlink_fail(call, "io.facet.LimitReached",
				   json_pack("{s:s}", "message", "facetd: out of memory"));
		return;
	}
	inquiry->daemon = daemon;
	inquiry->call = call;
	inquiry->single = only != NULL;
	inquiry->pending = 1; /* this function's own share */
	facet_varlink_call_on_gone(call, on_gone, inquiry);
	if (only)
		ask(inquiry, only);
	else
		facet_list_for_each(link, &daemon->vgpus)
			ask(inquiry, facet_container_of(link, struct facetd_vgpu, link));
	release(inquiry);
}
