// SPDX-License-Identifier: GPL-2.0-or-later
/* methods.c - the calls of io.facet: check the arguments, then let vgpu.c and gpus.c work. */
#include "daemon/methods.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "daemon/describe.h"
#include "daemon/gpus.h"
#include "daemon/inquiry.h"
#include "io.facet.varlink.h"

enum {
	MIN_SIDE = 64,
	MAX_SIDE = 8192, /* pixels */
	MAX_OUTPUTS = 16,
	MIN_VRAM_MIB = 16,
	MAX_VRAM_MIB = 1 << 20,
	FORWARD_TIMEOUT_US = 30000000,
};

struct parameter {
	const char *name;
	json_type type; /* JSON_FALSE: a boolean */
	bool required;
};

/* --- errors --- */

__attribute__((format(printf, 4, 5))) static void
fail(struct facet_varlink_call *call, const char *error, const char *name, const char *fmt, ...)
{
	const char *key = strcmp(error, "io.facet.InvalidArgument") == 0 ? "argument" : "name";
	char text[400];
	va_list args;
	json_t *parameters;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	parameters = json_pack("{s:o}", "message", facetd_describe_text(text));
	if (name)
		json_object_set_new(parameters, key, json_string(name));
	facet_varlink_fail(call, error, parameters);
}

#define fail_argument(call, argument, ...) \
	fail(call, "io.facet.InvalidArgument", argument, __VA_ARGS__)

/* False: the call has been answered with what is wrong. */
static bool check(struct facet_varlink_call *call, const struct parameter *known)
{
	json_t *parameters = facet_varlink_call_parameters(call), *value;
	const struct parameter *p;
	const char *key;

	json_object_foreach(parameters, key, value)
	{
		for (p = known; p->name && strcmp(p->name, key) != 0; p++)
			;
		if (!p->name) {
			facet_varlink_fail_parameter(call, key);
			return false;
		}
	}
	for (p = known; p->name; p++) {
		value = json_object_get(parameters, p->name);
		if (!value || json_is_null(value)) {
			if (!p->required)
				continue;
		} else if (p->type == JSON_FALSE ? json_is_boolean(value)
						 : json_typeof(value) == p->type) {
			continue;
		}
		facet_varlink_fail_parameter(call, p->name);
		return false;
	}
	return true;
}

static json_t *get(struct facet_varlink_call *call, const char *name)
{
	json_t *value = json_object_get(facet_varlink_call_parameters(call), name);

	return json_is_null(value) ? NULL : value;
}

/* The vGPU that the call names, or NULL after an answer. */
static struct facetd_vgpu *find(struct facet_varlink_call *call, struct facetd *daemon)
{
	const char *name = json_string_value(get(call, "name"));
	struct facetd_vgpu *vgpu = facetd_vgpu_find(daemon, name);

	if (!vgpu)
		fail(call, "io.facet.NotFound", name, "there is no vGPU %s", name);
	return vgpu;
}

/* A vGPU that can be asked now, or NULL after an answer. */
static struct facetd_vgpu *find_up(struct facet_varlink_call *call, struct facetd *daemon)
{
	struct facetd_vgpu *vgpu = find(call, daemon);

	const char *name = vgpu ? vgpu->record.name : NULL;

	if (!vgpu || vgpu->phase == FACETD_UP)
		return vgpu;
	if (vgpu->phase == FACETD_FAILED)
		fail(call, "io.facet.Failed", name,
		     "vGPU %s has failed (%s): `facet restart %s` tries again", name,
		     vgpu->record.reason, name);
	else
		fail(call, "io.facet.Failed", name, "vGPU %s is starting or stopping: try again",
		     name);
	return NULL;
}

static bool get_number(struct facet_varlink_call *call, const char *name, json_int_t min,
		       json_int_t max, json_int_t *value)
{
	json_t *json = get(call, name);

	if (!json)
		return true;
	if (json_integer_value(json) < min || json_integer_value(json) > max) {
		fail_argument(call, name,
			      "%s %" JSON_INTEGER_FORMAT ": must be %" JSON_INTEGER_FORMAT
			      " to %" JSON_INTEGER_FORMAT,
			      name, json_integer_value(json), min, max);
		return false;
	}
	*value = json_integer_value(json);
	return true;
}

/* In bytes, but said in what people count such things in. */
static bool get_vram(struct facet_varlink_call *call, json_int_t *value)
{
	json_int_t bytes = json_integer_value(get(call, "vram_bytes"));

	if (!get(call, "vram_bytes"))
		return true;
	if (bytes >> 20 < MIN_VRAM_MIB || bytes > (json_int_t)MAX_VRAM_MIB << 20) {
		fail_argument(call, "vram_bytes",
			      "vram_bytes %" JSON_INTEGER_FORMAT ": must be %d MiB to %d MiB",
			      bytes, MIN_VRAM_MIB, MAX_VRAM_MIB);
		return false;
	}
	*value = bytes;
	return true;
}

