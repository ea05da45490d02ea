// SPDX-License-Identifier: GPL-2.0-or-later
/* engine.c - the list of engines, and the door's wrappers. */
#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "engine/ops.h"

/* Best first. */
static const struct facet_engine_ops *const engines[] = {
#if HAVE_VIRGL
	&facet_virgl_engine,
#endif
	&facet_soft2d_engine,
	&facet_null_engine,
};

static const char *const names[] = {
#if HAVE_VIRGL
	"virgl",
#endif
	"2d",
	"null",
	NULL,
};
_Static_assert(FACET_ARRAY_SIZE(names) == FACET_ARRAY_SIZE(engines) + 1, "a name per engine");

const char *const *facet_engine_names(void)
{
	return names;
}

static const struct facet_engine_ops *find(const char *name, struct facet_error *err)
{
	for (size_t i = 0; i < FACET_ARRAY_SIZE(engines); i++)
		if (strcmp(engines[i]->name, name) == 0)
			return engines[i];
	facet_error_set(err, -EINVAL, "engine '%s' is unknown; this build has %s", name,
			HAVE_VIRGL ? "virgl, 2d, null" : "2d, null (virgl was left out)");
	return NULL;
}

int facet_engine_probe(const char *name, const struct facet_engine_config *cfg,
		       struct facet_error *err)
{
	const struct facet_engine_ops *ops = find(name, err);

	return ops ? ops->probe(cfg, err) : -EINVAL;
}

static const struct facet_engine_ops *best(const struct facet_engine_config *cfg)
{
	size_t i = 0;

	/* The last ones need nothing from the host, so the search ends. */
	while (engines[i]->probe(cfg, NULL))
		i++;
	return engines[i];
}

int facet_engine_create(const char *name, const struct facet_engine_config *cfg,
			struct facet_engine **ret, struct facet_error *err)
{
	const struct facet_engine_ops *ops = name ? find(name, err) : best(cfg);
	int r;

	if (!ops)
		return -EINVAL;
	r = ops->probe(cfg, err);
	if (r)
		return r;
	return ops->create(cfg, ret, err);
}

void facet_engine_destroy(struct facet_engine *engine)
{
	if (engine)
		engine->ops->destroy(engine);
}

const char *facet_engine_name(const struct facet_engine *engine)
{
	return engine->ops->name;
}

const struct facet_engine_caps *facet_engine_caps(const struct facet_engine *engine)
{
	return &engine->caps;
}

const char *facet_engine_renderer(const struct facet_engine *engine)
{
	return engine->ops->renderer ? engine->ops->renderer(engine) : "";
}

void facet_engine_execute(struct facet_engine *engine, struct facet_job *job)
{
	assert(job->kind < FACET_JOB_KINDS && job->done);
	engine->ops->execute(engine, job);
}

int facet_engine_poll_fd(struct facet_engine *engine)
{
	return engine->ops->poll_fd ? engine->ops->poll_fd(engine) : -1;
}

void facet_engine_poll(struct facet_engine *engine)
{
	if (engine->ops->poll)
		engine->ops->poll(engine);
}

void facet_engine_leave(struct facet_engine *engine)
{
	if (engine->ops->leave)
		engine->ops->leave(engine);
}

void facet_engine_set_account(struct facet_engine *engine, struct facet_engine_account *account)
{
	engine->account = account;
}

int facet_engine_charge(struct facet_engine *engine, uint64_t bytes)
{
	return engine->account ? engine->account->charge(engine->account, bytes) : 0;
}

void facet_engine_uncharge(struct facet_engine *engine, uint64_t bytes)
{
	if (engine->account)
		engine->account->uncharge(engine->account, bytes);
}
