// SPDX-License-Identifier: GPL-2.0-or-later
/* set.c - the methods Set and SetPolicy: other limits while virtual machines run. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/arbitration.h"
#include "daemon/call.h"
#include "daemon/gpus.h"
#include "daemon/inquiry.h"
#include "daemon/monitor.h"

#define LOG_AREA "facetd"

static void save(struct facetd_vgpu *vgpu)
{
	struct facet_error err;

	if (facetd_record_save(&vgpu->daemon->dir, &vgpu->record, &err))
		log_error("%s: the next facetd will not know its limits: %s", vgpu->record.name,
			  err.text);
	facetd_monitor_changed(vgpu->daemon);
}

/* A record must not say what nobody holds the guest to. @before: the quota that is in force. */
static void on_quota(struct facetd *daemon, struct facet_varlink_call *call, const char *name,
		     uint64_t before, const char *failure)
{
	struct facetd_vgpu *vgpu = facetd_vgpu_find(daemon, name);

	if (!vgpu) {
		facetd_fail(call, "io.facet.NotFound", name, "vGPU %s has just been removed", name);
	} else if (failure) {
		struct facetd_limits limits = vgpu->record.limits;

		limits.vram_bytes = before;
		if (facetd_arbitration_set(vgpu, &limits, NULL) == 0)
			save(vgpu);
		facetd_fail(call, "io.facet.Failed", name, "vGPU %s: vram: %.200s", name, failure);
	} else {
		facetd_inquire(daemon, call, vgpu);
	}
}

void facetd_method_set(struct facet_varlink_call *call, void *owner)
{
	static const struct facetd_parameter known[] = {
		{ "name", JSON_STRING, true },   { "weight", JSON_INTEGER },
		{ "cap_ppm", JSON_INTEGER },     { "reservation_ppm", JSON_INTEGER },
		{ "vram_bytes", JSON_INTEGER },  { "eus", JSON_STRING },
		{ "eus_exclusive", JSON_FALSE }, { "hang_ms", JSON_INTEGER },
		{ "overcommit", JSON_FALSE },    { NULL },
	};
	struct facetd_vgpu *vgpu = facetd_check(call, known) ? facetd_find(call, owner) : NULL;
	struct facetd_limits limits;
	struct facet_error err;
	uint64_t before;
	int r;

	if (!vgpu)
		return;
	if (vgpu->given) {
		facetd_fail(call, "io.facet.Failed", vgpu->record.name,
			    "vGPU %s is a part of %s, whose limits its driver sets: `facet show "
			    "%s` tells them",
			    vgpu->record.name, vgpu->record.gpu, vgpu->record.name);
		return;
	}
	limits = vgpu->record.limits;
	if (!facetd_get_limits(call, &limits))
		return;
	before = vgpu->record.limits.vram_bytes;
	r = facetd_arbitration_set(vgpu, &limits, &err);
	if (r) {
		facetd_fail_limits(call, vgpu->record.name, r, err.text);
		return;
	}
	save(vgpu);
	if (vgpu->phase == FACETD_UP && facetd_get(call, "vram_bytes"))
		facetd_forward(call, vgpu, "io.facet.vgpu.SetQuota",
			       json_pack("{s:I}", "vram_bytes",
					 (json_int_t)vgpu->record.limits.vram_bytes),
			       -1, on_quota, before);
	else
		facetd_inquire(owner, call, vgpu);
}

void facetd_method_set_policy(struct facet_varlink_call *call, void *owner)
{
	static const struct facetd_parameter known[] = {
		{ "gpu", JSON_STRING, true },
		{ "policy", JSON_STRING, true },
		{ NULL },
	};
	const char *gpu, *name;
	enum facet_policy policy;
	struct facet_error err;
	int r;

	if (!facetd_check(call, known))
		return;
	gpu = facetd_get_string(call, "gpu");
	name = facetd_get_string(call, "policy");
	if (facetd_gpus_policy(name, &policy)) {
		facetd_fail_argument(call, "policy",
				     "policy %.40s: must be best-effort, equal or fixed", name);
		return;
	}
	if (!facetd_gpus_has("/sys", gpu)) {
		facetd_fail_argument(call, "gpu", "gpu %.80s: not on this host: see `facet gpus`",
				     gpu);
		return;
	}
	r = facetd_arbitration_set_policy(owner, gpu, policy, &err);
	if (r == -ENOSPC)
		facetd_fail(call, "io.facet.LimitReached", NULL, "%s", err.text);
	else if (r)
		facetd_fail(call, "io.facet.Failed", gpu, "gpu %s: %s", gpu, err.text);
	else
		facet_varlink_reply(call, NULL);
}
