// SPDX-License-Identifier: GPL-2.0-or-later
/* requests.c - the messages of a front-end, one function each, and the table of them. */
#include <errno.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "transport/vhost_user/internal.h"

/* #syscalls fstat newfstatat */

static const uint64_t offered_protocol =
	VU_BIT(VHOST_USER_PROTOCOL_F_MQ) | VU_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
	VU_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) | VU_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
	VU_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
	VU_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) | VU_BIT(VHOST_USER_PROTOCOL_F_STATUS);

uint64_t vu_offered_features(const struct vhost_user *vu)
{
	return facet_device_virtio(vu->device)->features | VU_BIT(VIRTIO_F_VERSION_1) |
	       VU_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VU_BIT(VIRTIO_RING_F_EVENT_IDX) |
	       VU_BIT(VIRTIO_F_IOMMU_PLATFORM) | VU_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
}

static int answer_u64(struct vu_channel *m, uint64_t value)
{
	m->payload.u64 = value;
	m->header.size = sizeof(value);
	return 0;
}

static int get_features(struct vhost_user *vu, struct vu_channel *m)
{
	return answer_u64(m, vu_offered_features(vu));
}

/* QEMU passes on what the driver took from QEMU's own offer too; that is not for us. */
int vu_set_features(struct vhost_user *vu, uint64_t features)
{
	const uint64_t other_rings = VU_BIT(VIRTIO_F_RING_PACKED) | VU_BIT(VIRTIO_F_IN_ORDER);

	if (features & other_rings) {
		vu_complain(vu, "the guest's driver wants packed or in-order rings, which were "
				"not offered (QEMU: packed=off)");
		return -ENOTSUP;
	}
	vu_changed(vu);
	vu->features = features & vu_offered_features(vu);
	vu_rings_set_features(vu);
	vu_back_set_iommu(vu, vu->features & VU_BIT(VIRTIO_F_IOMMU_PLATFORM));
	facet_device_set_features(vu->device, vu->features);
	return 0;
}

static int set_features(struct vhost_user *vu, struct vu_channel *m)
{
	return vu_set_features(vu, m->payload.u64);
}

static int get_protocol_features(struct vhost_user *vu, struct vu_channel *m)
{
	return answer_u64(m, offered_protocol);
}

static int set_protocol_features(struct vhost_user *vu, struct vu_channel *m)
{
	if (m->payload.u64 & ~offered_protocol)
		return -EPROTO;
	vu_changed(vu);
	vu->protocol_features = m->payload.u64;
	return 0;
}

static int nothing(struct vhost_user *vu, struct vu_channel *m)
{
	return 0;
}

static int get_queue_num(struct vhost_user *vu, struct vu_channel *m)
{
	return answer_u64(m, vu->ring_count);
}

static int reset_device(struct vhost_user *vu, struct vu_channel *m)
{
	vu_reset(vu);
	return 0;
}

static int get_status(struct vhost_user *vu, struct vu_channel *m)
{
	return answer_u64(m, vu->status);
}

/* QEMU writes 0 also when a guest is only paused, so 0 is not taken for a reset here. */
static int set_status(struct vhost_user *vu, struct vu_channel *m)
{
	vu_changed(vu);
	vu->status = (uint8_t)m->payload.u64;
	return 0;
}

static bool config_fits(const struct vu_channel *m)
{
	const struct vhost_user_config *config = &m->payload.config;

	return config->size == m->header.size - offsetof(struct vhost_user_config, data);
}

static int get_config(struct vhost_user *vu, struct vu_channel *m)
{
	struct vhost_user_config *config = &m->payload.config;

	if (!config_fits(m))
		return -EPROTO;
	facet_device_config_read(vu->device, config->offset, config->data, config->size);
	return 0;
}

static int set_config(struct vhost_user *vu, struct vu_channel *m)
{
	const struct vhost_user_config *config = &m->payload.config;

	if (!config_fits(m))
		return -EPROTO;
	/* Whoever migrates may set what a driver may not; nothing of ours migrates. */
	if (config->flags)
		return -ENOTSUP;
	facet_device_config_write(vu->device, config->offset, config->data, config->size);
	return 0;
}

