// SPDX-License-Identifier: GPL-2.0-or-later
/* create.c - the method Create: a record out of arguments, a type and defaults. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/arbitration.h"
#include "daemon/call.h"
#include "daemon/gpus.h"
#include "daemon/kvmfr.h"
#include "daemon/types.h"
#include "host/part.h"

static void append(char *list, size_t size, const char *name)
{
	snprintf(list + strlen(list), size - strlen(list), "%s%s", list[0] ? ", " : "", name);
}

/* What of @type's GPU, or the first that has the type, or simply the first. */
static bool gpu_suits(const struct facetd *daemon, const struct facetd_gpu *gpu, const char *wanted,
		      const char *type)
{
	if (wanted)
		return strcmp(gpu->name, wanted) == 0;
	return !type || facetd_types_find(daemon->types, gpu->name, type);
}

static bool fail_type(struct facet_varlink_call *call, const struct facetd *daemon,
		      const char *type, const char *gpu)
{
	char names[256] = "";

	for (unsigned int i = 0; i < daemon->types->count; i++) {
		const struct facetd_type *t = &daemon->types->items[i];

		if (!gpu || !t->gpu[0] || strcmp(t->gpu, gpu) == 0)
			append(names, sizeof(names), t->name);
	}
	facetd_fail_argument(call, "type", "type %.64s: not there%s%s; there are: %s", type,
			     gpu ? " on " : "", gpu ? gpu : "", names[0] ? names : "none");
	return false;
}

static bool choose_gpu(struct facet_varlink_call *call, struct facetd *daemon,
		       struct facetd_record *record)
{
	const char *wanted = facetd_get_string(call, "gpu");
	const char *type = facetd_get_string(call, "type");
	struct facetd_gpu gpus[FACETD_MAX_GPUS];
	unsigned int count = facetd_gpus_list("/sys", gpus), i;
	char names[200] = "";

	for (i = 0; i < count; i++) {
		if (gpu_suits(daemon, &gpus[i], wanted, type)) {
			strcpy(record->gpu, gpus[i].name);
			strcpy(record->node, gpus[i].node);
			return true;
		}
		append(names, sizeof(names), gpus[i].name);
	}
	if (!wanted)
		return fail_type(call, daemon, type, NULL);
	if (strchr(wanted, ':')) {
		facetd_fail_argument(
			call, "gpu",
			"gpu %.80s: is a PCI address, of which --mechanism vfio, sriov, "
			"mdev, gvtg-hw or vendor-vf gives a part",
			wanted);
		return false;
	}
	facetd_fail_argument(call, "gpu", "gpu %.80s: not on this host, which has %s", wanted,
			     names);
	return false;
}

static bool choose_mechanism(struct facet_varlink_call *call, const struct facetd_type *type,
			     struct facetd_record *record)
{
	const char *wanted = facetd_get_string(call, "mechanism");
	char names[64] = "";

	if (!wanted && type && type->mechanism[0])
		wanted = type->mechanism;
	for (const char *const *name = facetd_mechanisms; *name; name++) {
		if (!wanted || strcmp(*name, wanted) == 0) {
			strcpy(record->mechanism, *name);
			return true;
		}
		append(names, sizeof(names), *name);
	}
	facetd_fail_argument(call, "mechanism",
			     "mechanism %.80s: must be one of %s; or, of hardware, vfio, sriov, "
			     "mdev, gvtg-hw, vendor-vf",
			     wanted, names);
	return false;
}

static bool choose_transport(struct facet_varlink_call *call, struct facetd_record *record)
{
	const char *wanted = facetd_get_string(call, "transport");

	if (!wanted)
		wanted = "vhost-user";
	if (!facetd_transport_known(wanted)) {
		facetd_fail_argument(call, "transport",
				     "transport %.80s: must be vhost-user or vfio-user", wanted);
		return false;
	}
	strcpy(record->transport, wanted);
	return true;
}

