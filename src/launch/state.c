// SPDX-License-Identifier: GPL-2.0-or-later
/* state.c - state.json of a VM's directory. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "launch/vmdir.h"

const char *const facet_vm_phases[] = {
	"starting", "running", "stopping", "ended", "crashed", NULL
};

static json_t *pack_vgpus(const struct facet_vm_state *state)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < state->vgpu_count; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I}", "name", state->vgpus[i].name,
						"created", (json_int_t)state->vgpus[i].created));
	return list;
}

int facet_vmdir_write(const char *path, const struct facet_vm_state *state, struct facet_error *err)
{
	char file[PATH_MAX + 20], fresh[PATH_MAX + 20];
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:i, s:I, s:o}",
				 "state", facet_vm_phases[state->phase], "reason", state->reason,
				 "file", state->file, "daemon", state->daemon, "supervisor",
				 (int)state->supervisor, "qemu", (int)state->qemu,
				 "supervisor_start", (json_int_t)state->supervisor_start,
				 "qemu_start", (json_int_t)state->qemu_start, "since",
				 (json_int_t)state->since, "vcpus", (int)state->vcpus, "memory",
				 (json_int_t)state->memory, "vgpus", pack_vgpus(state));
	int r;

	snprintf(file, sizeof(file), "%s/state.json", path);
	snprintf(fresh, sizeof(fresh), "%s/state.new", path);
	r = json && json_dump_file(json, fresh, JSON_INDENT(2)) == 0 && rename(fresh, file) == 0;
	json_decref(json);
	return r ? 0
		 : facet_error_set(err, -EIO, "%.150s: cannot be written: %s", file,
				   strerror(errno));
}

static uint64_t number(const json_t *json, const char *name, uint64_t max)
{
	json_int_t value = json_integer_value(json_object_get(json, name));

	return value < 0 || (uint64_t)value > max ? 0 : (uint64_t)value;
}

static void text(const json_t *json, const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s", json_string_value(json_object_get(json, name)) ?: "");
}

static void read_vgpus(const json_t *list, struct facet_vm_state *ret)
{
	for (size_t i = 0; i < json_array_size(list) && ret->vgpu_count < FACET_VM_LIST; i++) {
		const json_t *item = json_array_get(list, i);
		struct facet_vm_vgpu *vgpu = &ret->vgpus[ret->vgpu_count++];

		text(item, "name", vgpu->name, sizeof(vgpu->name));
		vgpu->created = number(item, "created", INT64_MAX);
	}
}

int facet_vmdir_read(const char *path, struct facet_vm_state *ret, struct facet_error *err)
{
	char file[PATH_MAX + 20], phase[20];
	json_t *json;

	*ret = (struct facet_vm_state){ 0 };
	snprintf(file, sizeof(file), "%s/state.json", path);
	json = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		return facet_error_set(err, -ENOENT, "%.150s: cannot be read", file);
	text(json, "state", phase, sizeof(phase));
	while (facet_vm_phases[ret->phase] && strcmp(facet_vm_phases[ret->phase], phase) != 0)
		ret->phase++;
	if (!facet_vm_phases[ret->phase])
		ret->phase = FACET_VM_ENDED;
	text(json, "reason", ret->reason, sizeof(ret->reason));
	text(json, "file", ret->file, sizeof(ret->file));
	text(json, "daemon", ret->daemon, sizeof(ret->daemon));
	ret->supervisor = (pid_t)number(json, "supervisor", INT32_MAX);
	ret->qemu = (pid_t)number(json, "qemu", INT32_MAX);
	ret->supervisor_start = number(json, "supervisor_start", INT64_MAX);
	ret->qemu_start = number(json, "qemu_start", INT64_MAX);
	ret->since = number(json, "since", INT64_MAX);
	ret->vcpus = (unsigned int)number(json, "vcpus", 1024);
	ret->memory = number(json, "memory", INT64_MAX);
	read_vgpus(json_object_get(json, "vgpus"), ret);
	json_decref(json);
	return 0;
}