static int add_region(struct vhost_user *vu, const struct vhost_user_region *r, int fd)
{
	const struct facet_guest_region region = { r->gpa, r->user_addr, r->size, r->fd_offset };
	struct facet_error err;
	int code;

	code = facet_guest_memory_add(vu->memory, &region, fd, &err);
	if (code < 0)
		vu_complain(vu, "%s", err.text);
	return code;
}

static int set_mem_table(struct vhost_user *vu, struct vu_channel *m)
{
	const struct vhost_user_mem_table *table = &m->payload.table;
	int r = 0;

	if (table->count > VHOST_USER_MAX_TABLE || table->count != m->fd_count ||
	    m->header.size != offsetof(struct vhost_user_mem_table, regions[table->count]))
		return -EPROTO;
	vu_changed(vu);
	facet_guest_memory_clear(vu->memory);
	for (uint32_t i = 0; !r && i < table->count; i++)
		r = add_region(vu, &table->regions[i], m->fds[i]);
	if (r < 0)
		facet_guest_memory_clear(vu->memory);
	vu_rings_refresh(vu);
	return r;
}

static int get_max_mem_slots(struct vhost_user *vu, struct vu_channel *m)
{
	return answer_u64(m, FACET_GUEST_MAX_REGIONS);
}

static int add_mem_reg(struct vhost_user *vu, struct vu_channel *m)
{
	int r;

	if (m->fd_count != 1)
		return -EPROTO;
	vu_changed(vu);
	r = add_region(vu, &m->payload.mem_reg.region, m->fds[0]);
	vu_rings_refresh(vu);
	return r;
}

static int rem_mem_reg(struct vhost_user *vu, struct vu_channel *m)
{
	const struct vhost_user_region *r = &m->payload.mem_reg.region;
	const struct facet_guest_region region = { r->gpa, r->user_addr, r->size, r->fd_offset };
	struct facet_error err;
	int code;

	vu_changed(vu);
	code = facet_guest_memory_remove(vu->memory, &region, &err);
	if (code < 0)
		vu_complain(vu, "%s", err.text);
	vu_rings_refresh(vu);
	return code;
}

static int iotlb_msg(struct vhost_user *vu, struct vu_channel *m)
{
	const struct vhost_user_iotlb *msg = &m->payload.iotlb;
	int r = 0;

	if (msg->type == VHOST_IOTLB_UPDATE)
		r = facet_guest_iotlb_update(vu->memory, msg->iova, msg->size, msg->user_addr,
					     msg->perm);
	else if (msg->type == VHOST_IOTLB_INVALIDATE)
		facet_guest_iotlb_invalidate(vu->memory, msg->iova, msg->size);
	else
		return -EPROTO;
	vu_rings_refresh(vu);
	return r;
}

static bool is_socket(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISSOCK(st.st_mode);
}

static int set_backend_req_fd(struct vhost_user *vu, struct vu_channel *m)
{
	if (m->fd_count != 1 || !is_socket(m->fds[0]))
		return -EPROTO;
	return vu_back_open(vu, facet_steal_fd(&m->fds[0]));
}

static int gpu_set_socket(struct vhost_user *vu, struct vu_channel *m)
{
	if (m->fd_count != 1 || !is_socket(m->fds[0]))
		return -EPROTO;
	return vu_set_display(vu, facet_steal_fd(&m->fds[0]));
}

struct request {
	int (*handle)(struct vhost_user *vu, struct vu_channel *m);
	uint16_t min, max; /* bytes of payload */
	uint8_t max_fds;
	bool answers; /* by a payload of its own */
};

enum {
	U64 = sizeof(uint64_t),
	STATE = sizeof(struct vhost_user_vring_state),
	ADDR = sizeof(struct vhost_user_vring_addr),
	REGION = sizeof(struct vhost_user_mem_reg),
	IOTLB = sizeof(struct vhost_user_iotlb),
	TABLE_MIN = offsetof(struct vhost_user_mem_table, regions),
	TABLE_MAX = sizeof(struct vhost_user_mem_table),
	CONFIG_MIN = offsetof(struct vhost_user_config, data),
	CONFIG_MAX = sizeof(struct vhost_user_config),
	TABLE_FDS = VHOST_USER_MAX_TABLE,
};

