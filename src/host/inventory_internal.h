/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inventory_internal.h - what the files that fill an inventory share. */
#ifndef FACET_HOST_INVENTORY_INTERNAL_H
#define FACET_HOST_INVENTORY_INTERNAL_H

#include "host/inventory.h"

#define PCI "sys/bus/pci/devices/%s"

/* What a name is followed by when it is "virtfn12" or the like: its number, or -1. */
int facet_host_numbered(const char *name, const char *prefix);
/* The number that a link's target is: an IOMMU group, or -1. */
int facet_host_group_of(struct facet_tree *tree, const char *bdf);
void facet_host_read_function(struct facet_tree *tree, const char *bdf,
			      struct facet_host_function *ret);

/* Each: 0 or -ENOMEM; @gpu->function is known. */
int facet_host_read_group(struct facet_tree *tree, struct facet_host_gpu *gpu);
int facet_host_read_vfs(struct facet_tree *tree, struct facet_host_gpu *gpu);
int facet_host_read_profiles(struct facet_tree *tree, struct facet_host_gpu *gpu);
/* The types of a parent at @path. */
int facet_host_read_types(struct facet_tree *tree, const char *path, struct facet_host_type **ret,
			  unsigned int *ret_count);

/* Fills in names of all, by the machine's pci.ids if it has that. */
void facet_host_name_gpus(struct facet_host *host);

#endif
