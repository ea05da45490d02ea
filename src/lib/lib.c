// SPDX-License-Identifier: LGPL-2.1-or-later
/* lib.c - libfacet: each function is one varlink call to facetd. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conn.h"

/* A call whose answer is the text of one field. */
static int call_text(struct facet_conn *conn, const char *method, json_t *parameters,
		     const char *field, char **ret)
{
	json_t *value;
	int r = facetlib_call_field(conn, method, parameters, field, &value);

	if (r)
		return r;
	*ret = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	json_decref(value);
	return *ret ? 0 : facetlib_fail(conn, -ENOMEM, "%s: out of memory", method);
}

static json_t *named(const char *name)
{
	return json_pack("{s:s}", "name", name);
}

static void set_integer(json_t *parameters, const char *name, uint64_t value)
{
	if (value)
		json_object_set_new(parameters, name, json_integer((json_int_t)value));
}

/*
 * What the caller knows of a struct: members that came later are zero. A newer caller is served as
 * long as it wants nothing of what we do not know.
 */
static int take_struct(struct facet_conn *conn, const char *what, void *to, size_t size,
		       size_t smallest, const void *from)
{
	size_t given;

	memcpy(&given, from, sizeof(given));
	if (given < smallest)
		return facetlib_fail(conn, -EINVAL, "%s: its size is not set", what);
	memset(to, 0, size);
	memcpy(to, from, given < size ? given : size);
	for (size_t i = size; i < given; i++)
		if (((const char *)from)[i])
			return facetlib_fail(
				conn, -EINVAL,
				"%s: of a later version than libfacet %s: install that", what,
				FACET_VERSION);
	return 0;
}

EXPORT int facet_list_gpus(struct facet_conn *conn, char **ret_json)
{
	return call_text(conn, "io.facet.ListGPUs", NULL, "gpus", ret_json);
}

EXPORT int facet_list_types(struct facet_conn *conn, char **ret_json)
{
	return call_text(conn, "io.facet.ListTypes", NULL, "types", ret_json);
}

static void set_flag(json_t *parameters, const char *name, bool set)
{
	if (set)
		json_object_set_new(parameters, name, json_true());
}

EXPORT int facet_create(struct facet_conn *conn, const struct facet_create *create, char **ret_json)
{
	struct facet_create c;
	json_t *parameters;
	int r = take_struct(conn, "struct facet_create", &c, sizeof(c),
			    offsetof(struct facet_create, type), create);

	if (r)
		return r;
	if (!c.name)
		return facetlib_fail(conn, -EINVAL, "facet_create: no name");
	parameters =
		json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "name", c.name, "gpu",
			  c.gpu, "mechanism", c.mechanism, "type", c.type, "eus", c.eus, "kvmfr",
			  c.kvmfr, "kvmfr_group", c.kvmfr_group, "transport", c.transport);
	if (!parameters)
		return facetlib_fail(conn, -EINVAL, "facet_create: a name is not UTF-8");
	set_integer(parameters, "width", c.width);
	set_integer(parameters, "height", c.height);
	set_integer(parameters, "outputs", c.outputs);
	set_integer(parameters, "vram_bytes", c.vram_bytes);
	set_integer(parameters, "weight", c.weight);
	set_integer(parameters, "cap_ppm", c.cap_ppm);
	set_integer(parameters, "reservation_ppm", c.reservation_ppm);
	set_integer(parameters, "hang_ms", c.hang_ms);
	if (c.flags & FACET_CREATE_HANG_NEVER)
		json_object_set_new(parameters, "hang_ms", json_integer(0));
	set_flag(parameters, "eus_exclusive", c.flags & FACET_CREATE_EUS_EXCLUSIVE);
	set_flag(parameters, "overcommit", c.flags & FACET_CREATE_OVERCOMMIT);
	return call_text(conn, "io.facet.Create", parameters, "vgpu", ret_json);
}