/* --- waiting for a vGPU to come up or go --- */

struct wait {
	struct facetd *daemon;
	struct facet_varlink_call *call;
	struct facetd_vgpu *vgpu;
	bool removal;
};

static void on_waiter_gone(void *owner)
{
	struct wait *wait = owner;

	wait->vgpu->settled = NULL;
	free(wait);
}

static void on_settled(void *owner, struct facetd_vgpu *vgpu, int error, const char *text)
{
	struct wait *wait = owner;
	struct facet_varlink_call *call = wait->call;
	struct facetd *daemon = wait->daemon;
	bool removal = wait->removal;

	free(wait);
	facet_varlink_call_on_gone(call, NULL, NULL);
	if (error)
		fail(call, "io.facet.Failed", vgpu->record.name, "vGPU %s: %s", vgpu->record.name,
		     text);
	else if (removal)
		facet_varlink_reply(call, NULL);
	else
		facetd_inquire(daemon, call, vgpu);
}

/* False after an answer: somebody else waits, or there is no memory. */
static bool wait_begin(struct facetd *daemon, struct facet_varlink_call *call,
		       struct facetd_vgpu *vgpu, bool removal)
{
	struct wait *wait = vgpu->settled ? NULL : calloc(1, sizeof(*wait));

	if (!wait) {
		fail(call, "io.facet.InUse", vgpu->record.name,
		     "vGPU %s is being made, restarted or removed: try again", vgpu->record.name);
		return false;
	}
	*wait = (struct wait){ .daemon = daemon, .call = call, .vgpu = vgpu, .removal = removal };
	vgpu->settled = on_settled;
	vgpu->settled_owner = wait;
	facet_varlink_call_on_gone(call, on_waiter_gone, wait);
	return true;
}

/* --- create --- */

static bool choose_gpu(struct facet_varlink_call *call, struct facetd_record *record)
{
	const char *wanted = json_string_value(get(call, "gpu"));
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	unsigned int count = facetd_gpus_list("/sys", gpus), i;
	char names[200] = "";

	for (i = 0; i < count; i++) {
		if (!wanted || strcmp(gpus[i].name, wanted) == 0) {
			strcpy(record->gpu, gpus[i].name);
			strcpy(record->node, gpus[i].node);
			return true;
		}
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 i ? ", " : "", gpus[i].name);
	}
	fail_argument(call, "gpu", "gpu %s: not on this host, which has %s", wanted, names);
	return false;
}

static bool choose_mechanism(struct facet_varlink_call *call, struct facetd_record *record)
{
	const char *wanted = json_string_value(get(call, "mechanism"));
	char names[64] = "";

	for (const char *const *name = facetd_mechanisms; *name; name++) {
		if (!wanted || strcmp(*name, wanted) == 0) {
			strcpy(record->mechanism, *name);
			return true;
		}
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 name == facetd_mechanisms ? "" : ", ", *name);
	}
	fail_argument(call, "mechanism", "mechanism %s: must be one of %s", wanted, names);
	return false;
}

static bool read_config(struct facet_varlink_call *call, struct facetd_record *record)
{
	json_int_t width = 1280, height = 800, outputs = 1, vram = 512LL << 20;
	const char *name = json_string_value(get(call, "name"));

	if (!facetd_name_valid(name)) {
		fail_argument(call, "name",
			      "name '%.80s': must be 1 to 64 of A-Z a-z 0-9 _ . - and begin with a "
			      "letter or digit",
			      name);
		return false;
	}
	if (!choose_gpu(call, record) || !choose_mechanism(call, record) ||
	    !get_number(call, "width", MIN_SIDE, MAX_SIDE, &width) ||
	    !get_number(call, "height", MIN_SIDE, MAX_SIDE, &height) ||
	    !get_number(call, "outputs", 1, MAX_OUTPUTS, &outputs) || !get_vram(call, &vram))
		return false;
	strcpy(record->name, name);
	record->width = (unsigned int)width;
	record->height = (unsigned int)height;
	record->outputs = (unsigned int)outputs;
	record->limits = FACETD_LIMITS_DEFAULT;
	record->limits.vram_bytes = (uint64_t)vram;
	record->created = time(NULL);
	return true;
}

