/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ops.h - what a renderer provides to become an engine. Only engine/ includes this. */
#ifndef FACET_ENGINE_OPS_H
#define FACET_ENGINE_OPS_H

#include "engine/engine.h"

struct facet_engine_ops {
	const char *name; /* as in the configuration: "virgl" */

	/* Can this host run it? 0, or -ENODEV and a sentence. Leaves nothing behind. */
	int (*probe)(const struct facet_engine_config *cfg, struct facet_error *err);

	int (*create)(const struct facet_engine_config *cfg, struct facet_engine **ret,
		      struct facet_error *err);
	/* Thread: engine, or after the engine thread has ended. */
	void (*destroy)(struct facet_engine *engine);

	/* See facet_engine_execute(). Thread: engine. */
	void (*execute)(struct facet_engine *engine, struct facet_job *job);

	/* Optional. Thread: engine. */
	int (*poll_fd)(struct facet_engine *engine);
	void (*poll)(struct facet_engine *engine);
	void (*leave)(struct facet_engine *engine);

	/* Optional. Any thread. */
	const char *(*renderer)(const struct facet_engine *engine);
};

/* First member of every engine. */
struct facet_engine {
	const struct facet_engine_ops *ops;
	struct facet_engine_caps caps;
	struct facet_engine_account *account;
};

/* 0, or -EDQUOT when the guest has had its share. Thread: engine. */
int facet_engine_charge(struct facet_engine *engine, uint64_t bytes);
void facet_engine_uncharge(struct facet_engine *engine, uint64_t bytes);

extern const struct facet_engine_ops facet_virgl_engine, facet_soft2d_engine, facet_null_engine;

#endif
