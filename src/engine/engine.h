/* SPDX-License-Identifier: GPL-2.0-or-later */
/* engine.h - the door to the renderers that execute guest jobs. */
#ifndef FACET_ENGINE_ENGINE_H
#define FACET_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/list.h"
#include "display/display.h"

struct facet_engine;

struct facet_engine_config {
	struct facet_display *display; /* where pictures go; borrowed */
	const char *render_node;       /* path, or NULL: the software renderer */
	int render_fd;                 /* already open (the sandbox has no /dev), or -1 */
	unsigned int threads;          /* of the software renderer; 0: one a processor */
};

/* One capability set (virtio-gpu 5.7.6.8, GET_CAPSET_INFO). */
struct facet_capset {
	uint32_t id, max_version, max_size;
};

struct facet_engine_caps {
	bool has_3d;
	unsigned int capset_count;
	struct facet_capset capsets[4];
};

enum facet_job_kind {
	FACET_JOB_FENCE, /* nothing but its place in the order */
	FACET_JOB_RESOURCE_CREATE,
	FACET_JOB_BLOB_CREATE,
	FACET_JOB_RESOURCE_UNREF,
	FACET_JOB_ATTACH_BACKING,
	FACET_JOB_DETACH_BACKING,
	FACET_JOB_TRANSFER_TO_HOST,
	FACET_JOB_TRANSFER_FROM_HOST,
	FACET_JOB_SET_SCANOUT,
	FACET_JOB_FLUSH,
	FACET_JOB_CURSOR,
	FACET_JOB_CAPSET,
	FACET_JOB_CONTEXT_CREATE,
	FACET_JOB_CONTEXT_DESTROY,
	FACET_JOB_CONTEXT_ATTACH,
	FACET_JOB_CONTEXT_DETACH,
	FACET_JOB_SUBMIT,
	FACET_JOB_CAPTURE, /* a picture for a person, between two commands of the guest */
	FACET_JOB_REFRESH, /* a sink can take a frame again */
	FACET_JOB_RESET,   /* forget every context, resource and scanout */
	FACET_JOB_KINDS,
};

/* A box of a resource in elements (virtio_gpu_box). */
struct facet_box {
	uint32_t x, y, z, width, height, depth;
};

/*
 * Guest pages behind a resource. Whoever executes ATTACH_BACKING or BLOB_CREATE takes it on success
 * (status 0), and calls release when the resource lets go of it. On failure it stays with the job's
 * owner.
 */
struct facet_backing {
	struct iovec *iov;
	unsigned int count;
	uint64_t size; /* bytes in all */
	void (*release)(struct facet_backing *backing);
};

/* How a picture lies in a blob; all of it is inside. */
struct facet_layout {
	uint32_t format, width, height, stride;
	uint64_t offset;
};

/*
 * One unit of guest work, already copied out of guest memory and checked as far as the protocol
 * can: the resource and context exist as far as the device knows; boxes lie inside resources.
 */
struct facet_job {
	struct facet_list link; /* of the scheduler */
	enum facet_job_kind kind;
	bool fenced;         /* done only when the GPU has finished all that came before */
	uint32_t context_id; /* 0: none */
	uint32_t resource_id;