static void create(struct facet_varlink_call *call, void *owner)
{
	static const struct parameter known[] = {
		{ "name", JSON_STRING, true },  { "gpu", JSON_STRING },
		{ "mechanism", JSON_STRING },   { "width", JSON_INTEGER },
		{ "height", JSON_INTEGER },     { "outputs", JSON_INTEGER },
		{ "vram_bytes", JSON_INTEGER }, { NULL },
	};
	struct facetd_record record = { 0 };
	struct facetd *daemon = owner;
	struct facetd_vgpu *vgpu;
	struct facet_error err;

	if (!check(call, known) || !read_config(call, &record))
		return;
	if (facetd_vgpu_find(daemon, record.name))
		fail(call, "io.facet.AlreadyExists", record.name,
		     "there is a vGPU %s already: choose another name, or `facet rm %s` first",
		     record.name, record.name);
	else if (daemon->count >= FACETD_MAX_VGPUS)
		fail(call, "io.facet.LimitReached", NULL,
		     "there are %d vGPUs, and no more are allowed: remove one first",
		     FACETD_MAX_VGPUS);
	else if (facetd_vgpu_create(daemon, &record, &vgpu, &err))
		fail(call, "io.facet.Failed", record.name, "vGPU %s: %s", record.name, err.text);
	else
		wait_begin(daemon, call, vgpu, false);
}

/* --- the others --- */

static const struct parameter no_parameters[] = { { NULL } };
static const struct parameter only_name[] = { { "name", JSON_STRING, true }, { NULL } };

static void list(struct facet_varlink_call *call, void *owner)
{
	if (check(call, no_parameters))
		facetd_inquire(owner, call, NULL);
}

static void show(struct facet_varlink_call *call, void *owner)
{
	struct facetd_vgpu *vgpu = check(call, only_name) ? find(call, owner) : NULL;

	if (vgpu)
		facetd_inquire(owner, call, vgpu);
}

static void remove_(struct facet_varlink_call *call, void *owner)
{
	static const struct parameter known[] = {
		{ "name", JSON_STRING, true },
		{ "force", JSON_FALSE },
		{ NULL },
	};
	struct facetd_vgpu *vgpu = check(call, known) ? find(call, owner) : NULL;

	if (!vgpu)
		return;
	if (facetd_held_in_use(&vgpu->held) && !json_is_true(get(call, "force")))
		fail(call, "io.facet.InUse", vgpu->record.name,
		     "a virtual machine uses vGPU %s: end it first, or force the removal (--force)",
		     vgpu->record.name);
	else if (wait_begin(owner, call, vgpu, true))
		facetd_vgpu_remove(vgpu);
}

static void restart(struct facet_varlink_call *call, void *owner)
{
	struct facetd_vgpu *vgpu = check(call, only_name) ? find(call, owner) : NULL;
	struct facet_error err;

	/* On failure the waiter has been told why. */
	if (vgpu && wait_begin(owner, call, vgpu, false))
		facetd_vgpu_restart(vgpu, &err);
}

struct gpus_wait {
	struct facet_varlink_call *call;
};

static void on_gpus_gone(void *owner)
{
	((struct gpus_wait *)owner)->call = NULL;
}

static void on_gpus(void *owner, json_t *gpus)
{
	struct gpus_wait *wait = owner;

	if (wait->call)
		facet_varlink_reply(wait->call, json_pack("{s:O}", "gpus", gpus));
	json_decref(gpus);
	free(wait);
}

static void list_gpus(struct facet_varlink_call *call, void *owner)
{
	struct gpus_wait *wait;
	struct facet_error err;

	if (!check(call, no_parameters))
		return;
	wait = calloc(1, sizeof(*wait));
	if (!wait) {
		fail(call, "io.facet.LimitReached", NULL, "facetd: out of memory");
		return;
	}
	wait->call = call;
	facet_varlink_call_on_gone(call, on_gpus_gone, wait);
	if (facetd_gpus_probe(owner, on_gpus, wait, &err)) {
		free(wait);
		fail(call, "io.facet.LimitReached", NULL, "%s", err.text);
	}
}

/* --- handed on to the vGPU's process --- */

struct forward {
	struct facet_varlink_call *call;
	struct facet_varlink_request *request;
	char name[65];
};

static void on_forward_gone(void *owner)
{
	struct forward *forward = owner;

	facet_varlink_request_destroy(forward->request);
	free(forward);
}

static void on_forwarded(void *owner, const struct facet_varlink_answer *answer, int error)
{
	struct forward *forward = owner;
	const char *name = forward->name, *message;

	facet_varlink_call_on_gone(forward->call, NULL, NULL);
	if (!answer) {
		fail(forward->call, "io.facet.Failed", name, "vGPU %s: its process %s", name,
		     error == -ETIMEDOUT ? "did not answer in time" : "ended meanwhile");
	} else if (!answer->error) {
		facet_varlink_reply(forward->call, NULL);
	} else if (strcmp(answer->error, "io.facet.vgpu.Off") == 0) {
		fail(forward->call, "io.facet.Failed", name,
		     "vGPU %s: nothing is shown on this output now", name);
	} else {
		message = json_string_value(json_object_get(answer->parameters, "message"));
		fail(forward->call, "io.facet.Failed", name, "vGPU %s: %.200s", name,
		     message ? message : answer->error);
	}
	free(forward);
}

