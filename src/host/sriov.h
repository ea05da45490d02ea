/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sriov.h - how many virtual functions a device has, and what each gets of it. */
#ifndef FACET_HOST_SRIOV_H
#define FACET_HOST_SRIOV_H

#include "host/change.h"

/* What Intel's xe takes for each VF; NULL: left as it is. Texts as the driver takes them. */
struct facet_sriov_profile {
	const char *exec_quantum_ms, *preempt_timeout_us, *vram_quota, *sched_priority;
};

struct facet_sriov_options {
	struct facet_sriov_profile profile;
	bool keep_free; /* drivers of the host do not take the new VFs */
	bool forced;    /* also if a process has one of the old VFs open */
};

/**
 * facet_sriov_set() - the device has @count VFs; 0: none.
 *
 * VFs that are there end first, unless their number and memory stay: the kernel takes no other way.
 * Then what each is to get is told the driver, then they are enabled, and counted. A change is
 * begun and committed.
 *
 * Return: 0; -ENODEV: no such device, or it has no SR-IOV; -ERANGE: more than it can; -EBUSY: a VF
 * is in use; -ENOTSUP: its driver has no such profile, or its VFs are made by other means; others
 * from the kernel. After a failure number and profiles are what they were; VFs that ended are there
 * again, without the drivers they had.
 */
int facet_sriov_set(struct facet_change *change, const char *bdf, unsigned int count,
		    const struct facet_sriov_options *options, struct facet_error *err);

#endif