static const struct request requests[VHOST_USER_REQUESTS] = {
	[VHOST_USER_GET_FEATURES] = { get_features, 0, 0, 0, true },
	[VHOST_USER_SET_FEATURES] = { set_features, U64, U64, 0, false },
	[VHOST_USER_SET_OWNER] = { nothing, 0, 0, 0, false },
	[VHOST_USER_RESET_OWNER] = { nothing, 0, 0, 0, false },
	[VHOST_USER_SET_MEM_TABLE] = { set_mem_table, TABLE_MIN, TABLE_MAX, TABLE_FDS, false },
	[VHOST_USER_SET_VRING_NUM] = { vu_set_vring_num, STATE, STATE, 0, false },
	[VHOST_USER_SET_VRING_ADDR] = { vu_set_vring_addr, ADDR, ADDR, 0, false },
	[VHOST_USER_SET_VRING_BASE] = { vu_set_vring_base, STATE, STATE, 0, false },
	[VHOST_USER_GET_VRING_BASE] = { vu_get_vring_base, STATE, STATE, 0, true },
	[VHOST_USER_SET_VRING_KICK] = { vu_set_vring_kick, U64, U64, 1, false },
	[VHOST_USER_SET_VRING_CALL] = { vu_set_vring_call, U64, U64, 1, false },
	[VHOST_USER_SET_VRING_ERR] = { vu_set_vring_err, U64, U64, 1, false },
	[VHOST_USER_GET_PROTOCOL_FEATURES] = { get_protocol_features, 0, 0, 0, true },
	[VHOST_USER_SET_PROTOCOL_FEATURES] = { set_protocol_features, U64, U64, 0, false },
	[VHOST_USER_GET_QUEUE_NUM] = { get_queue_num, 0, 0, 0, true },
	[VHOST_USER_SET_VRING_ENABLE] = { vu_set_vring_enable, STATE, STATE, 0, false },
	[VHOST_USER_SET_BACKEND_REQ_FD] = { set_backend_req_fd, 0, U64, 1, false },
	[VHOST_USER_IOTLB_MSG] = { iotlb_msg, IOTLB, IOTLB, 0, false },
	[VHOST_USER_GET_CONFIG] = { get_config, CONFIG_MIN, CONFIG_MAX, 0, true },
	[VHOST_USER_SET_CONFIG] = { set_config, CONFIG_MIN, CONFIG_MAX, 0, false },
	[VHOST_USER_GPU_SET_SOCKET] = { gpu_set_socket, 0, U64, 1, false },
	[VHOST_USER_RESET_DEVICE] = { reset_device, 0, 0, 0, false },
	[VHOST_USER_GET_MAX_MEM_SLOTS] = { get_max_mem_slots, 0, 0, 0, true },
	[VHOST_USER_ADD_MEM_REG] = { add_mem_reg, REGION, REGION, 1, false },
	[VHOST_USER_REM_MEM_REG] = { rem_mem_reg, REGION, REGION, 1, false },
	[VHOST_USER_SET_STATUS] = { set_status, U64, U64, 0, false },
	[VHOST_USER_GET_STATUS] = { get_status, 0, 0, 0, true },
};

static int reply(struct vhost_user *vu, const void *payload, uint32_t size)
{
	const struct vhost_user_header header = { vu->front.header.request,
						  VHOST_USER_VERSION | VHOST_USER_REPLY, size };

	return vu_channel_send(&vu->front, &header, payload);
}

static const struct request *look_up(const struct vu_channel *m)
{
	const struct request *request = &requests[0];

	if (m->header.request < VHOST_USER_REQUESTS)
		request = &requests[m->header.request];
	if (!request->handle || m->header.size < request->min || m->header.size > request->max ||
	    m->fd_count > request->max_fds)
		return NULL;
	return request;
}

int vu_serve(struct vhost_user *vu)
{
	struct vu_channel *m = &vu->front;
	bool acked = m->header.flags & VHOST_USER_NEED_REPLY;
	const struct request *request = look_up(m);
	uint64_t failed;
	int r;

	if (!request || (m->header.flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
	    (m->header.flags & VHOST_USER_REPLY))
		return -EPROTO;
	r = request->handle(vu, m);
	if (r == -EPROTO)
		return r;
	if (request->answers)
		return r < 0 ? r : reply(vu, &m->payload, m->header.size);
	if (!acked || !(vu->protocol_features & VU_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)))
		return r; /* a failure that cannot be told ends the connection */
	failed = r < 0;
	return reply(vu, &failed, sizeof(failed));
}
