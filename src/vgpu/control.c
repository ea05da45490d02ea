// SPDX-License-Identifier: GPL-2.0-or-later
/* control.c - answers io.facet.vgpu: how this vGPU does, what it shows, and its end. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "vgpu/vgpu.h"

#include "io.facet.vgpu.varlink.h"

enum {
	MAX_CALLERS = 16,
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t resident_bytes(const struct facet_vgpu *vgpu)
{
	char text[128] = "";
	unsigned long size = 0, resident = 0;

	if (vgpu->sandbox->statm_fd < 0 ||
	    pread(vgpu->sandbox->statm_fd, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%lu %lu", &size, &resident) != 2)
		return 0;
	return (uint64_t)resident * sysconf(_SC_PAGESIZE);
}

static json_t *usage_json(const struct facet_vgpu *vgpu)
{
	struct facet_usage usage;
	json_t *json = json_object();

	facet_sched_usage(vgpu->sched, &usage);

	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{ "jobs", usage.jobs },
		{ "busy_ns", usage.busy_ns },
		{ "wait_ns", usage.wait_ns },
		{ "flushes", usage.flushes },
		{ "vram_bytes", usage.vram_bytes },
		{ "vram_peak_bytes", usage.vram_peak_bytes },
		{ "vram_quota_bytes", usage.vram_quota_bytes },
		{ "contexts", usage.contexts },
		{ "queued", usage.queued },
		{ "stopped_ns", usage.stopped_ns },
		{ "preempts", usage.preempts },
		{ "wait_p50_us", usage.wait.p50_us },
		{ "wait_p99_us", usage.wait.p99_us },
		{ "latency_p50_us", usage.latency.p50_us },
		{ "latency_p99_us", usage.latency.p99_us },
	};

	for (size_t i = 0; i < FACET_ARRAY_SIZE(fields); i++)
		json_object_set_new(json, fields[i].name,
				    json_integer((json_int_t)fields[i].value));
	return json;
}

static json_t *gate_json(const struct facet_vgpu *vgpu)
{
	struct facet_gate_state state;

	if (!vgpu->gate)
		return json_null();
	facet_gate_state(vgpu->gate, &state);
	return json_pack("{s:b, s:b, s:b, s:I, s:b, s:s}", "open", (int)state.open, "arbitrated",
			 (int)state.arbitrated, "paced", (int)state.paced, "share_ppm",
			 (json_int_t)state.share_ppm, "inside", !state.why_not, "why",
			 state.why_not ? state.why_not : "by a signal");
}

static json_t *outputs_json(const struct facet_vgpu *vgpu)
{
	json_t *list = json_array();
	unsigned int count = facet_display_output_count(vgpu->display);

	for (unsigned int i = 0; i < count; i++) {
		const struct facet_output *output = facet_display_output(vgpu->display, i);

		json_array_append_new(
			list, json_pack("{s:b, s:I, s:I, s:I, s:I}", "connected",
					(int)output->connected, "width", (json_int_t)output->width,
					"height", (json_int_t)output->height, "x",
					(json_int_t)output->x, "y", (json_int_t)output->y));
	}
	return list;
}

static json_t *sandbox_json(const struct facet_vgpu *vgpu)
{
	json_t *list = json_array();

	for (int i = 0; i < FACET_SANDBOX_STAGES; i++) {
		const struct facet_sandbox_stage *stage = &vgpu->sandbox->stages[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:b, s:s}", "what", stage->what, "in_force",
						(int)stage->in_force, "why", stage->why));
	}
	return list;
}

static void handle_status(struct facet_varlink_call *call, void *owner)
{
	struct facet_vgpu *vgpu = owner;
	struct facet_transport_status status;
	json_t *reply;

	facet_transport_status(vgpu->transport, &status);
	reply = json_pack(
		"{s:s, s:I, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, "
		"s:o}",
		"name", vgpu->opts->name, "pid", (json_int_t)vgpu->sandbox->pid, "engine",
		facet_engine_name(vgpu->engine), "renderer", facet_engine_renderer(vgpu->engine),
		"connected", (int)status.connected, "running", (int)status.running, "drops",
		(json_int_t)status.drops, "regions", (json_int_t)status.regions, "uptime_ns",
		(json_int_t)(clock_ns(CLOCK_MONOTONIC) - vgpu->started_ns), "cpu_ns",
		(json_int_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID), "rss_bytes",
		(json_int_t)resident_bytes(vgpu), "usage", usage_json(vgpu), "gate",
		gate_json(vgpu), "outputs", outputs_json(vgpu), "sandbox", sandbox_json(vgpu));
	json_object_set_new(reply, "inherited", json_boolean(status.inherited));
	json_object_set_new(reply, "messages", json_integer((json_int_t)status.messages));
	facet_varlink_reply(call, reply);
}

static void fail_text(struct facet_varlink_call *call, const char *text)
{
	facet_varlink_fail(call, "io.facet.vgpu.Failed", json_pack("{s:s}", "message", text));
}

/* True when the call was answered: there is no such output. */
static bool no_such_output(struct facet_vgpu *vgpu, struct facet_varlink_call *call,
			   json_int_t output)
{
	if (output >= 0 && output < facet_display_output_count(vgpu->display))
		return false;
	facet_varlink_fail(call, "io.facet.vgpu.NoOutput", json_pack("{s:I}", "output", output));
	return true;
}

