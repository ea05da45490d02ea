// SPDX-License-Identifier: GPL-2.0-or-later
/* virgl.c - the engine "virgl": a guest's OpenGL by virglrenderer. */
#include "engine/virgl/virgl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <virgl/virglrenderer.h>

static struct facet_virgl *of(struct facet_engine *engine)
{
	return facet_container_of(engine, struct facet_virgl, engine);
}

static int virgl_probe(const struct facet_engine_config *cfg, struct facet_error *err)
{
	if (cfg->render_fd < 0 && cfg->render_node && access(cfg->render_node, R_OK | W_OK))
		return facet_error_set(err, -ENODEV,
				       "render node %s cannot be opened: %s; choose another, or "
				       "none for the software renderer",
				       cfg->render_node, strerror(errno));
	return 0;
}

static int open_render_node(const struct facet_engine_config *cfg, int *ret)
{
	if (cfg->render_fd >= 0)
		*ret = fcntl(cfg->render_fd, F_DUPFD_CLOEXEC, 3);
	else if (cfg->render_node)
		*ret = open(cfg->render_node, O_RDWR | O_CLOEXEC);
	else
		return 0;
	return *ret < 0 ? -errno : 0;
}

static int virgl_create(const struct facet_engine_config *cfg, struct facet_engine **ret,
			struct facet_error *err)
{
	struct facet_virgl *virgl = calloc(1, sizeof(*virgl));
	int r;

	if (!virgl)
		return facet_error_set(err, -ENOMEM, "engine virgl: out of memory");
	virgl->render_fd = -1;
	r = open_render_node(cfg, &virgl->render_fd);
	if (r) {
		free(virgl);
		return facet_error_set(err, r, "render node %s cannot be opened: %s",
				       cfg->render_node ? cfg->render_node : "(descriptor)",
				       strerror(-r));
	}
	/* Here, not when the renderer is loaded: other threads may read the environment then. */
	facet_virgl_environment(virgl->render_fd < 0, cfg->threads);
	virgl->engine.ops = &facet_virgl_engine;
	virgl->engine.caps.has_3d = true;
	facet_virgl_read_caps(&virgl->engine.caps);
	virgl->renderer = "";
	facet_list_init(&virgl->contexts);
	facet_fences_init(&virgl->fences);
	facet_scene_init(&virgl->scene, cfg->display, &facet_virgl_scene_ops);
	*ret = &virgl->engine;
	return 0;
}

static void forget_guest(struct facet_virgl *virgl)
{
	facet_virgl_contexts_reset(virgl);
	facet_scene_reset(&virgl->scene);
}

/* EGL contexts are bound to the thread that used them last: it has to give them up itself. */
static void virgl_leave(struct facet_engine *engine)
{
	struct facet_virgl *virgl = of(engine);

	forget_guest(virgl);
	facet_virgl_unload(virgl);
}

static void virgl_destroy(struct facet_engine *engine)
{
	struct facet_virgl *virgl = of(engine);

	virgl_leave(engine);
	facet_fences_fini(&virgl->fences);
	if (virgl->render_fd >= 0)
		close(virgl->render_fd);
	free(virgl);
}

static int fill_capset(struct facet_virgl *virgl, struct facet_job *job)
{
	const struct facet_engine_caps *caps = &virgl->engine.caps;
	int r;

	for (unsigned int i = 0; i < caps->capset_count; i++) {
		const struct facet_capset *set = &caps->capsets[i];

		if (set->id != job->capset.id)
			continue;
		/* The library writes all of it, whatever we ask for. */
		if (job->capset.version > set->max_version || job->capset.size < set->max_size)
			return -EINVAL;
		r = facet_virgl_load(virgl);
		if (r)
			return r;
		virgl_renderer_force_ctx_0();
		memset(job->capset.data, 0, job->capset.size);
		virgl_renderer_fill_caps(set->id, job->capset.version, job->capset.data);
		return 0;
	}
	return -EINVAL;
}

static int reset(struct facet_virgl *virgl)
{
	forget_guest(virgl);
	facet_fences_renew(&virgl->fences);
	return 0;
}

static int execute(struct facet_virgl *virgl, struct facet_job *job)
{
	switch (job->kind) {
	case FACET_JOB_RESOURCE_CREATE:
		if (job->create.is_2d)
			break;
		return facet_virgl_resource_create(virgl, job);
	case FACET_JOB_ATTACH_BACKING:
		return facet_virgl_attach_backing(virgl, job);
	case FACET_JOB_TRANSFER_TO_HOST:
	case FACET_JOB_TRANSFER_FROM_HOST:
		return facet_virgl_transfer(virgl, job);
	case FACET_JOB_CAPSET:
		return fill_capset(virgl, job);
	case FACET_JOB_CONTEXT_CREATE:
		return facet_virgl_context_create(virgl, job);
	case FACET_JOB_CONTEXT_DESTROY:
		return facet_virgl_context_destroy(virgl, job);
	case FACET_JOB_CONTEXT_ATTACH:
		return facet_virgl_context_attach(virgl, job);
	case FACET_JOB_CONTEXT_DETACH:
		return facet_virgl_context_detach(virgl, job);
	case FACET_JOB_SUBMIT:
		return facet_virgl_submit(virgl, job);
	case FACET_JOB_RESET:
		return reset(virgl);
	default:
		break;
	}
	return facet_scene_execute(&virgl->scene, job);
}

static void virgl_execute(struct facet_engine *engine, struct facet_job *job)
{
	struct facet_virgl *virgl = of(engine);

	facet_fences_finish(&virgl->fences, job, execute(virgl, job));
}

/* Only for guests' queries: fences come by callback. */
static int virgl_poll_fd(struct facet_engine *engine)
{
	struct facet_virgl *virgl = of(engine);

	return virgl->fences.threaded ? virgl_renderer_get_poll_fd() : -1;
}

static void virgl_poll(struct facet_engine *engine)
{
	if (of(engine)->loaded)
		virgl_renderer_poll();
}

static const char *virgl_renderer(const struct facet_engine *engine)
{
	return facet_container_of(engine, const struct facet_virgl, engine)->renderer;
}

const struct facet_engine_ops facet_virgl_engine = {
	.name = "virgl",
	.probe = virgl_probe,
	.create = virgl_create,
	.destroy = virgl_destroy,
	.execute = virgl_execute,
	.poll_fd = virgl_poll_fd,
	.poll = virgl_poll,
	.leave = virgl_leave,
	.renderer = virgl_renderer,
};
