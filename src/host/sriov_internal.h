/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sriov_internal.h - what sriov.c and provision.c share. */
#ifndef FACET_HOST_SRIOV_INTERNAL_H
#define FACET_HOST_SRIOV_INTERNAL_H

#include "host/sriov.h"

/* Has the driver a file for all that @profile says, of each of the VFs? 0 or -ENOTSUP. */
int facet_sriov_check_profile(struct facet_tree *tree, const char *bdf, unsigned int count,
			      const struct facet_sriov_profile *profile, struct facet_error *err);
/* Steps of a change: each of the VFs gets it. */
int facet_sriov_provision(struct facet_change *change, const char *bdf, unsigned int count,
			  const struct facet_sriov_profile *profile, struct facet_error *err);

#endif
