/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpus.h - what on this host can execute guests' work. */
#ifndef FACET_DAEMON_GPUS_H
#define FACET_DAEMON_GPUS_H

#include <stdbool.h>

#include "arbiter/arbiter.h"
#include "daemon/vgpu.h"

enum { FACETD_MAX_GPUS = 33 }; /* soft0 and what the kernel's numbering of render nodes allows */

struct facetd_gpu {
	char name[32];    /* "renderD128", "soft0" */
	char driver[32];  /* "i915", "llvmpipe" */
	char address[32]; /* "0000:00:02.0 8086:1912", or "" */
	char node[64];    /* "/dev/dri/renderD128", or "" */
};

/* Names of mechanisms, best first, ends with NULL. */
extern const char *const facetd_mechanisms[];

/* @sysfs: "/sys" or a made-up tree. The render nodes in order, soft0 last. */
unsigned int facetd_gpus_list(const char *sysfs, struct facetd_gpu ret[static FACETD_MAX_GPUS]);

bool facetd_gpus_has(const char *sysfs, const char *name);

/* The sum of the weights of the vGPUs on a GPU. */
unsigned int facetd_gpus_weights(const struct facetd *daemon, const char *gpu);

/* The interface's word for a policy, which has no dash; and back: 0 or -EINVAL. */
const char *facetd_gpus_policy_word(enum facet_policy policy);
int facetd_gpus_policy(const char *word, enum facet_policy *ret);

/**
 * facetd_gpus_probe() - find out which mechanisms work, by asking facet-vgpu.
 * @done: called later, with an array of GPU as in the interface (taken), or NULL: no memory
 */
int facetd_gpus_probe(struct facetd *daemon, void (*done)(void *owner, json_t *gpus), void *owner,
		      struct facet_error *err);

#endif
