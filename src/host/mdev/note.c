// SPDX-License-Identifier: GPL-2.0-or-later
/* note.c - that a device is being made: for whoever comes after one of us who died meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/holders.h"
#include "host/mdev/internal.h"

#define NOTE MDEV_NOTES "/%s"

struct note {
	char boot[FACET_MDEV_UUID], parent[FACET_TREE_NAME], type[FACET_TREE_NAME];
	char define[8]; /* "define": also to be defined, after all else */
};

static void read_boot(struct facet_tree *tree, char ret[FACET_MDEV_UUID])
{
	facet_tree_text(tree, ret, FACET_MDEV_UUID, "proc/sys/kernel/random/boot_id");
}

int facet_mdev_note_begin(struct facet_edit *edit, const struct facet_mdev_spec *spec, bool define)
{
	char text[256], boot[FACET_MDEV_UUID];

	read_boot(facet_edit_tree(edit), boot);
	snprintf(text, sizeof(text), "%s %s %s %s\n", *boot ? boot : "-", spec->parent, spec->type,
		 define ? "define" : "-");
	return facet_edit_put(edit, text, NOTE, spec->uuid);
}

int facet_mdev_note_end(struct facet_edit *edit, const char *uuid)
{
	return facet_edit_remove(edit, NOTE, uuid);
}

/* Is what runs what the note is about, and not done? */
static bool is_half_made(struct facet_tree *tree, const char *uuid, const struct note *note)
{
	char boot[FACET_MDEV_UUID];
	struct facet_mdev active;

	read_boot(tree, boot);
	if (strcmp(*boot ? boot : "-", note->boot) != 0 ||
	    facet_mdev_find_active(tree, uuid, &active) < 0 ||
	    strcmp(active.spec.parent, note->parent) != 0 ||
	    strcmp(active.spec.type, note->type) != 0)
		return false;
	/* The definition is written when all else is. */
	return strcmp(note->define, "define") != 0 ||
	       !facet_tree_exists(tree, MDEV_DEFINITIONS "/%s/%s", note->parent, uuid);
}

static int settle(struct facet_edit *edit, const char *uuid, struct facet_error *err)
{
	struct facet_tree *tree = facet_edit_tree(edit);
	char text[256], path[FACET_TREE_PATH];
	struct note note;
	int r;

	if (facet_tree_text(tree, text, sizeof(text), NOTE, uuid) > 0 &&
	    sscanf(text, "%36s %63s %63s %7s", note.boot, note.parent, note.type, note.define) ==
		    4 &&
	    is_half_made(tree, uuid, &note)) {
		snprintf(path, sizeof(path), MDEV_DEVICES "/%s", uuid);
		/* Whoever uses it takes it as it is. */
		r = facet_holders_refuse(tree, path, uuid, false, NULL) < 0
			    ? 0
			    : facet_mdev_take_away(edit, uuid);
		if (r < 0)
			return facet_error_set(err, r, "%s: half made, and not to be removed: %s",
					       uuid, strerror(-r));
	}
	r = facet_mdev_note_end(edit, uuid);
	return r < 0 ? facet_error_set(err, r, "/" NOTE ": %s", uuid, strerror(-r)) : 0;
}

int facet_mdev_recover(struct facet_edit *edit, struct facet_error *err)
{
	char uuid[FACET_MDEV_UUID];
	struct facet_names notes;
	int r = 0;

	/* A dry run has no lock, and may see the note of one who is at it. */
	if (facet_edit_is_dry(edit))
		return 0;
	facet_tree_list(facet_edit_tree(edit), &notes, MDEV_NOTES);
	for (unsigned int i = 0; r == 0 && i < notes.count; i++)
		if (facet_mdev_uuid_parse(notes.items[i], uuid))
			r = settle(edit, notes.items[i], err);
	facet_names_fini(&notes);
	return r;
}
