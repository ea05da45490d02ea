// SPDX-License-Identifier: GPL-2.0-or-later
/* outputs.c - the methods that look at an output or change it; the vGPU's process does it. */
#include "base/strange.h"
#include "daemon/call.h"

static bool get_output(struct facet_varlink_call *call, const struct facetd_vgpu *vgpu,
		       json_int_t *output)
{
	*output = 0;
	if (!facetd_get_number(call, "output", 0, FACETD_MAX_OUTPUTS - 1, output))
		return false;
	if (*output < (json_int_t)vgpu->record.outputs)
		return true;
	facetd_fail_argument(call, "output", "output %d: vGPU %s has outputs 0 to %u", (int)*output,
			     vgpu->record.name, vgpu->record.outputs - 1);
	return false;
}

void facetd_method_screenshot(struct facet_varlink_call *call, void *owner)
{
	static const struct facetd_parameter known[] = {
		{ "name", JSON_STRING, true },
		{ "output", JSON_INTEGER },
		{ "cursor", JSON_FALSE },
		{ NULL },
	};
	struct facetd_vgpu *vgpu = facetd_check(call, known) ? facetd_find_up(call, owner) : NULL;
	facet_autoclose_strange int fd = -1;
	json_int_t output;

	if (!vgpu || !get_output(call, vgpu, &output))
		return;
	fd = facet_varlink_call_take_fd(call);
	if (fd < 0)
		facetd_fail_argument(call, "fd", "no file descriptor came with the call");
	else
		facetd_forward(call, vgpu, "io.facet.vgpu.Capture",
			       json_pack("{s:I, s:b}", "output", output, "cursor",
					 !json_is_false(facetd_get(call, "cursor"))),
			       fd, NULL, 0);
}

void facetd_method_set_output(struct facet_varlink_call *call, void *owner)
{
	static const struct facetd_parameter known[] = {
		{ "name", JSON_STRING, true }, { "output", JSON_INTEGER, true },
		{ "connected", JSON_FALSE },   { "width", JSON_INTEGER },
		{ "height", JSON_INTEGER },    { NULL },
	};
	struct facetd_vgpu *vgpu = facetd_check(call, known) ? facetd_find_up(call, owner) : NULL;
	json_int_t output, width = 0, height = 0;
	json_t *parameters;

	if (!vgpu || !get_output(call, vgpu, &output) ||
	    !facetd_get_number(call, "width", FACETD_MIN_SIDE, FACETD_MAX_SIDE, &width) ||
	    !facetd_get_number(call, "height", FACETD_MIN_SIDE, FACETD_MAX_SIDE, &height))
		return;
	parameters = json_pack("{s:I}", "output", output);
	if (facetd_get(call, "connected"))
		json_object_set(parameters, "connected", facetd_get(call, "connected"));
	if (width)
		json_object_set_new(parameters, "width", json_integer(width));
	if (height)
		json_object_set_new(parameters, "height", json_integer(height));
	facetd_forward(call, vgpu, "io.facet.vgpu.SetOutput", parameters, -1, NULL, 0);
}
