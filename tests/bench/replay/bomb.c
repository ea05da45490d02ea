// SPDX-License-Identifier: GPL-2.0-or-later
/* bomb.c - takes all memory that there is, again and again. */
#include "bomb.h"

#include <errno.h>
#include <stdio.h>

#include "scene.h"
#include "wire/virtio_gpu.h"

enum {
	CONTEXT = 1,
	SIDE = 2048,
	BYTES = SIDE * SIDE * 4,
	MOST = 4096, /* of 16 MiB each: 64 GiB */
	/* Gallium's numbers. */
	TEXTURE_2D = 2,
	FORMAT_B8G8R8A8_UNORM = 1,
	BIND_SAMPLER_VIEW = 1 << 3,
};

struct bomb {
	struct port *port;
	unsigned int held, most, refused;
};

/* What it was answered, or < 0. */
static int ask(struct bomb *bomb, const void *request, size_t size)
{
	const struct port_ops *ops = bomb->port->ops;
	struct wire_gpu_ctrl_hdr answer;
	int r = ops->send(bomb->port, request, size, sizeof(answer));

	if (r >= 0)
		r = ops->wait(bomb->port, r, &answer, sizeof(answer));
	return r < 0 ? r : (int)le32_get(answer.type);
}

static int create(struct bomb *bomb, uint32_t id)
{
	const struct wire_gpu_resource_create_3d request = {
		.hdr = { .type = le32_of(WIRE_GPU_CMD_RESOURCE_CREATE_3D) },
		.resource_id = le32_of(id),
		.target = le32_of(TEXTURE_2D),
		.format = le32_of(FORMAT_B8G8R8A8_UNORM),
		.bind = le32_of(BIND_SAMPLER_VIEW),
		.width = le32_of(SIDE),
		.height = le32_of(SIDE),
		.depth = le32_of(1),
		.array_size = le32_of(1),
	};

	return ask(bomb, &request, sizeof(request));
}

static int name_it(struct bomb *bomb, uint32_t id, enum wire_gpu_type type)
{
	const struct wire_gpu_resource request = {
		.hdr = { .type = le32_of(type), .ctx_id = le32_of(CONTEXT) },
		.resource_id = le32_of(id),
	};

	return ask(bomb, &request, sizeof(request));
}

/* Each from the same memory of the guest. */
static int attach(struct bomb *bomb, uint32_t id)
{
	const struct {
		struct wire_gpu_resource_attach_backing attach;
		struct wire_gpu_mem_entry entry;
	} request = {
		.attach = { .hdr = { .type = le32_of(WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING) },
			    .resource_id = le32_of(id),
			    .nr_entries = le32_of(1) },
		.entry = { .addr = le64_of(PORT_RESOURCES), .length = le32_of(BYTES) },
	};

	return ask(bomb, &request, sizeof(request));
}

/* The renderer may have promised memory that it touches only now. */
static int fill(struct bomb *bomb, uint32_t id)
{
	const struct wire_gpu_transfer_host_3d request = {
		.hdr = { .type = le32_of(WIRE_GPU_CMD_TRANSFER_TO_HOST_3D),
			 .ctx_id = le32_of(CONTEXT) },
		.box = { .w = le32_of(SIDE), .h = le32_of(SIDE), .d = le32_of(1) },
		.resource_id = le32_of(id),
		.stride = le32_of(SIDE * 4),
	};

	return ask(bomb, &request, sizeof(request));
}

/* One more. WIRE_GPU_RESP_OK_NODATA, WIRE_GPU_RESP_ERR_OUT_OF_MEMORY, or < 0. */
static int take(struct bomb *bomb)
{
	uint32_t id = bomb->held + 1;
	int r = create(bomb, id);

	if (r != WIRE_GPU_RESP_OK_NODATA)
		return r;
	bomb->held++;
	r = name_it(bomb, id, WIRE_GPU_CMD_CTX_ATTACH_RESOURCE);
	if (r == WIRE_GPU_RESP_OK_NODATA)
		r = attach(bomb, id);
	return r == WIRE_GPU_RESP_OK_NODATA ? fill(bomb, id) : r;
}

static int free_all(struct bomb *bomb)
{
	for (; bomb->held; bomb->held--) {
		int r = name_it(bomb, bomb->held, WIRE_GPU_CMD_RESOURCE_UNREF);

		if (r != WIRE_GPU_RESP_OK_NODATA)
			return r < 0 ? r : -EIO;
	}
	return 0;
}

static int once(struct bomb *bomb, int64_t end)
{
	int r = WIRE_GPU_RESP_OK_NODATA;

	while (r == WIRE_GPU_RESP_OK_NODATA && bomb->held < MOST && scene_now() < end)
		r = take(bomb);
	bomb->most = bomb->held > bomb->most ? bomb->held : bomb->most;
	bomb->refused += r == WIRE_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (r != WIRE_GPU_RESP_OK_NODATA && r != WIRE_GPU_RESP_ERR_OUT_OF_MEMORY) {
		fprintf(stderr, "a request was answered with 0x%x\n", (unsigned int)r);
		return r < 0 ? r : -EIO;
	}
	return free_all(bomb);
}

int bomb_drop(struct port *port, double seconds)
{
	const struct wire_gpu_ctx_create context = {
		.hdr = { .type = le32_of(WIRE_GPU_CMD_CTX_CREATE), .ctx_id = le32_of(CONTEXT) },
		.nlen = le32_of(4),
		.debug_name = "bomb",
	};
	struct bomb bomb = { .port = port };
	int64_t end = scene_now() + (int64_t)(seconds * 1e9);
	int r = ask(&bomb, &context, sizeof(context));

	r = r == WIRE_GPU_RESP_OK_NODATA ? 0 : -EIO;
	while (!r && scene_now() < end)
		r = once(&bomb, end);
	printf("{\"textures\": %u, \"bytes\": %llu, \"refused\": %u}\n", bomb.most,
	       (unsigned long long)bomb.most * BYTES, bomb.refused);
	return r;
}
