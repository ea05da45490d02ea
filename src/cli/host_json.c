// SPDX-License-Identifier: GPL-2.0-or-later
/* host_json.c - an inventory and a diagnosis as JSON. What is not known is null. */
#include "cli/host.h"

static json_t *text(const char *value)
{
	return *value ? json_string(value) : json_null();
}

static json_t *number(int64_t value)
{
	return value >= 0 ? json_integer(value) : json_null();
}

static json_t *hex(unsigned int value, int digits)
{
	return json_sprintf("%0*x", digits, value);
}

static json_t *function_json(const struct facet_host_function *f)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "address", f->bdf, "vendor",
			 hex(f->vendor, 4), "device", hex(f->device, 4), "class", hex(f->class, 6),
			 "driver", text(f->driver));
}

static json_t *group_json(const struct facet_host_group *group)
{
	json_t *members = json_array();

	if (group->id < 0) {
		json_decref(members);
		return json_null();
	}
	for (unsigned int i = 0; i < group->count; i++)
		json_array_append_new(members, function_json(&group->members[i]));
	return json_pack("{s:i, s:b, s:o}", "id", group->id, "viable", group->viable, "members",
			 members);
}

static json_t *bars_json(const struct facet_host_gpu *gpu)
{
	json_t *bars = json_array();

	for (unsigned int i = 0; i < FACET_HOST_BARS; i++) {
		const struct facet_host_bar *bar = &gpu->bars[i];
		json_t *sizes = json_array();

		/* Bit n stands for 2^n MiB; 2^43 MiB still is a number of bytes. */
		for (unsigned int n = 0; n < 43; n++)
			if (bar->sizes >> n & 1)
				json_array_append_new(sizes, json_integer(1ll << (n + 20)));
		if (bar->size)
			json_array_append_new(bars, json_pack("{s:i, s:I, s:o}", "index", i,
							      "bytes", (json_int_t)bar->size,
							      "resizable_to", sizes));
		else
			json_decref(sizes);
	}
	return bars;
}

static json_t *gvtg_json(const struct facet_host_gvtg *gvtg)
{
	if (!gvtg->known)
		return json_null();
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "low_mib", (json_int_t)gvtg->low_mib,
			 "high_mib", (json_int_t)gvtg->high_mib, "fences", (json_int_t)gvtg->fences,
			 "width", (json_int_t)gvtg->width, "height", (json_int_t)gvtg->height,
			 "weight", (json_int_t)gvtg->weight);
}

static json_t *types_json(const struct facet_host_type *types, unsigned int count)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < count; i++) {
		const struct facet_host_type *t = &types[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:o, s:o, s:o, s:o, s:i, s:o}", "id", t->id,
						"name", text(t->name), "description",
						text(t->description), "device_api", text(t->api),
						"available", number(t->available), "used",
						(int)t->used, "gvtg", gvtg_json(&t->gvtg)));
	}
	return array;
}

/* The name of the vGPU. */
static json_t *owner_json(const struct cli_host *host, const struct facet_host_gpu *gpu, int vf)
{
	const struct facet_part *part = cli_host_owner(host, gpu->function.bdf, vf);

	return part ? json_string(part->owner) : json_null();
}

static json_t *vfs_json(const struct cli_host *host, const struct facet_host_gpu *gpu)
{
	json_t *vfs = json_array();

	for (unsigned int i = 0; i < gpu->vf_count; i++) {
		const struct facet_host_vf *vf = &gpu->vfs[i];

		json_array_append_new(
			vfs, json_pack("{s:i, s:o, s:o, s:o, s:o, s:o}", "index", (int)vf->index,
				       "address", text(vf->bdf), "driver", text(vf->driver),
				       "group", number(vf->group), "vgpu_type", number(vf->type),
				       "owner", owner_json(host, gpu, (int)vf->index)));
	}
	return vfs;
}

static json_t *profiles_json(const struct facet_host_gpu *gpu)
{
	json_t *profiles = json_array();

	for (unsigned int i = 0; i < gpu->profile_count; i++) {
		const struct facet_host_profile *p = &gpu->profiles[i];

		json_array_append_new(profiles,
				      json_pack("{s:i, s:o, s:o, s:o, s:o}", "vf", (int)p->vf,
						"exec_quantum_ms", number(p->exec_quantum_ms),
						"preempt_timeout_us", number(p->preempt_timeout_us),
						"vram_quota", number(p->vram_quota), "priority",
						text(p->priority)));
	}
	return profiles;
}

static json_t *sriov_json(const struct cli_host *host, const struct facet_host_gpu *gpu)
{
	if (gpu->vfs_total < 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "total", number(gpu->vfs_total),
			 "enabled", number(gpu->vfs_enabled), "autoprobe",
			 number(gpu->vfs_autoprobe), "vfs", vfs_json(host, gpu), "profiles",
			 profiles_json(gpu), "creatable_types",
			 types_json(gpu->vf_types, gpu->vf_type_count));
}