static bool choose_type(struct facet_varlink_call *call, struct facetd *daemon,
			struct facetd_record *record, const struct facetd_type **ret)
{
	const char *wanted = facetd_get_string(call, "type");
	struct facetd_gpu_state state;
	struct facet_error err;

	*ret = wanted ? facetd_types_find(daemon->types, record->gpu, wanted) : NULL;
	record->limits = FACETD_LIMITS_DEFAULT;
	if (!wanted)
		return true;
	if (!*ret)
		return fail_type(call, daemon, wanted, record->gpu);
	if (facetd_arbitration_gpu(daemon, record->gpu, &state, &err)) {
		facetd_fail(call, "io.facet.Failed", record->name, "%s", err.text);
		return false;
	}
	strcpy(record->type, (*ret)->name);
	record->limits = facetd_type_limits(*ret, state.vram_bytes);
	return true;
}

/* 1280x800, or what the type allows of it; what is asked for has to be within the type. */
static bool choose_screen(struct facet_varlink_call *call, const struct facetd_type *type,
			  struct facetd_record *record)
{
	json_int_t width = 1280, height = 800, outputs = 1;

	if (!facetd_get_number(call, "width", FACETD_MIN_SIDE, FACETD_MAX_SIDE, &width) ||
	    !facetd_get_number(call, "height", FACETD_MIN_SIDE, FACETD_MAX_SIDE, &height) ||
	    !facetd_get_number(call, "outputs", 1, FACETD_MAX_OUTPUTS, &outputs))
		return false;
	if (type && !facetd_get(call, "width") && width > (json_int_t)type->width)
		width = type->width;
	if (type && !facetd_get(call, "height") && height > (json_int_t)type->height)
		height = type->height;
	if (type && (width > (json_int_t)type->width || height > (json_int_t)type->height)) {
		facetd_fail_argument(call, "width",
				     "size %dx%d: type %s has outputs of at most %ux%u", (int)width,
				     (int)height, type->name, type->width, type->height);
		return false;
	}
	if (type && outputs > (json_int_t)type->outputs) {
		facetd_fail_argument(call, "outputs", "outputs %d: type %s has at most %u",
				     (int)outputs, type->name, type->outputs);
		return false;
	}
	record->width = (unsigned int)width;
	record->height = (unsigned int)height;
	record->outputs = (unsigned int)outputs;
	return true;
}

static bool read_name(struct facet_varlink_call *call, struct facetd_record *record)
{
	const char *name = facetd_get_string(call, "name");

	if (!facetd_name_valid(name)) {
		facetd_fail_argument(call, "name",
				     "name '%.80s': must be 1 to 64 of A-Z a-z 0-9 _ . - and begin "
				     "with a letter or digit",
				     name);
		return false;
	}
	strcpy(record->name, name);
	record->created = time(NULL);
	return true;
}

static bool read_config(struct facet_varlink_call *call, struct facetd *daemon,
			struct facetd_record *record)
{
	const struct facetd_type *type;

	return choose_gpu(call, daemon, record) && choose_type(call, daemon, record, &type) &&
	       choose_mechanism(call, type, record) && choose_transport(call, record) &&
	       choose_screen(call, type, record) && facetd_get_limits(call, &record->limits) &&
	       facetd_kvmfr_choose(call, daemon, record);
}

/* Whatever else there is to choose is the hardware's. */
static bool only_part(struct facet_varlink_call *call, const struct facetd_parameter *known,
		      const char *mechanism)
{
	static const char *const ours[] = { "name", "gpu", "mechanism", "type", NULL };
	const char *const *name;

	for (; known->name; known++) {
		for (name = ours; *name && strcmp(*name, known->name) != 0;)
			name++;
		if (*name || !facetd_get(call, known->name))
			continue;
		facetd_fail_argument(call, known->name,
				     "%s: mechanism %s leaves that to the hardware and its driver",
				     known->name, mechanism);
		return false;
	}
	return true;
}

