// SPDX-License-Identifier: GPL-2.0-or-later
/* parameters.c - looks at the arguments of a call, and says what is wrong with them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/call.h"
#include "daemon/describe.h"

void facetd_fail(struct facet_varlink_call *call, const char *error, const char *name,
		 const char *fmt, ...)
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

void facetd_fail_limits(struct facet_varlink_call *call, const char *name, int code,
			const char *text)
{
	if (code == -ENOSPC)
		facetd_fail(call, "io.facet.LimitReached", NULL, "vGPU %s: %s", name, text);
	else if (code == -EOPNOTSUPP)
		facetd_fail_argument(call, "eus", "vGPU %s: %s", name, text);
	else if (code == -EINVAL)
		facetd_fail_argument(call, "limits", "vGPU %s: %s", name, text);
	else
		facetd_fail(call, "io.facet.Failed", name, "vGPU %s: %s", name, text);
}

static bool type_fits(const struct facetd_parameter *p, const json_t *value)
{
	return p->type == JSON_FALSE ? json_is_boolean(value) : json_typeof(value) == p->type;
}

bool facetd_check(struct facet_varlink_call *call, const struct facetd_parameter *known)
{
	json_t *parameters = facet_varlink_call_parameters(call), *value;
	const struct facetd_parameter *p;
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
		if (!value || json_is_null(value) ? !p->required : type_fits(p, value))
			continue;
		facet_varlink_fail_parameter(call, p->name);
		return false;
	}
	return true;
}

json_t *facetd_get(struct facet_varlink_call *call, const char *name)
{
	json_t *value = json_object_get(facet_varlink_call_parameters(call), name);

	return json_is_null(value) ? NULL : value;
}

const char *facetd_get_string(struct facet_varlink_call *call, const char *name)
{
	return json_string_value(facetd_get(call, name));
}

struct facetd_vgpu *facetd_find(struct facet_varlink_call *call, struct facetd *daemon)
{
	const char *name = facetd_get_string(call, "name");
	struct facetd_vgpu *vgpu = facetd_vgpu_find(daemon, name);

	if (!vgpu)
		facetd_fail(call, "io.facet.NotFound", name, "there is no vGPU %s", name);
	return vgpu;
}

struct facetd_vgpu *facetd_find_up(struct facet_varlink_call *call, struct facetd *daemon)
{
	struct facetd_vgpu *vgpu = facetd_find(call, daemon);
	const char *name = vgpu ? vgpu->record.name : NULL;

	if (vgpu && vgpu->given) {
		facetd_fail(call, "io.facet.Failed", name,
			    "vGPU %s is a part of %s, whose pictures only the guest and QEMU have",
			    name, vgpu->record.gpu);
		return NULL;
	}
	if (!vgpu || vgpu->phase == FACETD_UP)
		return vgpu;
	if (vgpu->phase == FACETD_FAILED)
		facetd_fail(call, "io.facet.Failed", name,
			    "vGPU %s has failed (%s): `facet restart %s` tries again", name,
			    vgpu->record.reason, name);
	else
		facetd_fail(call, "io.facet.Failed", name,
			    "vGPU %s is starting or stopping: try again", name);
	return NULL;
}

bool facetd_get_number(struct facet_varlink_call *call, const char *name, json_int_t min,
		       json_int_t max, json_int_t *value)
{
	json_t *json = facetd_get(call, name);

	if (!json)
		return true;
	if (json_integer_value(json) < min || json_integer_value(json) > max) {
		facetd_fail_argument(call, name,
				     "%s %" JSON_INTEGER_FORMAT ": must be %" JSON_INTEGER_FORMAT
				     " to %" JSON_INTEGER_FORMAT,
				     name, json_integer_value(json), min, max);
		return false;
	}
	*value = json_integer_value(json);
	return true;
}

/* In bytes, but said in what people count such things in. */
static bool get_vram(struct facet_varlink_call *call, uint64_t *value)
{
	json_int_t bytes = json_integer_value(facetd_get(call, "vram_bytes"));

	if (!facetd_get(call, "vram_bytes"))
		return true;
	if (bytes >> 20 < FACETD_MIN_VRAM_MIB || bytes > (json_int_t)FACETD_MAX_VRAM_MIB << 20) {
		facetd_fail_argument(call, "vram_bytes",
				     "vram_bytes %" JSON_INTEGER_FORMAT
				     ": must be %d MiB to %d MiB",
				     bytes, FACETD_MIN_VRAM_MIB, FACETD_MAX_VRAM_MIB);
		return false;
	}
	*value = (uint64_t)bytes;
	return true;
}

/* @max without exponent: it is said to people. */
static bool get_u32(struct facet_varlink_call *call, const char *name, json_int_t min,
		    json_int_t max, uint32_t *value)
{
	json_int_t number = *value;

	if (!facetd_get_number(call, name, min, max, &number))
		return false;
	*value = (uint32_t)number;
	return true;
}

static void get_bool(struct facet_varlink_call *call, const char *name, bool *value)
{
	if (facetd_get(call, name))
		*value = json_is_true(facetd_get(call, name));
}

static bool get_eus(struct facet_varlink_call *call, struct facetd_limits *limits)
{
	const char *eus = facetd_get_string(call, "eus");

	if (eus && strlen(eus) >= sizeof(limits->eus)) {
		facetd_fail_argument(call, "eus",
				     "eus %.80s: must be a list such as 0-3,6, or how many, in at "
				     "most %zu characters",
				     eus, sizeof(limits->eus) - 1);
		return false;
	}
	if (eus)
		strcpy(limits->eus, eus);
	return true;
}

bool facetd_get_limits(struct facet_varlink_call *call, struct facetd_limits *limits)
{
	struct facet_share *share = &limits->share;

	get_bool(call, "eus_exclusive", &limits->eus_exclusive);
	get_bool(call, "overcommit", &limits->overcommit);
	return get_u32(call, "weight", 1, FACET_WEIGHT_MAX, &share->weight) &&
	       get_u32(call, "cap_ppm", 1, FACET_SHARE_ALL, &share->cap_ppm) &&
	       get_u32(call, "reservation_ppm", 0, FACET_SHARE_ALL, &share->reservation_ppm) &&
	       get_u32(call, "hang_ms", 0, FACETD_MAX_HANG_MS, &limits->hang_ms) &&
	       get_vram(call, &limits->vram_bytes) && get_eus(call, limits);
}
