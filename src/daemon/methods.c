// SPDX-License-Identifier: GPL-2.0-or-later
/* methods.c - the calls of io.facet; what takes longer to say stands in files of its own. */
#include "daemon/methods.h"

#include <stdlib.h>

#include "daemon/call.h"
#include "daemon/describe.h"
#include "daemon/given.h"
#include "daemon/gpus.h"
#include "daemon/inquiry.h"
#include "daemon/monitor.h"
#include "daemon/types.h"
#include "io.facet.varlink.h"

enum { INTERFACE_VERSION = 4 }; /* counts what was added to the interface */

static const struct facetd_parameter no_parameters[] = { { NULL } };
static const struct facetd_parameter only_name[] = { { "name", JSON_STRING, true }, { NULL } };

static void get_version(struct facet_varlink_call *call, void *owner)
{
	if (facetd_check(call, no_parameters))
		facet_varlink_reply(call, json_pack("{s:i, s:i, s:s}", "interface",
						    INTERFACE_VERSION, "state",
						    FACETD_STATE_VERSION, "daemon", FACET_VERSION));
}

static void list(struct facet_varlink_call *call, void *owner)
{
	if (facetd_check(call, no_parameters))
		facetd_inquire_all(owner, call, facetd_describe);
}

static void stats(struct facet_varlink_call *call, void *owner)
{
	if (facetd_check(call, no_parameters))
		facetd_inquire_all(owner, call, facetd_describe_counters);
}

static void show(struct facet_varlink_call *call, void *owner)
{
	struct facetd_vgpu *vgpu = facetd_check(call, only_name) ? facetd_find(call, owner) : NULL;

	if (vgpu)
		facetd_inquire(owner, call, vgpu);
}

static void remove_(struct facet_varlink_call *call, void *owner)
{
	static const struct facetd_parameter known[] = {
		{ "name", JSON_STRING, true },
		{ "force", JSON_FALSE },
		{ NULL },
	};
	struct facetd_vgpu *vgpu = facetd_check(call, known) ? facetd_find(call, owner) : NULL;

	if (!vgpu)
		return;
	if (vgpu->given && vgpu->given->busy)
		facetd_fail(call, "io.facet.InUse", vgpu->record.name,
			    "vGPU %s is being made, restarted or removed: try again",
			    vgpu->record.name);
	else if (facetd_held_in_use(&vgpu->held) && !json_is_true(facetd_get(call, "force")))
		facetd_fail(call, "io.facet.InUse", vgpu->record.name,
			    "a virtual machine uses vGPU %s: end it first, or force the removal "
			    "(--force)",
			    vgpu->record.name);
	else if (facetd_wait(owner, call, vgpu, true))
		facetd_vgpu_remove(vgpu);
}

static void restart(struct facet_varlink_call *call, void *owner)
{
	struct facetd_vgpu *vgpu = facetd_check(call, only_name) ? facetd_find(call, owner) : NULL;
	struct facet_error err;

	if (vgpu && vgpu->given && vgpu->phase != FACETD_FAILED)
		facetd_fail(call, "io.facet.Failed", vgpu->record.name,
			    "vGPU %s is a part of %s, which works, and has no process",
			    vgpu->record.name, vgpu->record.gpu);
	/* On failure the waiter has been told why. */
	else if (vgpu && facetd_wait(owner, call, vgpu, false))
		facetd_vgpu_restart(vgpu, &err);
}

static void list_types(struct facet_varlink_call *call, void *owner)
{
	if (facetd_check(call, no_parameters))
		facet_varlink_reply(call,
				    json_pack("{s:o}", "types", facetd_types_describe(owner)));
}

static void monitor(struct facet_varlink_call *call, void *owner)
{
	if (facetd_check(call, no_parameters))
		facetd_monitor_add(owner, call);
}

/* --- GPUs: facet-vgpu is asked what works --- */

struct gpus_wait {
	struct facet_varlink_call *call;
};

static void on_gpus_gone(void *owner)
{
	((struct gpus_wait *)owner)->call = NULL;
}

static void on_gpus(void *owner, json_t *gpus)
{
	struct gpus_wait *wait = owner;

	if (wait->call)
		facet_varlink_reply(wait->call, json_pack("{s:O}", "gpus", gpus));
	json_decref(gpus);
	free(wait);
}

static void list_gpus(struct facet_varlink_call *call, void *owner)
{
	struct gpus_wait *wait;
	struct facet_error err;

	if (!facetd_check(call, no_parameters))
		return;
	wait = calloc(1, sizeof(*wait));
	if (!wait) {
		facetd_fail(call, "io.facet.LimitReached", NULL, "facetd: out of memory");
		return;
	}
	wait->call = call;
	facet_varlink_call_on_gone(call, on_gpus_gone, wait);
	if (facetd_gpus_probe(owner, on_gpus, wait, &err)) {
		facet_varlink_call_on_gone(call, NULL, NULL);
		free(wait);
		facetd_fail(call, "io.facet.LimitReached", NULL, "%s", err.text);
	}
}

static const struct facet_varlink_method methods[] = {
	{ "io.facet.GetVersion", get_version },
	{ "io.facet.ListGPUs", list_gpus },
	{ "io.facet.ListTypes", list_types },
	{ "io.facet.Create", facetd_method_create },
	{ "io.facet.Set", facetd_method_set },
	{ "io.facet.SetPolicy", facetd_method_set_policy },
	{ "io.facet.List", list },
	{ "io.facet.Show", show },
	{ "io.facet.Stats", stats },
	{ "io.facet.Monitor", monitor },
	{ "io.facet.Remove", remove_ },
	{ "io.facet.Restart", restart },
	{ "io.facet.Screenshot", facetd_method_screenshot },
	{ "io.facet.SetOutput", facetd_method_set_output },
	{ NULL },
};

const struct facet_varlink_interface facetd_interface = {
	.name = "io.facet",
	.description = io_facet_varlink,
	.methods = methods,
};
