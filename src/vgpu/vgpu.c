// SPDX-License-Identifier: GPL-2.0-or-later
/* vgpu.c - creates the rooms in order, and destroys them in reverse. */
#include "vgpu/vgpu.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A desktop has a few dozens of programs that draw with OpenGL. */
enum {
	MAX_CONTEXTS = 64, /* of some 3 MiB each */
	MAX_QUEUED = 4096, /* jobs; a ring holds at most 1024 requests */
};

static int create_display(struct facet_vgpu *vgpu, struct facet_error *err)
{
	const struct facet_vgpu_options *opts = vgpu->opts;
	struct facet_display_config cfg = {
		.output_count = opts->outputs,
		.released = facet_refresh_wanted,
		.owner = &vgpu->refresh,
	};

	for (unsigned int i = 0; i < opts->outputs; i++) {
		struct facet_output *output = &cfg.outputs[i];

		output->connected = i == 0 || opts->width; /* a size for all: all are wanted */
		output->x = i * opts->width;
		output->width = opts->width;
		output->height = opts->height;
	}
	return facet_display_create(&cfg, &vgpu->display, err);
}

static int create_engine(struct facet_vgpu *vgpu, int render_fd, struct facet_error *err)
{
	const struct facet_engine_config cfg = {
		.display = vgpu->display,
		.render_node = vgpu->opts->render_node,
		.render_fd = render_fd,
		.threads = vgpu->opts->eu_count,
	};

	return facet_engine_create(vgpu->opts->engine, &cfg, &vgpu->engine, err);
}

/* Before the thread that passes it. */
static int create_gate(struct facet_vgpu *vgpu, struct facet_vgpu_fds *fds, struct facet_error *err)
{
	const struct facet_gate_config cfg = {
		.page_fd = fds->share,
		.doorbell_fd = fds->doorbell,
		.task_fd = vgpu->sandbox->task_fd,
		.engine_name = FACET_SCHED_THREAD,
	};

	if (fds->share < 0)
		return 0;
	/* The gate closes the page's. */
	vgpu->share_fd = fcntl(fds->share, F_DUPFD_CLOEXEC, 3);
	vgpu->doorbell_fd = fds->doorbell;
	return facet_gate_create(&cfg, &vgpu->gate, err);
}

static int create_sched(struct facet_vgpu *vgpu, struct facet_error *err)
{
	const struct facet_sched_config cfg = {
		.engine = vgpu->engine,
		.vram_bytes = vgpu->opts->vram_bytes,
		.max_contexts = MAX_CONTEXTS,
		.max_queued = MAX_QUEUED,
		.errands = &vgpu->errands,
		.gate = vgpu->gate,
		.statm_fd = vgpu->sandbox->padded ? -1 : vgpu->sandbox->statm_fd,
	};
	int r = facet_sched_create(&cfg, &vgpu->sched, err);

	vgpu->refresh.sched = vgpu->sched;
	return r;
}

static int create_transport(struct facet_vgpu *vgpu, struct facet_vgpu_fds *fds,
			    struct facet_error *err)
{
	const struct facet_transport_config cfg = {
		.device = "virtio-gpu",
		.device_config = { .sched = vgpu->sched, .display = vgpu->display },
		.listen_fd = facet_steal_fd(&fds->listen),
		.fd = facet_steal_fd(&fds->connected),
		.errands = &vgpu->errands,
		.adopt = fds->adopted ? &fds->adopt : NULL,
	};

	return facet_transport_create(vgpu->opts->transport, &cfg, &vgpu->transport, err);
}

int facet_vgpu_init(struct facet_vgpu *vgpu, const struct facet_vgpu_options *opts,
		    const struct facet_sandbox_report *sandbox, struct facet_vgpu_fds *fds,
		    struct facet_error *err)
{
	struct timespec ts;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	*vgpu = (struct facet_vgpu){
		.opts = opts,
		.sandbox = sandbox,
		.share_fd = -1,
		.doorbell_fd = -1,
		.started_ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec,
	};
	facet_errands_init(&vgpu->errands);
	pthread_mutex_lock(&vgpu->errands.lock);
	facet_refresh_init(&vgpu->refresh);
	r = sd_event_new(&vgpu->event);
	if (r < 0)
		return facet_error_set(err, r, "event loop: %s", strerror(-r));
	r = create_display(vgpu, err);
	if (!r)
		r = create_engine(vgpu, fds->render, err);
	if (!r)
		r = create_gate(vgpu, fds, err);
	if (!r)
		r = create_sched(vgpu, err);
	if (!r)
		r = facet_publish_start(vgpu, fds->kvmfr, err);
	if (!r)
		r = facet_capturer_create(vgpu->event, vgpu->sched, &vgpu->capturer, err);
	if (!r)
		r = create_transport(vgpu, fds, err);
	if (!r && opts->control_fd >= 0)
		r = facet_control_create(vgpu, err);
	return r;
}

void facet_vgpu_fini(struct facet_vgpu *vgpu)
{
	vgpu->errands.closed = true;
	facet_varlink_server_destroy(vgpu->control);
	facet_transport_destroy(vgpu->transport);
	pthread_mutex_unlock(&vgpu->errands.lock);
	facet_sched_destroy(vgpu->sched);
	facet_gate_destroy(vgpu->gate);
	if (vgpu->share_fd >= 0)
		close(vgpu->share_fd);
	facet_capturer_destroy(vgpu->capturer);
	facet_engine_destroy(vgpu->engine);
	facet_display_destroy(vgpu->display);
	sd_event_unref(vgpu->event);
	facet_errands_fini(&vgpu->errands);
}
