// SPDX-License-Identifier: GPL-2.0-or-later
/* record.c - writes vgpu.json in one step and reads it back with suspicion. */
#include "daemon/record.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *pack_limits(const struct facetd_record *r)
{
	const struct facetd_limits *l = &r->limits;

	return json_pack("{s:I, s:I, s:I, s:s, s:b, s:I, s:I, s:b}", "weight",
			 (json_int_t)l->share.weight, "cap_ppm", (json_int_t)l->share.cap_ppm,
			 "reservation_ppm", (json_int_t)l->share.reservation_ppm, "eus", l->eus,
			 "eus_exclusive", l->eus_exclusive, "hang_ms", (json_int_t)l->hang_ms,
			 "vram_bytes", (json_int_t)l->vram_bytes, "overcommit", l->overcommit);
}

static json_t *pack_kvmfr(const struct facetd_record *r)
{
	const struct facetd_kvmfr *k = &r->kvmfr;
	json_t *files = json_array();

	if (!k->path[0]) {
		json_decref(files);
		return json_null();
	}
	for (unsigned int i = 0; i < r->outputs && i < FACETD_MAX_OUTPUTS; i++)
		json_array_append_new(files, json_pack("[I, I]", (json_int_t)k->files[i].device,
						       (json_int_t)k->files[i].inode));
	return json_pack("{s:s, s:I, s:o}", "path", k->path, "group",
			 k->group == (gid_t)-1 ? (json_int_t)-1 : (json_int_t)k->group, "files",
			 files);
}

static json_t *pack_part(const struct facetd_record *r)
{
	return r->token[0] ? json_pack("{s:s, s:b}", "token", r->token, "taken", (int)r->taken)
			   : json_null();
}

bool facetd_transport_known(const char *name)
{
	return strcmp(name, "vhost-user") == 0 || strcmp(name, "vfio-user") == 0;
}

void facetd_record_socket(const struct facetd_record *r, char ret[32])
{
	snprintf(ret, 32, "%s.sock", r->transport);
}

int facetd_record_save(const struct facetd_rundir *dir, const struct facetd_record *r,
		       struct facet_error *err)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	json_t *json = json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:o, s:o, s:I, s:o, s:i, s:I, "
		"s:i, s:s}",
		"version", FACETD_STATE_VERSION, "name", r->name, "gpu", r->gpu, "node", r->node,
		"mechanism", r->mechanism, "type", r->type, "transport", r->transport, "width",
		r->width, "height", r->height, "outputs", r->outputs, "limits", pack_limits(r),
		"kvmfr", pack_kvmfr(r), "created", (json_int_t)r->created, "part", pack_part(r),
		"pid", (int)r->pid, "start_time", (json_int_t)r->start_time, "restarts",
		r->restarts, "reason", r->reason);
	int code = 0;

	facetd_rundir_path(dir, r->name, "vgpu.json", path);
	facetd_rundir_path(dir, r->name, "vgpu.json.new", fresh);
	if (!json)
		return facet_error_set(err, -ENOMEM, "%s: out of memory", path);
	if (json_dump_file(json, fresh, JSON_INDENT(2)) < 0 || rename(fresh, path) < 0)
		code = facet_error_set(err, errno ? -errno : -EIO, "%s: cannot be written: %s",
				       path, strerror(errno));
	json_decref(json);
	return code;
}

static bool copy(char *to, size_t size, const char *from)
{
	if (strlen(from) >= size)
		return false;
	strcpy(to, from);
	return true;
}

/* The part that version 1 has, too. */
static int read_common(const json_t *json, const char *path, const char *name,
		       struct facetd_record *r, struct facet_error *err)
{
	const char *own, *gpu, *node, *mechanism, *reason;
	json_int_t created, start;
	json_error_t why;
	int pid;

	if (json_unpack_ex((json_t *)json, &why, 0,
			   "{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:i, s:I, s:i, s:s}", "name",
			   &own, "gpu", &gpu, "node", &node, "mechanism", &mechanism, "width",
			   &r->width, "height", &r->height, "outputs", &r->outputs, "created",
			   &created, "pid", &pid, "start_time", &start, "restarts", &r->restarts,
			   "reason", &reason) < 0)
		return facet_error_set(err, -EINVAL, "%s: %s", path, why.text);
	if (strcmp(own, name) != 0 || !copy(r->name, sizeof(r->name), own) ||
	    !copy(r->gpu, sizeof(r->gpu), gpu) || !copy(r->node, sizeof(r->node), node) ||
	    !copy(r->mechanism, sizeof(r->mechanism), mechanism) ||
	    !copy(r->reason, sizeof(r->reason), reason))
		return facet_error_set(err, -EINVAL, "%s: not of this facetd or not of this vGPU",
				       path);
	r->created = created;
	r->pid = pid;
	r->start_time = (uint64_t)start;
	return 0;
}

static bool within(json_int_t value, json_int_t min, json_int_t max)
{
	return value >= min && value <= max;
}

static int read_limits(const json_t *json, const char *path, struct facetd_record *r,
		       struct facet_error *err)
{
	struct facetd_limits *l = &r->limits;
	json_int_t weight, cap, reservation, hang, vram;
	const char *type, *eus;
	json_error_t why;
	int exclusive, overcommit;

