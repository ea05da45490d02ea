// SPDX-License-Identifier: GPL-2.0-or-later
/* waiting.c - calls whose answer has to wait: for a vGPU to come or go, or for its process. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/call.h"
#include "daemon/inquiry.h"

enum { FORWARD_TIMEOUT_US = 30000000 };

/* --- for a vGPU to come up or go --- */

struct wait {
	struct facetd *daemon;
	struct facet_varlink_call *call;
	struct facetd_vgpu *vgpu;
	bool removal;
};

static void on_waiter_gone(void *owner)
{
	struct wait *wait = owner;

	wait->vgpu->settled = NULL;
	free(wait);
}

static void on_settled(void *owner, struct facetd_vgpu *vgpu, int error, const char *text)
{
	struct wait *wait = owner;
	struct facet_varlink_call *call = wait->call;
	struct facetd *daemon = wait->daemon;
	bool removal = wait->removal;

	free(wait);
	facet_varlink_call_on_gone(call, NULL, NULL);
	if (error == -EBUSY)
		facetd_fail(call, "io.facet.InUse", vgpu->record.name, "vGPU %s: %s",
			    vgpu->record.name, text);
	else if (error == -ENOSPC)
		facetd_fail(call, "io.facet.LimitReached", NULL, "vGPU %s: %s", vgpu->record.name,
			    text);
	else if (error == -EINVAL)
		facetd_fail_argument(call, "gpu", "vGPU %s: %s", vgpu->record.name, text);
	else if (error)
		facetd_fail(call, "io.facet.Failed", vgpu->record.name, "vGPU %s: %s",
			    vgpu->record.name, text);
	else if (removal)
		facet_varlink_reply(call, NULL);
	else
		facetd_inquire(daemon, call, vgpu);
}

bool facetd_wait(struct facetd *daemon, struct facet_varlink_call *call, struct facetd_vgpu *vgpu,
		 bool removal)
{
	struct wait *wait = vgpu->settled ? NULL : calloc(1, sizeof(*wait));

	if (!wait) {
		facetd_fail(call, "io.facet.InUse", vgpu->record.name,
			    "vGPU %s is being made, restarted or removed: try again",
			    vgpu->record.name);
		return false;
	}
	*wait = (struct wait){ .daemon = daemon, .call = call, .vgpu = vgpu, .removal = removal };
	vgpu->settled = on_settled;
	vgpu->settled_owner = wait;
	facet_varlink_call_on_gone(call, on_waiter_gone, wait);
	return true;
}

/* --- for its process --- */

struct forward {
	struct facetd *daemon;
	struct facet_varlink_call *call;
	struct facet_varlink_request *request;
	facetd_forwarded done;
	uint64_t note;
	char name[65];
};

static void on_forward_gone(void *owner)
{
	struct forward *forward = owner;

	facet_varlink_request_destroy(forward->request);
	free(forward);
}

/* What went wrong, or NULL. */
static const char *failure_of(const struct facet_varlink_answer *answer, int error)
{
	const char *message;

	if (!answer)
		return error == -ETIMEDOUT ? "its process did not answer in time"
					   : "its process ended meanwhile";
	if (!answer->error)
		return NULL;
	if (strcmp(answer->error, "io.facet.vgpu.Off") == 0)
		return "nothing is shown on this output now";
	if (strcmp(answer->error, "org.varlink.service.MethodNotFound") == 0)
		return "its process is older than facetd and cannot do that: `facet restart` gives "
		       "it a new one";
	message = json_string_value(json_object_get(answer->parameters, "message"));
	return message ? message : answer->error;
}

static void on_forwarded(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct forward *forward = owner;
	const char *name = forward->name, *failure = failure_of(answer, error);

	facet_varlink_call_on_gone(forward->call, NULL, NULL);
	if (forward->done)
		forward->done(forward->daemon, forward->call, name, forward->note, failure);
	else if (failure)
		facetd_fail(forward->call, "io.facet.Failed", name, "vGPU %s: %.200s", name,
			    failure);
	else
		facet_varlink_reply(forward->call, NULL);
	free(forward);
}

void facetd_forward(struct facet_varlink_call *call, struct facetd_vgpu *vgpu, const char *method,
		    json_t *parameters, int fd, facetd_forwarded done, uint64_t note)
{
	struct forward *f = calloc(1, sizeof(*f));
	struct facet_error err = { .text = "out of memory" };
	char path[PATH_MAX];

	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "control.sock", path);
	if (!f) {
		json_decref(parameters);
	} else if (facet_varlink_request_create(
			   &(struct facet_varlink_request_config){ .event = vgpu->daemon->event,
								   .path = path,
								   .method = method,
								   .parameters = parameters,
								   .fds = &fd,
								   .fd_count = fd >= 0,
								   .timeout_us = FORWARD_TIMEOUT_US,
								   .answered = on_forwarded,
								   .owner = f },
			   &f->request, &err) == 0) {
		f->daemon = vgpu->daemon;
		f->call = call;
		f->done = done;
		f->note = note;
		strcpy(f->name, vgpu->record.name);
		facet_varlink_call_on_gone(call, on_forward_gone, f);
		return;
	}
	free(f);
	if (done)
		done(vgpu->daemon, call, vgpu->record.name, note, err.text);
	else
		facetd_fail(call, "io.facet.Failed", vgpu->record.name, "vGPU %s: %s",
			    vgpu->record.name, err.text);
}
