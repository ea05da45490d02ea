/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bind_internal.h - what bind.c and persist.c share. */
#ifndef FACET_HOST_BIND_INTERNAL_H
#define FACET_HOST_BIND_INTERNAL_H

#include "host/tree.h"

/*
 * What goes with @bdf: the functions of its IOMMU group, bridges left out. 0; -ENODEV or -EINVAL
 * after a sentence. Release with facet_names_fini(), also after a failure.
 */
int facet_bind_group(struct facet_tree *tree, const char *bdf, struct facet_names *ret,
		     struct facet_error *err);

#endif
