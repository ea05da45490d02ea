// SPDX-License-Identifier: GPL-2.0-or-later
/* resource.c - resources that the renderer has: made, promoted, filled, read and exported. */
#define VIRGL_RENDERER_UNSTABLE_APIS 1

#include <errno.h>
#include <libdrm/drm_fourcc.h>
#include <stdlib.h>
#include <string.h>
#include <virgl/virglrenderer.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/preempt.h"
#include "engine/soft2d/image.h"
#include "engine/virgl/virgl.h"

enum {
	TARGET_BUFFER = 0,
	TARGET_2D = 2,
	TARGET_3D = 3,
	TARGETS = 9,
	BIND_RENDER_TARGET = 1 << 1,
	MAX_PLANES = 4,
	MAX_LEVEL = 15, /* of a texture of 16384 a side there are 15 */
};

/* As the library declares it, in a header that it does not install. */
struct virgl_box {
	uint32_t x, y, z, w, h, d;
};

static struct facet_virgl *of(struct facet_scene *scene)
{
	return facet_container_of(scene, struct facet_virgl, scene);
}

static int make(const struct facet_resource *res)
{
	struct virgl_renderer_resource_create_args args = {
		.handle = res->id,
		.target = res->target,
		.format = res->format,
		.bind = res->bind,
		.width = res->width,
		.height = res->height,
		.depth = res->depth,
		.array_size = res->array_size,
		.last_level = res->last_level,
		.nr_samples = res->nr_samples,
		.flags = res->flags,
	};
	int r = virgl_renderer_resource_create(&args, NULL, 0);

	return r == -ENOMEM || r == ENOMEM ? -ENOMEM : r ? -EINVAL : 0;
}

static bool has_storage(const struct facet_virgl *virgl, uint32_t format)
{
	return format / 32 < FACET_ARRAY_SIZE(virgl->formats) &&
	       virgl->formats[format / 32] >> format % 32 & 1;
}

int facet_virgl_resource_create(struct facet_virgl *virgl, struct facet_job *job)
{
	struct facet_resource *res;
	int r = facet_virgl_load(virgl);

	if (r)
		return r;
	if (job->create.target >= TARGETS || job->create.last_level > MAX_LEVEL ||
	    (job->create.target != TARGET_BUFFER && !has_storage(virgl, job->create.format)))
		return -EINVAL;
	res = facet_scene_add(&virgl->scene, job);
	if (!res)
		return -EINVAL;
	r = make(res);
	if (r) {
		facet_list_remove(&res->link);
		free(res);
	}
	return r;
}

static int attach_iov(struct facet_resource *res)
{
	/* The library counts bytes in 32 bits. */
	if (res->backing->size > INT32_MAX || res->backing->count > INT32_MAX)
		return -EINVAL;
	if (virgl_renderer_resource_attach_iov((int)res->id, res->backing->iov,
					       (int)res->backing->count))
		return -EINVAL;
	return 0;
}

int facet_virgl_attach_backing(struct facet_virgl *virgl, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(&virgl->scene, job->resource_id);
	int r = facet_scene_execute(&virgl->scene, job);

	if (r || !facet_resource_is_rendered(res))
		return r;
	r = attach_iov(res);
	if (r)
		res->backing = NULL; /* it stays the job's */
	return r;
}

/* The picture as it is now becomes the texture's first. */
static int upload(const struct facet_resource *res)
{
	struct iovec iov = { res->pixels, (size_t)res->width * res->height * FACET_IMAGE_PIXEL };
	struct virgl_box box = { .w = res->width, .h = res->height, .d = 1 };

	return virgl_renderer_transfer_write_iov(res->id, 0, 0, 0, 0, &box, 0, &iov, 1) ? -EIO : 0;
}

/* So that a context can name it; the bytes stay the guest's pages, which both of us look at. */
static int tell_of_blob(struct facet_virgl *virgl, struct facet_resource *res)
{
	struct virgl_renderer_resource_create_blob_args args = {
		.res_handle = res->id,
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_GUEST,
		.size = res->blob_size,
	};
	int r = facet_virgl_load(virgl);

	if (r)
		return r;
	if (!res->backing)
		return -EINVAL;
	args.iovecs = res->backing->iov;
	args.num_iovs = res->backing->count;
	r = virgl_renderer_resource_create_blob(&args);
	if (r)
		return r == -ENOMEM ? r : -EINVAL;
	res->blob_rendered = true;
	return 0;
}

