/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record.h - vgpu.json: what a vGPU is, and which process serves it, for the next facetd. */
#ifndef FACET_DAEMON_RECORD_H
#define FACET_DAEMON_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/shared_file.h"
#include "daemon/rundir.h"
#include "daemon/vgpu_limits.h"

/*
 * Written with every record; a facetd refuses newer ones. 1 (facet 0.1.0 before limits), 2 (before
 * screens were published, and vfio-user) and 3 (before parts of hardware) are read.
 */
enum { FACETD_STATE_VERSION = 4 };

enum { FACETD_MAX_OUTPUTS = 16 };

/* Where the outputs are published: PATH, PATH.1, PATH.2, ... */
struct facetd_kvmfr {
	char path[200];                                 /* "": they are not */
	gid_t group;                                    /* (gid_t)-1: as is */
	struct facet_file_id files[FACETD_MAX_OUTPUTS]; /* that were made there */
};

struct facetd_record {
	char name[65];
	char gpu[32];       /* "soft0", "renderD128"; of hardware: "0000:03:00.0" */
	char node[64];      /* "/dev/dri/renderD128", or "" */
	char mechanism[16]; /* "virgl", "2d"; "sriov", ... */
	char type[65];      /* what it was made as, or "" */
	char transport[16]; /* "vhost-user", "vfio-user"; of hardware "vfio" */
	unsigned int width, height, outputs;
	struct facetd_limits limits;
	struct facetd_kvmfr kvmfr;
	int64_t created; /* seconds since 1970 */

	/* A part of hardware (host/part.h); what it is stands where its token leads. */
	char token[33]; /* "": none, a process of ours serves the guest */
	bool taken;     /* once; if not yet, its creation was cut short */

	pid_t pid; /* 0: none */
	uint64_t start_time;
	unsigned int restarts;
	char reason[256]; /* how the last process ended */
};

bool facetd_transport_known(const char *name);
/* The socket in its folder where QEMU connects. */
void facetd_record_socket(const struct facetd_record *record, char ret[32]);

int facetd_record_save(const struct facetd_rundir *dir, const struct facetd_record *record,
		       struct facet_error *err);
int facetd_record_load(const struct facetd_rundir *dir, const char *name, struct facetd_record *ret,
		       struct facet_error *err);

#endif
