// SPDX-License-Identifier: GPL-2.0-or-later
/* blob.c - resources that are the guest's own pages: shown from where they lie. */
#include <errno.h>

#include "base/checked.h"
#include "engine/scene.h"
#include "engine/soft2d/image.h"

int facet_blob_create(struct facet_scene *scene, struct facet_job *job)
{
	static const struct facet_job shapeless;
	struct facet_job model = shapeless;
	struct facet_resource *res;

	if (!job->blob_size || job->backing->size < job->blob_size)
		return -EINVAL;
	model.resource_id = job->resource_id;
	res = facet_scene_add(scene, &model);
	if (!res)
		return -EINVAL;
	res->blob_size = job->blob_size;
	res->backing = job->backing;
	return 0;
}

bool facet_blob_can_show(const struct facet_resource *res, const struct facet_layout *layout)
{
	uint64_t line = (uint64_t)layout->width * FACET_IMAGE_PIXEL;

	return res->blob_size && facet_format_fourcc(layout->format) && layout->width &&
	       layout->height && layout->width <= FACET_IMAGE_MAX_SIDE &&
	       layout->height <= FACET_IMAGE_MAX_SIDE && layout->stride >= line &&
	       facet_inside(layout->offset, (layout->height - 1) * (uint64_t)layout->stride + line,
			    res->blob_size);
}

int facet_blob_read(const struct facet_resource *res, const struct facet_layout *layout,
		    const struct facet_rect *rect, void *to, size_t stride)
{
	uint64_t offset = layout->offset + (uint64_t)rect->y * layout->stride +
			  (uint64_t)rect->x * FACET_IMAGE_PIXEL;

	if (!res->backing) /* taken away; what was shown stays */
		return -ENODATA;
	if (!facet_blob_can_show(res, layout) ||
	    !facet_rect_inside(rect, layout->width, layout->height))
		return -EINVAL;
	facet_image_gather(res->backing->iov, res->backing->count, offset, layout->stride, rect, to,
			   stride);
	return 0;
}
