/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhost_user.h - messages of the vhost-user protocol, in host byte order. */
#ifndef FACET_WIRE_VHOST_USER_H
#define FACET_WIRE_VHOST_USER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VHOST_USER_MAX_FDS = 8,
	VHOST_USER_MAX_CONFIG = 256,
	VHOST_USER_MAX_TABLE = 8, /* regions of one SET_MEM_TABLE */

	VHOST_USER_F_PROTOCOL_FEATURES = 30, /* a device feature bit that no driver may use */
};

enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
};

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_IOTLB_MSG = 22,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_REQUESTS,
};

/* Requests that travel the other way, on the socket of SET_BACKEND_REQ_FD. */
enum vhost_user_backend_request {
	VHOST_USER_BACKEND_IOTLB_MSG = 1,
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
};

enum {
	VHOST_USER_VERSION = 1,
	VHOST_USER_VERSION_MASK = 3,
	VHOST_USER_REPLY = 1 << 2,
	VHOST_USER_NEED_REPLY = 1 << 3,
};

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};
static_assert(sizeof(struct vhost_user_header) == 12, "layout");

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};
static_assert(sizeof(struct vhost_user_vring_state) == 8, "layout");

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};
static_assert(sizeof(struct vhost_user_vring_addr) == 40, "layout");

/* The u64 of SET_VRING_KICK, _CALL and _ERR. */
enum {
	VHOST_USER_VRING_INDEX_MASK = 0xff,
	VHOST_USER_VRING_NO_FD = 1 << 8,
};

struct vhost_user_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;
	uint64_t fd_offset;
};
static_assert(sizeof(struct vhost_user_region) == 32, "layout");

struct vhost_user_mem_table {
	uint32_t count;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_MAX_TABLE];
};
static_assert(offsetof(struct vhost_user_mem_table, regions) == 8, "layout");

struct vhost_user_mem_reg {
	uint64_t padding;
	struct vhost_user_region region;
};
static_assert(sizeof(struct vhost_user_mem_reg) == 40, "layout");

struct vhost_user_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags; /* 0: by the driver; 1: by a migration */
	uint8_t data[VHOST_USER_MAX_CONFIG];
};
static_assert(offsetof(struct vhost_user_config, data) == 12, "layout");

enum {
	VHOST_IOTLB_MISS = 1,
	VHOST_IOTLB_UPDATE = 2,
	VHOST_IOTLB_INVALIDATE = 3,
};

struct vhost_user_iotlb {
	uint64_t iova;
	uint64_t size;
	uint64_t user_addr;
	uint8_t perm; /* 1: read, 2: write */
	uint8_t type;
	uint8_t padding[6];
};
static_assert(sizeof(struct vhost_user_iotlb) == 32, "layout");

union vhost_user_payload {
	uint64_t u64;
	struct vhost_user_vring_state state;
	struct vhost_user_vring_addr addr;
	struct vhost_user_mem_table table;
	struct vhost_user_mem_reg mem_reg;
	struct vhost_user_config config;
	struct vhost_user_iotlb iotlb;
};

#endif
