/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vtest.h - the protocol that Mesa's virpipe speaks, version 2; numbers in host byte order. */
#ifndef FACET_BENCH_VTEST_H
#define FACET_BENCH_VTEST_H

#include <stdint.h>

enum {
	VTEST_VERSION = 2,
	VTEST_FLAG_WAIT = 1,
	VTEST_FENCE_BIND = 1 << 17, /* what tells the resources that are fences */
	VTEST_FENCE_WIDTH = 8,
};

enum vtest_command {
	VTEST_GET_CAPS = 1,
	VTEST_RESOURCE_UNREF = 3,
	VTEST_SUBMIT = 6,
	VTEST_BUSY_WAIT,
	VTEST_CREATE_RENDERER, /* its length is in bytes; all others count words */
	VTEST_GET_CAPS2,
	VTEST_PING,
	VTEST_PROTOCOL_VERSION,
	VTEST_RESOURCE_CREATE, /* the second kinds: with shared memory */
	VTEST_TRANSFER_GET,
	VTEST_TRANSFER_PUT,
	VTEST_MARK = 0x1000, /* ours: here a take begins or ends */
};

struct vtest_header {
	uint32_t length, command;
};

struct vtest_create {
	uint32_t id, target, format, bind, width, height, depth, array_size, last_level, nr_samples;
	uint32_t size; /* of the shared memory; its descriptor is the answer, unless this is 0 */
};

struct vtest_transfer {
	uint32_t id, level, x, y, z, width, height, depth, size, offset;
};

struct vtest_busy_wait {
	uint32_t id, flags;
};

#endif
