/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhost_user_gpu.h - messages on the display socket of vhost-user-gpu; host byte order. */
#ifndef FACET_WIRE_VHOST_USER_GPU_H
#define FACET_WIRE_VHOST_USER_GPU_H

#include <stdint.h>

/*
 * Requests: always from us to QEMU. GET_DISPLAY_INFO and GET_EDID are answered by virtio-gpu's own
 * responses: wire_gpu_resp_display_info, wire_gpu_resp_edid.
 */
enum {
	WIRE_VUG_GET_PROTOCOL_FEATURES = 1,
	WIRE_VUG_SET_PROTOCOL_FEATURES = 2,
	WIRE_VUG_GET_DISPLAY_INFO = 3,
	WIRE_VUG_CURSOR_POS = 4,
	WIRE_VUG_CURSOR_POS_HIDE = 5,
	WIRE_VUG_CURSOR_UPDATE = 6,
	WIRE_VUG_SCANOUT = 7,
	WIRE_VUG_UPDATE = 8,
	WIRE_VUG_DMABUF_SCANOUT = 9,
	WIRE_VUG_DMABUF_UPDATE = 10,
	WIRE_VUG_GET_EDID = 11,        /* with WIRE_VUG_FEATURE_EDID */
	WIRE_VUG_DMABUF_SCANOUT2 = 12, /* with WIRE_VUG_FEATURE_DMABUF2 */
};

enum {
	WIRE_VUG_FLAG_REPLY = 1 << 2,

	WIRE_VUG_FEATURE_EDID = 1 << 0,
	WIRE_VUG_FEATURE_DMABUF2 = 1 << 1,

	WIRE_VUG_DMABUF_Y0_TOP = 1 << 0,

	WIRE_VUG_CURSOR_PIXELS = 64 * 64,
};

struct wire_vug_header {
	uint32_t request, flags, size; /* size of the payload */
};
_Static_assert(sizeof(struct wire_vug_header) == 12, "size");

struct wire_vug_cursor_pos {
	uint32_t output, x, y;
};
_Static_assert(sizeof(struct wire_vug_cursor_pos) == 12, "size");

struct wire_vug_cursor_update {
	struct wire_vug_cursor_pos pos;
	uint32_t hot_x, hot_y;
	uint32_t pixels[WIRE_VUG_CURSOR_PIXELS]; /* a8r8g8b8, premultiplied */
};
_Static_assert(sizeof(struct wire_vug_cursor_update) == 16404, "size");

struct wire_vug_scanout {
	uint32_t output, width, height; /* 0, 0: off */
};
_Static_assert(sizeof(struct wire_vug_scanout) == 12, "size");

/* UPDATE: width * height x8r8g8b8 pixels follow. DMABUF_UPDATE: nothing follows. */
struct wire_vug_update {
	uint32_t output, x, y, width, height;
};
_Static_assert(sizeof(struct wire_vug_update) == 20, "size");

/* With one descriptor; without: off. */
struct wire_vug_dmabuf_scanout {
	uint32_t output, x, y, width, height;
	uint32_t fd_width, fd_height, fd_stride, fd_flags;
	int32_t fourcc;
};
_Static_assert(sizeof(struct wire_vug_dmabuf_scanout) == 40, "size");

struct wire_vug_dmabuf_scanout2 {
	struct wire_vug_dmabuf_scanout scanout;
	uint64_t modifier;
};
_Static_assert(sizeof(struct wire_vug_dmabuf_scanout2) == 48, "size");

struct wire_vug_get_edid {
	uint32_t output;
};
_Static_assert(sizeof(struct wire_vug_get_edid) == 4, "size");

#endif
