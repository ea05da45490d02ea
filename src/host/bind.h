/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind.h - gives PCI devices to VFIO, and back to the host: whole IOMMU groups. */
#ifndef FACET_HOST_BIND_H
#define FACET_HOST_BIND_H

#include "host/change.h"

struct facet_bind_options {
	const char *driver; /* NULL: the variant of vfio-pci that is made for it, else vfio-pci */
	bool forced;        /* also what the host uses, and what it booted with */
};

/**
 * facet_bind() - every function of the device's IOMMU group that is no bridge goes to VFIO.
 * @bdf: "0000:03:00.0"
 *
 * Those that are with VFIO already stay as they are. What somebody of the host uses is refused:
 * screens, disks, networks; who, is in the sentence. A change is begun and committed.
 *
 * Return: 0; -ENODEV: no such device, or no IOMMU for it; -ENOENT: the driver is not loaded;
 * -EBUSY: in use; others from the kernel. After a failure everything is as it was.
 */
int facet_bind(struct facet_change *change, const char *bdf,
	       const struct facet_bind_options *options, struct facet_error *err);

/**
 * facet_unbind() - the group's functions that are with VFIO go back to who of the host knows them.
 *
 * Return: 0; -ENODEV; -EBUSY when a process has one open (unless @forced). That no driver of the
 * host took one is no failure: its module may not be loaded.
 */
int facet_unbind(struct facet_change *change, const char *bdf, bool forced,
		 struct facet_error *err);

/**
 * facet_bind_persist() - the same after each boot; or no more.
 *
 * Three files: a rule of udev sets driver_override, modprobe loads VFIO before the drivers that
 * would take it, and VFIO is loaded at boot. They begin to work with the next initramfs.
 */
int facet_bind_persist(struct facet_change *change, const char *bdf, bool on,
		       struct facet_error *err);
/* Is it so? */
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
/* The variant of vfio-pci for a function, if its module is loaded, else vfio-pci. */
void facet_bind_choose(struct facet_tree *tree, const char *bdf, char *ret, size_t size);

#endif
