/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio_gpu.h - what a virtio-gpu driver and device say to each other (virtio 1.3, 5.7). */
#ifndef FACET_WIRE_VIRTIO_GPU_H
#define FACET_WIRE_VIRTIO_GPU_H

#include <assert.h>
#include <stddef.h>

#include "wire/endian.h"

enum {
	WIRE_GPU_DEVICE_ID = 16,
	WIRE_GPU_MAX_SCANOUTS = 16,
	WIRE_GPU_MAX_EDID = 1024,   /* bytes */
	WIRE_GPU_CONTEXT_NAME = 64, /* bytes */
	WIRE_GPU_CURSOR_SIZE = 64,  /* pixels a side */
};

enum wire_gpu_queue {
	WIRE_GPU_QUEUE_CONTROL,
	WIRE_GPU_QUEUE_CURSOR,
	WIRE_GPU_QUEUES,
};

/* Feature bits. */
enum {
	WIRE_GPU_F_VIRGL = 0,
	WIRE_GPU_F_EDID = 1,
	WIRE_GPU_F_RESOURCE_UUID = 2,
	WIRE_GPU_F_RESOURCE_BLOB = 3,
	WIRE_GPU_F_CONTEXT_INIT = 4,
};

enum wire_gpu_type {
	/* 2D */
	WIRE_GPU_CMD_GET_DISPLAY_INFO = 0x0100,
	WIRE_GPU_CMD_RESOURCE_CREATE_2D,
	WIRE_GPU_CMD_RESOURCE_UNREF,
	WIRE_GPU_CMD_SET_SCANOUT,
	WIRE_GPU_CMD_RESOURCE_FLUSH,
	WIRE_GPU_CMD_TRANSFER_TO_HOST_2D,
	WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING,
	WIRE_GPU_CMD_RESOURCE_DETACH_BACKING,
	WIRE_GPU_CMD_GET_CAPSET_INFO,
	WIRE_GPU_CMD_GET_CAPSET,
	WIRE_GPU_CMD_GET_EDID,
	WIRE_GPU_CMD_RESOURCE_ASSIGN_UUID,
	WIRE_GPU_CMD_RESOURCE_CREATE_BLOB,
	WIRE_GPU_CMD_SET_SCANOUT_BLOB,

	/* 3D */
	WIRE_GPU_CMD_CTX_CREATE = 0x0200,
	WIRE_GPU_CMD_CTX_DESTROY,
	WIRE_GPU_CMD_CTX_ATTACH_RESOURCE,
	WIRE_GPU_CMD_CTX_DETACH_RESOURCE,
	WIRE_GPU_CMD_RESOURCE_CREATE_3D,
	WIRE_GPU_CMD_TRANSFER_TO_HOST_3D,
	WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D,
	WIRE_GPU_CMD_SUBMIT_3D,
	WIRE_GPU_CMD_RESOURCE_MAP_BLOB,
	WIRE_GPU_CMD_RESOURCE_UNMAP_BLOB,

	/* cursor queue */
	WIRE_GPU_CMD_UPDATE_CURSOR = 0x0300,
	WIRE_GPU_CMD_MOVE_CURSOR,

	/* answers */
	WIRE_GPU_RESP_OK_NODATA = 0x1100,
	WIRE_GPU_RESP_OK_DISPLAY_INFO,
	WIRE_GPU_RESP_OK_CAPSET_INFO,
	WIRE_GPU_RESP_OK_CAPSET,
	WIRE_GPU_RESP_OK_EDID,
	WIRE_GPU_RESP_OK_RESOURCE_UUID,
	WIRE_GPU_RESP_OK_MAP_INFO,
	WIRE_GPU_RESP_ERR_UNSPEC = 0x1200,
	WIRE_GPU_RESP_ERR_OUT_OF_MEMORY,
	WIRE_GPU_RESP_ERR_INVALID_SCANOUT_ID,
	WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID,
	WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID,
	WIRE_GPU_RESP_ERR_INVALID_PARAMETER,
};

/* Flags of the header. */
enum {
	WIRE_GPU_FLAG_FENCE = 1 << 0,
	WIRE_GPU_FLAG_INFO_RING_IDX = 1 << 1,
};

/* Where the memory of a blob is, and what it is for. */
enum {
	WIRE_GPU_BLOB_MEM_GUEST = 1,
	WIRE_GPU_BLOB_FLAG_MAPPABLE = 1 << 0,
	WIRE_GPU_BLOB_FLAG_SHAREABLE = 1 << 1,
	WIRE_GPU_BLOB_FLAG_CROSS_DEVICE = 1 << 2,
};

