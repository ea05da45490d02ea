// SPDX-License-Identifier: GPL-2.0-or-later
/* part_change.c - parts made ready and undone, by what changes hosts. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/bind.h"
#include "host/mdev.h"
#include "host/part_internal.h"
#include "host/vendor_vf.h"

FACET_DEFINE_CLEANUP(struct facet_change, facet_change_close)

enum { WAIT_MS = 10000 }; /* for others that change this host */

/* --- functions, by VFIO's driver --- */

static int open_change(struct facet_parts *parts, struct facet_change **ret,
		       struct facet_error *err)
{
	const struct facet_change_config config = { .tree = parts->tree, .wait_ms = WAIT_MS };

	return facet_change_open(&config, ret, err);
}

int facet_part_bind(struct facet_parts *parts, struct facet_part *part, struct facet_error *err)
{
	facet_auto(facet_change_close) struct facet_change *change = NULL;
	const struct facet_bind_options options = { 0 };
	int r;

	if (!part->bound)
		return 0;
	r = open_change(parts, &change, err);
	if (r == 0)
		r = facet_bind(change, part->bdf, &options, err);
	return r;
}

/* Opening the change has put right what died half done; the rest is as facet_bind() left it. */
int facet_part_unbind(struct facet_parts *parts, const struct facet_part *part,
		      struct facet_error *err)
{
	facet_auto(facet_change_close) struct facet_change *change = NULL;
	int r;

	if (!part->bound)
		return 0;
	r = open_change(parts, &change, err);
	if (r == 0)
		r = facet_unbind(change, part->bdf, false, err);
	return r == -ENODEV ? 0 : r;
}

/* A VF that was with nobody stays with VFIO: its PF's driver is not to take it, the next guest is.
 */
int facet_part_leave(struct facet_parts *parts, const struct facet_part *part,
		     struct facet_error *err)
{
	return 0;
}

/* --- mediated devices --- */

int facet_part_make_mdev(struct facet_parts *parts, struct facet_part *part,
			 struct facet_error *err)
{
	facet_auto(facet_change_close) struct facet_change *change = NULL;
	struct facet_mdev_spec spec = { 0 };
	int r = open_change(parts, &change, err);

	if (r)
		return r;
	strcpy(spec.uuid, part->uuid);
	strcpy(spec.parent, part->parent);
	strcpy(spec.type, part->type);
	return facet_mdev_start(change, &spec, false, err);
}

/* Its UUID is of this giving alone; under another parent or type it is not what we made. */
int facet_part_remove_mdev(struct facet_parts *parts, const struct facet_part *part,
			   struct facet_error *err)
{
	facet_auto(facet_change_close) struct facet_change *change = NULL;
	int r = open_change(parts, &change, err);

	if (r == 0)
		r = facet_mdev_stop(change, part->uuid, part->parent, part->type, false, err);
	return r == -ENOENT || r == -ESTALE ? 0 : r;
}

/* --- NVIDIA's VFs --- */

int facet_part_make_vendor(struct facet_parts *parts, struct facet_part *part,
			   struct facet_error *err)
{
	facet_auto(facet_change_close) struct facet_change *change = NULL;
	struct facet_vendor_vf vf;
	int r = open_change(parts, &change, err);

	return r ? r
		 : facet_vendor_vf_take(change, part->gpu, (unsigned int)part->vf, part->type,
					part->token, &vf, err);
}

int facet_part_remove_vendor(struct facet_parts *parts, const struct facet_part *part,
			     struct facet_error *err)
{
	facet_auto(facet_change_close) struct facet_change *change = NULL;
	int r = open_change(parts, &change, err);

	if (r == 0)
		r = facet_vendor_vf_release(change, part->gpu, (unsigned int)part->vf, part->token,
					    false, err);
	return r == -ENOENT || r == -ESTALE ? 0 : r;
}
