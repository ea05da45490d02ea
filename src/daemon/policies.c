// SPDX-License-Identifier: GPL-2.0-or-later
/* policies.c - remembers each GPU's policy in the runtime directory, for the next facetd. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/arbitrated.h"

/* No vGPU's name begins with a dot. */
#define FILE_NAME ".policies"

enum facet_policy facetd_policies_load(const struct facetd_rundir *dir, const char *gpu)
{
	enum facet_policy policy = FACET_POLICY_BEST_EFFORT;
	char path[PATH_MAX];
	const char *name;
	json_t *json;

	facetd_rundir_path(dir, NULL, FILE_NAME, path);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	name = json_string_value(json_object_get(json, gpu));
	if (name && facet_policy_parse(name, &policy))
		policy = FACET_POLICY_BEST_EFFORT;
	json_decref(json);
	return policy;
}

int facetd_policies_save(const struct facetd_arbitration *arbitration, struct facet_error *err)
{
	const struct facetd_rundir *dir = &arbitration->daemon->dir;
	char path[PATH_MAX], fresh[PATH_MAX];
	json_t *json = json_object();
	struct facet_list *link;
	int r = 0;

	facet_list_for_each(link, &arbitration->gpus)
	{
		const struct facetd_arbitrated_gpu *gpu =
			facet_container_of(link, struct facetd_arbitrated_gpu, link);
		enum facet_policy policy = facet_arbiter_policy(gpu->arbiter);

		if (policy != FACET_POLICY_BEST_EFFORT)
			json_object_set_new(json, gpu->name,
					    json_string(facet_policy_name(policy)));
	}
	facetd_rundir_path(dir, NULL, FILE_NAME, path);
	facetd_rundir_path(dir, NULL, FILE_NAME ".new", fresh);
	/* An empty directory can be removed at the end. */
	if (json_object_size(json) == 0)
		r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	else if (json_dump_file(json, fresh, JSON_INDENT(2)) < 0 || rename(fresh, path) < 0)
		r = errno ? -errno : -EIO;
	json_decref(json);
	return r ? facet_error_set(err, r, "%s: cannot be written: %s", path, strerror(-r)) : 0;
}
