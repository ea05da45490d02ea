// SPDX-License-Identifier: GPL-2.0-or-later
/* parts.c - what a device can be split into: virtual functions, and types of mediated devices. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/inventory_internal.h"

/* --- types of mediated devices --- */

static void read_type(struct facet_tree *tree, const char *path, const char *id,
		      struct facet_host_type *ret)
{
	struct facet_names instances;

	*ret = (struct facet_host_type){ .available = -1 };
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	facet_tree_text(tree, ret->name, sizeof(ret->name), "%s/name", path);
	facet_tree_text(tree, ret->description, sizeof(ret->description), "%s/description", path);
	facet_tree_text(tree, ret->api, sizeof(ret->api), "%s/device_api", path);
	facet_tree_number(tree, &ret->available, "%s/available_instances", path);
	facet_tree_list(tree, &instances, "%s/devices", path);
	ret->used = instances.count;
	facet_names_fini(&instances);
	facet_host_parse_gvtg(ret->description, &ret->gvtg);
}

int facet_host_read_types(struct facet_tree *tree, const char *parent, struct facet_host_type **ret,
			  unsigned int *ret_count)
{
	char path[FACET_TREE_PATH];
	struct facet_names names;
	struct facet_host_type *types;

	if (facet_tree_list(tree, &names, "%s/mdev_supported_types", parent) < 0 || !names.count)
		return 0;
	if (names.count > FACET_HOST_TYPES)
		names.count = FACET_HOST_TYPES;
	types = calloc(names.count, sizeof(*types));
	for (unsigned int i = 0; types && i < names.count; i++) {
		snprintf(path, sizeof(path), "%s/mdev_supported_types/%s", parent, names.items[i]);
		read_type(tree, path, names.items[i], &types[i]);
	}
	*ret = types;
	*ret_count = types ? names.count : 0;
	facet_names_fini(&names);
	return types ? 0 : -ENOMEM;
}

/* --- virtual functions --- */

static int read_creatable(struct facet_tree *tree, const char *bdf, struct facet_host_gpu *gpu)
{
	facet_autofree char *text = malloc(16384);
	struct facet_host_type *types = calloc(FACET_HOST_TYPES, sizeof(*types));

	if (!text || !types) {
		free(types);
		return -ENOMEM;
	}
	facet_tree_text(tree, text, 16384, PCI "/nvidia/creatable_vgpu_types", bdf);
	gpu->vf_types = types;
	gpu->vf_type_count = facet_host_parse_creatable(text, types, FACET_HOST_TYPES);
	return 0;
}

static void read_vf(struct facet_tree *tree, const char *pf, struct facet_host_vf *vf)
{
	struct facet_names types;

	vf->type = -1;
	facet_tree_link(tree, vf->bdf, sizeof(vf->bdf), PCI "/virtfn%u", pf, vf->index);
	facet_tree_link(tree, vf->driver, sizeof(vf->driver), PCI "/driver", vf->bdf);
	vf->group = facet_host_group_of(tree, vf->bdf);
	if (strcmp(vf->driver, "nvidia") != 0)
		return;
	/* Its driver offers either, by the framework that it was built for. */
	vf->vendor = facet_tree_exists(tree, PCI "/nvidia/current_vgpu_type", vf->bdf);
	facet_tree_number(tree, &vf->type, PCI "/nvidia/current_vgpu_type", vf->bdf);
	facet_tree_list(tree, &types, PCI "/mdev_supported_types", vf->bdf);
	vf->mdev_types = types.count;
	facet_names_fini(&types);
}

static int compare_vfs(const void *a, const void *b)
{
	const struct facet_host_vf *left = a, *right = b;

	return left->index < right->index ? -1 : left->index > right->index;
}

