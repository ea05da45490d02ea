/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind.h - gives PCI devices to VFIO, and back to the host: whole IOMMU groups. */
#ifndef FACET_HOST_BIND_H
#define FACET_HOST_BIND_H

#include "host/change.h"
#include "host/inventory.h"

struct facet_bind_options {
	const char *driver; /* NULL: the variant of vfio-pci that is made for it, else vfio-pci */
	bool forced;        /* also what the host uses, and what it booted with */
	bool persist;       /* also after each boot */
};

/**
 * facet_bind_find() - the address of what is written as "0000:03:00.0", or as a VF of that by its
 * index, "0000:03:00.0/virtfn2": addresses come again when VFs went and are others' then.
 *
 * Return: 0; -EINVAL or -ENODEV after a sentence in @err.
 */
int facet_bind_find(struct facet_tree *tree, const char *device, char ret[FACET_HOST_BDF],
		    struct facet_error *err);

/**
 * facet_bind() - every function of the device's IOMMU group that is no bridge goes to VFIO.
 * @bdf: "0000:03:00.0"
 *
 * Those that are with VFIO already stay as they are. What somebody of the host uses is refused:
 * screens, disks, networks; who, is in the sentence. A change is begun and committed.
 *
 * Return: 0; -ENODEV: no such device, or no IOMMU for it; -ENOENT: the driver is not loaded;
 * -EBUSY: in use; -ENOTSUP: its driver comes before any rule; others from the kernel. After a
 * failure everything is as it was.
 */
int facet_bind(struct facet_change *change, const char *bdf,
	       const struct facet_bind_options *options, struct facet_error *err);

/**
 * facet_unbind() - the group's functions that are with VFIO go back to who of the host knows them.
 *
 * Also from the next boot on. A change is begun and committed.
 *
 * Return: 0; -ENODEV; -EBUSY when a process has one open (unless @forced). That no driver of the
 * host took one is no failure: its module may not be loaded.
 */
int facet_unbind(struct facet_change *change, const char *bdf, bool forced,
		 struct facet_error *err);

/* Will it be with VFIO after a boot? */
bool facet_bind_persists(struct facet_tree *tree, const char *bdf);

/* --- for those who bind single functions --- */

/* A device's driver now; "" if it has none. */
void facet_bind_driver(struct facet_tree *tree, const char *bdf, char *ret, size_t size);
/* Steps of a change that was begun: @driver alone may have it, and has it. */
int facet_bind_one(struct facet_change *change, const char *bdf, const char *driver,
		   struct facet_error *err);
/* Steps of a change: who knows it has it. */
int facet_unbind_one(struct facet_change *change, const char *bdf, struct facet_error *err);
/* Who of the host uses it, in words; false: nobody. */
bool facet_bind_in_use(struct facet_tree *tree, const char *bdf, char *ret, size_t size);
/*
 * @wanted, or if it is NULL the variant of vfio-pci for a function, else vfio-pci. On a real host
 * its module is loaded, unless the change is dry. 0; -EINVAL; -ENOENT: it is not there.
 */
int facet_bind_choose(struct facet_change *change, const char *bdf, const char *wanted,
		      char ret[FACET_TREE_NAME], struct facet_error *err);

#endif
