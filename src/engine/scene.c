// SPDX-License-Identifier: GPL-2.0-or-later
/* scene.c - resources and scanouts: what the guest has made, and what it shows. */
#include "engine/scene.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/soft2d/image.h"

enum {
	TARGET_2D = 2,
	TARGET_RECT = 5,
	FORMAT_B8G8R8A8 = 1,
};

static struct facet_list *bucket(struct facet_scene *scene, uint32_t id)
{
	return &scene->buckets[id % FACET_SCENE_BUCKETS];
}

struct facet_resource *facet_scene_find(struct facet_scene *scene, uint32_t id)
{
	struct facet_list *pos;

	facet_list_for_each(pos, bucket(scene, id))
	{
		struct facet_resource *res = facet_container_of(pos, struct facet_resource, link);

		if (res->id == id)
			return res;
	}
	return NULL;
}

struct facet_resource *facet_scene_add(struct facet_scene *scene, const struct facet_job *job)
{
	struct facet_resource *res;

	if (!job->resource_id || facet_scene_find(scene, job->resource_id))
		return NULL;
	res = calloc(1, sizeof(*res));
	if (!res)
		return NULL;
	res->id = job->resource_id;
	res->target = job->create.target;
	res->format = job->create.format;
	res->bind = job->create.bind;
	res->width = job->create.width;
	res->height = job->create.height;
	res->depth = job->create.depth;
	res->array_size = job->create.array_size;
	res->last_level = job->create.last_level;
	res->nr_samples = job->create.nr_samples;
	res->flags = job->create.flags;
	res->dmabuf.fd = -1;
	facet_list_append(bucket(scene, res->id), &res->link);
	return res;
}

static int read_scanout(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
			size_t stride)
{
	const struct facet_scanout *s = facet_container_of(frame, struct facet_scanout, frame);
	struct facet_scene *scene = frame->owner;
	struct facet_rect in_resource = *rect;

	if (!facet_rect_inside(rect, frame->width, frame->height))
		return -EINVAL;
	in_resource.x += s->rect.x;
	in_resource.y += s->rect.y;
	if (s->resource->blob_size)
		return facet_blob_read(s->resource, &s->layout, &in_resource, to, stride);
	if (!s->resource->pixels)
		return scene->ops->read(scene, s->resource, &in_resource, to, stride);
	facet_image_read(s->resource->pixels, s->resource->width, &in_resource, to, stride);
	return 0;
}

static void scanout_off(struct facet_scene *scene, unsigned int output)
{
	struct facet_scanout *s = &scene->scanouts[output];

	if (!s->resource)
		return;
	facet_display_set_scanout(scene->display, output, NULL);
	s->resource = NULL;
}

static void fill_frame(struct facet_scanout *s)
{
	const struct facet_resource *res = s->resource;
	const struct facet_rect *rect = &s->rect;
	struct facet_frame *frame = &s->frame;

	frame->width = rect->width;
	frame->height = rect->height;
	frame->fourcc = facet_format_fourcc(res->blob_size ? s->layout.format : res->format);
	frame->dmabuf_fd = res->dmabuf.fd;
	frame->dmabuf_width = res->width;
	frame->dmabuf_height = res->height;
	frame->dmabuf_stride = res->dmabuf.stride;
	frame->dmabuf_fourcc = res->dmabuf.fourcc;
	frame->dmabuf_modifier = res->dmabuf.modifier;
	frame->dmabuf_x = rect->x;
	frame->dmabuf_y = rect->y;
	frame->y0_top = res->blob_size || res->flags & FACET_RESOURCE_Y_0_TOP;
}

static void scanout_on(struct facet_scene *scene, unsigned int output, struct facet_resource *res,
		       const struct facet_rect *rect, const struct facet_layout *layout)
{
	struct facet_scanout *s = &scene->scanouts[output];

	if (!res->pixels && !res->blob_size && scene->ops->export && !res->export_tried) {
		res->export_tried = true;
		scene->ops->export(scene, res);
	}
	s->resource = res;
	s->rect = *rect;
	s->layout = *layout;
	fill_frame(s);
	facet_display_set_scanout(scene->display, output, &s->frame);
}

void facet_scene_moved(struct facet_scene *scene, struct facet_resource *res)
{
	for (unsigned int i = 0; i < FACET_MAX_OUTPUTS; i++) {
		const struct facet_scanout s = scene->scanouts[i];

		if (s.resource == res)
			scanout_on(scene, i, res, &s.rect, &s.layout);
	}
}

static void release_backing(struct facet_scene *scene, struct facet_resource *res)
{
	struct facet_backing *backing = res->backing;

	if (!backing)
		return;
	if (facet_resource_is_rendered(res) && scene->ops->detach)
		scene->ops->detach(scene, res);
	res->backing = NULL;
	backing->release(backing);
}

