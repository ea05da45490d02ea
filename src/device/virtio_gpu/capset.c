// SPDX-License-Identifier: GPL-2.0-or-later
/* capset.c - tells the guest which protocols its contexts may speak, and how. */
#include <string.h>

#include "device/virtio_gpu/virtio_gpu.h"

uint32_t facet_gpu_get_capset_info(struct gpu_command *cmd)
{
	const struct facet_engine_caps *caps = facet_sched_caps(cmd->gpu->sched);
	uint32_t index = le32_get(cmd->request.get_capset_info.capset_index);
	le32 *payload;

	if (index >= caps->capset_count)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	payload = facet_gpu_command_payload(cmd, sizeof(struct wire_gpu_resp_capset_info) -
							 sizeof(struct wire_gpu_ctrl_hdr));
	if (!payload)
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	payload[0] = le32_of(caps->capsets[index].id);
	payload[1] = le32_of(caps->capsets[index].max_version);
	payload[2] = le32_of(caps->capsets[index].max_size);
	return WIRE_GPU_RESP_OK_CAPSET_INFO;
}

const struct facet_capset *facet_gpu_capset_find(const struct gpu *gpu, uint32_t id)
{
	const struct facet_engine_caps *caps = facet_sched_caps(gpu->sched);

	for (unsigned int i = 0; i < caps->capset_count; i++) {
		if (caps->capsets[i].id == id)
			return &caps->capsets[i];
	}
	return NULL;
}

uint32_t facet_gpu_get_capset(struct gpu_command *cmd)
{
	const struct wire_gpu_get_capset *req = &cmd->request.get_capset;
	const struct facet_capset *capset =
		facet_gpu_capset_find(cmd->gpu, le32_get(req->capset_id));
	uint32_t version = le32_get(req->capset_version);
	size_t room = cmd->chain->in_size - sizeof(struct wire_gpu_resp_capset);

	if (!capset || version > capset->max_version || room < capset->max_size)
		return WIRE_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!facet_gpu_command_payload(cmd, capset->max_size))
		return WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	cmd->response = WIRE_GPU_RESP_OK_CAPSET;
	cmd->job.capset.id = capset->id;
	cmd->job.capset.version = version;
	cmd->job.capset.data = cmd->payload;
	cmd->job.capset.size = cmd->payload_size;
	return facet_gpu_command_submit(cmd, FACET_JOB_CAPSET);
}
