/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scene.h - what a guest has made: resources, and which of them are shown where. Every engine that
 * has pictures keeps one; it executes all jobs that need no renderer. Engine thread only.
 */
#ifndef FACET_ENGINE_SCENE_H
#define FACET_ENGINE_SCENE_H

#include "engine/engine.h"

struct facet_dmabuf {
	int fd; /* -1: the GPU does not export it */
	uint32_t stride, fourcc;
	uint64_t modifier;
};

/*
 * The pixels are here, in ordinary memory (2D), or the engine's renderer has them; or it is a blob:
 * bytes without a shape that are the guest's own pages, which a renderer may know as well. The
 * backing is always ours to release.
 */
struct facet_resource {
	struct facet_list link; /* of its bucket */
	uint32_t id;
	uint32_t target, format, bind, width, height, depth, array_size, last_level, nr_samples,
		flags;
	uint8_t *pixels;    /* NULL: the renderer has it, or it is a blob */
	uint64_t blob_size; /* 0: it is none */
	bool blob_rendered; /* the renderer has heard of it */
	struct facet_backing *backing;
	unsigned int transfers; /* between the renderer and the backing, while few */
	struct iovec window;    /* the backing in one piece; NULL: there is none */
	bool export_tried;      /* once is enough: guests flip between the same few resources */
	struct facet_dmabuf dmabuf;
};

struct facet_scanout {
	struct facet_frame frame;
	struct facet_resource *resource; /* NULL: off */
	struct facet_rect rect;          /* of the resource */
	struct facet_layout layout;      /* of a blob */
};

/* Does the engine's renderer know it? */
static inline bool facet_resource_is_rendered(const struct facet_resource *res)
{
	return res->blob_size ? res->blob_rendered : !res->pixels;
}

struct facet_scene;

/* What the scene asks of a renderer, for resources it has. All NULL when there is none. */
struct facet_scene_ops {
	/* As facet_frame.read; @rect is inside the resource. */
	int (*read)(struct facet_scene *scene, struct facet_resource *res,
		    const struct facet_rect *rect, void *to, size_t stride);
	/* Optional: fill in res->dmabuf, if the GPU exports one. */
	void (*export)(struct facet_scene *scene, struct facet_resource *res);
	/* Called before the backing is released, and at the resource's end. */
	void (*detach)(struct facet_scene *scene, struct facet_resource *res);
	void (*unref)(struct facet_scene *scene, struct facet_resource *res);
};

enum {
	FACET_SCENE_BUCKETS = 256,
	FACET_RESOURCE_Y_0_TOP = 1, /* of the virgl resource flags */
};

struct facet_scene {
	struct facet_display *display;
	const struct facet_scene_ops *ops;
	struct facet_list buckets[FACET_SCENE_BUCKETS];
	struct facet_scanout scanouts[FACET_MAX_OUTPUTS];
};

void facet_scene_init(struct facet_scene *scene, struct facet_display *display,
		      const struct facet_scene_ops *ops);
/* Everything the guest made is gone: outputs off, backings released. Can be used anew. */
void facet_scene_reset(struct facet_scene *scene);

struct facet_resource *facet_scene_find(struct facet_scene *scene, uint32_t id);
/* Makes one out of a RESOURCE_CREATE job, without pixels. NULL: no memory, or the id is taken. */
struct facet_resource *facet_scene_add(struct facet_scene *scene, const struct facet_job *job);
void facet_scene_remove(struct facet_scene *scene, struct facet_resource *res);

/* The picture of every output that shows @res comes from somewhere else now. */
void facet_scene_moved(struct facet_scene *scene, struct facet_resource *res);

/* blob.c: 0 or -errno each. */
int facet_blob_create(struct facet_scene *scene, struct facet_job *job);
bool facet_blob_can_show(const struct facet_resource *res, const struct facet_layout *layout);
/* Copies a rectangle of the picture, lines @stride bytes apart; straight from the guest's pages. */
int facet_blob_read(const struct facet_resource *res, const struct facet_layout *layout,
		    const struct facet_rect *rect, void *to, size_t stride);

/*
 * Executes a job of the kinds that need no renderer: all but contexts, capsets, submits, and
 * transfers of resources the renderer has. Returns the job's status; never calls job->done.
 */
int facet_scene_execute(struct facet_scene *scene, struct facet_job *job);

#endif
