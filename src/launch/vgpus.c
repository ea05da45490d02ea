// SPDX-License-Identifier: GPL-2.0-or-later
/* vgpus.c - asks facetd, by libfacet. */
#include "launch/vgpus.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "facet/facet.h"

static int connect_to(const char *daemon, struct facet_conn **ret, struct facet_error *err)
{
	int r = facet_connect(daemon[0] ? daemon : NULL, ret);

	if (r && *ret) {
		facet_error_set(err, r, "%.200s", facet_error_text(*ret));
		facet_close(*ret);
	} else if (r) {
		facet_error_set(err, -ENOMEM, "libfacet: out of memory");
	}
	return r;
}

/* i915's vGPUs are mediated devices that facet knows more about. */
static void fill_part(const struct facet_vm_gpu *gpu, struct facet_create *create)
{
	bool intel = gpu->mdev.type && strncmp(gpu->mdev.type, "i915-GVTg", 9) == 0;

	create->gpu = gpu->sriov.pf ? gpu->sriov.pf : gpu->mdev.parent;
	create->mechanism = gpu->sriov.pf ? "sriov" : intel ? "gvtg-hw" : "mdev";
	create->type = gpu->mdev.type;
}

/* Texts of the file have been checked: none of these fails. */
static void fill(const struct facet_vm_file *file, const struct facet_vm *vm, unsigned int index,
		 struct facet_create *create, char **ret_path)
{
	const struct facet_vm_gpu *gpu = &vm->gpus[index];
	const char *glass = vm->display.looking_glass;

	create->gpu = gpu->gpu;
	create->mechanism = gpu->mechanism;
	create->type = gpu->type;
	create->transport = gpu->transport;
	create->weight = gpu->share;
	create->outputs = gpu->outputs;
	create->eus = gpu->eus;
	if (gpu->cap)
		facet_units_percent(gpu->cap, &create->cap_ppm);
	if (gpu->reservation)
		facet_units_percent(gpu->reservation, &create->reservation_ppm);
	if (gpu->vram)
		facet_units_bytes(gpu->vram, &create->vram_bytes);
	if (gpu->size)
		facet_units_size(gpu->size, &create->width, &create->height);
	/* A path that the file names is for one. */
	if (facet_vm_wanted(glass) && strcmp(glass, "true") == 0)
		create->kvmfr = "";
	else if (facet_vm_wanted(glass) && index == 0)
		create->kvmfr = *ret_path = facet_vm_path(file, glass);
}

static int take_info(struct facet_conn *conn, struct facet_vm_vgpu *vgpu,
		     struct facet_qemu_gpu *ret)
{
	struct facet_vgpu_info *info;
	int r = facet_get_vgpu(conn, vgpu->name, &info);

	if (r)
		return r;
	vgpu->created = info->created;
	*ret = (struct facet_qemu_gpu){ .socket = strdup(info->socket),
					.vfio_user = strcmp(info->transport, "vfio-user") == 0,
					.width = info->width,
					.height = info->height,
					.outputs = info->outputs };
	facet_free(info);
	return ret->socket ? 0 : -ENOMEM;
}

/* Which device of the host's it is, facetd tells when it has it. */
static int take_part(struct facet_conn *conn, struct facet_vm_vgpu *vgpu,
		     struct facet_qemu_gpu *ret)
{
	char *answer = NULL;
	json_t *json;
	const char *device;
	int r = facet_show(conn, vgpu->name, &answer);

	if (r)
		return r;
	json = json_loads(answer, 0, NULL);
	device = json_string_value(json_object_get(json_object_get(json, "part"), "device"));
	vgpu->created = (uint64_t)json_integer_value(json_object_get(json, "created"));
	*ret = (struct facet_qemu_gpu){ .device = device ? strdup(device) : NULL };
	json_decref(json);
	facet_free(answer);
	return ret->device ? 0 : -EPROTO;
}

