// SPDX-License-Identifier: GPL-2.0-or-later
/* null.c - a sink that looks at nothing and counts what it was shown. */
#include <errno.h>
#include <stdlib.h>

#include "display/ops.h"
#include "display/rect.h"

static int null_create(struct facet_display *display, const struct facet_sink_config *cfg,
		       struct facet_sink **ret, struct facet_error *err)
{
	struct facet_sink *sink;

	if (cfg->fd >= 0)
		return facet_error_set(err, -EINVAL, "null sink: it has no use for a file");
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return facet_error_set(err, -ENOMEM, "null sink: not enough memory");
	sink->ops = &facet_null_sink;
	sink->display = display;
	*ret = sink;
	return 0;
}

static void null_destroy(struct facet_sink *sink)
{
	free(sink);
}

static void null_mode(struct facet_sink *sink, unsigned int output, const struct facet_frame *frame)
{
}

static void null_show(struct facet_sink *sink, unsigned int output, const struct facet_frame *frame,
		      const struct facet_rect *damage)
{
	if (!rect_empty(damage))
		atomic_fetch_add_explicit(&sink->frames, 1, memory_order_relaxed);
}

const struct facet_sink_ops facet_null_sink = {
	.name = "null",
	.create = null_create,
	.destroy = null_destroy,
	.mode = null_mode,
	.show = null_show,
};
