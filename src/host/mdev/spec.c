// SPDX-License-Identifier: GPL-2.0-or-later
/* spec.c - what a mediated device is to be: UUID, attributes, and mdevctl's file of them. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "host/mdev.h"

bool facet_mdev_uuid_parse(const char *text, char ret[FACET_MDEV_UUID])
{
	sd_id128_t id;

	/* sd-id128 takes them without dashes as well, and no other length. */
	if (strlen(text) != FACET_MDEV_UUID - 1 || sd_id128_from_string(text, &id) < 0)
		return false;
	sd_id128_to_uuid_string(id, ret);
	return true;
}

int facet_mdev_uuid_random(char ret[FACET_MDEV_UUID])
{
	sd_id128_t id;
	int r = sd_id128_randomize(&id);

	if (r == 0)
		sd_id128_to_uuid_string(id, ret);
	return r;
}

bool facet_mdev_name_sound(const char *name)
{
	if (!*name || *name == '.' || strlen(name) >= FACET_TREE_NAME)
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '/' || *name == '%')
			return false;
	return true;
}

void facet_mdev_spec_clear(struct facet_mdev_spec *spec)
{
	for (unsigned int i = 0; i < spec->count; i++) {
		free(spec->attributes[i].name);
		free(spec->attributes[i].value);
	}
	free(spec->attributes);
	spec->attributes = NULL;
	spec->count = 0;
}

void facet_mdev_spec_fini(struct facet_mdev_spec *spec)
{
	facet_mdev_spec_clear(spec);
	*spec = (struct facet_mdev_spec){ 0 };
}

/* A file below the device's directory: "vgpu_params", "nvidia/vgpu_params". */
static bool attribute_sound(const char *name)
{
	char part[FACET_TREE_NAME];
	size_t size;

	/* These end the device, or its driver's hold of it. */
	if (strcmp(name, "remove") == 0 || strncmp(name, "driver/", 7) == 0)
		return false;
	do {
		size = strcspn(name, "/");
		if (size >= sizeof(part))
			return false;
		memcpy(part, name, size);
		part[size] = '\0';
		if (!facet_mdev_name_sound(part))
			return false;
		name += size;
	} while (*name && *++name);
	return name[-1] != '/';
}

int facet_mdev_spec_add(struct facet_mdev_spec *spec, const char *name, const char *value,
			struct facet_error *err)
{
	struct facet_mdev_attribute *more, added;

	if (!attribute_sound(name))
		return facet_error_set(err, -EINVAL,
				       "an attribute must name a file in the device's directory, "
				       "such as nvidia/vgpu_params");
	if (strlen(value) >= FACET_MDEV_VALUE)
		return facet_error_set(err, -EINVAL, "attribute %s: the value is too long", name);
	if (spec->count == FACET_MDEV_ATTRIBUTES)
		return facet_error_set(err, -E2BIG, "attribute %s: %d are the most", name,
				       FACET_MDEV_ATTRIBUTES);
	more = realloc(spec->attributes, (spec->count + 1) * sizeof(*more));
	if (!more)
		return facet_error_set(err, -ENOMEM, "out of memory");
	spec->attributes = more;
	added = (struct facet_mdev_attribute){ strdup(name), strdup(value) };
	if (!added.name || !added.value) {
		free(added.name);
		free(added.value);
		return facet_error_set(err, -ENOMEM, "out of memory");
	}
	more[spec->count++] = added;
	return 0;
}

/* --- the file --- */

/* [{"NAME": "VALUE"}, ...] */
static int parse_attributes(json_t *attrs, struct facet_mdev_spec *spec, struct facet_error *err)
{
	const char *name;
	json_t *attr, *value;
	size_t i;
	int r;

	if (attrs && !json_is_null(attrs) && !json_is_array(attrs))
		return facet_error_set(err, -EINVAL, "\"attrs\" is no array");
	json_array_foreach(attrs, i, attr)
	{
		if (json_object_size(attr) != 1)
			return facet_error_set(err, -EINVAL,
					       "\"attrs\": must be objects with one member each");
		json_object_foreach(attr, name, value)
		{
			if (!json_is_string(value))
				return facet_error_set(err, -EINVAL,
						       "\"attrs\": a value is no string");
			r = facet_mdev_spec_add(spec, name, json_string_value(value), err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int parse_root(json_t *root, struct facet_mdev_spec *spec, struct facet_error *err)
{
	const char *type = json_string_value(json_object_get(root, "mdev_type"));
	json_t *start = json_object_get(root, "start");

	if (!type || !facet_mdev_name_sound(type))
		return facet_error_set(err, -EINVAL, "\"mdev_type\" is missing, or no type's name");
	if (!start || json_is_null(start))
		return facet_error_set(err, -EINVAL, "\"start\" is missing");
	strcpy(spec->type, type);
	spec->autostart = json_is_string(start) && strcmp(json_string_value(start), "auto") == 0;
	return parse_attributes(json_object_get(root, "attrs"), spec, err);
}

int facet_mdev_spec_parse(const char *text, size_t size, struct facet_mdev_spec *ret,
			  struct facet_error *err)
{
	struct facet_mdev_spec spec = { 0 };
	json_error_t error;
	json_t *root = json_loadb(text, size, 0, &error);
	int r;

	if (!root)
		return facet_error_set(err, -EINVAL, "line %d: no JSON", error.line);
	r = parse_root(root, &spec, err);
	json_decref(root);
	if (r < 0) {
		facet_mdev_spec_fini(&spec);
		return r;
	}
	facet_mdev_spec_clear(ret);
	strcpy(ret->type, spec.type);
	ret->autostart = spec.autostart;
	ret->attributes = spec.attributes;
	ret->count = spec.count;
	return 0;
}

char *facet_mdev_spec_format(const struct facet_mdev_spec *spec)
{
	json_t *attrs = json_array(), *root;
	char *text;

	for (unsigned int i = 0; i < spec->count; i++)
		json_array_append_new(attrs, json_pack("{s:s}", spec->attributes[i].name,
						       spec->attributes[i].value));
	if (json_array_size(attrs) != spec->count) {
		json_decref(attrs);
		return NULL;
	}
	root = json_pack("{s:s, s:s, s:o}", "mdev_type", spec->type, "start",
			 spec->autostart ? "auto" : "manual", "attrs", attrs);
	text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	return text;
}
