/* SPDX-License-Identifier: GPL-2.0-or-later */
/* internal.h - paths of mediated devices. */
#ifndef FACET_HOST_MDEV_INTERNAL_H
#define FACET_HOST_MDEV_INTERNAL_H

#include "host/mdev.h"

#define MDEV_DEVICES     "sys/bus/mdev/devices"
#define MDEV_PARENTS     "sys/class/mdev_bus"
#define MDEV_DEFINITIONS "etc/mdevctl.d"
#define MDEV_SCRIPTS     "scripts.d" /* mdevctl's, beside the directories of parents */

/* The definition of one; what was in @ret is released first. -ENOENT: there is none. */
int facet_mdev_read_definition(struct facet_tree *tree, const char *parent, const char *uuid,
			       struct facet_mdev_spec *ret, struct facet_error *err);
/* A step of a change that was begun. */
int facet_mdev_write_definition(struct facet_change *change, const struct facet_mdev_spec *spec,
				bool replace, struct facet_error *err);

#endif