static void forward(struct facet_varlink_call *call, struct facetd_vgpu *vgpu, const char *method,
		    json_t *parameters, int fd)
{
	struct forward *f = calloc(1, sizeof(*f));
	struct facet_error err = { .text = "out of memory" };
	char path[PATH_MAX];

	facetd_rundir_path(&vgpu->daemon->dir, vgpu->record.name, "control.sock", path);
	if (!f || facet_varlink_request_create(
			  &(struct facet_varlink_request_config){ .event = vgpu->daemon->event,
								  .path = path,
								  .method = method,
								  .parameters = parameters,
								  .fds = &fd,
								  .fd_count = fd >= 0,
								  .timeout_us = FORWARD_TIMEOUT_US,
								  .answered = on_forwarded,
								  .owner = f },
			  &f->request, &err)) {
		free(f);
		fail(call, "io.facet.Failed", vgpu->record.name, "vGPU %s: %s", vgpu->record.name,
		     err.text);
		return;
	}
	f->call = call;
	strcpy(f->name, vgpu->record.name);
	facet_varlink_call_on_gone(call, on_forward_gone, f);
}

static bool get_output(struct facet_varlink_call *call, const struct facetd_vgpu *vgpu,
		       json_int_t *output)
{
	*output = 0;
	if (!get_number(call, "output", 0, MAX_OUTPUTS - 1, output))
		return false;
	if (*output < (json_int_t)vgpu->record.outputs)
		return true;
	fail_argument(call, "output", "output %d: vGPU %s has outputs 0 to %u", (int)*output,
		      vgpu->record.name, vgpu->record.outputs - 1);
	return false;
}

static void screenshot(struct facet_varlink_call *call, void *owner)
{
	static const struct parameter known[] = {
		{ "name", JSON_STRING, true },
		{ "output", JSON_INTEGER },
		{ "cursor", JSON_FALSE },
		{ NULL },
	};
	struct facetd_vgpu *vgpu = check(call, known) ? find_up(call, owner) : NULL;
	facet_autoclose int fd = -1;
	json_int_t output;

	if (!vgpu || !get_output(call, vgpu, &output))
		return;
	fd = facet_varlink_call_take_fd(call);
	if (fd < 0)
		fail_argument(call, "fd", "no file descriptor came with the call");
	else
		forward(call, vgpu, "io.facet.vgpu.Capture",
			json_pack("{s:I, s:b}", "output", output, "cursor",
				  !json_is_false(get(call, "cursor"))),
			fd);
}

static void set_output(struct facet_varlink_call *call, void *owner)
{
	static const struct parameter known[] = {
		{ "name", JSON_STRING, true }, { "output", JSON_INTEGER, true },
		{ "connected", JSON_FALSE },   { "width", JSON_INTEGER },
		{ "height", JSON_INTEGER },    { NULL },
	};
	struct facetd_vgpu *vgpu = check(call, known) ? find_up(call, owner) : NULL;
	json_int_t output, width = 0, height = 0;
	json_t *parameters;

	if (!vgpu || !get_output(call, vgpu, &output) ||
	    !get_number(call, "width", MIN_SIDE, MAX_SIDE, &width) ||
	    !get_number(call, "height", MIN_SIDE, MAX_SIDE, &height))
		return;
	parameters = json_pack("{s:I}", "output", output);
	if (get(call, "connected"))
		json_object_set(parameters, "connected", get(call, "connected"));
	if (width)
		json_object_set_new(parameters, "width", json_integer(width));
	if (height)
		json_object_set_new(parameters, "height", json_integer(height));
	forward(call, vgpu, "io.facet.vgpu.SetOutput", parameters, -1);
}

static const struct facet_varlink_method methods[] = {
	{ "io.facet.ListGPUs", list_gpus },
	{ "io.facet.Create", create },
	{ "io.facet.List", list },
	{ "io.facet.Show", show },
	{ "io.facet.Remove", remove_ },
	{ "io.facet.Restart", restart },
	{ "io.facet.Screenshot", screenshot },
	{ "io.facet.SetOutput", set_output },
	{ NULL },
};

const struct facet_varlink_interface facetd_interface = {
	.name = "io.facet",
	.description = io_facet_varlink,
	.methods = methods,
};
