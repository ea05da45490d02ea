// SPDX-License-Identifier: GPL-2.0-or-later
/* mdev_change.c - facet mdev: the words that change something. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mdev.h"

enum {
	WAIT_MS = 10000, /* for another facet that changes this host */
};

struct job {
	struct cli *cli;
	struct facet_tree *tree;
	struct facet_change *change;
	json_t *writes; /* of a dry run with --json */
	struct facet_error err;
};

/* --- a dry run --- */

static void tell(void *arg, const char *path, const char *text)
{
	struct job *job = arg;

	if (job->writes)
		json_array_append_new(job->writes,
				      json_pack("{s:s+, s:o}", "path", "/", path, "text",
						text ? json_string(text) : json_null()));
	else if (text)
		printf("/%s\n\t%s\n", path, text);
	else
		printf("/%s\n\tis removed\n", path);
}

/* An exit code. */
static int begin(struct cli *cli, struct job *job)
{
	bool dry = cli_value(cli, "dry-run") != NULL;
	struct facet_change_config cfg = { .dry_run = dry, .wait_ms = WAIT_MS };
	int r;

	*job = (struct job){ .cli = cli };
	r = cli_mdev_tree(cli, &job->tree);
	if (r)
		return r;
	if (dry && cli->json)
		job->writes = json_array();
	cfg.tree = job->tree;
	cfg.tell = dry ? tell : NULL;
	cfg.tell_arg = job;
	if (facet_change_open(&cfg, &job->change, &job->err) < 0) {
		r = cli_error(cli, "%s", job->err.text);
		json_decref(job->writes);
		facet_tree_close(job->tree);
	}
	return r;
}

/* Of @r, which is a negative errno after a sentence or 0. Prints @spec, which may be NULL. */
static int end(struct job *job, int r, const struct facet_mdev_spec *spec)
{
	struct cli *cli = job->cli;
	int code = 0;

	facet_change_close(job->change);
	facet_tree_close(job->tree);
	if (r < 0)
		code = r == -EINVAL ? cli_wrong(cli, "%s", job->err.text)
				    : cli_error(cli, "%s", job->err.text);
	else if (job->writes)
		return cli_print_json(job->writes);
	else if (cli->json && spec)
		code = cli_print_json(json_pack("{s:s, s:s, s:s}", "uuid", spec->uuid, "parent",
						spec->parent, "type", spec->type));
	else if (spec && !cli_value(cli, "dry-run"))
		printf("%s\n", spec->uuid);
	json_decref(job->writes);
	return code ? code : cli_flush();
}

/* --- arguments --- */

static int take_uuid(struct cli *cli, const char *text, char ret[FACET_MDEV_UUID])
{
	if (!facet_mdev_uuid_parse(text, ret))
		return cli_wrong(cli, "%s: must be a UUID, as `facet mdev ls` shows them", text);
	return 0;
}

/* NAME=VALUE from argument @from on. An exit code. */
static int take_attributes(struct cli *cli, unsigned int from, struct facet_mdev_spec *spec)
{
	for (unsigned int i = from; i < cli->count; i++) {
		const char *equals = strchr(cli->arguments[i], '=');
		char name[FACET_TREE_PATH];
		struct facet_error err;

		if (!equals || (size_t)(equals - cli->arguments[i]) >= sizeof(name))
			return cli_wrong(cli, "%s: must be an attribute, NAME=VALUE",
					 cli->arguments[i]);
		snprintf(name, sizeof(name), "%.*s", (int)(equals - cli->arguments[i]),
			 cli->arguments[i]);
		if (facet_mdev_spec_add(spec, name, equals + 1, &err) < 0)
			return cli_wrong(cli, "%s: %s", cli->arguments[i], err.text);
	}
	return 0;
}