EXPORT int facet_set_limits(struct facet_conn *conn, const char *name,
			    const struct facet_limits *limits)
{
	struct facet_limits l;
	json_t *parameters;
	int r = take_struct(conn, "struct facet_limits", &l, sizeof(l), sizeof(l), limits);
	const struct {
		uint32_t bit;
		const char *name;
		uint64_t value;
	} integers[] = {
		{ FACET_LIMIT_WEIGHT, "weight", l.weight },
		{ FACET_LIMIT_CAP, "cap_ppm", l.cap_ppm },
		{ FACET_LIMIT_RESERVATION, "reservation_ppm", l.reservation_ppm },
		{ FACET_LIMIT_VRAM, "vram_bytes", l.vram_bytes },
		{ FACET_LIMIT_HANG, "hang_ms", l.hang_ms },
	};

	if (r)
		return r;
	parameters = named(name);
	for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
		if (l.set & integers[i].bit)
			json_object_set_new(parameters, integers[i].name,
					    json_integer((json_int_t)integers[i].value));
	if (l.set & FACET_LIMIT_EUS)
		json_object_set_new(parameters, "eus", json_string(l.eus ? l.eus : ""));
	if (l.set & FACET_LIMIT_EUS_EXCLUSIVE)
		json_object_set_new(parameters, "eus_exclusive", json_boolean(l.eus_exclusive));
	if (l.set & FACET_LIMIT_OVERCOMMIT)
		json_object_set_new(parameters, "overcommit", json_boolean(l.overcommit));
	return facetlib_call(conn, "io.facet.Set", parameters, -1, NULL);
}

EXPORT int facet_set_policy(struct facet_conn *conn, const char *gpu, const char *policy)
{
	char word[32];

	/* The interface has no dashes in such words. */
	for (size_t i = 0; i < sizeof(word); i++) {
		word[i] = policy[i] == '-' ? '_' : policy[i];
		if (!policy[i])
			return facetlib_call(conn, "io.facet.SetPolicy",
					     json_pack("{s:s, s:s}", "gpu", gpu, "policy", word),
					     -1, NULL);
	}
	return facetlib_fail(conn, -EINVAL, "policy %.40s: must be best-effort, equal or fixed",
			     policy);
}

EXPORT int facet_list(struct facet_conn *conn, char **ret_json)
{
	return call_text(conn, "io.facet.List", NULL, "vgpus", ret_json);
}

EXPORT int facet_show(struct facet_conn *conn, const char *name, char **ret_json)
{
	return call_text(conn, "io.facet.Show", named(name), "vgpu", ret_json);
}

EXPORT int facet_stats(struct facet_conn *conn, char **ret_json)
{
	return call_text(conn, "io.facet.Stats", NULL, "vgpus", ret_json);
}

EXPORT int facet_restart(struct facet_conn *conn, const char *name, char **ret_json)
{
	return call_text(conn, "io.facet.Restart", named(name), "vgpu", ret_json);
}

EXPORT int facet_remove(struct facet_conn *conn, const char *name, unsigned int flags)
{
	return facetlib_call(
		conn, "io.facet.Remove",
		json_pack("{s:s, s:b}", "name", name, "force", (flags & FACET_REMOVE_FORCE) != 0),
		-1, NULL);
}

EXPORT int facet_screenshot(struct facet_conn *conn, const char *name, unsigned int output,
			    int cursor, int fd)
{
	return facetlib_call(conn, "io.facet.Screenshot",
			     json_pack("{s:s, s:I, s:b}", "name", name, "output",
				       (json_int_t)output, "cursor", cursor),
			     fd, NULL);
}

EXPORT int facet_set_output(struct facet_conn *conn, const char *name, unsigned int output,
			    int connected, uint32_t width, uint32_t height)
{
	json_t *parameters = json_pack("{s:s, s:I}", "name", name, "output", (json_int_t)output);

	if (connected >= 0)
		json_object_set_new(parameters, "connected", json_boolean(connected));
	set_integer(parameters, "width", width);
	set_integer(parameters, "height", height);
	return facetlib_call(conn, "io.facet.SetOutput", parameters, -1, NULL);
}
