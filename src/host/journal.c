// SPDX-License-Identifier: GPL-2.0-or-later
/* journal.c - what is about to be done, and how it is undone: a line of JSON for each. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/change_internal.h"

FACET_DEFINE_CLEANUP(json_t, json_decref)

/* A copy of a member; an absent one is NULL. */
static int take_text(const json_t *line, const char *key, char **ret)
{
	const json_t *value = json_object_get(line, key);

	*ret = NULL;
	if (!value)
		return 0;
	if (!json_is_string(value))
		return -EINVAL;
	*ret = strdup(json_string_value(value));
	return *ret ? 0 : -ENOMEM;
}

static bool sound_path(const char *path)
{
	return !path || (path[0] && path[0] != '/' && strlen(path) < FACET_TREE_PATH);
}

static int parse_step(const json_t *line, struct facet_journal_step *ret)
{
	const struct {
		const char *key;
		char **to;
	} members[] = {
		{ "path", &ret->path },
		{ "text", &ret->text },
		{ "undo-path", &ret->undo_path },
		{ "undo-text", &ret->undo_text },
		{ "guard-path", &ret->guard_path },
		{ "guard-text", &ret->guard_text },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(members) / sizeof(members[0]); i++)
		r = take_text(line, members[i].key, members[i].to);
	if (r < 0)
		return r;
	ret->file = json_is_true(json_object_get(line, "file"));
	if ((!ret->path && (!ret->undo_path || ret->file)) || !sound_path(ret->path) ||
	    !sound_path(ret->undo_path) || !sound_path(ret->guard_path) ||
	    (ret->guard_path && !ret->guard_text) ||
	    (ret->undo_path && !ret->undo_text && !ret->file))
		return -EINVAL;
	return 0;
}

static int parse_line(const char *text, size_t size, struct facet_journal *journal)
{
	json_t *line = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	facet_auto(json_decref) json_t *held = line;
	struct facet_journal_step *more;
	int r;

	if (!json_is_object(line))
		return -EINVAL;
	if (!journal->what) {
		r = take_text(line, "what", &journal->what);
		if (r == 0)
			r = take_text(line, "boot", &journal->boot);
		return r < 0 ? r : journal->what && journal->boot ? 0 : -EINVAL;
	}
	if (journal->count == FACET_JOURNAL_STEPS)
		return -EINVAL;
	more = reallocarray(journal->steps, journal->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	journal->steps = more;
	more[journal->count] = (struct facet_journal_step){ 0 };
	return parse_step(line, &more[journal->count++]);
}

int facet_journal_parse(const char *text, size_t size, struct facet_journal *ret)
{
	const char *end;
	int r = 0;

	*ret = (struct facet_journal){ 0 };
	for (; r == 0 && (end = memchr(text, '\n', size)); text = end + 1) {
		r = parse_line(text, (size_t)(end - text), ret);
		size -= (size_t)(end + 1 - text);
	}
	if (r < 0)
		facet_journal_fini(ret);
	return r;
}

void facet_journal_fini(struct facet_journal *journal)
{
	for (unsigned int i = 0; i < journal->count; i++) {
		struct facet_journal_step *step = &journal->steps[i];

		free(step->path);
		free(step->text);
		free(step->undo_path);
		free(step->undo_text);
		free(step->guard_path);
		free(step->guard_text);
	}
	free(journal->steps);
	free(journal->what);
	free(journal->boot);
	*journal = (struct facet_journal){ 0 };
}

char *facet_journal_format_begin(const char *what, const char *boot)
{
	facet_auto(json_decref) json_t *line = json_pack("{ss ss}", "what", what, "boot", boot);

	return line ? json_dumps(line, JSON_COMPACT) : NULL;
}

char *facet_journal_format_step(const struct facet_journal_step *step)
{
	facet_auto(json_decref) json_t *line =
		json_pack("{ss* ss* ss* ss* ss* ss* sb}", "path", step->path, "text", step->text,
			  "undo-path", step->undo_path, "undo-text", step->undo_text, "guard-path",
			  step->guard_path, "guard-text", step->guard_text, "file", step->file);

	return line ? json_dumps(line, JSON_COMPACT) : NULL;
}