enum {
	WIRE_GPU_EVENT_DISPLAY = 1 << 0,
};

/* Formats of 2D resources; the name gives the bytes from the lowest address up. */
enum wire_gpu_format {
	WIRE_GPU_FORMAT_B8G8R8A8 = 1,
	WIRE_GPU_FORMAT_B8G8R8X8 = 2,
	WIRE_GPU_FORMAT_A8R8G8B8 = 3,
	WIRE_GPU_FORMAT_X8R8G8B8 = 4,
	WIRE_GPU_FORMAT_R8G8B8A8 = 67,
	WIRE_GPU_FORMAT_X8B8G8R8 = 68,
	WIRE_GPU_FORMAT_A8B8G8R8 = 121,
	WIRE_GPU_FORMAT_R8G8B8X8 = 134,
};

/* Targets and bindings of 3D resources, as Gallium numbers them. */
enum wire_gpu_target {
	WIRE_GPU_TARGET_BUFFER,
	WIRE_GPU_TARGET_1D,
	WIRE_GPU_TARGET_2D,
	WIRE_GPU_TARGET_3D,
	WIRE_GPU_TARGET_CUBE,
	WIRE_GPU_TARGET_RECT,
	WIRE_GPU_TARGET_1D_ARRAY,
	WIRE_GPU_TARGET_2D_ARRAY,
	WIRE_GPU_TARGET_CUBE_ARRAY,
	WIRE_GPU_TARGETS,
};

enum {
	WIRE_GPU_BIND_RENDER_TARGET = 1 << 1,
	WIRE_GPU_RESOURCE_FLAG_Y_0_TOP = 1 << 0,
};

