// SPDX-License-Identifier: GPL-2.0-or-later
/* soft2d.c - the engine "2d": a guest's 2D commands on ordinary memory, no GL. */
#include <errno.h>
#include <stdlib.h>

#include "engine/ops.h"
#include "engine/scene.h"

struct soft2d {
	struct facet_engine engine;
	struct facet_scene scene;
};

static const struct facet_scene_ops no_renderer;

static int soft2d_probe(const struct facet_engine_config *cfg, struct facet_error *err)
{
	return 0;
}

static int soft2d_create(const struct facet_engine_config *cfg, struct facet_engine **ret,
			 struct facet_error *err)
{
	struct soft2d *soft2d = calloc(1, sizeof(*soft2d));

	if (!soft2d)
		return facet_error_set(err, -ENOMEM, "engine 2d: out of memory");
	soft2d->engine.ops = &facet_soft2d_engine;
	facet_scene_init(&soft2d->scene, cfg->display, &no_renderer);
	*ret = &soft2d->engine;
	return 0;
}

static void soft2d_destroy(struct facet_engine *engine)
{
	struct soft2d *soft2d = facet_container_of(engine, struct soft2d, engine);

	facet_scene_reset(&soft2d->scene);
	free(soft2d);
}

static void soft2d_execute(struct facet_engine *engine, struct facet_job *job)
{
	struct soft2d *soft2d = facet_container_of(engine, struct soft2d, engine);

	job->done(job, facet_scene_execute(&soft2d->scene, job));
}

static const char *soft2d_renderer(const struct facet_engine *engine)
{
	return "2d";
}

const struct facet_engine_ops facet_soft2d_engine = {
	.name = "2d",
	.probe = soft2d_probe,
	.create = soft2d_create,
	.destroy = soft2d_destroy,
	.execute = soft2d_execute,
	.renderer = soft2d_renderer,
};
