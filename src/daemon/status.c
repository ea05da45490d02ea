// SPDX-License-Identifier: GPL-2.0-or-later
/* status.c - checks what a vGPU's process says: a guest may have a hand in it. */
#include <string.h>

#include "base/checked.h"
#include "daemon/describe.h"

enum { MAX_TEXT = 256, MAX_ITEMS = 64 };

struct field {
	const char *name;
	json_type type; /* JSON_FALSE: a boolean; an integer must not be negative */
};

static const struct field status_fields[] = {
	{ "engine", JSON_STRING },     { "renderer", JSON_STRING },
	{ "connected", JSON_FALSE },   { "running", JSON_FALSE },
	{ "drops", JSON_INTEGER },     { "regions", JSON_INTEGER },
	{ "uptime_ns", JSON_INTEGER }, { "cpu_ns", JSON_INTEGER },
	{ "rss_bytes", JSON_INTEGER }, { NULL },
};

static const struct field usage_fields[] = {
	{ "jobs", JSON_INTEGER },
	{ "busy_ns", JSON_INTEGER },
	{ "wait_ns", JSON_INTEGER },
	{ "flushes", JSON_INTEGER },
	{ "vram_bytes", JSON_INTEGER },
	{ "vram_peak_bytes", JSON_INTEGER },
	{ "vram_quota_bytes", JSON_INTEGER },
	{ "contexts", JSON_INTEGER },
	{ "queued", JSON_INTEGER },
	{ NULL },
};

static const struct field output_fields[] = {
	{ "connected", JSON_FALSE }, { "width", JSON_INTEGER }, { "height", JSON_INTEGER },
	{ "x", JSON_INTEGER },       { "y", JSON_INTEGER },     { NULL },
};

static const struct field sandbox_fields[] = {
	{ "what", JSON_STRING },
	{ "in_force", JSON_FALSE },
	{ "why", JSON_STRING },
	{ NULL },
};

json_t *facetd_describe_text(const char *text)
{
	char clean[MAX_TEXT];
	size_t i;

	for (i = 0; text[i] && i < sizeof(clean) - 1; i++)
		clean[i] = (unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f
				   ? '?'
				   : text[i];
	clean[i] = '\0';
	return json_string(clean);
}

/* Only the wanted fields, each of its type; NULL if one is missing or wrong. */
static json_t *take_object(const json_t *from, const struct field *field)
{
	json_t *to = json_object();

	for (; field->name; field++) {
		json_t *value = json_object_get(from, field->name);
		json_t *copy = NULL;

		if (field->type == JSON_STRING && json_is_string(value))
			copy = facetd_describe_text(json_string_value(value));
		else if (field->type == JSON_FALSE && json_is_boolean(value))
			copy = json_boolean(json_is_true(value));
		else if (field->type == JSON_INTEGER && json_integer_value(value) >= 0 &&
			 json_is_integer(value))
			copy = json_integer(json_integer_value(value));
		if (json_object_set_new(to, field->name, copy)) {
			json_decref(to);
			return NULL;
		}
	}
	return to;
}

static json_t *take_array(const json_t *from, const struct field *fields)
{
	json_t *to = json_array(), *item;
	size_t i;

	if (!json_is_array(from) || json_array_size(from) > MAX_ITEMS) {
		json_decref(to);
		return NULL;
	}
	json_array_foreach(from, i, item)
	{
		if (json_array_append_new(to, take_object(item, fields))) {
			json_decref(to);
			return NULL;
		}
	}
	return to;
}

json_t *facetd_describe_status(const json_t *answer)
{
	const struct {
		const char *name;
		json_t *value;
	} parts[] = {
		{ "usage", take_object(json_object_get(answer, "usage"), usage_fields) },
		{ "outputs", take_array(json_object_get(answer, "outputs"), output_fields) },
		{ "sandbox", take_array(json_object_get(answer, "sandbox"), sandbox_fields) },
	};
	json_t *status = take_object(answer, status_fields);
	int wrong = status == NULL;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(parts); i++)
		wrong |= json_object_set_new(status, parts[i].name, parts[i].value);
	if (wrong) {
		json_decref(status);
		return NULL;
	}
	return status;
}