int facet_virgl_promote(struct facet_virgl *virgl, struct facet_resource *res)
{
	int r;

	if (res->blob_size)
		return res->blob_rendered ? 0 : tell_of_blob(virgl, res);
	if (!res->pixels)
		return 0;
	r = facet_virgl_load(virgl);
	if (r)
		return r;
	res->target = TARGET_2D;
	res->bind = BIND_RENDER_TARGET;
	res->depth = 1;
	res->array_size = 1;
	res->last_level = 0;
	res->nr_samples = 0;
	res->flags = FACET_RESOURCE_Y_0_TOP;
	if (!has_storage(virgl, res->format))
		return -EINVAL;
	r = make(res);
	if (r)
		return r;
	r = upload(res);
	if (!r && res->backing)
		r = attach_iov(res);
	if (r) {
		virgl_renderer_resource_unref(res->id);
		return r;
	}
	free(res->pixels);
	res->pixels = NULL;
	facet_scene_moved(&virgl->scene, res);
	return 0;
}

static uint32_t minify(uint32_t size, uint32_t level)
{
	return size >> level ? size >> level : 1;
}

/* Written with 64 bits and no sign, for the library calculates with fewer. */
static bool box_inside(const struct facet_resource *res, const struct facet_box *box,
		       uint32_t level)
{
	uint32_t layers = res->target == TARGET_3D ? minify(res->depth, level) : res->array_size;

	return level <= res->last_level &&
	       facet_inside(box->x, box->width, minify(res->width, level)) &&
	       facet_inside(box->y, box->height, minify(res->height, level)) &&
	       facet_inside(box->z, box->depth, layers);
}

/* Compressed formats count strides by lines of blocks. */
static uint32_t block_height(uint32_t format)
{
	static const uint8_t astc[] = { 4, 4, 5, 5, 6, 5, 6, 8, 5, 6, 8, 10, 10, 12 };
	static const struct {
		uint16_t first, last;
	} by_four[] = {
		{ 105, 116 }, /* S3TC, RGTC */
		{ 143, 146 }, /* LATC */
		{ 226, 226 }, /* ETC1 */
		{ 255, 258 }, /* BPTC */
		{ 269, 278 }, /* ETC2 */
	};
	enum { ASTC_FIRST = 279, ASTC_LAST = 306 };

	if (format >= ASTC_FIRST && format <= ASTC_LAST)
		return astc[(format - ASTC_FIRST) % FACET_ARRAY_SIZE(astc)];
	for (size_t i = 0; i < FACET_ARRAY_SIZE(by_four); i++)
		if (format >= by_four[i].first && format <= by_four[i].last)
			return 4;
	return 1;
}

bool facet_virgl_transfer_is_sane(const struct facet_resource *res,
				  const struct facet_virgl_transfer *transfer)
{
	const struct facet_box *box = &transfer->box;
	uint64_t rows = box->height ? (box->height - 1) / block_height(res->format) : 0;
	uint64_t lines = rows * transfer->stride;
	uint64_t layers = box->depth ? (uint64_t)(box->depth - 1) * transfer->layer_stride : 0;

	return box_inside(res, box, transfer->level) && lines <= INT32_MAX && layers <= INT32_MAX &&
	       transfer->size <= INT32_MAX &&
	       facet_inside(transfer->offset, lines + layers, transfer->size);
}

static int transfer_by_renderer(const struct facet_job *job,
				const struct facet_virgl_transfer *transfer, uint32_t context)
{
	struct virgl_box box = {
		.x = transfer->box.x,
		.y = transfer->box.y,
		.z = transfer->box.z,
		.w = transfer->box.width,
		.h = transfer->box.height,
		.d = transfer->box.depth,
	};
	bool was = facet_preempt_set(true);
	int r;

	if (job->kind == FACET_JOB_TRANSFER_TO_HOST)
		r = virgl_renderer_transfer_write_iov(
			job->resource_id, context, (int)transfer->level, transfer->stride,
			transfer->layer_stride, &box, transfer->offset, NULL, 0);
	else
		r = virgl_renderer_transfer_read_iov(job->resource_id, context, transfer->level,
						     transfer->stride, transfer->layer_stride, &box,
						     transfer->offset, NULL, 0);
	facet_preempt_set(was);
	return r ? -EINVAL : 0;
}

