// SPDX-License-Identifier: GPL-2.0-or-later
/* png.c - a sink that keeps the newest picture of output 0 in a file. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "display/ops.h"
#include "display/png/encode.h"
#include "display/rect.h"

#define LOG_AREA "png"

/* #syscalls ftruncate lseek */

struct png_sink {
	struct facet_sink base;
	int fd;
};

static int png_create(struct facet_display *display, const struct facet_sink_config *cfg,
		      struct facet_sink **ret, struct facet_error *err)
{
	struct png_sink *sink;
	struct stat st;

	if (fstat(cfg->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return facet_error_set(err, -EINVAL,
				       "png sink: it rewrites its file again and again, so it "
				       "needs a regular one");
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return facet_error_set(err, -ENOMEM, "png sink: not enough memory");
	sink->base.ops = &facet_png_sink;
	sink->base.display = display;
	sink->fd = cfg->fd;
	*ret = &sink->base;
	return 0;
}

static void png_destroy(struct facet_sink *base)
{
	struct png_sink *sink = facet_container_of(base, struct png_sink, base);

	close(sink->fd);
	free(sink);
}

/* The last picture stays when the output goes off. */
static void png_mode(struct facet_sink *base, unsigned int output, const struct facet_frame *frame)
{
}

static void png_show(struct facet_sink *base, unsigned int output, const struct facet_frame *frame,
		     const struct facet_rect *damage)
{
	struct png_sink *sink = facet_container_of(base, struct png_sink, base);
	struct facet_error err;

	if (output != 0 || rect_empty(damage))
		return;
	if (ftruncate(sink->fd, 0) < 0 || lseek(sink->fd, 0, SEEK_SET) < 0)
		log_guest("output 0: its file cannot be rewritten");
	else if (facet_png_write(sink->fd, frame, NULL, &err) < 0)
		log_guest("output 0: %s", err.text);
	else
		atomic_fetch_add_explicit(&base->frames, 1, memory_order_relaxed);
}

const struct facet_sink_ops facet_png_sink = {
	.name = "png",
	.create = png_create,
	.destroy = png_destroy,
	.mode = png_mode,
	.show = png_show,
};
