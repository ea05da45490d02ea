// SPDX-License-Identifier: GPL-2.0-or-later
/* given.c - takes and gives back parts of hardware, and looks after those that are given. */
#include "daemon/given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/monitor.h"
#include "daemon/vgpu_internal.h"
#include "daemon/worker.h"

#define LOG_AREA "facetd"

FACET_DEFINE_CLEANUP(struct facet_parts, facet_parts_close)

/* Changes wait for each other; whoever looks does not wait for them. */
struct facetd_hardware {
	char root[PATH_MAX];
	struct facetd_worker *hands, *eyes; /* NULL: not needed so far */
};

int facetd_hardware_create(struct facetd *daemon, const char *root, struct facet_error *err)
{
	struct facetd_hardware *hardware = calloc(1, sizeof(*hardware));

	if (!hardware)
		return facet_error_set(err, -ENOMEM, "facetd: out of memory");
	if (!realpath(root, hardware->root)) {
		free(hardware);
		return facet_error_set(err, -errno, "--host-root %s: %s", root, strerror(errno));
	}
	daemon->hardware = hardware;
	return 0;
}

void facetd_hardware_destroy(struct facetd *daemon)
{
	struct facetd_hardware *hardware = daemon->hardware;

	if (!hardware)
		return;
	facetd_worker_destroy(hardware->hands);
	facetd_worker_destroy(hardware->eyes);
	daemon->hardware = NULL;
	free(hardware);
}

static int add_job(struct facetd *daemon, struct facetd_worker **worker, struct facetd_job *job,
		   struct facet_error *err)
{
	int r = *worker ? 0 : facetd_worker_create(daemon->event, worker, err);

	if (r == 0)
		facetd_worker_add(*worker, job);
	return r;
}

struct facetd_given *facetd_given_create(void)
{
	return calloc(1, sizeof(struct facetd_given));
}

void facetd_given_destroy(struct facetd_given *given)
{
	free(given);
}

/* --- changes --- */

struct change {
	struct facetd_job job;
	struct facetd *daemon;
	char root[PATH_MAX];
	char name[65], gpu[32], mechanism[16], type[65], keeper[FACET_PART_KEEPER];
	char before[FACET_PART_TOKEN]; /* given back first; "": nothing */
	char token[FACET_PART_TOKEN];  /* taken; "": nothing */
	struct facet_part part;
	int code;
	struct facet_error err;
};

static void note(struct facetd_given *given, const struct facet_part *part)
{
	*given = (struct facetd_given){ .known = true, .part = *part };
}

static void fail(struct facetd_vgpu *vgpu, const char *why)
{
	snprintf(vgpu->record.reason, sizeof(vgpu->record.reason), "%s", why);
	vgpu->phase = FACETD_FAILED;
	facetd_vgpu_save(vgpu);
	log_error("%s: %s", vgpu->record.name, why);
}

static int give_back(struct facet_parts *parts, const char *name, const char *token,
		     struct facet_error *err)
{
	int r = facet_part_release(parts, token, err);

	if (r == -ESTALE)
		log_warn("%s: given up without touching it: %s", name, err->text);
	return r == -ENOENT || r == -ESTALE ? 0 : r;
}

static void work(struct facetd_job *job)
{
	struct change *change = facet_container_of(job, struct change, job);
	facet_auto(facet_parts_close) struct facet_parts *parts = NULL;
	struct facet_part_request request = { .gpu = change->gpu,
					      .type = change->type[0] ? change->type : NULL,
					      .owner = change->name,
					      .keeper = change->keeper,
					      .token = change->token };

	change->code = facet_parts_open(change->root, &parts, &change->err);
	if (change->code == 0 && change->before[0])
		change->code = give_back(parts, change->name, change->before, &change->err);
	if (change->code || !change->token[0])
		return;
	facet_part_mechanism(change->mechanism, &request.mechanism);
	change->code = facet_part_take(parts, &request, &change->part, &change->err);
}

