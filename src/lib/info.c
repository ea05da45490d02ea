// SPDX-License-Identifier: LGPL-2.1-or-later
/* info.c - answers of facetd as structs: an array and all its strings are one piece of memory. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conn.h"

enum kind { TEXT, U32, U64 };

/* Where a value stands in an answer ("limits.weight"), and where it goes. */
struct member {
	const char *path;
	enum kind kind;
	size_t offset;
};

struct layout {
	size_t size;
	const struct member *members; /* ends with a NULL path */
	/* What the table cannot say; borrowed values go into @object under new names. */
	void (*prepare)(json_t *object);
};

#define MEMBER(type, kind, name)                         \
	{                                                \
#name, kind, offsetof(struct type, name) \
	}
#define MEMBER_AT(type, kind, name, path_)               \
	{                                                \
		path_, kind, offsetof(struct type, name) \
	}

static const struct member gpu_members[] = {
	MEMBER(facet_gpu_info, TEXT, name),
	MEMBER(facet_gpu_info, TEXT, driver),
	MEMBER(facet_gpu_info, TEXT, address),
	MEMBER(facet_gpu_info, TEXT, node),
	MEMBER(facet_gpu_info, TEXT, policy),
	MEMBER_AT(facet_gpu_info, TEXT, mechanisms, "working"),
	MEMBER(facet_gpu_info, U32, vgpus),
	MEMBER(facet_gpu_info, U32, eus),
	MEMBER(facet_gpu_info, U32, share_free_ppm),
	MEMBER(facet_gpu_info, U64, vram_bytes),
	MEMBER(facet_gpu_info, U64, vram_free_bytes),
	{ NULL },
};

static const struct member type_members[] = {
	MEMBER(facet_type_info, TEXT, name),           MEMBER(facet_type_info, TEXT, gpu),
	MEMBER(facet_type_info, TEXT, mechanism),      MEMBER(facet_type_info, TEXT, eus),
	MEMBER(facet_type_info, U32, weight),          MEMBER(facet_type_info, U32, cap_ppm),
	MEMBER(facet_type_info, U32, reservation_ppm), MEMBER(facet_type_info, U32, width),
	MEMBER(facet_type_info, U32, height),          MEMBER(facet_type_info, U32, outputs),
	MEMBER(facet_type_info, U32, hang_ms),         MEMBER(facet_type_info, U32, eus_exclusive),
	MEMBER(facet_type_info, U32, builtin),         MEMBER(facet_type_info, U32, fit),
	MEMBER(facet_type_info, U64, vram_bytes),      { NULL },
};

static const struct member vgpu_members[] = {
	MEMBER(facet_vgpu_info, TEXT, name),
	MEMBER(facet_vgpu_info, TEXT, gpu),
	MEMBER(facet_vgpu_info, TEXT, mechanism),
	MEMBER(facet_vgpu_info, TEXT, type),
	MEMBER(facet_vgpu_info, TEXT, state),
	MEMBER(facet_vgpu_info, TEXT, reason),
	MEMBER(facet_vgpu_info, TEXT, socket),
	MEMBER(facet_vgpu_info, TEXT, log),
	MEMBER_AT(facet_vgpu_info, TEXT, guest_command, "guest.command"),
	MEMBER_AT(facet_vgpu_info, TEXT, eus, "limits.eus"),
	MEMBER(facet_vgpu_info, U32, width),
	MEMBER(facet_vgpu_info, U32, height),
	MEMBER(facet_vgpu_info, U32, outputs),
	MEMBER_AT(facet_vgpu_info, U32, weight, "limits.weight"),
	MEMBER_AT(facet_vgpu_info, U32, cap_ppm, "limits.cap_ppm"),
	MEMBER_AT(facet_vgpu_info, U32, reservation_ppm, "limits.reservation_ppm"),
	MEMBER_AT(facet_vgpu_info, U32, hang_ms, "limits.hang_ms"),
	MEMBER_AT(facet_vgpu_info, U32, eus_exclusive, "limits.eus_exclusive"),
	MEMBER(facet_vgpu_info, U32, overcommit),
	MEMBER(facet_vgpu_info, U32, pid),
	MEMBER_AT(facet_vgpu_info, U32, guest_pid, "guest.pid"),
	MEMBER(facet_vgpu_info, U32, restarts),
	MEMBER(facet_vgpu_info, U64, created),
	MEMBER(facet_vgpu_info, U64, vram_bytes),
	MEMBER(facet_vgpu_info, TEXT, kvmfr),
	MEMBER(facet_vgpu_info, TEXT, transport),
	{ NULL },
};

