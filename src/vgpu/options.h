/* SPDX-License-Identifier: GPL-2.0-or-later */
/* options.h - the command line of facet-vgpu. */
#ifndef FACET_VGPU_OPTIONS_H
#define FACET_VGPU_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "display/display.h"
#include "vgpu/sandbox.h"

enum facet_vgpu_action {
	FACET_VGPU_RUN,
	FACET_VGPU_PRINT_CAPABILITIES,
	FACET_VGPU_PROBE,
	FACET_VGPU_HELP,
	FACET_VGPU_VERSION,
};

enum { FACET_VGPU_MIN_VRAM = 1 << 20 }; /* bytes */

struct facet_vgpu_options {
	enum facet_vgpu_action action;
	const char *name;
	const char *socket_path; /* where to listen; NULL: somebody else listens */
	const char *render_node; /* NULL: the software renderer */
	const char *engine;
	const char *transport; /* "vhost-user", "vfio-user" */
	int fd, listen_fd, control_fd, adopt_fd, share_fd, doorbell_fd; /* -1: none */
	const char *kvmfr; /* where the first output's pictures are published; NULL: not */
	int kvmfr_fds[FACET_MAX_OUTPUTS]; /* or there, by output; -1: not */
	unsigned int kvmfr_fd_count;
	uint32_t width, height; /* 0: whoever shows the picture decides */
	unsigned int outputs;
	uint64_t vram_bytes;
	unsigned int eu_count; /* threads to draw with; 0: as many as there are processors */
	enum facet_sandbox_mode sandbox;
};

/* 0; -EINVAL with a sentence that names the argument and what it may be. */
int facet_vgpu_options_parse(int argc, char **argv, struct facet_vgpu_options *ret,
			     struct facet_error *err);
extern const char facet_vgpu_usage[];

#endif