/* How much of it is there, and free, is seen when it is taken. */
static bool read_part(struct facet_varlink_call *call, const struct facetd_parameter *known,
		      const char *mechanism, struct facetd_record *record)
{
	const char *gpu = facetd_get_string(call, "gpu"), *type = facetd_get_string(call, "type");

	if (!only_part(call, known, mechanism))
		return false;
	if (!gpu || strlen(gpu) >= sizeof(record->gpu)) {
		facetd_fail_argument(call, "gpu",
				     "gpu %.40s: mechanism %s needs the PCI address of one, as in "
				     "0000:03:00.0: `facet gpus --host` lists them",
				     gpu ? gpu : "is missing", mechanism);
		return false;
	}
	if (type && strlen(type) >= sizeof(record->type)) {
		facetd_fail_argument(call, "type", "type %.64s...: no driver has such a one", type);
		return false;
	}
	strcpy(record->gpu, gpu);
	strcpy(record->type, type ? type : "");
	strcpy(record->mechanism, mechanism);
	strcpy(record->transport, "vfio");
	record->limits = FACETD_LIMITS_DEFAULT;
	facet_part_token(record->token);
	return true;
}

void facetd_method_create(struct facet_varlink_call *call, void *owner)
{
	static const struct facetd_parameter known[] = {
		{ "name", JSON_STRING, true },
		{ "gpu", JSON_STRING },
		{ "mechanism", JSON_STRING },
		{ "width", JSON_INTEGER },
		{ "height", JSON_INTEGER },
		{ "outputs", JSON_INTEGER },
		{ "vram_bytes", JSON_INTEGER },
		{ "type", JSON_STRING },
		{ "weight", JSON_INTEGER },
		{ "cap_ppm", JSON_INTEGER },
		{ "reservation_ppm", JSON_INTEGER },
		{ "eus", JSON_STRING },
		{ "eus_exclusive", JSON_FALSE },
		{ "hang_ms", JSON_INTEGER },
		{ "overcommit", JSON_FALSE },
		{ "kvmfr", JSON_STRING },
		{ "kvmfr_group", JSON_STRING },
		{ "transport", JSON_STRING },
		{ NULL },
	};
	struct facetd_record record = { 0 };
	struct facetd *daemon = owner;
	struct facetd_vgpu *vgpu;
	const char *mechanism;
	enum facet_mechanism hardware;
	struct facet_error err;
	int r = 0;

	if (!facetd_check(call, known) || !read_name(call, &record))
		return;
	mechanism = facetd_get_string(call, "mechanism");
	if (mechanism && facet_part_mechanism(mechanism, &hardware)) {
		if (!read_part(call, known, mechanism, &record))
			return;
	} else if (!read_config(call, daemon, &record)) {
		return;
	}
	if (facetd_vgpu_find(daemon, record.name)) {
		facetd_fail(call, "io.facet.AlreadyExists", record.name,
			    "there is a vGPU %s already: choose another name, or `facet rm %s` "
			    "first",
			    record.name, record.name);
		return;
	}
	if (daemon->count >= FACETD_MAX_VGPUS) {
		facetd_fail(call, "io.facet.LimitReached", NULL,
			    "there are %d vGPUs, and no more are allowed: remove one first",
			    FACETD_MAX_VGPUS);
		return;
	}
	if (!record.token[0])
		r = facetd_arbitration_admit(daemon, record.gpu, NULL, &record.limits, &err);
	if (r)
		facetd_fail_limits(call, record.name, r, err.text);
	else if (facetd_vgpu_create(daemon, &record, &vgpu, &err))
		facetd_fail(call, "io.facet.Failed", record.name, "vGPU %s: %s", record.name,
			    err.text);
	else
		facetd_wait(daemon, call, vgpu, false);
}