void facet_scene_remove(struct facet_scene *scene, struct facet_resource *res)
{
	for (unsigned int i = 0; i < FACET_MAX_OUTPUTS; i++)
		if (scene->scanouts[i].resource == res)
			scanout_off(scene, i);
	release_backing(scene, res);
	if (res->dmabuf.fd >= 0)
		close(res->dmabuf.fd);
	if (facet_resource_is_rendered(res) && scene->ops->unref)
		scene->ops->unref(scene, res);
	facet_list_remove(&res->link);
	free(res->pixels);
	free(res);
}

void facet_scene_init(struct facet_scene *scene, struct facet_display *display,
		      const struct facet_scene_ops *ops)
{
	memset(scene, 0, sizeof(*scene));
	scene->display = display;
	scene->ops = ops;
	for (unsigned int i = 0; i < FACET_SCENE_BUCKETS; i++)
		facet_list_init(&scene->buckets[i]);
	for (unsigned int i = 0; i < FACET_MAX_OUTPUTS; i++) {
		scene->scanouts[i].frame.dmabuf_fd = -1;
		scene->scanouts[i].frame.read = read_scanout;
		scene->scanouts[i].frame.owner = scene;
	}
}

static void hide_cursor(struct facet_scene *scene, unsigned int output)
{
	struct facet_cursor cursor = { .visible = false };

	facet_display_set_cursor(scene->display, output, &cursor);
}

void facet_scene_reset(struct facet_scene *scene)
{
	struct facet_list *pos, *tmp;

	for (unsigned int i = 0; i < facet_display_output_count(scene->display); i++) {
		scanout_off(scene, i);
		hide_cursor(scene, i);
	}
	for (unsigned int i = 0; i < FACET_SCENE_BUCKETS; i++)
		facet_list_for_each_safe(pos, tmp, &scene->buckets[i]) facet_scene_remove(
			scene, facet_container_of(pos, struct facet_resource, link));
}

static int create(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_resource *res;
	void *pixels;

	if (!job->create.is_2d || !facet_format_is_2d(job->create.format) || !job->create.width ||
	    !job->create.height)
		return -EINVAL;
	pixels = facet_image_alloc(job->create.width, job->create.height);
	if (!pixels)
		return -ENOMEM;
	res = facet_scene_add(scene, job);
	if (!res) {
		free(pixels);
		return -EINVAL;
	}
	res->pixels = pixels;
	return 0;
}

static int unref(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(scene, job->resource_id);

	if (!res)
		return -ENOENT;
	facet_scene_remove(scene, res);
	return 0;
}

static int attach_backing(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(scene, job->resource_id);

	if (!res)
		return -ENOENT;
	if (res->backing || job->backing->size < res->blob_size)
		return -EINVAL;
	res->backing = job->backing;
	return 0;
}

static int detach_backing(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(scene, job->resource_id);

	if (!res)
		return -ENOENT;
	if (!res->backing)
		return -EINVAL;
	release_backing(scene, res);
	return 0;
}

static int transfer_to_host(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(scene, job->resource_id);
	struct facet_rect rect = {
		.x = job->transfer.box.x,
		.y = job->transfer.box.y,
		.width = job->transfer.box.width,
		.height = job->transfer.box.height,
	};

	if (!res)
		return -ENOENT;
	if (!res->pixels || !res->backing || !job->transfer.is_2d ||
	    !facet_rect_inside(&rect, res->width, res->height))
		return -EINVAL;
	return facet_image_upload(res->pixels, res->width, &rect, res->backing->iov,
				  res->backing->count, job->transfer.offset);
}

static bool is_picture(const struct facet_resource *res)
{
	return !res->blob_size && facet_format_fourcc(res->format) && res->nr_samples <= 1 &&
	       (res->pixels || res->target == TARGET_2D || res->target == TARGET_RECT);
}

static bool can_show(const struct facet_resource *res, const struct facet_job *job)
{
	const struct facet_layout *layout = &job->scanout.layout;

	if (layout->width)
		return facet_blob_can_show(res, layout) &&
		       facet_rect_inside(&job->scanout.rect, layout->width, layout->height);
	return is_picture(res) && facet_rect_inside(&job->scanout.rect, res->width, res->height);
}

static int set_scanout(struct facet_scene *scene, struct facet_job *job)
{
	unsigned int output = job->scanout.output;
	struct facet_resource *res;

	if (output >= facet_display_output_count(scene->display))
		return -EINVAL;
	if (!job->resource_id) {
		scanout_off(scene, output);
		return 0;
	}
	res = facet_scene_find(scene, job->resource_id);
	if (!res)
		return -ENOENT;
	if (!can_show(res, job))
		return -EINVAL;
	scanout_on(scene, output, res, &job->scanout.rect, &job->scanout.layout);
	return 0;
}