static const struct member stats_members[] = {
	MEMBER(facet_stats, TEXT, name),
	MEMBER(facet_stats, TEXT, gpu),
	MEMBER(facet_stats, TEXT, state),
	MEMBER(facet_stats, U32, answers),
	MEMBER(facet_stats, U32, restarts),
	MEMBER_AT(facet_stats, U32, used_ppm, "measured.used_ppm"),
	MEMBER_AT(facet_stats, U32, entitled_ppm, "measured.entitled_ppm"),
	MEMBER_AT(facet_stats, U64, used_ns, "measured.used_ns"),
	MEMBER_AT(facet_stats, U64, throttled_ns, "measured.throttled_ns"),
	MEMBER_AT(facet_stats, U64, preempts, "measured.preempts"),
	MEMBER_AT(facet_stats, U64, resets, "measured.resets"),
	MEMBER_AT(facet_stats, U64, wait_p50_us, "measured.wait_p50_us"),
	MEMBER_AT(facet_stats, U64, wait_p99_us, "measured.wait_p99_us"),
	MEMBER_AT(facet_stats, U64, latency_p50_us, "measured.latency_p50_us"),
	MEMBER_AT(facet_stats, U64, latency_p99_us, "measured.latency_p99_us"),
	MEMBER_AT(facet_stats, U64, cpu_ns, "status.cpu_ns"),
	MEMBER_AT(facet_stats, U64, rss_bytes, "status.rss_bytes"),
	MEMBER_AT(facet_stats, U64, jobs, "status.usage.jobs"),
	MEMBER_AT(facet_stats, U64, frames, "status.usage.flushes"),
	MEMBER_AT(facet_stats, U64, busy_ns, "status.usage.busy_ns"),
	MEMBER_AT(facet_stats, U64, wait_ns, "status.usage.wait_ns"),
	MEMBER_AT(facet_stats, U64, queued, "status.usage.queued"),
	MEMBER_AT(facet_stats, U64, vram_bytes, "status.usage.vram_bytes"),
	MEMBER_AT(facet_stats, U64, vram_peak_bytes, "status.usage.vram_peak_bytes"),
	MEMBER_AT(facet_stats, U64, vram_quota_bytes, "limits.vram_bytes"),
	{ NULL },
};

/* "virgl 2d", and the policy as people write it. */
static void prepare_gpu(json_t *object)
{
	const char *policy = json_string_value(json_object_get(object, "policy"));
	char working[128] = "";
	json_t *mechanism;
	size_t i;

	if (policy && strcmp(policy, "best_effort") == 0)
		json_object_set_new(object, "policy", json_string("best-effort"));
	json_array_foreach(json_object_get(object, "mechanisms"), i, mechanism)
	{
		const char *name = json_string_value(json_object_get(mechanism, "name"));

		if (name && json_is_true(json_object_get(mechanism, "works")))
			snprintf(working + strlen(working), sizeof(working) - strlen(working),
				 "%s%s", working[0] ? " " : "", name);
	}
	json_object_set_new(object, "working", json_string(working));
}

static void prepare_stats(json_t *object)
{
	json_object_set_new(object, "answers",
			    json_boolean(json_is_object(json_object_get(object, "status"))));
}

static const struct layout gpu_layout = { sizeof(struct facet_gpu_info), gpu_members, prepare_gpu };
static const struct layout type_layout = { sizeof(struct facet_type_info), type_members, NULL };
static const struct layout vgpu_layout = { sizeof(struct facet_vgpu_info), vgpu_members, NULL };
static const struct layout stats_layout = { sizeof(struct facet_stats), stats_members,
					    prepare_stats };

static const json_t *walk(const json_t *object, const char *path)
{
	char part[32];
	size_t size;

	for (; *path; path += size + (path[size] == '.')) {
		size = strcspn(path, ".");
		snprintf(part, sizeof(part), "%.*s", (int)size, path);
		object = json_object_get(object, part);
	}
	return object;
}

