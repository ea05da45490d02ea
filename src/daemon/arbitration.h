/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arbitration.h - holds vGPUs to their limits: admission, the arbiter of each GPU, and a meter. */
#ifndef FACET_DAEMON_ARBITRATION_H
#define FACET_DAEMON_ARBITRATION_H

#include <sched.h>

#include "daemon/vgpu.h"
#include "daemon/vgpu_limits.h"
#include "share/share.h"

/*
 * DOC: Theory of Operation
 *
 * A GPU is known from the first vGPU (or question) on. Its arbiter ticks each few milliseconds
 * while vGPUs compete or somebody has a cap: it reads the vGPUs' pages (who wants to run: a hint)
 * and the kernel's clocks (who ran: a fact), asks the policy, and writes to the pages who may.
 * Else it sleeps, and the doorbell of whoever begins to work wakes it.
 *
 * All on the loop thread.
 */

struct facetd_arbitration_config {
	uint64_t soft_vram_bytes; /* of soft0; 0: half of this host's memory */
	bool overcommit;          /* quotas may add up to more than there is */
};

/* Sets daemon->arbitration; daemon->event and ->dir are needed. */
int facetd_arbitration_create(struct facetd *daemon, const struct facetd_arbitration_config *cfg,
			      struct facet_error *err);
/* vGPUs that are still attached go on without us. */
void facetd_arbitration_destroy(struct facetd *daemon);

/**
 * facetd_arbitration_admit() - would a vGPU with these limits fit?
 * @gpu: "soft0", "renderD128"
 * @vgpu: whose limits would be replaced; NULL: a new one's
 * @limits: a number of EUs is turned into a list
 *
 * Return: 0; -ENOSPC: not beside the others; -EINVAL: not at all; -EOPNOTSUPP: not on this GPU.
 */
int facetd_arbitration_admit(struct facetd *daemon, const char *gpu, const struct facetd_vgpu *vgpu,
			     struct facetd_limits *limits, struct facet_error *err);

/**
 * facetd_arbitration_set() - other limits for a vGPU, at once.
 *
 * Admits; sets record.limits (the caller saves it) and what facetd and the kernel enforce. The
 * quota that answers the guest is its process's own: the caller tells it (io.facet.vgpu).
 */
int facetd_arbitration_set(struct facetd_vgpu *vgpu, const struct facetd_limits *limits,
			   struct facet_error *err);

/* Also for a GPU without vGPUs; remembered for the next facetd. */
enum facet_policy facetd_arbitration_policy(struct facetd *daemon, const char *gpu);
/* -ENOSPC: the vGPUs that are there do not fit under it. */
int facetd_arbitration_set_policy(struct facetd *daemon, const char *gpu, enum facet_policy policy,
				  struct facet_error *err);

struct facetd_gpu_state {
	enum facet_policy policy;
	unsigned int eus;
	uint64_t vram_bytes, vram_given_bytes; /* 0: not known; the sum of quotas */
	uint32_t reserved_ppm;
	unsigned int vgpus;
	bool arbitrating;  /* false: nobody competes, all gates stand open */
	const char *meter; /* "cpu-clock", "drm-fdinfo" */
	uint64_t ticks;    /* of the arbiter, since facetd began */
	uint64_t cost_ns;  /* CPU time of those */
};

int facetd_arbitration_gpu(struct facetd *daemon, const char *gpu, struct facetd_gpu_state *ret,
			   struct facet_error *err);

/* What of the histograms people ask for. */
struct facetd_percentiles {
	uint64_t count, mean_us, p50_us, p99_us;
};

struct facetd_usage {
	uint64_t used_ns;      /* EU-ns, over all its processes since facetd began */
	uint32_t used_ppm;     /* of the GPU, over the last second or so */
	uint32_t entitled_ppm; /* when all are busy */
	uint64_t throttled_ns; /* closed while it had work, as the arbiter counts */
	bool open, backlogged;
	const char *meter; /* NULL: cannot be metered */

	/* From the vGPU's page: its own word. 0 without a page. */
	uint64_t jobs, flushes, preempts, stopped_ns, job_used_ns;
	uint32_t backlog;
	struct facetd_percentiles wait, execution, latency;

	unsigned int hangs; /* resets by us */
};

void facetd_arbitration_usage(struct facetd_vgpu *vgpu, struct facetd_usage *ret);

/* The same in full, for machines; zeros without a page. */
struct facetd_histograms {
	struct facet_histogram wait, execution, latency;
};

void facetd_arbitration_histograms(const struct facetd_vgpu *vgpu, struct facetd_histograms *ret);

enum facetd_enforcer {
	FACETD_BY_HARDWARE,
	FACETD_BY_KERNEL,
	FACETD_BY_FACET,
	FACETD_NOT_ENFORCED,
};
const char *facetd_enforcer_name(enum facetd_enforcer who); /* "hardware" ... "not enforced" */

struct facetd_enforcement {
	const char *what; /* "share", "cap", "reservation", "eus", "vram", "memory", "hang" */
	enum facetd_enforcer who;
	char why[200]; /* how, or why not; printable */
};

/* For i = 0, 1, ... until false: each limit that this vGPU has. */
bool facetd_arbitration_enforcement(const struct facetd_vgpu *vgpu, unsigned int i,
				    struct facetd_enforcement *ret);

/* --- for vgpu.c and launch.c: the life of a vGPU --- */

/* A vGPU that is to be started or was found running. -ENOSPC and others as admission says. */
int facetd_arbitration_attach(struct facetd_vgpu *vgpu, struct facet_error *err);
void facetd_arbitration_detach(struct facetd_vgpu *vgpu); /* also one that is not attached */

struct facetd_arbitration_exec {
	int share_fd, doorbell_fd; /* borrowed; -1: none */
	unsigned int eu_count;     /* 0: no limit to say */
	bool pinned;
	cpu_set_t cores; /* where it may run, if pinned */
};

/* What a new process of the vGPU gets. */
void facetd_arbitration_exec(struct facetd_vgpu *vgpu, struct facetd_arbitration_exec *ret);
/* Its process has answered (again): it is metered, pinned and put into its cgroup. */
void facetd_arbitration_started(struct facetd_vgpu *vgpu);
/* Its process has ended. True: by us, because a job hung; @ret_why says so. */
bool facetd_arbitration_stopped(struct facetd_vgpu *vgpu, char *ret_why, size_t size);

#endif