static int flush(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(scene, job->resource_id);

	if (!res)
		return -ENOENT;
	/* A blob has no size but where it is shown. */
	if (!res->blob_size && !facet_rect_inside(&job->flush, res->width, res->height))
		return -EINVAL;
	for (unsigned int i = 0; i < FACET_MAX_OUTPUTS; i++) {
		const struct facet_scanout *s = &scene->scanouts[i];
		struct facet_rect damage;

		if (s->resource != res || !facet_rect_intersect(&job->flush, &s->rect, &damage))
			continue;
		damage.x -= s->rect.x;
		damage.y -= s->rect.y;
		facet_display_commit(scene->display, i, &damage);
	}
	return 0;
}

/* The only way a blob can be a cursor (as in QEMU: the protocol gives no layout). */
static const struct facet_layout cursor_layout = {
	.format = FORMAT_B8G8R8A8,
	.width = FACET_CURSOR_SIZE,
	.height = FACET_CURSOR_SIZE,
	.stride = FACET_CURSOR_SIZE * FACET_IMAGE_PIXEL,
};
static const struct facet_rect whole_cursor = {
	.width = FACET_CURSOR_SIZE,
	.height = FACET_CURSOR_SIZE,
};

/* A cursor smaller than 64 a side sits at the top left of a transparent one. */
static int read_cursor(struct facet_scene *scene, struct facet_resource *res, uint32_t *pixels)
{
	const size_t stride = FACET_CURSOR_SIZE * sizeof(*pixels);
	struct facet_rect rect = {
		.width = res->width < FACET_CURSOR_SIZE ? res->width : FACET_CURSOR_SIZE,
		.height = res->height < FACET_CURSOR_SIZE ? res->height : FACET_CURSOR_SIZE,
	};
	uint32_t fourcc = facet_format_fourcc(res->format);
	int r = 0;

	if (res->blob_size)
		return facet_blob_read(res, &cursor_layout, &whole_cursor, pixels, stride);
	if (!is_picture(res))
		return -EINVAL;
	if (res->pixels)
		facet_image_read(res->pixels, res->width, &rect, pixels, stride);
	else
		r = scene->ops->read(scene, res, &rect, pixels, stride);
	if (r)
		return r;
	for (uint32_t y = 0; y < rect.height; y++)
		facet_pixels_to_argb(pixels + (size_t)y * FACET_CURSOR_SIZE, rect.width, fourcc);
	return 0;
}

static int cursor(struct facet_scene *scene, struct facet_job *job)
{
	struct facet_cursor cursor = {
		.x = job->cursor.x,
		.y = job->cursor.y,
		.hot_x = job->cursor.hot_x,
		.hot_y = job->cursor.hot_y,
		.visible = true,
	};
	struct facet_resource *res;
	int r;

	if (job->cursor.output >= facet_display_output_count(scene->display))
		return -EINVAL;
	if (!job->resource_id) {
		hide_cursor(scene, job->cursor.output);
		return 0;
	}
	res = facet_scene_find(scene, job->resource_id);
	if (!res)
		return -ENOENT;
	r = read_cursor(scene, res, cursor.pixels);
	if (r)
		return r;
	facet_display_set_cursor(scene->display, job->cursor.output, &cursor);
	return 0;
}

static int capture(struct facet_scene *scene, struct facet_job *job)
{
	return facet_display_capture(scene->display, job->capture.output, job->capture.fd,
				     job->capture.with_cursor, job->capture.err);
}

int facet_scene_execute(struct facet_scene *scene, struct facet_job *job)
{
	switch (job->kind) {
	case FACET_JOB_FENCE:
		return 0;
	case FACET_JOB_RESOURCE_CREATE:
		return create(scene, job);
	case FACET_JOB_BLOB_CREATE:
		return facet_blob_create(scene, job);
	case FACET_JOB_RESOURCE_UNREF:
		return unref(scene, job);
	case FACET_JOB_ATTACH_BACKING:
		return attach_backing(scene, job);
	case FACET_JOB_DETACH_BACKING:
		return detach_backing(scene, job);
	case FACET_JOB_TRANSFER_TO_HOST:
		return transfer_to_host(scene, job);
	case FACET_JOB_SET_SCANOUT:
		return set_scanout(scene, job);
	case FACET_JOB_FLUSH:
		return flush(scene, job);
	case FACET_JOB_CURSOR:
		return cursor(scene, job);
	case FACET_JOB_CAPTURE:
		return capture(scene, job);
	case FACET_JOB_REFRESH:
		facet_display_refresh(scene->display);
		return 0;
	case FACET_JOB_RESET:
		facet_scene_reset(scene);
		return 0;
	default:
		return -ENOTSUP;
	}
}
