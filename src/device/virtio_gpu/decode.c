// SPDX-License-Identifier: GPL-2.0-or-later
/* decode.c - which commands there are, what each must bring, and who handles it. */
#include "base/checked.h"
#include "device/virtio_gpu/virtio_gpu.h"

struct command_rule {
	uint32_t type;
	unsigned int queue;
	uint64_t feature; /* that the driver must have accepted; 0: none */
	size_t request;   /* bytes it must bring, at least */
	size_t response;  /* bytes of room it must leave, at least */
	facet_gpu_handler *handle;
};

#define FEATURE(name) (1ULL << WIRE_GPU_F_##name)
#define REQUEST(name) sizeof(struct wire_gpu_##name)
#define NODATA        sizeof(struct wire_gpu_ctrl_hdr)
#define CONTROL(name) WIRE_GPU_CMD_##name, WIRE_GPU_QUEUE_CONTROL
#define CURSOR(name)  WIRE_GPU_CMD_##name, WIRE_GPU_QUEUE_CURSOR

/* clang-format off */
static const struct command_rule rules[] = {
	{ CONTROL(GET_DISPLAY_INFO), 0, REQUEST(ctrl_hdr), REQUEST(resp_display_info),
	  facet_gpu_get_display_info },
	{ CONTROL(RESOURCE_CREATE_2D), 0, REQUEST(resource_create_2d), NODATA,
	  facet_gpu_create_2d },
	{ CONTROL(RESOURCE_UNREF), 0, REQUEST(resource), NODATA,
	  facet_gpu_unref_resource },
	{ CONTROL(SET_SCANOUT), 0, REQUEST(set_scanout), NODATA,
	  facet_gpu_set_scanout },
	{ CONTROL(RESOURCE_FLUSH), 0, REQUEST(resource_flush), NODATA,
	  facet_gpu_flush },
	{ CONTROL(TRANSFER_TO_HOST_2D), 0, REQUEST(transfer_to_host_2d), NODATA,
	  facet_gpu_transfer_to_host_2d },
	{ CONTROL(RESOURCE_ATTACH_BACKING), 0, REQUEST(resource_attach_backing), NODATA,
	  facet_gpu_attach_backing },
	{ CONTROL(RESOURCE_DETACH_BACKING), 0, REQUEST(resource), NODATA,
	  facet_gpu_detach_backing },
	{ CONTROL(GET_EDID), FEATURE(EDID), REQUEST(get_edid), REQUEST(resp_edid),
	  facet_gpu_get_edid },
	{ CONTROL(RESOURCE_ASSIGN_UUID), FEATURE(RESOURCE_UUID), REQUEST(resource),
	  REQUEST(resp_resource_uuid), facet_gpu_assign_uuid },
	{ CONTROL(RESOURCE_CREATE_BLOB), FEATURE(RESOURCE_BLOB), REQUEST(resource_create_blob),
	  NODATA, facet_gpu_create_blob },
	{ CONTROL(SET_SCANOUT_BLOB), FEATURE(RESOURCE_BLOB), REQUEST(set_scanout_blob), NODATA,
	  facet_gpu_set_scanout_blob },

	{ CONTROL(GET_CAPSET_INFO), FEATURE(VIRGL), REQUEST(get_capset_info),
	  REQUEST(resp_capset_info), facet_gpu_get_capset_info },
	{ CONTROL(GET_CAPSET), FEATURE(VIRGL), REQUEST(get_capset), REQUEST(resp_capset),
	  facet_gpu_get_capset },
	{ CONTROL(CTX_CREATE), FEATURE(VIRGL), REQUEST(ctx_create), NODATA,
	  facet_gpu_create_context },
	{ CONTROL(CTX_DESTROY), FEATURE(VIRGL), REQUEST(ctx_destroy), NODATA,
	  facet_gpu_destroy_context },
	{ CONTROL(CTX_ATTACH_RESOURCE), FEATURE(VIRGL), REQUEST(resource), NODATA,
	  facet_gpu_attach_resource },
	{ CONTROL(CTX_DETACH_RESOURCE), FEATURE(VIRGL), REQUEST(resource), NODATA,
	  facet_gpu_detach_resource },
	{ CONTROL(RESOURCE_CREATE_3D), FEATURE(VIRGL), REQUEST(resource_create_3d), NODATA,
	  facet_gpu_create_3d },
	{ CONTROL(TRANSFER_TO_HOST_3D), FEATURE(VIRGL), REQUEST(transfer_host_3d), NODATA,
	  facet_gpu_transfer_to_host_3d },
	{ CONTROL(TRANSFER_FROM_HOST_3D), FEATURE(VIRGL), REQUEST(transfer_host_3d), NODATA,
	  facet_gpu_transfer_from_host_3d },
	{ CONTROL(SUBMIT_3D), FEATURE(VIRGL), REQUEST(submit_3d), NODATA,
	  facet_gpu_submit_3d },

	{ CURSOR(UPDATE_CURSOR), 0, REQUEST(update_cursor), 0,
	  facet_gpu_update_cursor },
	{ CURSOR(MOVE_CURSOR), 0, REQUEST(update_cursor), 0,
	  facet_gpu_move_cursor },
};
/* clang-format on */

static const struct command_rule *find_rule(const struct gpu_command *cmd)
{
	uint32_t type = le32_get(cmd->request.hdr.type);

	for (size_t i = 0; i < FACET_ARRAY_SIZE(rules); i++) {
		if (rules[i].type == type && rules[i].queue == cmd->queue)
			return &rules[i];
	}
	return NULL;
}

static uint32_t decode(struct gpu_command *cmd)
{
	const struct command_rule *rule = find_rule(cmd);

	if (!rule || (cmd->gpu->features & rule->feature) != rule->feature)
		return WIRE_GPU_RESP_ERR_UNSPEC;
	if (cmd->request_size < rule->request ||
	    (cmd->chain && cmd->chain->in_size < rule->response))
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	return rule->handle(cmd);
}

bool facet_gpu_decode(struct gpu_command *cmd)
{
	uint32_t type;

	/*
	 * A guest may reset again and again, and leave more behind than its rings hold; or scatter
	 * its requests over so many pieces that a ring of them costs us half a gigabyte.
	 */
	if (atomic_load(&cmd->gpu->refs) > GPU_MAX_COMMANDS ||
	    atomic_load(&cmd->gpu->pieces) > GPU_MAX_PIECES) {
		facet_gpu_command_answer(cmd, WIRE_GPU_RESP_ERR_OUT_OF_MEMORY);
		return true;
	}
	type = decode(cmd);
	if (type == GPU_RETRY)
		return false;
	if (type != GPU_LATER)
		facet_gpu_command_finish(cmd, type);
	return true;
}