static const char *text_of(const json_t *object, const struct member *m)
{
	const char *text = json_string_value(walk(object, m->path));

	return text ? text : "";
}

static uint64_t number_of(const json_t *object, const struct member *m)
{
	const json_t *value = walk(object, m->path);

	if (json_is_true(value))
		return 1;
	return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
}

/* Room that the strings of one need. */
static size_t text_size(const json_t *object, const struct layout *layout)
{
	size_t size = 0;

	for (const struct member *m = layout->members; m->path; m++)
		if (m->kind == TEXT)
			size += strlen(text_of(object, m)) + 1;
	return size;
}

/* Fills @to; its strings go to *@text, which moves behind them. */
static void fill(char *to, char **text, const json_t *object, const struct layout *layout)
{
	memcpy(to, &layout->size, sizeof(layout->size));
	for (const struct member *m = layout->members; m->path; m++) {
		uint64_t number = m->kind == TEXT ? 0 : number_of(object, m);
		uint32_t small = number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
		const char *string = *text;

		if (m->kind == TEXT) {
			strcpy(*text, text_of(object, m));
			*text += strlen(*text) + 1;
			memcpy(to + m->offset, &string, sizeof(string));
		} else if (m->kind == U32) {
			memcpy(to + m->offset, &small, sizeof(small));
		} else {
			memcpy(to + m->offset, &number, sizeof(number));
		}
	}
}

/* Pointers, then structs, then strings. */
static void *make_array(json_t *list, const struct layout *layout)
{
	size_t count = json_array_size(list), head = (count + 1) * sizeof(void *), texts = 0, i;
	char **pointers, *structs, *text;
	json_t *object;

	json_array_foreach(list, i, object)
	{
		if (layout->prepare)
			layout->prepare(object);
		texts += text_size(object, layout);
	}
	/* Both sizes are multiples of a pointer's. */
	pointers = calloc(1, head + count * layout->size + texts);
	if (!pointers)
		return NULL;
	structs = (char *)pointers + head;
	text = structs + count * layout->size;
	json_array_foreach(list, i, object)
	{
		pointers[i] = structs + i * layout->size;
		fill(pointers[i], &text, object, layout);
	}
	return pointers;
}

static int get_array(struct facet_conn *conn, const char *method, const char *field,
		     const struct layout *layout, void *ret)
{
	json_t *list;
	void *array;
	int r = facetlib_call_field(conn, method, NULL, field, &list);

	if (r)
		return r;
	array = make_array(list, layout);
	json_decref(list);
	if (!array)
		return facetlib_fail(conn, -ENOMEM, "%s: out of memory", method);
	memcpy(ret, &array, sizeof(array));
	return 0;
}

EXPORT int facet_get_gpus(struct facet_conn *conn, struct facet_gpu_info ***ret)
{
	return get_array(conn, "io.facet.ListGPUs", "gpus", &gpu_layout, ret);
}

EXPORT int facet_get_types(struct facet_conn *conn, struct facet_type_info ***ret)
{
	return get_array(conn, "io.facet.ListTypes", "types", &type_layout, ret);
}

EXPORT int facet_get_vgpus(struct facet_conn *conn, struct facet_vgpu_info ***ret)
{
	return get_array(conn, "io.facet.List", "vgpus", &vgpu_layout, ret);
}

EXPORT int facet_get_stats(struct facet_conn *conn, struct facet_stats ***ret)
{
	return get_array(conn, "io.facet.Stats", "vgpus", &stats_layout, ret);
}

EXPORT int facet_get_vgpu(struct facet_conn *conn, const char *name, struct facet_vgpu_info **ret)
{
	json_t *vgpu;
	char *one, *text;
	int r = facetlib_call_field(conn, "io.facet.Show", json_pack("{s:s}", "name", name), "vgpu",
				    &vgpu);

	if (r)
		return r;
	one = calloc(1, vgpu_layout.size + text_size(vgpu, &vgpu_layout));
	if (one) {
		text = one + vgpu_layout.size;
		fill(one, &text, vgpu, &vgpu_layout);
	}
	json_decref(vgpu);
	if (!one)
		return facetlib_fail(conn, -ENOMEM, "vGPU %s: out of memory", name);
	memcpy(ret, &one, sizeof(one));
	return 0;
}