static void taken(struct facetd_vgpu *vgpu, struct change *change)
{
	if (change->code && vgpu->fresh) {
		facetd_vgpu_vanish(vgpu, change->code, change->err.text);
		return;
	}
	if (change->code) {
		fail(vgpu, change->err.text);
		facetd_vgpu_settle(vgpu, change->code, change->err.text);
		return;
	}
	note(vgpu->given, &change->part);
	vgpu->record.taken = true;
	vgpu->record.reason[0] = '\0';
	vgpu->phase = FACETD_UP;
	vgpu->fresh = false;
	facetd_vgpu_save(vgpu);
	facetd_vgpu_settle(vgpu, 0, "");
}

static void given_back(struct facetd_vgpu *vgpu, struct change *change)
{
	if (change->code == 0) {
		log_info("%s: removed", vgpu->record.name);
		facetd_vgpu_vanish(vgpu, 0, "");
		return;
	}
	/* In use it is as it was; what else went wrong a look tells. */
	if (change->code == -EBUSY)
		vgpu->phase = FACETD_UP;
	else
		fail(vgpu, change->err.text);
	facetd_vgpu_settle(vgpu, change->code, change->err.text);
}

static void done(struct facetd_job *job)
{
	struct change *change = facet_container_of(job, struct change, job);
	struct facetd_vgpu *vgpu = facetd_vgpu_find(change->daemon, change->name);

	vgpu->given->busy = false;
	if (change->token[0])
		taken(vgpu, change);
	else
		given_back(vgpu, change);
	free(change);
}

static int begin(struct facetd_vgpu *vgpu, const char *before, const char *token,
		 struct facet_error *err)
{
	struct facetd_hardware *hardware = vgpu->daemon->hardware;
	const struct facetd_record *record = &vgpu->record;
	struct change *change = calloc(1, sizeof(*change));
	int r;

	if (!change)
		return facet_error_set(err, -ENOMEM, "out of memory");
	change->job.work = work;
	change->job.done = done;
	change->daemon = vgpu->daemon;
	strcpy(change->root, hardware->root);
	strcpy(change->name, record->name);
	strcpy(change->gpu, record->gpu);
	strcpy(change->mechanism, record->mechanism);
	strcpy(change->type, record->type);
	strcpy(change->before, before);
	strcpy(change->token, token);
	snprintf(change->keeper, sizeof(change->keeper), "%s", vgpu->daemon->dir.path);
	r = add_job(vgpu->daemon, &hardware->hands, &change->job, err);
	if (r) {
		free(change);
		return r;
	}
	vgpu->given->busy = true;
	facetd_monitor_changed(vgpu->daemon);
	return 0;
}

int facetd_given_take(struct facetd_vgpu *vgpu, struct facet_error *err)
{
	char before[FACET_PART_TOKEN] = "";
	int r;

	/* A fresh one has its first token from facetd_method_create(). */
	if (!vgpu->fresh) {
		strcpy(before, vgpu->record.token);
		facet_part_token(vgpu->record.token);
		vgpu->record.restarts++;
	}
	vgpu->phase = FACETD_STARTING;
	r = facetd_record_save(&vgpu->daemon->dir, &vgpu->record, err);
	if (r == 0)
		r = begin(vgpu, before, vgpu->record.token, err);
	if (r && !vgpu->fresh) {
		strcpy(vgpu->record.token, before);
		fail(vgpu, err->text);
		facetd_vgpu_settle(vgpu, r, err->text);
	}
	return r;
}

void facetd_given_release(struct facetd_vgpu *vgpu)
{
	struct facet_error err;
	int r = begin(vgpu, vgpu->record.token, "", &err);

	if (r)
		facetd_vgpu_settle(vgpu, r, err.text);
	else
		vgpu->phase = FACETD_STOPPING;
}

/* --- what an earlier facetd left --- */

static bool never_taken(struct facetd_vgpu *vgpu, struct facet_parts *parts, int code)
{
	struct facet_error err;

	if (vgpu->record.taken || (code != -ENOENT && code != -EINPROGRESS))
		return false;
	return give_back(parts, vgpu->record.name, vgpu->record.token, &err) == 0;
}