static json_t *gpu_json(const struct cli_host *host, const struct facet_host_gpu *gpu)
{
	json_t *object = function_json(&gpu->function);
	json_t *more = json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:o, s:o}",
		"name", gpu->name, "render_node", text(gpu->render), "card", text(gpu->card),
		"iommu_group", group_json(&gpu->group), "numa_node", number(gpu->numa_node),
		"numa_distance", text(gpu->numa_distance), "reset_methods",
		text(gpu->reset_methods), "power_state", text(gpu->power_state), "driver_override",
		text(gpu->driver_override), "boot_vga", gpu->boot_vga, "rom", gpu->rom, "bars",
		bars_json(gpu), "sriov", sriov_json(host, gpu), "mdev_types",
		types_json(gpu->types, gpu->type_count), "owner", owner_json(host, gpu, -1));

	json_object_update(object, more);
	json_decref(more);
	return object;
}

static json_t *parts_json(const struct cli_host *host)
{
	json_t *parts = json_array();

	for (unsigned int i = 0; i < host->part_count; i++) {
		const struct facet_part *p = &host->parts[i];

		json_array_append_new(parts,
				      json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "owner",
						p->owner, "keeper", p->keeper, "gpu", p->gpu,
						"mechanism", facet_mechanism_name(p->mechanism),
						"address", text(p->bdf), "uuid", text(p->uuid),
						"vf", number(p->vf), "type", text(p->type)));
	}
	return parts;
}

json_t *cli_host_json(const struct cli_host *all)
{
	const struct facet_host *host = all->host;
	json_t *gpus = json_array(), *parents = json_array(), *iommus = json_array();

	for (unsigned int i = 0; i < host->iommus.count; i++)
		json_array_append_new(iommus, json_string(host->iommus.items[i]));
	for (unsigned int i = 0; i < host->count; i++)
		json_array_append_new(gpus, gpu_json(all, &host->gpus[i]));
	for (unsigned int i = 0; i < host->parent_count; i++)
		json_array_append_new(
			parents,
			json_pack("{s:s, s:o}", "name", host->parents[i].name, "mdev_types",
				  types_json(host->parents[i].types, host->parents[i].type_count)));
	return json_pack("{s:o, s:o, s:i, s:o, s:o, s:o}", "kernel", text(host->kernel), "iommus",
			 iommus, "pci_functions", (int)host->functions, "gpus", gpus,
			 "other_mdev_parents", parents, "given", parts_json(all));
}

/* --- the doctor's --- */

static json_t *mechanisms_json(unsigned int bits)
{
	json_t *names = json_array();

	for (unsigned int m = 0; m < FACET_MECHANISM_COUNT; m++)
		if (bits >> m & 1)
			json_array_append_new(names, json_string(facet_mechanism_name(m)));
	return names;
}

static json_t *finding_json(const struct facet_finding *f)
{
	json_t *abi = json_pack("{s:s, s:s, s:s, s:s}", "interface", f->abi->interface, "label",
				facet_abi_label_name(f->abi->label), "since", f->abi->since,
				"document", f->abi->document);

	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:s, s:o, s:o}", "rule", f->rule,
			 "subject", f->subject, "outcome", facet_outcome_name(f->outcome),
			 "matters", f->matters, "mechanisms", mechanisms_json(f->mechanisms),
			 "file", text(f->file), "found", text(f->found), "verdict", f->verdict,
			 "fix", text(f->fix), "abi", abi);
}

static json_t *verdicts_json(const struct facet_verdict *verdicts)
{
	json_t *object = json_object();

	for (unsigned int m = 0; m < FACET_MECHANISM_COUNT; m++) {
		const struct facet_verdict *v = &verdicts[m];

		json_object_set_new(object, facet_mechanism_name(m),
				    json_pack("{s:s, s:o}", "outcome",
					      facet_outcome_name(v->outcome), "because",
					      text(v->because ? v->because->rule : "")));
	}
	return object;
}

json_t *cli_diagnosis_json(const struct facet_host *host, const struct facet_diagnosis *diagnosis)
{
	json_t *findings = json_array(), *gpus = json_array();

	for (unsigned int i = 0; i < diagnosis->count; i++)
		json_array_append_new(findings, finding_json(&diagnosis->findings[i]));
	for (unsigned int i = 0; i < host->count; i++)
		json_array_append_new(gpus, json_pack("{s:s, s:s, s:o}", "address",
						      host->gpus[i].function.bdf, "name",
						      host->gpus[i].name, "mechanisms",
						      verdicts_json(diagnosis->verdicts[i])));
	return json_pack("{s:s, s:o, s:o}", "worst", facet_outcome_name(diagnosis->worst), "gpus",
			 gpus, "findings", findings);
}
