// SPDX-License-Identifier: GPL-2.0-or-later
/* context.c - rendering contexts: noted when the guest creates them, made when it uses them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <virgl/virglrenderer.h>

#include "base/preempt.h"
#include "engine/virgl/virgl.h"

enum {
	CAPSET_VIRGL2 = 2,
	CAPSET_MASK = 0xff,
	/* 2D resources that wait for a context to be made; with more it is made at once. */
	MAX_WAITING = 64,
};

struct context {
	struct facet_list link;
	uint32_t id, capset;
	char name[64];
	bool made, lost;
	unsigned int waiting_count;
	uint32_t waiting[MAX_WAITING]; /* ids of 2D resources to attach when it is made */
	struct facet_virgl_subs subs;
};

static struct context *find(struct facet_virgl *virgl, uint32_t id)
{
	struct facet_list *pos;

	facet_list_for_each(pos, &virgl->contexts)
	{
		struct context *context = facet_container_of(pos, struct context, link);

		if (context->id == id)
			return context;
	}
	return NULL;
}

int facet_virgl_context_create(struct facet_virgl *virgl, struct facet_job *job)
{
	uint32_t capset = job->context.init & CAPSET_MASK;
	struct context *context;

	if (!job->context_id || find(virgl, job->context_id) ||
	    job->context.init & ~(uint32_t)CAPSET_MASK || capset > CAPSET_VIRGL2)
		return -EINVAL;
	if (virgl->failed)
		return -EIO;
	context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	context->id = job->context_id;
	context->capset = capset ? capset : CAPSET_VIRGL2;
	memcpy(context->name, job->context.name, sizeof(context->name) - 1);
	facet_list_append(&virgl->contexts, &context->link);
	return 0;
}

static void destroy(struct facet_virgl *virgl, struct context *context)
{
	if (context->made) {
		virgl_renderer_context_destroy(context->id);
		facet_virgl_context_unpay(virgl);
	}
	facet_virgl_subs_clear(virgl, &context->subs);
	facet_list_remove(&context->link);
	free(context);
}

int facet_virgl_context_destroy(struct facet_virgl *virgl, struct facet_job *job)
{
	struct context *context = find(virgl, job->context_id);

	if (!context)
		return -ENOENT;
	destroy(virgl, context);
	/* The library can drop the fence it is about to wait for when a context goes. */
	facet_fences_renew(&virgl->fences);
	return 0;
}

void facet_virgl_contexts_reset(struct facet_virgl *virgl)
{
	while (!facet_list_empty(&virgl->contexts))
		destroy(virgl, facet_container_of(virgl->contexts.next, struct context, link));
}

static int make(struct facet_virgl *virgl, struct context *context)
{
	int r;

	if (context->made)
		return 0;
	r = facet_virgl_load(virgl);
	if (!r)
		r = facet_virgl_context_pay(virgl);
	if (r)
		return r;
	r = virgl_renderer_context_create_with_flags(
		context->id, context->capset, (uint32_t)strlen(context->name), context->name);
	if (r) {
		facet_virgl_context_unpay(virgl);
		return -ENOMEM;
	}
	context->made = true;
	for (unsigned int i = 0; i < context->waiting_count; i++) {
		struct facet_resource *res = facet_scene_find(&virgl->scene, context->waiting[i]);

		if (res && facet_virgl_promote(virgl, res) == 0)
			virgl_renderer_ctx_attach_resource((int)context->id, (int)res->id);
	}
	context->waiting_count = 0;
	return 0;
}

int facet_virgl_context_use(struct facet_virgl *virgl, uint32_t id)
{
	struct context *context = find(virgl, id);

	return context ? make(virgl, context) : -ENOENT;
}

/* True when the attachment can wait until the context is made. */
static bool attach_later(struct context *context, const struct facet_resource *res)
{
	if (context->made || facet_resource_is_rendered(res))
		return false;
	for (unsigned int i = 0; i < context->waiting_count; i++)
		if (context->waiting[i] == res->id)
			return true;
	if (context->waiting_count == MAX_WAITING)
		return false;
	context->waiting[context->waiting_count++] = res->id;
	return true;
}

int facet_virgl_context_attach(struct facet_virgl *virgl, struct facet_job *job)
{
	struct context *context = find(virgl, job->context_id);
	struct facet_resource *res = facet_scene_find(&virgl->scene, job->resource_id);
	int r;

	if (!context || !res)
		return -ENOENT;
	if (attach_later(context, res))
		return 0;
	r = make(virgl, context);
	if (!r)
		r = facet_virgl_promote(virgl, res);
	if (r)
		return r;
	virgl_renderer_ctx_attach_resource((int)context->id, (int)res->id);
	return 0;
}

int facet_virgl_context_detach(struct facet_virgl *virgl, struct facet_job *job)
{
	struct context *context = find(virgl, job->context_id);
	struct facet_resource *res = facet_scene_find(&virgl->scene, job->resource_id);

	if (!context || !res)
		return -ENOENT;
	for (unsigned int i = 0; i < context->waiting_count; i++)
		if (context->waiting[i] == res->id)
			context->waiting[i] = context->waiting[--context->waiting_count];
	if (context->made && facet_resource_is_rendered(res))
		virgl_renderer_ctx_detach_resource((int)context->id, (int)res->id);
	return 0;
}

/* The work itself: a long one may be stopped, for it holds nothing of ours. */
static int submit(const struct context *context, const struct facet_job *job)
{
	bool was = facet_preempt_set(true);
	int r = virgl_renderer_submit_cmd(job->submit.data, (int)context->id,
					  (int)(job->submit.size / 4));

	facet_preempt_set(was);
	return r;
}

int facet_virgl_submit(struct facet_virgl *virgl, struct facet_job *job)
{
	struct context *context = find(virgl, job->context_id);
	int r;

	if (!context)
		return -ENOENT;
	if (job->submit.size % 4 || job->submit.size / 4 > INT32_MAX)
		return -EINVAL;
	r = make(virgl, context);
	if (r || !job->submit.size)
		return r;
	r = facet_virgl_check_commands(virgl, &context->subs, job->submit.data,
				       job->submit.size / 4);
	if (!r) {
		virgl->fences.dirty = true;
		r = submit(context, job);
	}
	if (!r)
		return 0;
	/* The library refuses a context's commands from the first bad one on. */
	if (context->lost)
		return -EIO;
	context->lost = true;
	return r == -ENOMEM ? r : -EINVAL;
}
