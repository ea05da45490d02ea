/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgpu.h - one vGPU as facetd sees it: a folder, two sockets and a supervised process. */
#ifndef FACET_DAEMON_VGPU_H
#define FACET_DAEMON_VGPU_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/list.h"
#include "daemon/held.h"
#include "daemon/record.h"
#include "daemon/rundir.h"
#include "varlink/varlink.h"

enum {
	FACETD_MAX_VGPUS = 256,
	FACETD_MAX_DEATHS = 3, /* within FACETD_DEATHS_SECONDS; then only a person helps */
	FACETD_DEATHS_SECONDS = 60,
	FACETD_MAX_HANGS = 6, /* in the same time; then there is a pause before each start */
};

struct facetd {
	sd_event *event;
	struct facetd_rundir dir;
	const char *program; /* facet-vgpu */
	struct facet_list vgpus;
	unsigned int count;
	struct facet_varlink_server *server;
	sd_event_source *trim; /* keeps logs short */
	struct facetd_arbitration *arbitration;
	struct facetd_hardware *hardware; /* given.h */
	struct facetd_types *types;
	struct facetd_monitor *monitor;
	struct facetd_metrics *metrics;
};

/*
 * STARTING: a process runs and has not answered yet. UP: it has, once; a waiter is told.
 * STOPPING: it is to end; after that the vGPU goes, or a new process comes (respawn).
 * FAILED: no process, no sockets; restart() leads back to STARTING.
 *
 * A part of hardware has no process. STARTING: it is being taken. UP: it can be, or is, in use.
 * STOPPING: it is being given back. FAILED: it is not as it was left.
 */
enum facetd_phase { FACETD_STARTING, FACETD_UP, FACETD_STOPPING, FACETD_FAILED };

struct facetd_vgpu {
	struct facet_list link;
	struct facetd *daemon;
	struct facetd_record record;
	enum facetd_phase phase;
	bool fresh;   /* its first process has not come up: a failure undoes the creation */
	bool respawn; /* after STOPPING */
	int listen_fd, control_fd, pidfd;
	sd_event_source *death, *timer, *hangup;
	struct facet_varlink_request *handover, *stop;
	sd_event_source *handover_later; /* when it is asked again: it told too much */
	uint64_t handovers_since_us;
	unsigned int handovers; /* since then */
	bool strange;           /* what it told was wrong, which has been said */
	struct facetd_held held;
	struct facetd_arbitrated *arbitrated; /* arbitration.h; NULL: not attached */
	struct facetd_given *given;           /* given.h; NULL: a process of ours serves it */
	uint64_t log_start;                   /* where its process began to write */
	uint64_t deaths[FACETD_MAX_DEATHS];   /* CLOCK_MONOTONIC us, newest first */
	uint64_t hangs[FACETD_MAX_HANGS];

	/* Who waits for the end of create, restart or remove: told once, then forgotten. */
	void (*settled)(void *owner, struct facetd_vgpu *vgpu, int error, const char *text);
	void *settled_owner;
};

/**
 * facetd_vgpu_create() - make a vGPU and start its process.
 * @record: what it shall be; checked by the caller
 *
 * The waiter (->settled) is called later: 0 when it is up; an error when it is not, and then
 * everything is gone again.
 */
int facetd_vgpu_create(struct facetd *daemon, const struct facetd_record *record,
		       struct facetd_vgpu **ret, struct facet_error *err);

/* Takes over what an earlier facetd left in folder @name. */
int facetd_vgpu_adopt(struct facetd *daemon, const char *name, struct facet_error *err);

/* Ends the process and removes everything; then the waiter is called, and @vgpu is gone. */
void facetd_vgpu_remove(struct facetd_vgpu *vgpu);

/*
 * A new process, or for hardware that failed another part; the waiter is told when it is up.
 */
int facetd_vgpu_restart(struct facetd_vgpu *vgpu, struct facet_error *err);

/* Forgets a vGPU and leaves its process running. */
void facetd_vgpu_forget(struct facetd_vgpu *vgpu);

struct facetd_vgpu *facetd_vgpu_find(const struct facetd *daemon, const char *name);

/* Keeps the log from growing: a guest may have a hand in it. */
void facetd_vgpu_trim_log(const struct facetd_vgpu *vgpu);

#endif
