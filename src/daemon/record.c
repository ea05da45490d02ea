// SPDX-License-Identifier: GPL-2.0-or-later
/* record.c - writes vgpu.json in one step and reads it back with suspicion. */
#include "daemon/record.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int facetd_record_save(const struct facetd_rundir *dir, const struct facetd_record *r,
		       struct facet_error *err)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	json_t *json =
		json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:i, s:I, s:i, s:s}",
			  "version", 1, "name", r->name, "gpu", r->gpu, "node", r->node,
			  "mechanism", r->mechanism, "width", r->width, "height", r->height,
			  "outputs", r->outputs, "vram_bytes", (json_int_t)r->limits.vram_bytes,
			  "created", (json_int_t)r->created, "pid", (int)r->pid, "start_time",
			  (json_int_t)r->start_time, "restarts", r->restarts, "reason", r->reason);
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

int facetd_record_load(const struct facetd_rundir *dir, const char *name, struct facetd_record *ret,
		       struct facet_error *err)
{
	struct facetd_record r = { 0 };
	const char *own, *gpu, *node, *mechanism, *reason;
	json_int_t vram, created, start;
	char path[PATH_MAX];
	int version, pid;
	json_error_t why;
	json_t *json;
	bool good;

	facetd_rundir_path(dir, name, "vgpu.json", path);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return facet_error_set(err, -EINVAL, "%s: %s", path, why.text);
	good = json_unpack_ex(
		       json, &why, 0,
		       "{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I, s:i, s:I, s:i, s:s}",
		       "version", &version, "name", &own, "gpu", &gpu, "node", &node, "mechanism",
		       &mechanism, "width", &r.width, "height", &r.height, "outputs", &r.outputs,
		       "vram_bytes", &vram, "created", &created, "pid", &pid, "start_time", &start,
		       "restarts", &r.restarts, "reason", &reason) == 0;
	if (!good)
		facet_error_set(err, -EINVAL, "%s: %s", path, why.text);
	else if (version != 1 || strcmp(own, name) != 0 || !copy(r.name, sizeof(r.name), own) ||
		 !copy(r.gpu, sizeof(r.gpu), gpu) || !copy(r.node, sizeof(r.node), node) ||
		 !copy(r.mechanism, sizeof(r.mechanism), mechanism) ||
		 !copy(r.reason, sizeof(r.reason), reason)) {
		facet_error_set(err, -EINVAL, "%s: not of this facetd or not of this vGPU", path);
		good = false;
	}
	json_decref(json);
	if (!good)
		return -EINVAL;
	r.limits = FACETD_LIMITS_DEFAULT;
	r.limits.vram_bytes = (uint64_t)vram;
	r.created = created;
	r.pid = pid;
	r.start_time = (uint64_t)start;
	*ret = r;
	return 0;
}
