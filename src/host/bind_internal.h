/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind_internal.h - what bind.c, persist.c and in_use.c share. */
#ifndef FACET_HOST_BIND_INTERNAL_H
#define FACET_HOST_BIND_INTERNAL_H

#include "host/bind.h"

/*
 * What goes with @bdf: the functions of its IOMMU group, bridges left out. 0; -ENODEV or -EINVAL
 * after a sentence. Release with facet_names_fini(), also after a failure.
 */
int facet_bind_group(struct facet_tree *tree, const char *bdf, struct facet_names *ret,
		     struct facet_error *err);

/*
 * Steps of a change: files by which @driver has the function from the next boot on, in place of the
 * one that has it now; and their end.
 */
int facet_bind_remember(struct facet_change *change, const char *bdf, const char *driver,
			struct facet_error *err);
int facet_bind_forget(struct facet_change *change, const char *bdf, struct facet_error *err);

#endif
