/* SPDX-License-Identifier: GPL-2.0-or-later */
/* topology.h - how a topology is put together. Inside the room only. */
#ifndef FACET_PLACE_TOPOLOGY_H
#define FACET_PLACE_TOPOLOGY_H

#include "place/place.h"

/**
 * facet_topology_refine() - what hwloc does not know.
 * @sys_fd: "/sys" or a made-up tree
 * @topology: its nodes and devices are there
 *
 * Memory and hugepages that are free, and nodes of devices that no CPU of ours is near to.
 */
void facet_topology_refine(int sys_fd, struct facet_topology *topology);

#endif
