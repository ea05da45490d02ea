// SPDX-License-Identifier: GPL-2.0-or-later
/* null.c - an engine that finishes every job at once and draws nothing. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "engine/ops.h"

static int null_probe(const struct facet_engine_config *cfg, struct facet_error *err)
{
	return 0;
}

static int null_create(const struct facet_engine_config *cfg, struct facet_engine **ret,
		       struct facet_error *err)
{
	struct facet_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return facet_error_set(err, -ENOMEM, "engine null: out of memory");
	engine->ops = &facet_null_engine;
	*ret = engine;
	return 0;
}

static void null_destroy(struct facet_engine *engine)
{
	free(engine);
}

static void null_execute(struct facet_engine *engine, struct facet_job *job)
{
	switch (job->kind) {
	case FACET_JOB_ATTACH_BACKING:
	case FACET_JOB_BLOB_CREATE:
		/* Nothing will ever look at the pages: let go of them now. */
		job->backing->release(job->backing);
		job->done(job, 0);
		break;
	case FACET_JOB_CAPSET:
		job->done(job, -EINVAL);
		break;
	case FACET_JOB_CAPTURE:
		job->done(job, facet_error_set(job->capture.err, -ENODATA,
					       "the null engine has no picture to capture"));
		break;
	default:
		job->done(job, 0);
	}
}

const struct facet_engine_ops facet_null_engine = {
	.name = "null",
	.probe = null_probe,
	.create = null_create,
	.destroy = null_destroy,
	.execute = null_execute,
};