/* PARENT TYPE [UUID] [NAME=VALUE]... An exit code. */
static int take_spec(struct cli *cli, struct facet_mdev_spec *spec)
{
	unsigned int next = 3;

	if (!facet_mdev_name_sound(cli->arguments[1]) || !facet_mdev_name_sound(cli->arguments[2]))
		return cli_wrong(cli,
				 "%s %s: must be a parent and a type, as `facet mdev types` "
				 "shows them",
				 cli->arguments[1], cli->arguments[2]);
	strcpy(spec->parent, cli->arguments[1]);
	strcpy(spec->type, cli->arguments[2]);
	spec->autostart = cli_value(cli, "auto") != NULL;
	if (next < cli->count && !strchr(cli->arguments[next], '=')) {
		if (take_uuid(cli, cli->arguments[next++], spec->uuid))
			return CLI_WRONG;
	} else if (facet_mdev_uuid_random(spec->uuid) < 0) {
		return cli_error(cli, "no random numbers for a UUID");
	}
	return take_attributes(cli, next, spec);
}

/* --- the words --- */

int cli_mdev_create(struct cli *cli)
{
	struct facet_mdev_spec spec = { 0 };
	bool define = cli_value(cli, "define") != NULL;
	struct job job;
	int r;

	if (cli_value(cli, "auto") && !define)
		return cli_wrong(cli, "--auto: is of a definition: needs --define");
	r = take_spec(cli, &spec);
	r = r ? r : begin(cli, &job);
	if (r == 0)
		r = end(&job, facet_mdev_start(job.change, &spec, define, &job.err), &spec);
	facet_mdev_spec_fini(&spec);
	return r;
}

/* What runs, if it is under that parent; what is defined. One of the two has to be. */
static int remove_both(struct job *job, const char *uuid)
{
	const char *parent = cli_value(job->cli, "parent");
	bool forced = cli_value(job->cli, "force") != NULL;
	struct facet_mdev_spec spec = { 0 };
	struct facet_mdev active;
	bool runs = facet_mdev_find_active(job->tree, uuid, &active) == 0 &&
		    (!parent || strcmp(parent, active.spec.parent) == 0);
	int r = facet_mdev_find_definition(job->tree, uuid, parent, &spec, &job->err);

	if (r == -ENOENT && !runs)
		return facet_error_set(&job->err, -ENOENT, "%s: neither runs nor is defined", uuid);
	if (r < 0 && r != -ENOENT)
		return r;
	if (runs)
		r = facet_mdev_stop(job->change, uuid, active.spec.parent, NULL, forced, &job->err);
	if (*spec.parent && (r == 0 || !runs))
		r = facet_mdev_undefine(job->change, spec.parent, uuid, &job->err);
	facet_mdev_spec_fini(&spec);
	return r;
}

int cli_mdev_rm(struct cli *cli)
{
	char uuid[FACET_MDEV_UUID];
	struct job job;
	int r = take_uuid(cli, cli->arguments[1], uuid);

	r = r ? r : begin(cli, &job);
	return r ? r : end(&job, remove_both(&job, uuid), NULL);
}

/* One that runs is defined as it is; its attributes nobody tells. */
static int define_active(struct cli *cli)
{
	struct facet_mdev active;
	char uuid[FACET_MDEV_UUID];
	struct job job;
	int r = take_uuid(cli, cli->arguments[1], uuid);

	r = r ? r : begin(cli, &job);
	if (r)
		return r;
	if (facet_mdev_find_active(job.tree, uuid, &active) < 0)
		r = facet_error_set(&job.err, -ENOENT, "%s: does not run: say PARENT and TYPE",
				    uuid);
	active.spec.autostart = cli_value(cli, "auto") != NULL;
	r = r ? r : facet_mdev_define(job.change, &active.spec, false, &job.err);
	return end(&job, r, &active.spec);
}

int cli_mdev_define(struct cli *cli)
{
	struct facet_mdev_spec spec = { 0 };
	struct job job;
	int r;

	if (cli->count == 2)
		return define_active(cli);
	r = take_spec(cli, &spec);
	r = r ? r : begin(cli, &job);
	if (r == 0)
		r = end(&job, facet_mdev_define(job.change, &spec, false, &job.err), &spec);
	facet_mdev_spec_fini(&spec);
	return r;
}

