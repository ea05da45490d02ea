/* SPDX-License-Identifier: GPL-2.0-or-later */
/* load.h - where the vCPUs of VMs that run already are. */
#ifndef FACET_LAUNCH_LOAD_H
#define FACET_LAUNCH_LOAD_H

#include <sys/types.h>

struct facet_place_load;

/* Counts in a process's threads that have one CPU each. facet_load_read() is in launch.h. */
void facet_load_add_process(struct facet_place_load *load, pid_t pid);

#endif
