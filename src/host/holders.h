/* SPDX-License-Identifier: GPL-2.0-or-later */
/* holders.h - which processes have a device open by VFIO. */
#ifndef FACET_HOST_HOLDERS_H
#define FACET_HOST_HOLDERS_H

#include <stdbool.h>

#include "host/tree.h"

struct facet_holders {
	unsigned int count;            /* processes that have it open, or its group */
	int pid;                       /* the first of them */
	char command[FACET_TREE_NAME]; /* its, and what it has open: "/dev/vfio/12" */
	char file[FACET_TREE_NAME];
	unsigned int unknown; /* processes of which that could not be told */
};

/**
 * facet_holders_find() - look at what every process has open.
 * @device: its directory below the root, such as "sys/bus/mdev/devices/UUID"
 *
 * A device handle alone, handed over without its group, is told by /proc/PID/fdinfo/N on kernels
 * that write "vfio-device-syspath" there; of others it counts as unknown, and so does a process
 * that this one may not look at. What is to be safe takes unknown for open.
 */
void facet_holders_find(struct facet_tree *tree, const char *device, struct facet_holders *ret);

/* Who has @file open, "/dev/dri/card0"; as far as this process may look. */
void facet_holders_of_file(struct facet_tree *tree, const char *file, struct facet_holders *ret);

/**
 * facet_holders_refuse() - is nobody in the way of taking @device from its users?
 * @name: for the sentence
 * @forced: then only the kernel has a say
 *
 * Return: 0; -EBUSY when it is open, or nobody can tell, after a sentence that names the process.
 */
int facet_holders_refuse(struct facet_tree *tree, const char *device, const char *name, bool forced,
			 struct facet_error *err);

#endif