	if (json_unpack_ex((json_t *)json, &why, 0,
			   "{s:s, s:{s:I, s:I, s:I, s:s, s:b, s:I, s:I, s:b}}", "type", &type,
			   "limits", "weight", &weight, "cap_ppm", &cap, "reservation_ppm",
			   &reservation, "eus", &eus, "eus_exclusive", &exclusive, "hang_ms", &hang,
			   "vram_bytes", &vram, "overcommit", &overcommit) < 0)
		return facet_error_set(err, -EINVAL, "%s: %s", path, why.text);
	if (!within(weight, 1, FACET_WEIGHT_MAX) || !within(cap, 1, FACET_SHARE_ALL) ||
	    !within(reservation, 0, FACET_SHARE_ALL) || !within(hang, 0, UINT32_MAX) || vram < 0 ||
	    !copy(r->type, sizeof(r->type), type) || !copy(l->eus, sizeof(l->eus), eus))
		return facet_error_set(err, -EINVAL, "%s: limits: no facetd wrote them so", path);
	l->share = (struct facet_share){ .weight = (uint32_t)weight,
					 .cap_ppm = (uint32_t)cap,
					 .reservation_ppm = (uint32_t)reservation };
	l->eus_exclusive = exclusive;
	l->hang_ms = (uint32_t)hang;
	l->vram_bytes = (uint64_t)vram;
	l->overcommit = overcommit;
	return 0;
}

/* Absent before version 3. */
static int read_kvmfr(const json_t *json, const char *path, struct facetd_record *r,
		      struct facet_error *err)
{
	json_t *kvmfr = json_object_get(json, "kvmfr"), *files, *file;
	struct facetd_kvmfr *k = &r->kvmfr;
	json_int_t group, device, inode;
	const char *text;
	size_t i;

	if (!kvmfr || json_is_null(kvmfr))
		return 0;
	if (json_unpack(kvmfr, "{s:s, s:I, s:o}", "path", &text, "group", &group, "files", &files) <
		    0 ||
	    text[0] != '/' || !copy(k->path, sizeof(k->path), text) ||
	    !within(group, -1, UINT32_MAX) || json_array_size(files) > FACETD_MAX_OUTPUTS)
		return facet_error_set(err, -EINVAL, "%s: kvmfr: no facetd wrote it so", path);
	k->group = (gid_t)group;
	json_array_foreach(files, i, file)
	{
		if (json_unpack(file, "[I, I]", &device, &inode) < 0)
			return facet_error_set(err, -EINVAL, "%s: kvmfr: no facetd wrote it so",
					       path);
		k->files[i] = (struct facet_file_id){ (uint64_t)device, (uint64_t)inode };
	}
	return 0;
}

/* Absent before version 4. */
static int read_part(const json_t *json, const char *path, struct facetd_record *r,
		     struct facet_error *err)
{
	json_t *part = json_object_get(json, "part");
	const char *token;
	int taken;

	if (!part || json_is_null(part))
		return 0;
	if (json_unpack(part, "{s:s, s:b}", "token", &token, "taken", &taken) < 0 ||
	    strlen(token) != sizeof(r->token) - 1 ||
	    strspn(token, "0123456789abcdef") != sizeof(r->token) - 1)
		return facet_error_set(err, -EINVAL, "%s: part: no facetd wrote it so", path);
	strcpy(r->token, token);
	r->taken = taken;
	return 0;
}

/* Absent before version 3. */
static int read_transport(const json_t *json, const char *path, struct facetd_record *r,
			  struct facet_error *err)
{
	const json_t *transport = json_object_get(json, "transport");
	const char *name = transport ? json_string_value(transport) : "vhost-user";
	bool known =
		name && (r->token[0] ? strcmp(name, "vfio") == 0 : facetd_transport_known(name));

	if (!known)
		return facet_error_set(err, -EINVAL, "%s: transport: no facetd wrote it so", path);
	strcpy(r->transport, name);
	return 0;
}

/* Version 1 knew of no limits but memory's; its vGPUs get what a new one has by default. */
static int read_limits_1(const json_t *json, const char *path, struct facetd_record *r,
			 struct facet_error *err)
{
	const json_t *vram = json_object_get(json, "vram_bytes");

	if (!json_is_integer(vram) || json_integer_value(vram) < 0)
		return facet_error_set(err, -EINVAL, "%s: vram_bytes: no number of bytes", path);
	r->limits.vram_bytes = (uint64_t)json_integer_value(vram);
	/* It ran when nobody counted: it is not to fail for that now. */
	r->limits.overcommit = true;
	return 0;
}

static int read_any(const json_t *json, const char *path, const char *name, struct facetd_record *r,
		    struct facet_error *err)
{
	const json_t *version = json_object_get(json, "version");
	json_int_t number = json_integer_value(version);
	int code;

	if (!json_is_integer(version) || number < 1)
		return facet_error_set(err, -EINVAL, "%s: no version: no facetd wrote it so", path);
	if (number > FACETD_STATE_VERSION)
		return facet_error_set(err, -EPROTONOSUPPORT,
				       "%s: of version %" JSON_INTEGER_FORMAT
				       ", and this facetd (%s) knows versions up to %d: run the "
				       "newer facetd that wrote it, or remove the folder",
				       path, number, FACET_VERSION, FACETD_STATE_VERSION);
	r->limits = FACETD_LIMITS_DEFAULT;
	code = read_common(json, path, name, r, err);
	if (code)
		return code;
	code = number == 1 ? read_limits_1(json, path, r, err) : read_limits(json, path, r, err);
	if (!code)
		code = read_part(json, path, r, err);
	if (!code)
		code = read_transport(json, path, r, err);
	return code ? code : read_kvmfr(json, path, r, err);
}

int facetd_record_load(const struct facetd_rundir *dir, const char *name, struct facetd_record *ret,
		       struct facet_error *err)
{
	struct facetd_record r = { 0 };
	char path[PATH_MAX];
	json_error_t why;
	json_t *json;
	int code;

	facetd_rundir_path(dir, name, "vgpu.json", path);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return facet_error_set(err, -EINVAL, "%s: %s", path, why.text);
	code = read_any(json, path, name, &r, err);
	json_decref(json);
	if (!code)
		*ret = r;
	return code;
}