/* Words about one definition: a UUID, --parent, and what is done with it. */
static int with_definition(struct cli *cli,
			   int (*what)(struct job *job, struct facet_mdev_spec *spec))
{
	struct facet_mdev_spec spec = { 0 };
	char uuid[FACET_MDEV_UUID];
	struct job job;
	int r = take_uuid(cli, cli->arguments[1], uuid);

	r = r ? r : begin(cli, &job);
	if (r)
		return r;
	r = facet_mdev_find_definition(job.tree, uuid, cli_value(cli, "parent"), &spec, &job.err);
	r = end(&job, r ? r : what(&job, &spec), NULL);
	facet_mdev_spec_fini(&spec);
	return r;
}

static int start_one(struct job *job, struct facet_mdev_spec *spec)
{
	return facet_mdev_start(job->change, spec, false, &job->err);
}

static int modify_one(struct job *job, struct facet_mdev_spec *spec)
{
	struct cli *cli = job->cli;
	const char *type = cli_value(cli, "type");

	if (type && !facet_mdev_name_sound(type))
		return facet_error_set(&job->err, -EINVAL, "--type %.64s: is no type's name", type);
	if (type)
		strcpy(spec->type, type);
	if (cli_value(cli, "auto") || cli_value(cli, "manual"))
		spec->autostart = cli_value(cli, "auto") != NULL;
	if (cli_value(cli, "clear"))
		facet_mdev_spec_clear(spec);
	/* They were looked at before. */
	if (take_attributes(cli, 2, spec))
		return facet_error_set(&job->err, -EINVAL, "%s: is as it was", spec->uuid);
	return facet_mdev_define(job->change, spec, true, &job->err);
}

/* Also one whose content is broken. */
int cli_mdev_undefine(struct cli *cli)
{
	const char *parent = cli_value(cli, "parent");
	struct facet_mdev_spec spec = { 0 };
	char uuid[FACET_MDEV_UUID];
	struct job job;
	int r = take_uuid(cli, cli->arguments[1], uuid);

	r = r ? r : begin(cli, &job);
	if (r)
		return r;
	if (!parent) {
		r = facet_mdev_find_definition(job.tree, uuid, NULL, &spec, &job.err);
		parent = spec.parent;
		r = r == -EINVAL ? 0 : r;
	}
	r = r ? r : facet_mdev_undefine(job.change, parent, uuid, &job.err);
	r = end(&job, r, NULL);
	facet_mdev_spec_fini(&spec);
	return r;
}

static int start_all(struct cli *cli)
{
	unsigned int started;
	struct job job;
	int r = begin(cli, &job);

	if (r)
		return r;
	r = facet_mdev_autostart(job.change, cli->count == 2 ? cli->arguments[1] : NULL, &started,
				 &job.err);
	return end(&job, r, NULL);
}

int cli_mdev_start(struct cli *cli)
{
	if (cli_value(cli, "auto"))
		return cli_value(cli, "parent")
			       ? cli_wrong(cli, "--parent: is an argument of --auto")
			       : start_all(cli);
	if (cli->count != 2)
		return cli_wrong(cli, "start: needs a UUID, or --auto");
	return with_definition(cli, start_one);
}

int cli_mdev_stop(struct cli *cli)
{
	bool forced = cli_value(cli, "force") != NULL;
	char uuid[FACET_MDEV_UUID];
	struct job job;
	int r = take_uuid(cli, cli->arguments[1], uuid);

	r = r ? r : begin(cli, &job);
	if (r)
		return r;
	return end(&job, facet_mdev_stop(job.change, uuid, NULL, NULL, forced, &job.err), NULL);
}

int cli_mdev_modify(struct cli *cli)
{
	if (cli_value(cli, "auto") && cli_value(cli, "manual"))
		return cli_wrong(cli, "--auto, --manual: one of the two");
	return with_definition(cli, modify_one);
}
