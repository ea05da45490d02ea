// SPDX-License-Identifier: GPL-2.0-or-later
/* undo.c - makes steps of a journal undone, as far as they are still as they were left. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/change_internal.h"

/* A file's text, or where a link leads; "" if there is neither. */
static void read_guard(struct facet_tree *tree, const char *path, char *ret, size_t size)
{
	if (facet_tree_link(tree, ret, size, "%s", path) == -EINVAL)
		facet_tree_text(tree, ret, size, "%s", path);
}

/* A file of ours may be longer than what sysfs says at once. */
static bool file_says(struct facet_tree *tree, const char *path, const char *content)
{
	facet_autofree uint8_t *bytes = NULL;
	size_t size;

	if (facet_tree_bytes(tree, &bytes, &size, "%s", path) < 0)
		return !content;
	return content && size == strlen(content) && memcmp(bytes, content, size) == 0;
}

static bool as_it_was_left(struct facet_tree *tree, const struct facet_journal_step *step)
{
	char now[4096];

	if (step->file)
		return file_says(tree, step->path, step->text);
	if (!step->guard_path)
		return true;
	read_guard(tree, step->guard_path, now, sizeof(now));
	return strcmp(now, step->guard_text) == 0;
}

/* The device that a step was about is not there any more, as a VF whose PF has none now. */
static bool is_gone(struct facet_tree *tree, const struct facet_journal_step *step)
{
	const char *path = step->guard_path ? step->guard_path : step->undo_path;
	const char *slash = strrchr(path, '/');

	return slash && !facet_tree_exists(tree, "%.*s", (int)(slash - path), path);
}

static int undo_step(struct facet_tree *tree, const struct facet_journal_step *step)
{
	int r;

	if (!step->undo_path || !as_it_was_left(tree, step))
		return 0;
	if (step->file)
		return facet_tree_replace(tree, step->undo_text, "%s", step->undo_path);
	r = facet_tree_write(tree, step->undo_text, "%s", step->undo_path);
	return r < 0 && is_gone(tree, step) ? 0 : r;
}

int facet_journal_undo(struct facet_tree *tree, const struct facet_journal *journal,
		       struct facet_error *err)
{
	char boot[64];
	bool rebooted;
	int r, ret = 0;

	if (!journal->what) /* who began it died before it said what */
		return 0;
	facet_tree_boot(tree, boot, sizeof(boot));
	rebooted = strcmp(boot, journal->boot) != 0;
	for (unsigned int i = journal->count; i-- > 0;) {
		const struct facet_journal_step *step = &journal->steps[i];

		/* The kernel has forgotten what it was told before it was started. */
		if (rebooted && !step->file)
			continue;
		r = undo_step(tree, step);
		if (r < 0 && ret == 0)
			ret = facet_error_set(
				err, -EUCLEAN,
				"%s: half done, and /%s cannot be set back to \"%s\": %s; "
				"put it right and remove /" CHANGE_JOURNAL,
				journal->what, step->undo_path,
				step->undo_text ? step->undo_text : "", strerror(-r));
	}
	return ret;
}