/* The functions that are there; virtfnN is the only lasting name of one. */
static int list_vfs(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	struct facet_names names;
	int index, r = 0;

	if (facet_tree_list(tree, &names, PCI, gpu->function.bdf) < 0)
		return 0;
	gpu->vfs = calloc(FACET_HOST_VFS, sizeof(*gpu->vfs));
	if (!gpu->vfs)
		r = -ENOMEM;
	for (unsigned int i = 0; r == 0 && i < names.count; i++) {
		index = facet_host_numbered(names.items[i], "virtfn");
		if (index >= 0 && gpu->vf_count < FACET_HOST_VFS)
			gpu->vfs[gpu->vf_count++].index = (unsigned int)index;
	}
	facet_names_fini(&names);
	if (r == 0)
		qsort(gpu->vfs, gpu->vf_count, sizeof(*gpu->vfs), compare_vfs);
	return r;
}

int facet_host_read_vfs(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	const char *bdf = gpu->function.bdf;
	int r;

	gpu->vfs_total = gpu->vfs_autoprobe = -1;
	if (facet_tree_number(tree, &gpu->vfs_total, PCI "/sriov_totalvfs", bdf) < 0)
		return 0;
	facet_tree_number(tree, &gpu->vfs_enabled, PCI "/sriov_numvfs", bdf);
	facet_tree_number(tree, &gpu->vfs_autoprobe, PCI "/sriov_drivers_autoprobe", bdf);
	if (!gpu->vfs_enabled)
		return 0;
	r = list_vfs(tree, gpu);
	for (unsigned int i = 0; r == 0 && i < gpu->vf_count; i++) {
		read_vf(tree, bdf, &gpu->vfs[i]);
		if (gpu->vfs[i].vendor && !gpu->vf_type_count) {
			free(gpu->vf_types);
			r = read_creatable(tree, gpu->vfs[i].bdf, gpu);
		}
	}
	return r;
}

/* --- xe's profiles --- */

static void read_profile(struct facet_tree *tree, const char *bdf, const char *who,
			 struct facet_host_profile *ret)
{
	char path[FACET_TREE_PATH], text[FACET_TREE_NAME];

	snprintf(path, sizeof(path), "sys/bus/pci/drivers/xe/%s/sriov_admin/%s/profile", bdf, who);
	ret->exec_quantum_ms = ret->preempt_timeout_us = ret->vram_quota = -1;
	facet_tree_number(tree, &ret->exec_quantum_ms, "%s/exec_quantum_ms", path);
	facet_tree_number(tree, &ret->preempt_timeout_us, "%s/preempt_timeout_us", path);
	facet_tree_number(tree, &ret->vram_quota, "%s/vram_quota", path);
	facet_tree_text(tree, text, sizeof(text), "%s/sched_priority", path);
	facet_host_parse_choice(text, ret->priority, sizeof(ret->priority));
}

static int compare_profiles(const void *a, const void *b)
{
	const struct facet_host_profile *left = a, *right = b;

	return left->vf < right->vf ? -1 : left->vf > right->vf;
}

int facet_host_read_profiles(struct facet_tree *tree, struct facet_host_gpu *gpu)
{
	const char *bdf = gpu->function.bdf;
	struct facet_host_profile *p;
	struct facet_names names;
	int vf;

	if (strcmp(gpu->function.driver, "xe") != 0 ||
	    facet_tree_list(tree, &names, "sys/bus/pci/drivers/xe/%s/sriov_admin", bdf) < 0)
		return 0;
	gpu->profiles = calloc(names.count ? names.count : 1, sizeof(*gpu->profiles));
	for (unsigned int i = 0; gpu->profiles && i < names.count; i++) {
		vf = strcmp(names.items[i], "pf") == 0 ? 0
						       : facet_host_numbered(names.items[i], "vf");
		if (vf < 0 || gpu->profile_count > FACET_HOST_VFS)
			continue;
		p = &gpu->profiles[gpu->profile_count++];
		p->vf = (unsigned int)vf;
		read_profile(tree, bdf, names.items[i], p);
	}
	facet_names_fini(&names);
	if (gpu->profile_count)
		qsort(gpu->profiles, gpu->profile_count, sizeof(*gpu->profiles), compare_profiles);
	return gpu->profiles ? 0 : -ENOMEM;
}
