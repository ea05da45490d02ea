/* SPDX-License-Identifier: GPL-2.0-or-later */
/* meter.h - how much of a GPU a vGPU's process really used, by the kernel's word. */
#ifndef FACET_DAEMON_METER_H
#define FACET_DAEMON_METER_H

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"

struct facetd_meter;

struct facetd_meter_ops {
	const char *name;
	/* Can this process be metered so? 0, or -errno and a sentence. */
	int (*probe)(struct facetd_meter *meter, struct facet_error *err);
	/* EU-ns since the process began. */
	int (*read)(struct facetd_meter *meter, uint64_t *ret_ns);
};

struct facetd_meter {
	const struct facetd_meter_ops *ops;
	int proc_fd; /* borrowed: "/proc", or a made-up tree */
	pid_t pid;   /* 0: none at the moment */
	clockid_t clock;
	uint64_t before_ns; /* used by the processes before this one */
	uint64_t last_ns;   /* what was told last; never less afterwards */
};

/* "cpu-clock": soft0's execution units are cores. "drm-fdinfo": a render node's driver counts. */
void facetd_meter_init(struct facetd_meter *meter, const char *name, int proc_fd);

/* A process is there; what earlier ones used stays counted. 0, or -errno and a sentence. */
int facetd_meter_start(struct facetd_meter *meter, pid_t pid, struct facet_error *err);
void facetd_meter_stop(struct facetd_meter *meter);

/* Ever growing; the last value when the process cannot be asked. */
uint64_t facetd_meter_read(struct facetd_meter *meter);

/* EU-ns that these cores were idle since boot, from /proc/stat; 0: not known. */
struct facetd_idle {
	int proc_fd;
	int fd; /* -1: not opened yet */
};
uint64_t facetd_idle_read(struct facetd_idle *idle, const cpu_set_t *cores);

#endif