	union {
		struct { /* RESOURCE_CREATE; virgl numbering of formats, targets and bindings */
			bool is_2d;
			uint32_t target, format, bind, width, height, depth, array_size, last_level,
				nr_samples, flags;
		} create;
		struct { /* ATTACH_BACKING, BLOB_CREATE */
			struct facet_backing *backing;
			uint64_t blob_size; /* bytes of the backing that are the blob */
		};
		struct {            /* TRANSFER_* */
			bool is_2d; /* lines of the backing are as wide as the resource */
			struct facet_box box;
			uint64_t offset;
			uint32_t level, stride, layer_stride;
		} transfer;
		struct { /* SET_SCANOUT; resource_id 0: off */
			unsigned int output;
			struct facet_rect rect;
			struct facet_layout layout; /* of a blob; width 0: it is none */
		} scanout;
		struct facet_rect flush; /* FLUSH: of the resource, on every output that shows it */
		struct {                 /* CURSOR; resource_id 0: hide */
			unsigned int output;
			int32_t x, y;
			uint32_t hot_x, hot_y;
		} cursor;
		struct { /* CAPSET: filled in before done */
			uint32_t id, version;
			void *data; /* of size bytes, the owner's */
			size_t size;
		} capset;
		struct {               /* CONTEXT_CREATE */
			uint32_t init; /* low byte: capset id, 0 means virgl */
			char name[64]; /* NUL-terminated */
		} context;
		struct {             /* SUBMIT */
			void *data;  /* the owner's, 8-byte aligned, alive until done */
			size_t size; /* bytes, a multiple of 4 */
		} submit;
		struct { /* CAPTURE */
			unsigned int output;
			int fd; /* the owner's */
			bool with_cursor;
			struct facet_error *err;
		} capture;
	};

	uint64_t queued_ns, started_ns; /* stamped by the scheduler: CLOCK_MONOTONIC */

	struct { /* the scheduler's, from submit to done */
		struct facet_list link;
		void *sched;
		void (*done)(struct facet_job *job, int status);
		enum facet_job_kind kind; /* it was submitted as */
		int status;               /* that it ends with, if not with a worse one */
	} running;

	struct { /* the engine's, while it has the job */
		uint32_t fence;
		int status;
	} pending;

	/*
	 * Called exactly once, from any thread; the job is the callee's again. @status: 0, or
	 * -EINVAL (bad parameter), -ENOENT (no such resource or context), -ENOMEM, -EIO (context
	 * lost), -ENOTSUP, -ECANCELED (a reset came first).
	 */
	void (*done)(struct facet_job *job, int status);
	void *owner;
};

/* Pays for what a renderer keeps for the guest, beside its resources. Engine thread. */
struct facet_engine_account {
	int (*charge)(struct facet_engine_account *account, uint64_t bytes); /* 0 or -EDQUOT */
	void (*uncharge)(struct facet_engine_account *account, uint64_t bytes);
};

/**
 * facet_engine_create() - pick an engine.
 * @name: "virgl", "2d", "null"; NULL: the best one this host can run
 *
 * Cheap: a renderer is loaded at the first job that needs it (a capset, a context, a 3D resource).
 *
 * Return: 0; -ENODEV with a sentence why this host cannot run it; -EINVAL for an unknown name.
 */
int facet_engine_create(const char *name, const struct facet_engine_config *cfg,
			struct facet_engine **ret, struct facet_error *err);
void facet_engine_destroy(struct facet_engine *engine);
const char *facet_engine_name(const struct facet_engine *engine);
const struct facet_engine_caps *facet_engine_caps(const struct facet_engine *engine);

/* The names, best first, NULL-terminated; and whether this host can run one (0 or -errno + why). */
const char *const *facet_engine_names(void);
int facet_engine_probe(const char *name, const struct facet_engine_config *cfg,
		       struct facet_error *err);

/* "virgl (LLVMPIPE ...)", or "" until the renderer was loaded. Any thread. */
const char *facet_engine_renderer(const struct facet_engine *engine);

/* Before and after the engine thread; NULL: nobody pays. */
void facet_engine_set_account(struct facet_engine *engine, struct facet_engine_account *account);

/* --- engine thread, one and the same for all calls --- */

/* Executes one job in order. Calls job->done now, or later from any thread when it is fenced. */
void facet_engine_execute(struct facet_engine *engine, struct facet_job *job);

/* Optional: when readable, facet_engine_poll() has work. -1: none (yet). */
int facet_engine_poll_fd(struct facet_engine *engine);
void facet_engine_poll(struct facet_engine *engine);

/* The last call on the engine thread before it ends: what is bound to the thread is let go of. */
void facet_engine_leave(struct facet_engine *engine);

#endif
