// SPDX-License-Identifier: GPL-2.0-or-later
/* part_change.c - parts made ready and undone, by what changes hosts. */
#include <errno.h>

#include "host/part_internal.h"

int facet_part_bind(struct facet_parts *parts, struct facet_part *part, struct facet_error *err)
{
	return part->bound ? facet_error_set(err, -EBUSY,
					     "%s: is not with VFIO's driver: `facet vfio bind %s` "
					     "first",
					     part->bdf, part->bdf)
			   : 0;
}

int facet_part_unbind(struct facet_parts *parts, const struct facet_part *part,
		      struct facet_error *err)
{
	return 0;
}