void facetd_given_adopt(struct facetd_vgpu *vgpu)
{
	facet_auto(facet_parts_close) struct facet_parts *parts = NULL;
	struct facet_part part = { 0 };
	struct facet_error err;
	int r = facet_parts_open(vgpu->daemon->hardware->root, &parts, &err);

	if (r == 0) {
		r = facet_part_verify(parts, vgpu->record.token, &part, &err);
		if (never_taken(vgpu, parts, r)) {
			log_info("%s: its creation was cut short, and is undone",
				 vgpu->record.name);
			facetd_vgpu_vanish(vgpu, 0, "");
			return;
		}
	}
	if (part.token[0])
		note(vgpu->given, &part);
	if (r) {
		fail(vgpu, err.text);
		return;
	}
	vgpu->phase = FACETD_UP;
	vgpu->record.taken = true;
	vgpu->record.reason[0] = '\0';
	facetd_vgpu_save(vgpu);
	log_info("%s: its part of %s is as it was left", vgpu->record.name, vgpu->record.gpu);
}

/* Not of a vGPU that is there, also if its record could not be read. */
static bool is_orphan(const struct facetd *daemon, const struct facet_part *part)
{
	const struct facetd_vgpu *vgpu = facetd_vgpu_find(daemon, part->owner);
	struct stat st;

	if (strcmp(part->keeper, daemon->dir.path) != 0)
		return false;
	if (vgpu)
		return strcmp(vgpu->record.token, part->token) != 0;
	return facetd_name_valid(part->owner) &&
	       fstatat(daemon->dir.fd, part->owner, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT;
}

void facetd_hardware_sweep(struct facetd *daemon)
{
	facet_auto(facet_parts_close) struct facet_parts *parts = NULL;
	facet_autofree struct facet_part *list = NULL;
	struct facet_error err;
	unsigned int count = 0;

	if (facet_parts_open(daemon->hardware->root, &parts, &err) ||
	    facet_parts_list(parts, &list, &count, &err)) {
		log_warn("%s", err.text);
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (!is_orphan(daemon, &list[i]))
			continue;
		if (give_back(parts, list[i].owner, list[i].token, &err))
			log_warn("%s: its part of %s is still taken: %s", list[i].owner,
				 list[i].gpu, err.text);
		else
			log_info("%s: its part of %s was left behind, and is given back",
				 list[i].owner, list[i].gpu);
	}
}

/* --- looking --- */

struct view {
	char name[65];
	char token[FACET_PART_TOKEN];
	struct facetd_given seen;
	int code;
	struct facet_error err;
};

struct facetd_look {
	struct facetd_job job;
	struct facetd *daemon;
	char root[PATH_MAX];
	void (*told)(void *owner); /* NULL: nobody waits any more */
	void *owner;
	unsigned int count;
	struct view views[];
};

static void look_at(struct facet_parts *parts, struct view *view)
{
	struct facetd_given *seen = &view->seen;

	view->code = facet_part_verify(parts, view->token, &seen->part, &view->err);
	if (!seen->part.token[0])
		return;
	seen->known = true;
	facet_part_facts(parts, &seen->part, &seen->facts);
	facet_part_holders(parts, &seen->part, &seen->holders);
	while (seen->limit_count < FACETD_GIVEN_LIMITS &&
	       facet_part_limit(parts, &seen->part, seen->limit_count,
				&seen->limits[seen->limit_count]))
		seen->limit_count++;
}

static void look_work(struct facetd_job *job)
{
	struct facetd_look *look = facet_container_of(job, struct facetd_look, job);
	facet_auto(facet_parts_close) struct facet_parts *parts = NULL;
	struct facet_error err;
	int r = facet_parts_open(look->root, &parts, &err);

	for (unsigned int i = 0; i < look->count; i++) {
		look->views[i].code = r;
		if (r)
			look->views[i].err = err;
		else
			look_at(parts, &look->views[i]);
	}
}

/* It may be another part by now, or one that is being given back. */
static void take_over(struct facetd *daemon, const struct view *view)
{
	struct facetd_vgpu *vgpu = facetd_vgpu_find(daemon, view->name);

	if (!vgpu || !vgpu->given || vgpu->given->busy ||
	    strcmp(vgpu->record.token, view->token) != 0)
		return;
	if (view->seen.known)
		*vgpu->given = view->seen;
	if (view->code == 0 && vgpu->phase == FACETD_FAILED) {
		vgpu->phase = FACETD_UP;
		vgpu->record.reason[0] = '\0';
		facetd_vgpu_save(vgpu);
	} else if (view->code && vgpu->phase == FACETD_UP) {
		fail(vgpu, view->err.text);
	}
}

static void look_done(struct facetd_job *job)
{
	struct facetd_look *look = facet_container_of(job, struct facetd_look, job);

	for (unsigned int i = 0; look->told && i < look->count; i++)
		take_over(look->daemon, &look->views[i]);
	if (look->told)
		look->told(look->owner);
	free(look);
}

static void add_view(struct facetd_look *look, const struct facetd_vgpu *vgpu)
{
	struct view *view = &look->views[look->count];

	if (!vgpu->given || vgpu->given->busy)
		return;
	strcpy(view->name, vgpu->record.name);
	strcpy(view->token, vgpu->record.token);
	look->count++;
}

bool facetd_given_look(struct facetd *daemon, const struct facetd_vgpu *only,
		       void (*told)(void *owner), void *owner, struct facetd_look **ret)
{
	struct facetd_look *look =
		calloc(1, sizeof(*look) + (only ? 1 : daemon->count) * sizeof(struct view));
	struct facet_list *link;
	struct facet_error err;

	if (!look)
		return false;
	*look = (struct facetd_look){ .job = { .work = look_work, .done = look_done },
				      .daemon = daemon,
				      .told = told,
				      .owner = owner };
	if (only)
		add_view(look, only);
	else
		facet_list_for_each(link, &daemon->vgpus)
			add_view(look, facet_container_of(link, struct facetd_vgpu, link));
	if (look->count) {
		strcpy(look->root, daemon->hardware->root);
		if (add_job(daemon, &daemon->hardware->eyes, &look->job, &err) == 0) {
			*ret = look;
			return true;
		}
		log_warn("hardware is not looked at: %s", err.text);
	}
	free(look);
	return false;
}

void facetd_given_look_cancel(struct facetd_look *look)
{
	if (look)
		look->told = NULL;
}

/* --- words --- */

json_t *facetd_given_describe(const struct facetd_vgpu *vgpu)
{
	const struct facetd_given *given = vgpu->given;
	const struct facet_part *part = given ? &given->part : NULL;
	char device[FACET_TREE_PATH];
	json_t *functions;

	if (!given || !given->known)
		return json_null();
	functions = json_array();
	for (unsigned int i = 0; i < given->facts.function_count; i++)
		json_array_append_new(functions, json_string(given->facts.functions[i]));
	facet_part_device(part, device, sizeof(device));
	return json_pack("{s:s+, s:o, s:s, s:o, s:s, s:s, s:o, s:s, s:b}", "device", "/", device,
			 "functions", functions, "uuid", part->uuid, "vf",
			 part->vf >= 0 ? json_integer(part->vf) : json_null(), "type", part->type,
			 "type_name", part->type_name, "group",
			 part->group >= 0 ? json_integer(part->group) : json_null(), "driver",
			 part->driver, "vga", (int)given->facts.vga);
}

json_t *facetd_given_enforcement(const struct facetd_vgpu *vgpu)
{
	const struct facetd_given *given = vgpu->given;
	json_t *list = json_array();

	for (unsigned int i = 0; i < given->limit_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s}", "limit", given->limits[i].what,
						"by", "hardware", "why", given->limits[i].text));
	return list;
}

json_t *facetd_given_guest(const struct facetd_vgpu *vgpu)
{
	const struct facet_holders *holders = &vgpu->given->holders;

	if (!holders->count)
		return json_null();
	return json_pack("{s:i, s:s}", "pid", holders->pid, "command", holders->command);
}