static void handle_capture(struct facet_varlink_call *call, void *owner)
{
	struct facet_vgpu *vgpu = owner;
	json_int_t output;
	int cursor;

	if (json_unpack(facet_varlink_call_parameters(call), "{s:I, s:b}", "output", &output,
			"cursor", &cursor) < 0)
		facet_varlink_fail_parameter(call, "output");
	else if (!no_such_output(vgpu, call, output))
		facet_capturer_start(vgpu->capturer, call, (unsigned int)output, cursor);
}

static bool good_length(json_int_t length)
{
	return length >= 16 && length <= 16384;
}

static void handle_set_output(struct facet_varlink_call *call, void *owner)
{
	struct facet_vgpu *vgpu = owner;
	json_int_t index, width, height;
	struct facet_output output;
	struct facet_error err;
	json_t *parameters = facet_varlink_call_parameters(call);
	int connected;

	if (json_unpack(parameters, "{s:I}", "output", &index) < 0) {
		facet_varlink_fail_parameter(call, "output");
		return;
	}
	if (no_such_output(vgpu, call, index))
		return;
	output = *facet_display_output(vgpu->display, (unsigned int)index);
	connected = output.connected;
	width = output.width ? output.width : 1280;
	height = output.height ? output.height : 800;
	if (json_unpack(parameters, "{s?b, s?I, s?I}", "connected", &connected, "width", &width,
			"height", &height) < 0) {
		facet_varlink_fail_parameter(call, "connected, width, height");
		return;
	}
	if (!good_length(width) || !good_length(height)) {
		facet_varlink_fail_parameter(call, good_length(width) ? "height" : "width");
		return;
	}
	output.connected = connected;
	output.width = (uint32_t)width;
	output.height = (uint32_t)height;
	output.edid_size = 0;
	if (facet_display_want(vgpu->display, (unsigned int)index, &output, &err) < 0)
		fail_text(call, err.text);
	else
		facet_varlink_reply(call, NULL);
}

static void handle_set_quota(struct facet_varlink_call *call, void *owner)
{
	struct facet_vgpu *vgpu = owner;
	json_int_t bytes;

	if (json_unpack(facet_varlink_call_parameters(call), "{s:I}", "vram_bytes", &bytes) < 0 ||
	    bytes < FACET_VGPU_MIN_VRAM) {
		facet_varlink_fail_parameter(call, "vram_bytes");
		return;
	}
	facet_sched_set_vram(vgpu->sched, (uint64_t)bytes);
	facet_sandbox_set_vram((uint64_t)bytes);
	facet_varlink_reply(call, NULL);
}

static void handle_stop(struct facet_varlink_call *call, void *owner)
{
	struct facet_vgpu *vgpu = owner;

	facet_varlink_reply(call, NULL);
	sd_event_exit(vgpu->event, 0);
}

int facet_control_create(struct facet_vgpu *vgpu, struct facet_error *err)
{
	static const struct facet_varlink_method methods[] = {
		{ "io.facet.vgpu.Status", handle_status },
		{ "io.facet.vgpu.Capture", handle_capture },
		{ "io.facet.vgpu.SetOutput", handle_set_output },
		{ "io.facet.vgpu.SetQuota", handle_set_quota },
		{ "io.facet.vgpu.Handover", facet_handover_handle },
		{ "io.facet.vgpu.Stop", handle_stop },
		{ 0 },
	};
	static const struct facet_varlink_interface interface = {
		.name = "io.facet.vgpu",
		.description = io_facet_vgpu_varlink,
		.methods = methods,
	};
	static const struct facet_varlink_interface *const interfaces[] = { &interface, NULL };
	const struct facet_varlink_server_config cfg = {
		.event = vgpu->event,
		.listen_fd = vgpu->opts->control_fd,
		.product = "facet-vgpu",
		.interfaces = interfaces,
		.owner = vgpu,
		.max_connections = MAX_CALLERS,
	};

	return facet_varlink_server_create(&cfg, &vgpu->control, err);
}