static int create_one(struct facet_conn *conn, const struct facet_vm_file *file,
		      const struct facet_vm *vm, unsigned int index, const char *path,
		      struct facet_vm_state *state, struct facet_qemu_gpu *ret,
		      struct facet_error *err)
{
	struct facet_vm_vgpu *vgpu = &state->vgpus[state->vgpu_count];
	struct facet_create create = { .size = sizeof(create), .name = vgpu->name };
	bool part = facet_vm_gpu_is_part(&vm->gpus[index]);
	facet_autofree char *kvmfr = NULL;
	char *answer = NULL;
	int r;

	facet_vm_gpu_name(vm, index, vgpu->name);
	vgpu->created = 0;
	if (part)
		fill_part(&vm->gpus[index], &create);
	else
		fill(file, vm, index, &create, &kvmfr);
	state->vgpu_count++;
	r = facet_vmdir_write(path, state, err);
	if (r)
		return r;
	r = facet_create(conn, &create, &answer);
	facet_free(answer);
	if (r) {
		facet_error_set(err, r, "%s: gpus[%u]: %.180s", vm->name, index,
				facet_error_text(conn));
		/* Not ours. */
		if (r == -EEXIST)
			state->vgpu_count--;
		return r;
	}
	r = part ? take_part(conn, vgpu, ret) : take_info(conn, vgpu, ret);
	if (r)
		return facet_error_set(err, r, "%s: %.200s", vm->name, facet_error_text(conn));
	return facet_vmdir_write(path, state, err);
}

int facet_vgpus_create(const struct facet_vm_file *file, const struct facet_vm *vm,
		       const char *path, struct facet_vm_state *state, struct facet_qemu_gpu *ret,
		       struct facet_error *err)
{
	struct facet_conn *conn = NULL;
	int r = 0;

	for (unsigned int i = 0; !r && i < vm->gpus_count; i++) {
		if (!facet_vm_gpu_is_vgpu(&vm->gpus[i]) && !facet_vm_gpu_is_part(&vm->gpus[i]))
			continue;
		if (!conn)
			r = connect_to(state->daemon, &conn, err);
		if (!r)
			r = create_one(conn, file, vm, i, path, state, &ret[i], err);
	}
	facet_close(conn);
	return r;
}

void facet_vgpus_fini(struct facet_qemu_gpu *gpus, unsigned int count)
{
	for (unsigned int i = 0; gpus && i < count; i++) {
		free(gpus[i].socket);
		free(gpus[i].device);
	}
	free(gpus);
}

static bool is_ours(const struct facet_vm_state *state, const struct facet_vm_vgpu *vgpu,
		    uint64_t created)
{
	return vgpu->created ? created == vgpu->created : created >= state->since;
}

static int remove_one(struct facet_conn *conn, const struct facet_vm_state *state,
		      const struct facet_vm_vgpu *vgpu, struct facet_error *err)
{
	struct facet_vgpu_info *info;
	int r = facet_get_vgpu(conn, vgpu->name, &info);

	if (!r) {
		if (is_ours(state, vgpu, info->created))
			r = facet_remove(conn, vgpu->name, FACET_REMOVE_FORCE);
		facet_free(info);
	}
	if (r == -ENOENT)
		r = 0;
	return r ? facet_error_set(err, r, "vGPU %.80s: %.150s", vgpu->name, facet_error_text(conn))
		 : 0;
}

int facet_vgpus_remove(struct facet_vm_state *state, struct facet_error *err)
{
	struct facet_conn *conn = NULL;
	int r = 0;

	if (!state->vgpu_count)
		return 0;
	r = connect_to(state->daemon, &conn, err);
	if (r)
		return r;
	while (!r && state->vgpu_count) {
		r = remove_one(conn, state, &state->vgpus[state->vgpu_count - 1], err);
		if (!r)
			state->vgpu_count--;
	}
	facet_close(conn);
	return r;
}
