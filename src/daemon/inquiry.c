// SPDX-License-Identifier: GPL-2.0-or-later
/* inquiry.c - asks several vGPU processes for their status at once and waits for the slowest. */
#include "daemon/inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/describe.h"
#include "daemon/given.h"

enum { STATUS_TIMEOUT_US = 3000000 };

struct item {
	struct facetd_inquiry *inquiry;
	char name[65]; /* the vGPU may go while we wait */
	struct facet_varlink_request *request;
	json_t *status;
};

struct facetd_inquiry {
	struct facetd *daemon;
	facetd_describer describe;
	void (*done)(void *owner, json_t *list);
	void *owner;
	unsigned int count, pending;
	struct facetd_look *look; /* at parts of hardware */
	struct item items[];
};

static void finish(struct facetd_inquiry *inquiry)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < inquiry->count; i++) {
		struct item *item = &inquiry->items[i];
		struct facetd_vgpu *vgpu = facetd_vgpu_find(inquiry->daemon, item->name);

		if (vgpu)
			json_array_append_new(list, inquiry->describe(vgpu, item->status));
		json_decref(item->status);
	}
	inquiry->done(inquiry->owner, list);
	json_decref(list);
	free(inquiry);
}

static void release(struct facetd_inquiry *inquiry)
{
	if (--inquiry->pending == 0)
		finish(inquiry);
}

static void on_look(void *owner)
{
	struct facetd_inquiry *inquiry = owner;

	inquiry->look = NULL;
	release(inquiry);
}

static void on_status(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct item *item = owner;

	item->request = NULL;
	if (answer && !answer->error)
		item->status = json_incref(answer->parameters);
	release(item->inquiry);
}

static void ask(struct facetd_inquiry *inquiry, const struct facetd_vgpu *vgpu)
{
	struct item *item = &inquiry->items[inquiry->count++];
	char path[PATH_MAX];

	item->inquiry = inquiry;
	strcpy(item->name, vgpu->record.name);
	if (vgpu->phase != FACETD_UP || vgpu->given)
		return;
	facetd_rundir_path(&inquiry->daemon->dir, item->name, "control.sock", path);
	if (facet_varlink_request_create(
		    &(struct facet_varlink_request_config){ .event = inquiry->daemon->event,
							    .path = path,
							    .method = "io.facet.vgpu.Status",
							    .timeout_us = STATUS_TIMEOUT_US,
							    .answered = on_status,
							    .owner = item },
		    &item->request, NULL) == 0)
		inquiry->pending++;
}

int facetd_inquiry_create(struct facetd *daemon, const struct facetd_vgpu *only,
			  facetd_describer describe, void (*done)(void *owner, json_t *list),
			  void *owner, struct facetd_inquiry **ret)
{
	struct facetd_inquiry *inquiry =
		calloc(1, sizeof(*inquiry) + (daemon->count + 1) * sizeof(struct item));
	struct facet_list *link;

	if (!inquiry)
		return -ENOMEM;
	*ret = inquiry;
	inquiry->daemon = daemon;
	inquiry->describe = describe;
	inquiry->done = done;
	inquiry->owner = owner;
	inquiry->pending = 1; /* this function's own share */
	if (only)
		ask(inquiry, only);
	else
		facet_list_for_each(link, &daemon->vgpus)
			ask(inquiry, facet_container_of(link, struct facetd_vgpu, link));
	inquiry->pending += facetd_given_look(daemon, only, on_look, inquiry, &inquiry->look);
	release(inquiry);
	return 0;
}

void facetd_inquiry_cancel(struct facetd_inquiry *inquiry)
{
	if (!inquiry)
		return;
	facetd_given_look_cancel(inquiry->look);
	for (unsigned int i = 0; i < inquiry->count; i++) {
		facet_varlink_request_destroy(inquiry->items[i].request);
		json_decref(inquiry->items[i].status);
	}
	free(inquiry);
}

/* --- for a call --- */

struct asker {
	struct facet_varlink_call *call;
	struct facetd_inquiry *inquiry;
	char name[65]; /* "": all */
};

static void on_gone(void *owner)
{
	struct asker *asker = owner;

	facetd_inquiry_cancel(asker->inquiry);
	free(asker);
}

static void on_list(void *owner, json_t *list)
{
	struct asker *asker = owner;
	struct facet_varlink_call *call = asker->call;

	facet_varlink_call_on_gone(call, NULL, NULL);
	if (!asker->name[0])
		facet_varlink_reply(call, json_pack("{s:O}", "vgpus", list));
	else if (json_array_size(list) == 0)
		facet_varlink_fail(call, "io.facet.NotFound",
				   json_pack("{s:s, s:s}", "name", asker->name, "message",
					     "the vGPU has just been removed"));
	else
		facet_varlink_reply(call, json_pack("{s:O}", "vgpu", json_array_get(list, 0)));
	free(asker);
}

static void inquire(struct facetd *daemon, struct facet_varlink_call *call,
		    const struct facetd_vgpu *only, facetd_describer describe)
{
	struct asker *asker = calloc(1, sizeof(*asker));

	if (asker) {
		asker->call = call;
		if (only)
			strcpy(asker->name, only->record.name);
		facet_varlink_call_on_gone(call, on_gone, asker);
		if (facetd_inquiry_create(daemon, only, describe, on_list, asker,
					  &asker->inquiry) == 0)
			return;
		facet_varlink_call_on_gone(call, NULL, NULL);
	}
	free(asker);
	facet_varlink_fail(call, "io.facet.LimitReached",
			   json_pack("{s:s}", "message", "facetd: out of memory"));
}

void facetd_inquire_all(struct facetd *daemon, struct facet_varlink_call *call,
			facetd_describer describe)
{
	inquire(daemon, call, NULL, describe);
}

void facetd_inquire(struct facetd *daemon, struct facet_varlink_call *call,
		    const struct facetd_vgpu *vgpu)
{
	inquire(daemon, call, vgpu, facetd_describe);
}
