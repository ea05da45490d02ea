// SPDX-License-Identifier: GPL-2.0-or-later
/* describe.c - vGPUs and GPUs in the words of the interface. */
#include "daemon/describe.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/arbitration.h"
#include "daemon/given.h"
#include "daemon/process.h"

#define LOG_AREA "facetd"

static unsigned int vgpus_on(const struct facetd *daemon, const char *gpu)
{
	struct facet_list *link;
	unsigned int count = 0;

	facet_list_for_each(link, &daemon->vgpus) count +=
		strcmp(facet_container_of(link, struct facetd_vgpu, link)->record.gpu, gpu) == 0;
	return count;
}

json_t *facetd_describe_gpu(struct facetd *daemon, const struct facetd_gpu *gpu, json_t *mechanisms)
{
	struct facetd_gpu_state state = { .policy = FACET_POLICY_BEST_EFFORT };
	unsigned int weights = facetd_gpus_weights(daemon, gpu->name);
	uint64_t share, vram;
	struct facet_error err;

	if (facetd_arbitration_gpu(daemon, gpu->name, &state, &err))
		log_warn("%s: %s", gpu->name, err.text);
	share = state.policy == FACET_POLICY_FIXED ? (uint64_t)weights * (FACET_SHARE_ALL / 100)
						   : state.reserved_ppm;
	share = share < FACET_SHARE_ALL ? FACET_SHARE_ALL - share : 0;
	vram = state.vram_bytes > state.vram_given_bytes ? state.vram_bytes - state.vram_given_bytes
							 : 0;
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:s, s:i, s:I, s:I, s:I}", "name",
			 gpu->name, "driver", gpu->driver, "address", gpu->address, "node",
			 gpu->node, "vgpus", (int)vgpus_on(daemon, gpu->name), "mechanisms",
			 mechanisms, "policy", facetd_gpus_policy_word(state.policy), "eus",
			 (int)state.eus, "share_free_ppm", (json_int_t)share, "vram_bytes",
			 (json_int_t)state.vram_bytes, "vram_free_bytes", (json_int_t)vram);
}

static json_t *describe_guest(const struct facetd_vgpu *vgpu)
{
	int fd = facetd_held_front(&vgpu->held);
	struct ucred peer = { 0 };
	socklen_t size = sizeof(peer);
	char command[64];

	if (vgpu->given)
		return facetd_given_guest(vgpu);
	if (!facetd_held_in_use(&vgpu->held) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return json_null();
	facetd_process_command(peer.pid, command, sizeof(command));
	return json_pack("{s:i, s:s}", "pid", (int)peer.pid, "command", command);
}

static const char *state_of(const struct facetd_vgpu *vgpu, const json_t *status)
{
	switch (vgpu->phase) {
	case FACETD_STARTING:
		return "starting";
	case FACETD_STOPPING:
		return "stopping";
	case FACETD_FAILED:
		return "failed";
	case FACETD_UP:
		break;
	}
	if (vgpu->given)
		return vgpu->given->holders.count ? "running" : "idle";
	if (!status)
		return "unresponsive";
	if (json_is_true(json_object_get(status, "running")))
		return "running";
	return json_is_true(json_object_get(status, "connected")) ? "connected" : "idle";
}

/* What the guest has of a new process. */
static const char *consequence(const char *reason, const char *state, const json_t *answer)
{
	if (!reason[0])
		return "";
	if (strcmp(state, "connected") == 0)
		return ", waiting for the guest's driver";
	if (strcmp(state, "running") == 0 && json_is_true(json_object_get(answer, "inherited")))
		return ", the guest's contexts are lost";
	return "";
}

/* Of hardware facet sets none: zeros, and no cap. */
static json_t *describe_limits(const struct facetd_vgpu *vgpu)
{
	static const struct facetd_limits none = { .share = { .cap_ppm = FACET_SHARE_ALL } };
	const struct facetd_limits *l = vgpu->given ? &none : &vgpu->record.limits;

	return json_pack("{s:I, s:I, s:I, s:I, s:s, s:b, s:I}", "weight",
			 (json_int_t)l->share.weight, "cap_ppm", (json_int_t)l->share.cap_ppm,
			 "reservation_ppm", (json_int_t)l->share.reservation_ppm, "vram_bytes",
			 (json_int_t)l->vram_bytes, "eus", l->eus, "eus_exclusive",
			 (int)l->eus_exclusive, "hang_ms", (json_int_t)l->hang_ms);
}

static json_t *describe_measured(struct facetd_vgpu *vgpu)
{
	struct facetd_usage u;

	if (vgpu->pidfd < 0)
		return json_null();
	facetd_arbitration_usage(vgpu, &u);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "used_ppm",
			 (json_int_t)u.used_ppm, "entitled_ppm", (json_int_t)u.entitled_ppm,
			 "used_ns", (json_int_t)u.used_ns, "throttled_ns",
			 (json_int_t)u.throttled_ns, "preempts", (json_int_t)u.preempts, "resets",
			 (json_int_t)u.hangs, "wait_p50_us", (json_int_t)u.wait.p50_us,
			 "wait_p99_us", (json_int_t)u.wait.p99_us, "latency_p50_us",
			 (json_int_t)u.latency.p50_us, "latency_p99_us",
			 (json_int_t)u.latency.p99_us);
}

