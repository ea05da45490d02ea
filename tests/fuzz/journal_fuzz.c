// SPDX-License-Identifier: GPL-2.0-or-later
/* journal_fuzz.c - a journal that says anything: what is taken has paths below the root only. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/change.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
	if (path && (!*path || *path == '/' || strlen(path) >= FACET_TREE_PATH))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facet_journal journal;

	if (facet_journal_parse((const char *)data, size, &journal) < 0)
		return 0;
	if (journal.count > FACET_JOURNAL_STEPS || (journal.count && !journal.what))
		abort();
	for (unsigned int i = 0; i < journal.count; i++) {
		const struct facet_journal_step *step = &journal.steps[i];

		check_path(step->path);
		check_path(step->undo_path);
		check_path(step->guard_path);
		if ((!step->path && !step->undo_path) || (step->guard_path && !step->guard_text))
			abort();
	}
	facet_journal_fini(&journal);
	return 0;
}
