/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virgl.h - what the files of the virgl engine share. */
#ifndef FACET_ENGINE_VIRGL_VIRGL_H
#define FACET_ENGINE_VIRGL_VIRGL_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/ops.h"
#include "engine/scene.h"

/*
 * DOC: Theory of Operation
 *
 * virglrenderer keeps its state in globals: one engine a process. It is loaded (with EGL, GL and,
 * without a GPU, llvmpipe) by the first job that cannot do without, so that a console or an idle
 * guest costs no GL. Until then contexts are only noted, and 2D resources are plain memory; those
 * become virgl resources ("promoted") when a context that really runs has them attached.
 *
 * Everything runs on the engine thread, except fence callbacks, which virglrenderer's own thread
 * makes: only fence.c is entered from there.
 */

/* Fenced jobs that the GPU has not finished, oldest first. */
struct facet_fences {
	pthread_mutex_t lock;
	struct facet_list waiting; /* jobs; job->pending.fence never decreases along it */
	bool retiring;             /* somebody calls done() of a job that was on the list */
	uint32_t last;             /* id of the newest fence */
	uint32_t reached;          /* id of the newest fence that the GPU has passed */
	bool threaded;             /* virglrenderer's thread waits; else we do */
	bool dirty;                /* commands were submitted after the newest fence */
};

struct facet_virgl {
	struct facet_engine engine;
	struct facet_scene scene;
	int render_fd; /* -1: software */

	bool loaded, failed;
	char name[128];                 /* of the renderer */
	_Atomic(const char *) renderer; /* "" or name */
	uint32_t formats[16];           /* bits: virgl formats that can have storage */

	struct facet_list contexts;
	unsigned int sub_count;     /* sub-contexts, of all contexts */
	unsigned int window_pieces; /* of all windows */
	struct facet_fences fences;
};

/* renderer.c: 0, or -EIO; tried once. */
int facet_virgl_load(struct facet_virgl *virgl);
void facet_virgl_unload(struct facet_virgl *virgl);
void facet_virgl_environment(bool software, unsigned int threads);
void facet_virgl_read_caps(struct facet_engine_caps *caps);

/* fence.c */
void facet_fences_init(struct facet_fences *fences);
void facet_fences_fini(struct facet_fences *fences);
/* The job was executed with @status: done now, or when the GPU has caught up. Takes the job. */
void facet_fences_finish(struct facet_fences *fences, struct facet_job *job, int status);
/* All up to @fence are done. Any thread. */
void facet_fences_retire(struct facet_fences *fences, uint32_t fence);
/* virglrenderer may have lost a fence: have another behind it. */
void facet_fences_renew(struct facet_fences *fences);
/* There is no GPU to wait for any more. */
void facet_fences_abandon(struct facet_fences *fences);

/* context.c: job status each */
int facet_virgl_context_create(struct facet_virgl *virgl, struct facet_job *job);
int facet_virgl_context_destroy(struct facet_virgl *virgl, struct facet_job *job);
int facet_virgl_context_attach(struct facet_virgl *virgl, struct facet_job *job);
int facet_virgl_context_detach(struct facet_virgl *virgl, struct facet_job *job);
int facet_virgl_submit(struct facet_virgl *virgl, struct facet_job *job);
/* Makes the context ready for commands. */
int facet_virgl_context_use(struct facet_virgl *virgl, uint32_t id);
void facet_virgl_contexts_reset(struct facet_virgl *virgl);

enum {
	FACET_VIRGL_MAX_SUBS = 64,      /* of one context */
	FACET_VIRGL_MAX_ALL_SUBS = 128, /* of all together */
};

struct facet_virgl_sub {
	uint32_t id;
	void *objects; /* tsearch(3), by handle */
};

/* The sub-contexts of a context, and the objects that commands have made in them. */
struct facet_virgl_subs {
	unsigned int current; /* index: where objects are made and ended */
	unsigned int count;   /* beside the first, which has number 0 and is always there */
	struct facet_virgl_sub items[1 + FACET_VIRGL_MAX_SUBS];
};

/* account.c: 0, or -ENOMEM when the guest has had its share. */
int facet_virgl_context_pay(struct facet_virgl *virgl);
void facet_virgl_context_unpay(struct facet_virgl *virgl);
int facet_virgl_sub_add(struct facet_virgl *virgl, struct facet_virgl_subs *subs, uint32_t id);
void facet_virgl_sub_remove(struct facet_virgl *virgl, struct facet_virgl_subs *subs, uint32_t id);
void facet_virgl_sub_choose(struct facet_virgl_subs *subs, uint32_t id);
void facet_virgl_subs_clear(struct facet_virgl *virgl, struct facet_virgl_subs *subs);
uint64_t facet_virgl_shader_bytes(uint32_t text_bytes);
uint64_t facet_virgl_object_bytes(void);
/* Of the current sub-context. */
int facet_virgl_object_add(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			   uint32_t handle, uint64_t bytes);
void facet_virgl_object_remove(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			       uint32_t handle);

/* filter.c: 0; -EINVAL or -ENOMEM when the stream must not reach the library. */
int facet_virgl_check_commands(struct facet_virgl *virgl, struct facet_virgl_subs *subs,
			       const uint32_t *words, size_t count);

/* window.c */
/* The renderer is about to use the backing of a resource that it has. */
void facet_virgl_count_transfer(struct facet_virgl *virgl, struct facet_resource *res);
/* The renderer has let go of the backing. */
void facet_virgl_close_window(struct facet_virgl *virgl, struct facet_resource *res);

/* resource.c */
/* A copy between a resource and @size bytes of memory, whoever asks for it. */
struct facet_virgl_transfer {
	struct facet_box box;
	uint64_t offset, size;
	uint32_t level, stride, layer_stride;
};
bool facet_virgl_transfer_is_sane(const struct facet_resource *res,
				  const struct facet_virgl_transfer *transfer);
extern const struct facet_scene_ops facet_virgl_scene_ops;
int facet_virgl_resource_create(struct facet_virgl *virgl, struct facet_job *job);
int facet_virgl_attach_backing(struct facet_virgl *virgl, struct facet_job *job);
int facet_virgl_transfer(struct facet_virgl *virgl, struct facet_job *job);
/* Hands a 2D resource to the renderer, or tells it of a blob; nothing to do when it has it. */
int facet_virgl_promote(struct facet_virgl *virgl, struct facet_resource *res);

#endif