/* The interface's word for who enforces. */
static const char *enforcer_word(enum facetd_enforcer who)
{
	return who == FACETD_NOT_ENFORCED ? "nobody" : facetd_enforcer_name(who);
}

static json_t *describe_enforcement(const struct facetd_vgpu *vgpu)
{
	struct facetd_enforcement e;
	json_t *list;

	if (vgpu->given)
		return facetd_given_enforcement(vgpu);
	list = json_array();
	for (unsigned int i = 0; facetd_arbitration_enforcement(vgpu, i, &e); i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "limit", e.what, "by",
						      enforcer_word(e.who), "why",
						      facetd_describe_text(e.why)));
	return list;
}

static json_t *describe_histogram(const struct facet_histogram *histogram)
{
	json_t *buckets = json_array();

	for (unsigned int i = 0; i < FACET_SHARE_BUCKETS; i++)
		json_array_append_new(buckets, json_integer(histogram->buckets[i]));
	return json_pack("{s:I, s:I, s:o}", "count", (json_int_t)histogram->count, "sum_us",
			 (json_int_t)histogram->sum_us, "buckets", buckets);
}

json_t *facetd_describe_counters(struct facetd_vgpu *vgpu, const json_t *answer)
{
	const struct facetd_record *r = &vgpu->record;
	json_t *status = answer ? facetd_describe_status(answer) : NULL;
	struct facetd_histograms h;

	facetd_arbitration_histograms(vgpu, &h);
	return json_pack("{s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
			 r->name, "gpu", r->gpu, "mechanism", r->mechanism, "state",
			 state_of(vgpu, status), "restarts", (int)r->restarts, "guest",
			 describe_guest(vgpu), "limits", describe_limits(vgpu), "measured",
			 describe_measured(vgpu), "wait", describe_histogram(&h.wait), "execution",
			 describe_histogram(&h.execution), "latency",
			 describe_histogram(&h.latency), "status", status ? status : json_null());
}

json_t *facetd_describe_state(struct facetd_vgpu *vgpu, const json_t *answer)
{
	json_t *status = answer ? facetd_describe_status(answer) : NULL;
	json_t *state = json_pack("{s:s, s:s, s:s, s:i, s:o}", "name", vgpu->record.name, "state",
				  state_of(vgpu, status), "reason", vgpu->record.reason, "restarts",
				  (int)vgpu->record.restarts, "limits", describe_limits(vgpu));

	json_decref(status);
	return state;
}

json_t *facetd_describe(struct facetd_vgpu *vgpu, const json_t *answer)
{
	const struct facetd_record *r = &vgpu->record;
	json_t *status = answer ? facetd_describe_status(answer) : NULL;
	const char *state = state_of(vgpu, status);
	bool given = vgpu->given;
	char reason[sizeof(r->reason) + 40];
	char socket[PATH_MAX], log[PATH_MAX], file[32];

	facetd_record_socket(r, file);
	facetd_rundir_path(&vgpu->daemon->dir, r->name, file, socket);
	facetd_rundir_path(&vgpu->daemon->dir, r->name, "log", log);
	snprintf(reason, sizeof(reason), "%s%s", r->reason, consequence(r->reason, state, answer));
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:s, s:s, s:i, s:I, s:o, s:s, s:s,"
			 " s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:s, s:s, s:o}",
			 "name", r->name, "gpu", r->gpu, "mechanism", r->mechanism, "width",
			 r->width, "height", r->height, "outputs", r->outputs, "vram_bytes",
			 given ? 0 : (json_int_t)r->limits.vram_bytes, "state", state, "reason",
			 reason, "restarts", r->restarts, "created", (json_int_t)r->created, "pid",
			 vgpu->pidfd >= 0 ? json_integer(r->pid) : json_null(), "socket",
			 given ? "" : socket, "log", given ? "" : log, "guest",
			 describe_guest(vgpu), "status", status ? status : json_null(), "type",
			 r->type, "overcommit", (int)r->limits.overcommit, "limits",
			 describe_limits(vgpu), "measured", describe_measured(vgpu), "enforcement",
			 describe_enforcement(vgpu), "kvmfr", r->kvmfr.path, "transport",
			 r->transport, "part", facetd_given_describe(vgpu));
}