#define WIRE_GPU_CHECK(type, bytes, last, last_offset)                \
	static_assert(sizeof(struct type) == (bytes), #type " size"); \
	static_assert(offsetof(struct type, last) == (last_offset), #type " layout")

struct wire_gpu_config {
	le32 events_read;
	le32 events_clear;
	le32 num_scanouts;
	le32 num_capsets;
};
WIRE_GPU_CHECK(wire_gpu_config, 16, num_capsets, 12);

/* Begins every request of both queues, and every answer. */
struct wire_gpu_ctrl_hdr {
	le32 type;
	le32 flags;
	le64 fence_id;
	le32 ctx_id;
	uint8_t ring_idx;
	uint8_t padding[3];
};
WIRE_GPU_CHECK(wire_gpu_ctrl_hdr, 24, ring_idx, 20);

struct wire_gpu_rect {
	le32 x, y, width, height;
};
WIRE_GPU_CHECK(wire_gpu_rect, 16, height, 12);

struct wire_gpu_box {
	le32 x, y, z, w, h, d;
};
WIRE_GPU_CHECK(wire_gpu_box, 24, d, 20);

/* --- 2D requests --- */

/* RESOURCE_UNREF, RESOURCE_DETACH_BACKING, RESOURCE_ASSIGN_UUID, CTX_{ATTACH,DETACH}_RESOURCE */
struct wire_gpu_resource {
	struct wire_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_resource, 32, padding, 28);

struct wire_gpu_resource_create_2d {
	struct wire_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 format;
	le32 width, height;
};
WIRE_GPU_CHECK(wire_gpu_resource_create_2d, 40, height, 36);

struct wire_gpu_set_scanout {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_rect r;
	le32 scanout_id;
	le32 resource_id;
};
WIRE_GPU_CHECK(wire_gpu_set_scanout, 48, resource_id, 44);

struct wire_gpu_resource_flush {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_rect r;
	le32 resource_id;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_resource_flush, 48, padding, 44);

struct wire_gpu_transfer_to_host_2d {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_rect r;
	le64 offset;
	le32 resource_id;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_transfer_to_host_2d, 56, padding, 52);

struct wire_gpu_mem_entry {
	le64 addr;
	le32 length;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_mem_entry, 16, padding, 12);

/* Followed by nr_entries wire_gpu_mem_entry. */
struct wire_gpu_resource_attach_backing {
	struct wire_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 nr_entries;
};
WIRE_GPU_CHECK(wire_gpu_resource_attach_backing, 32, nr_entries, 28);

/* Followed by nr_entries wire_gpu_mem_entry. */
struct wire_gpu_resource_create_blob {
	struct wire_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 blob_mem;
	le32 blob_flags;
	le32 nr_entries;
	le64 blob_id;
	le64 size;
};
WIRE_GPU_CHECK(wire_gpu_resource_create_blob, 56, size, 48);

struct wire_gpu_set_scanout_blob {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_rect r;
	le32 scanout_id;
	le32 resource_id;
	le32 width, height;
	le32 format;
	le32 padding;
	le32 strides[4];
	le32 offsets[4];
};
WIRE_GPU_CHECK(wire_gpu_set_scanout_blob, 96, offsets, 80);

struct wire_gpu_get_edid {
	struct wire_gpu_ctrl_hdr hdr;
	le32 scanout;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_get_edid, 32, padding, 28);

/* --- 3D requests --- */

struct wire_gpu_get_capset_info {
	struct wire_gpu_ctrl_hdr hdr;
	le32 capset_index;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_get_capset_info, 32, padding, 28);

struct wire_gpu_get_capset {
	struct wire_gpu_ctrl_hdr hdr;
	le32 capset_id;
	le32 capset_version;
};
WIRE_GPU_CHECK(wire_gpu_get_capset, 32, capset_version, 28);

struct wire_gpu_ctx_create {
	struct wire_gpu_ctrl_hdr hdr;
	le32 nlen;
	le32 context_init;
	char debug_name[WIRE_GPU_CONTEXT_NAME];
};
WIRE_GPU_CHECK(wire_gpu_ctx_create, 96, debug_name, 32);

struct wire_gpu_ctx_destroy {
	struct wire_gpu_ctrl_hdr hdr;
};
WIRE_GPU_CHECK(wire_gpu_ctx_destroy, 24, hdr, 0);

struct wire_gpu_resource_create_3d {
	struct wire_gpu_ctrl_hdr hdr;
	le32 resource_id;
	le32 target;
	le32 format;
	le32 bind;
	le32 width, height, depth;
	le32 array_size;
	le32 last_level;
	le32 nr_samples;
	le32 flags;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_resource_create_3d, 72, padding, 68);

/* TRANSFER_TO_HOST_3D, TRANSFER_FROM_HOST_3D */
struct wire_gpu_transfer_host_3d {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_box box;
	le64 offset;
	le32 resource_id;
	le32 level;
	le32 stride;
	le32 layer_stride;
};
WIRE_GPU_CHECK(wire_gpu_transfer_host_3d, 72, layer_stride, 68);

/* Followed by size bytes. */
struct wire_gpu_submit_3d {
	struct wire_gpu_ctrl_hdr hdr;
	le32 size;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_submit_3d, 32, padding, 28);

/* --- cursor queue --- */

struct wire_gpu_cursor_pos {
	le32 scanout_id;
	le32 x, y;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_cursor_pos, 16, padding, 12);

/* UPDATE_CURSOR, MOVE_CURSOR */
struct wire_gpu_update_cursor {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_cursor_pos pos;
	le32 resource_id;
	le32 hot_x, hot_y;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_update_cursor, 56, padding, 52);

/* --- answers --- */

struct wire_gpu_display_one {
	struct wire_gpu_rect r;
	le32 enabled;
	le32 flags;
};
WIRE_GPU_CHECK(wire_gpu_display_one, 24, flags, 20);

struct wire_gpu_resp_display_info {
	struct wire_gpu_ctrl_hdr hdr;
	struct wire_gpu_display_one pmodes[WIRE_GPU_MAX_SCANOUTS];
};
WIRE_GPU_CHECK(wire_gpu_resp_display_info, 408, pmodes, 24);

struct wire_gpu_resp_edid {
	struct wire_gpu_ctrl_hdr hdr;
	le32 size;
	le32 padding;
	uint8_t edid[WIRE_GPU_MAX_EDID];
};
WIRE_GPU_CHECK(wire_gpu_resp_edid, 1056, edid, 32);

struct wire_gpu_resp_capset_info {
	struct wire_gpu_ctrl_hdr hdr;
	le32 capset_id;
	le32 capset_max_version;
	le32 capset_max_size;
	le32 padding;
};
WIRE_GPU_CHECK(wire_gpu_resp_capset_info, 40, padding, 36);

/* Followed by the capabilities. */
struct wire_gpu_resp_capset {
	struct wire_gpu_ctrl_hdr hdr;
};
WIRE_GPU_CHECK(wire_gpu_resp_capset, 24, hdr, 0);

struct wire_gpu_resp_resource_uuid {
	struct wire_gpu_ctrl_hdr hdr;
	uint8_t uuid[16];
};
WIRE_GPU_CHECK(wire_gpu_resp_resource_uuid, 40, uuid, 24);

#endif
