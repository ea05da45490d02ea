/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vgpu.h - the one vGPU of this process: its rooms wired together. */
#ifndef FACET_VGPU_VGPU_H
#define FACET_VGPU_VGPU_H

#include <stdatomic.h>
#include <systemd/sd-event.h>

#include "sched/sched.h"
#include "share/share.h"
#include "transport/transport.h"
#include "varlink/varlink.h"
#include "vgpu/options.h"

/* "Frame released": a picture that a sink could not take is shown again, by one job at a time. */
struct facet_refresh {
	struct facet_job job;
	struct facet_sched *sched;
	_Atomic int state;
};

void facet_refresh_init(struct facet_refresh *refresh);
/* For facet_display_config: @owner is the refresh. Any thread. */
void facet_refresh_wanted(void *owner);

/* Pictures that callers wait for. */
struct facet_capturer;

int facet_capturer_create(sd_event *event, struct facet_sched *sched, struct facet_capturer **ret,
			  struct facet_error *err);
/* After the scheduler, which ends what is under way. */
void facet_capturer_destroy(struct facet_capturer *capturer);
/* Answers the call, later: with the picture in the descriptor that came with it. */
void facet_capturer_start(struct facet_capturer *capturer, struct facet_varlink_call *call,
			  unsigned int output, bool with_cursor);

enum {
	FACET_HANDOVER_WATCHERS = 4,
};

struct facet_vgpu {
	const struct facet_vgpu_options *opts;
	const struct facet_sandbox_report *sandbox;
	uint64_t started_ns;
	bool seen;              /* a front-end was there once */
	unsigned int handovers; /* of the transport, when the watchers were told */
	struct facet_varlink_call *watchers[FACET_HANDOVER_WATCHERS];

	struct facet_errands errands; /* locked from init to fini, but while the loop waits */
	sd_event *event;
	struct facet_display *display;
	struct facet_engine *engine;
	struct facet_gate *gate;   /* NULL: nobody arbitrates */
	int share_fd, doorbell_fd; /* the gate's, for the next facetd; -1: none */
	struct facet_sched *sched;
	struct facet_transport *transport;
	struct facet_refresh refresh;
	struct facet_capturer *capturer;
	struct facet_varlink_server *control;
};

/* What was opened before the sandbox closed; each is taken. */
struct facet_vgpu_fds {
	int listen, connected, render, share, doorbell;
	int kvmfr[FACET_MAX_OUTPUTS]; /* by output; -1: not published */
	bool adopted;                 /* a predecessor's: */
	struct facet_handover adopt;
};

int facet_vgpu_init(struct facet_vgpu *vgpu, const struct facet_vgpu_options *opts,
		    const struct facet_sandbox_report *sandbox, struct facet_vgpu_fds *fds,
		    struct facet_error *err);
void facet_vgpu_fini(struct facet_vgpu *vgpu);

/*
 * Opens what --kvmfr and --kvmfr-fd name, before the sandbox closes. What had to be made is added
 * to @made, behind what is there (also after a failure): names in memory of its own, up to NULL.
 */
enum { FACET_PUBLISH_MAX_MADE = FACET_MAX_OUTPUTS + 2 };
int facet_publish_open(const struct facet_vgpu_options *opts, int ret_fds[FACET_MAX_OUTPUTS],
		       char *made[FACET_PUBLISH_MAX_MADE], struct facet_error *err);
/* Lets who maps the files watch; after the scheduler. Takes the descriptors. */
int facet_publish_start(struct facet_vgpu *vgpu, int fds[FACET_MAX_OUTPUTS],
			struct facet_error *err);

/* Serves io.facet.vgpu on the control descriptor, if there is one. */
int facet_control_create(struct facet_vgpu *vgpu, struct facet_error *err);

/* The call io.facet.vgpu.Handover; and a look for something new to tell its callers. */
void facet_handover_handle(struct facet_varlink_call *call, void *owner);
void facet_handover_changed(struct facet_vgpu *vgpu);
/* What a predecessor left; takes @fd. False when that is nothing. */
bool facet_handover_load(int fd, struct facet_handover *ret);

/* Runs until the end is asked for, or the only front-end has gone. 0 or -errno. */
int facet_vgpu_run(struct facet_vgpu *vgpu, struct facet_error *err);

/* One line of JSON each, on stdout. */
int facet_vgpu_print_capabilities(void);
int facet_vgpu_print_probe(const struct facet_vgpu_options *opts);

#endif
