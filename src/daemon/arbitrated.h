/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arbitrated.h - what the files behind arbitration.h share. Not for others. */
#ifndef FACET_DAEMON_ARBITRATED_H
#define FACET_DAEMON_ARBITRATED_H

#include "cgroup/cgroup.h"
#include "daemon/arbitration.h"
#include "daemon/meter.h"
#include "share/share.h"

struct facetd_arbitration {
	struct facetd *daemon;
	uint64_t soft_vram_bytes;
	bool overcommit;
	int proc_fd, sys_fd, cgroup_fd;
	struct facet_cgroups cgroups;
	cpu_set_t cores; /* ours when we began: soft0's execution units */
	struct facet_list gpus;
	unsigned int gpu_count;
};

struct facetd_arbitrated_gpu {
	struct facet_list link;
	struct facetd_arbitration *arbitration;
	char name[32];
	bool soft; /* its execution units are cores */
	unsigned int eus;
	uint64_t vram_bytes; /* 0: not known */
	struct facet_arbiter *arbiter;
	struct facet_list members;
	unsigned int count;

	/* tick.c's */
	sd_event_source *timer;
	bool awake;
	bool rung;               /* since the last tick: more rings are of no use */
	uint64_t ticked_ns;      /* when the last tick was */
	uint64_t due_ns;         /* when the next one is; UINT64_MAX: not known */
	uint64_t quiet_since_ns; /* the policy has had nothing to do since; 0: it has */
	uint64_t idle_read_ns, idle_ns, idle_used_ns;
	struct facetd_idle idle;
	uint64_t trimmed_ns;
	uint64_t used_ns; /* of all members, as far as it was read */
	uint64_t ticks, cost_ns, tick_cost_ns;
	uint64_t ended_ns; /* the tick before, by this thread's clock; 0: long ago */
};

struct facetd_sample {
	uint64_t at_ns, used_ns;
};

struct facetd_arbitrated {
	struct facet_list link; /* in the order of attaching */
	struct facetd_arbitrated_gpu *gpu;
	struct facetd_vgpu *vgpu;
	struct facet_member *member;

	/* The page and the doorbell live as long as this, over several processes; or -1, NULL. */
	struct facet_share_page *page;
	int page_fd, doorbell_fd;
	sd_event_source *bell;
	bool strange; /* what its process calls a page is none, which has been said */

	/* The process, when there is one that has answered. */
	pid_t keeper, worker;
	int worker_pidfd;
	struct facetd_meter meter;
	uint64_t base_ns; /* of the meter, what the policy does not see */
	uint64_t read_ns, used_ns;
	bool running; /* it could run since the meter was read */
	bool heard;   /* its bell, since the last tick: it is not listened to until then */
	bool came;    /* heard when we slept: it has work, even if that is done by now */
	/* Does it use much while it says that it has no work? Seen over a while, since: */
	uint64_t judged_ns, judged_used_ns;
	bool said;   /* that it has work, since then; or it could not say it */
	bool held;   /* it was closed since then */
	bool busy;   /* it does, or did when it could */
	bool closed; /* by us; what it gets by: */
	enum facet_turn turn;
	uint64_t turned_ns;
	struct facet_cgroup_cpu cpu;     /* the kernel's part in that */
	uint64_t threads_ppm;            /* what it counts for there */
	bool wants;                      /* backlogged, as the policy was told */
	struct facetd_sample samples[2]; /* older, newer */

	/* The job under way, as long as .job_started_ns of the page stays the same. */
	uint64_t job_started_ns, job_base_ns;
	bool hung; /* killed for it; its death has not been seen */
	unsigned int hangs;

	/* limits.c's */
	cpu_set_t cores;
	bool pinned, own_cores; /* listed, not just what others leave */
	int threads;            /* pinned; -errno */
	uint64_t guest_bytes;   /* of the guest's memory that is mapped there */
	uint64_t memory_limit;  /* of the control group; 0: none */
	uint64_t quota_ppm;     /* of the GPU, by the control group; 0: none */
	uint64_t oom_kills;
	char meter_why[160], cpu_why[160], memory_why[160]; /* "": works */
};

uint64_t facetd_now_ns(void);

/* --- arbitration.c --- */

/* Finds it or makes it known; NULL with a sentence. */
struct facetd_arbitrated_gpu *facetd_arbitrated_gpu(struct facetd *daemon, const char *name,
						    struct facet_error *err);

/* --- policies.c: which GPU has which policy, for the next facetd --- */

enum facet_policy facetd_policies_load(const struct facetd_rundir *dir, const char *gpu);
int facetd_policies_save(const struct facetd_arbitration *arbitration, struct facet_error *err);

/* --- tick.c --- */

/* Somebody came, went, or has other limits. */
void facetd_tick_changed(struct facetd_arbitrated_gpu *gpu);
/* At the doorbell. */
int facetd_tick_bell(sd_event_source *source, int fd, uint32_t revents, void *userdata);
void facetd_tick_stop(struct facetd_arbitrated_gpu *gpu);
/* Reads the meter, and tells the policy. */
void facetd_tick_read(struct facetd_arbitrated *member, uint64_t now_ns);
/* Before limits or a policy change: all that was used counts by the old ones. */
void facetd_tick_settle(struct facetd_arbitrated_gpu *gpu);

/* --- backing.c: what the kernel enforces --- */

/* A new process: it is moved where it belongs, and the kernel is told its limits. */
void facetd_backing_start(struct facetd_arbitrated *member);
/* The kernel knows what each gets of a GPU that is processors. */
void facetd_backing_weights(struct facetd_arbitrated_gpu *gpu);
/* Weights by who leads now; not at each call. */
void facetd_backing_trim(struct facetd_arbitrated_gpu *gpu, uint64_t now_ns);
/* It runs only while nobody else wants to, or as usual again. False: the kernel cannot do that. */
bool facetd_backing_yield(struct facetd_arbitrated *member, bool yields);
/* It has ended: by the kernel? */
void facetd_backing_stop(struct facetd_arbitrated *member);
/* Other limits. */
void facetd_backing_apply(struct facetd_arbitrated *member);
/* The same for all of a GPU whose cores depend on others' exclusive ones. */
void facetd_backing_cores(struct facetd_arbitrated_gpu *gpu);
/* The guest's memory is known, or another. */
void facetd_backing_memory(struct facetd_arbitrated *member);

/* --- admission.c --- */

/* The cores of a member: listed, or what exclusive owners leave. */
void facetd_admission_cores(struct facetd_arbitrated *member);

#endif
