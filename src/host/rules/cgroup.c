// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup.c - rules about control groups, by which facetd holds vGPUs to their limits. */
#include <stdio.h>
#include <string.h>

#include "host/rules/rules.h"

/* Where this process is: the line "0::/path" of version 2. */
static bool find_own(struct facet_exam *exam, char *ret, size_t size)
{
	char text[4096], *state = NULL, *line;

	facet_tree_text(exam->tree, text, sizeof(text), "proc/self/cgroup");
	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		if (strncmp(line, "0::/", 4) != 0 || strstr(line, "..") || strlen(line) >= size)
			continue;
		strcpy(ret, line + 3);
		return true;
	}
	return false;
}

static bool has_word(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	char after = at ? at[strlen(word)] : '\0';

	return at && (at == text || at[-1] == ' ') && (!after || after == ' ');
}

/* Version 1, each controller for itself: root may use them. */
static void check_old(struct facet_exam *exam)
{
	int r = facet_tree_access(exam->tree, "sys/fs/cgroup/cpu");

	if (r == 0)
		facet_say(exam, FACET_FINE, facet_saw("writable", "sys/fs/cgroup/cpu"), NULL,
			  "control groups are of version 1, and this user may make some");
	else
		facet_say(
			exam, FACET_NOTE, facet_saw(strerror(-r), "sys/fs/cgroup/cpu"),
			"run facetd as root, or boot with version 2 and let systemd run it",
			"facetd cannot use control groups here: it holds vGPUs to their limits by "
			"itself");
}

static void check_delegation(struct facet_exam *exam)
{
	char own[256], text[256];
	int r;

	if (!facet_tree_exists(exam->tree, "sys/fs/cgroup/cgroup.controllers") ||
	    !find_own(exam, own, sizeof(own))) {
		check_old(exam);
		return;
	}
	facet_tree_text(exam->tree, text, sizeof(text), "sys/fs/cgroup%s/cgroup.controllers", own);
	r = facet_tree_access(exam->tree, "sys/fs/cgroup%s/cgroup.procs", own);
	if (r == 0 && has_word(text, "cpu") && has_word(text, "memory"))
		facet_say(exam, FACET_FINE,
			  facet_saw(text, "sys/fs/cgroup%s/cgroup.controllers", own), NULL,
			  "cpu and memory are delegated to this user");
	else
		facet_say(exam, FACET_NOTE,
			  facet_saw(r < 0 ? strerror(-r) : text, "sys/fs/cgroup%s/%s", own,
				    r < 0 ? "cgroup.procs" : "cgroup.controllers"),
			  "start facetd by systemctl [--user] start facetd, whose unit says "
			  "Delegate=cpu memory",
			  "cpu and memory are not delegated to this user: facetd holds vGPUs to "
			  "their "
			  "limits by itself");
}

const struct facet_rule facet_rules_cgroup[] = {
	{ "cgroup.delegation", "may control groups be made", FACET_ABI_CGROUP, 0,
	  check_delegation },
	{ 0 },
};