int facet_virgl_transfer(struct facet_virgl *virgl, struct facet_job *job)
{
	struct facet_resource *res = facet_scene_find(&virgl->scene, job->resource_id);
	uint32_t context = job->transfer.is_2d ? 0 : job->context_id;
	struct facet_virgl_transfer transfer = {
		.box = job->transfer.box,
		.offset = job->transfer.offset,
		.level = job->transfer.level,
		.stride = job->transfer.stride,
		.layer_stride = job->transfer.layer_stride,
	};
	int r = 0;

	if (!res)
		return -ENOENT;
	if (res->blob_size)
		return -EINVAL;
	/* A 2D transfer has no other fields than these. */
	if (job->transfer.is_2d)
		transfer.level = transfer.stride = transfer.layer_stride = 0;
	if (res->pixels && job->transfer.is_2d)
		return facet_scene_execute(&virgl->scene, job);
	if (context)
		r = facet_virgl_context_use(virgl, context);
	if (!r)
		r = facet_virgl_promote(virgl, res);
	if (r)
		return r;
	if (!res->backing)
		return -EINVAL;
	transfer.size = res->backing->size;
	if (!facet_virgl_transfer_is_sane(res, &transfer))
		return -EINVAL;
	facet_virgl_count_transfer(virgl, res);
	return transfer_by_renderer(job, &transfer, context);
}

/* --- what the scene asks for --- */

/* One piece of memory with our stride: the library reads into it without a copy of its own. */
static int read_pixels(struct facet_scene *scene, struct facet_resource *res,
		       const struct facet_rect *rect, void *to, size_t stride)
{
	struct virgl_box box = {
		.x = rect->x, .y = rect->y, .w = rect->width, .h = rect->height, .d = 1
	};
	struct iovec iov = { to, (rect->height - 1) * stride +
					 (size_t)rect->width * FACET_IMAGE_PIXEL };

	if (stride > INT32_MAX || iov.iov_len > INT32_MAX)
		return -EINVAL;
	return virgl_renderer_transfer_read_iov(res->id, 0, 0, (uint32_t)stride, 0, &box, 0, &iov,
						1)
		       ? -EIO
		       : 0;
}

static uint64_t modifier_of(const struct facet_resource *res)
{
#if HAVE_VIRGL_INFO_EXT
	struct virgl_renderer_resource_info_ext info = {
		.version = VIRGL_RENDERER_RESOURCE_INFO_EXT_VERSION,
	};

	if (virgl_renderer_resource_get_info_ext((int)res->id, &info) == 0 &&
	    info.has_dmabuf_export && info.planes == 1)
		return info.modifiers;
#endif
	return DRM_FORMAT_MOD_INVALID;
}

/* EGL writes as many of each as the image has planes; the library takes no count. */
struct planes {
	int fds[MAX_PLANES], strides[MAX_PLANES], offsets[MAX_PLANES];
};

static void export_planes(uint32_t texture, struct planes *ret)
{
	for (int i = 0; i < MAX_PLANES; i++)
		ret->fds[i] = -1;
	virgl_renderer_get_fd_for_texture2(texture, ret->fds, ret->strides, ret->offsets);
}

static void export_dmabuf(struct facet_scene *scene, struct facet_resource *res)
{
	struct virgl_renderer_resource_info info;
	struct planes planes = { 0 };

	/* llvmpipe's textures are in nobody else's reach. */
	if (of(scene)->render_fd < 0 || virgl_renderer_resource_get_info((int)res->id, &info))
		return;
	export_planes(info.tex_id, &planes);
	/* The display protocol knows one plane, from its first byte on. */
	if (planes.fds[0] >= 0 && planes.fds[1] < 0 && !planes.offsets[0] &&
	    planes.strides[0] > 0) {
		res->dmabuf.fd = facet_steal_fd(&planes.fds[0]);
		res->dmabuf.stride = (uint32_t)planes.strides[0];
		res->dmabuf.fourcc = (uint32_t)info.drm_fourcc;
		res->dmabuf.modifier = modifier_of(res);
	}
	for (int i = 0; i < MAX_PLANES; i++)
		facet_close_ptr(&planes.fds[i]);
}

static void detach_backing(struct facet_scene *scene, struct facet_resource *res)
{
	struct iovec *iov;
	int count;

	virgl_renderer_resource_detach_iov((int)res->id, &iov, &count);
	facet_virgl_close_window(of(scene), res);
}

static void unref(struct facet_scene *scene, struct facet_resource *res)
{
	virgl_renderer_resource_unref(res->id);
}

const struct facet_scene_ops facet_virgl_scene_ops = {
	.read = read_pixels,
	.export = export_dmabuf,
	.detach = detach_backing,
	.unref = unref,
};
