// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio_gpu_fuzz.c - a hostile guest: bytes become commands on both queues, writes to guest
 * memory, configuration accesses and resets. The first byte picks the engine: odd ones have 3D.
 * That is the null engine, or with FACET_FUZZ_VIRGL=1 in the environment the real one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "engine/ops.h"
#include "transport/loopback/loopback.h"
#include "wire/virtio_gpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PAGE = 4096,
	MAX_REQUEST = 4096, /* bytes of one request */
	MAX_ENTRIES = 64,   /* of ATTACH_BACKING, as well formed as the bytes are */
	QUOTA = 64 << 20,
};

struct vgpu {
	struct facet_display *display;
	struct facet_engine *engine;
	struct facet_sched *sched;
	struct facet_transport *transport;
};

/* What is left of the input; past its end there are zeros. */
struct input {
	const uint8_t *at, *end;
};

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* Small numbers from one byte; the interesting large ones too. */
static uint32_t number(struct input *in)
{
	static const uint32_t special[] = { UINT32_MAX, INT32_MAX, 1u << 31, 16384, 16385, 4096,
					    4095,       64,        1 << 20,  640,   480,   1024 };
	uint8_t b = byte(in);

	if (b < 0xe0)
		return b;
	if (b - 0xe0u < FACET_ARRAY_SIZE(special))
		return special[b - 0xe0];
	return byte(in) | (uint32_t)byte(in) << 8 | (uint32_t)byte(in) << 16 |
	       (uint32_t)byte(in) << 24;
}

static void released(void *owner)
{
}

/* A null engine that says it has 3D: the device decodes all that there is. */
static void pretend_3d(struct facet_engine *engine)
{
	engine->caps = (struct facet_engine_caps){
		.has_3d = true,
		.capset_count = 2,
		.capsets = { { 1, 1, 308 }, { 2, 2, 1400 } },
	};
}

static void boot(struct vgpu *vgpu, const char *engine)
{
	struct facet_display_config display = { .output_count = 2, .released = released };
	struct facet_engine_config renderer = { .render_fd = -1 };
	struct facet_sched_config sched = { .vram_bytes = QUOTA, .max_contexts = 4 };
	struct facet_transport_config config = { .device = "virtio-gpu",
						 .fd = -1,
						 .listen_fd = -1 };
	struct facet_error err = { 0 };
	int r;

	r = facet_display_create(&display, &vgpu->display, &err);
	renderer.display = vgpu->display;
	if (!r)
		r = facet_engine_create(engine, &renderer, &vgpu->engine, &err);
	if (!r && !strcmp(engine, "null"))
		pretend_3d(vgpu->engine);
	sched.engine = vgpu->engine;
	if (!r)
		r = facet_sched_create(&sched, &vgpu->sched, &err);
	config.device_config.sched = vgpu->sched;
	config.device_config.display = vgpu->display;
	config.device_config.max_resources = 256;
	if (!r)
		r = facet_transport_create("loopback", &config, &vgpu->transport, &err);
	if (r)
		abort();
}

/* Kept from one input to the next: a reset has to be as good as a new one. */
static struct vgpu *vgpu_of(bool has_3d)
{
	static struct vgpu vgpus[2];
	struct vgpu *vgpu = &vgpus[has_3d];

	if (!vgpu->transport)
		boot(vgpu, !has_3d ? "2d" : getenv("FACET_FUZZ_VIRGL") ? "virgl" : "null");
	return vgpu;
}

static const struct {
	uint16_t type, size;
} commands[] = {
	{ WIRE_GPU_CMD_GET_DISPLAY_INFO, 24 },
	{ WIRE_GPU_CMD_RESOURCE_CREATE_2D, 40 },
	{ WIRE_GPU_CMD_RESOURCE_UNREF, 32 },
	{ WIRE_GPU_CMD_SET_SCANOUT, 48 },
	{ WIRE_GPU_CMD_RESOURCE_FLUSH, 48 },
	{ WIRE_GPU_CMD_TRANSFER_TO_HOST_2D, 56 },
	{ WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING, 32 },
	{ WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 32 },
	{ WIRE_GPU_CMD_GET_CAPSET_INFO, 32 },
	{ WIRE_GPU_CMD_GET_CAPSET, 32 },
	{ WIRE_GPU_CMD_GET_EDID, 32 },
	{ WIRE_GPU_CMD_RESOURCE_ASSIGN_UUID, 32 },
	{ WIRE_GPU_CMD_CTX_CREATE, 96 },
	{ WIRE_GPU_CMD_CTX_DESTROY, 24 },
	{ WIRE_GPU_CMD_CTX_ATTACH_RESOURCE, 32 },
	{ WIRE_GPU_CMD_CTX_DETACH_RESOURCE, 32 },
	{ WIRE_GPU_CMD_RESOURCE_CREATE_3D, 72 },
	{ WIRE_GPU_CMD_TRANSFER_TO_HOST_3D, 72 },
	{ WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D, 72 },
	{ WIRE_GPU_CMD_SUBMIT_3D, 32 },
	{ WIRE_GPU_CMD_UPDATE_CURSOR, 56 },
	{ WIRE_GPU_CMD_MOVE_CURSOR, 56 },
	{ WIRE_GPU_CMD_RESOURCE_CREATE_BLOB, 56 },
	{ WIRE_GPU_CMD_SET_SCANOUT_BLOB, 96 },
};

static void send_request(struct vgpu *vgpu, unsigned int queue, const void *request, size_t size,
			 unsigned int pieces, size_t room)
{
	if (facet_loopback_send(vgpu->transport, queue, request, size, pieces, room) >= 0)
		return;
	/* The ring is full of answers nobody took: the driver starts anew. */
	facet_loopback_reset(vgpu->transport, UINT64_MAX);
	facet_loopback_send(vgpu->transport, queue, request, size, pieces, room);
}

/* A command as a driver writes it, with every number up to the input. */
static void send_command(struct vgpu *vgpu, struct input *in)
{
	uint32_t words[MAX_REQUEST / 4] = { 0 };
	size_t index = byte(in) % FACET_ARRAY_SIZE(commands), size = commands[index].size;
	uint8_t flags = byte(in);
	bool cursor = commands[index].type >= WIRE_GPU_CMD_UPDATE_CURSOR;
	size_t count = size / 4, extra = 0;

	words[0] = htole32(commands[index].type);
	words[1] = htole32(flags & 3);
	words[2] = flags;
	words[4] = htole32(flags & 4 ? byte(in) : 1); /* context */
	for (size_t i = 6; i < count; i++)
		words[i] = htole32(number(in));
	if (commands[index].type == WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING)
		extra = 4 * (size_t)(le32toh(words[7]) % MAX_ENTRIES);
	if (commands[index].type == WIRE_GPU_CMD_RESOURCE_CREATE_BLOB)
		extra = 4 * (size_t)(le32toh(words[9]) % MAX_ENTRIES);
	if (commands[index].type == WIRE_GPU_CMD_SUBMIT_3D)
		extra = le32toh(words[6]) / 4 % 256;
	for (size_t i = 0; i < extra; i++)
		words[count + i] = htole32(number(in));
	/* Addresses are pages: bytes would hardly ever meet. */
	for (size_t i = 0; i < extra && commands[index].type != WIRE_GPU_CMD_SUBMIT_3D; i += 4)
		words[count + i] *= PAGE;
	send_request(vgpu, flags & 8 ? !cursor : cursor, words, size + 4 * extra,
		     flags & 16 ? 3 : 1,
		     flags & 32 ? byte(in)
		     : cursor   ? 0
				: 2048);
}

static void send_raw(struct vgpu *vgpu, struct input *in)
{
	uint8_t request[MAX_REQUEST];
	size_t size = byte(in);

	for (size_t i = 0; i < size; i++)
		request[i] = byte(in);
	send_request(vgpu, byte(in) & 1, request, size, 1, 64);
}

static void scribble(struct vgpu *vgpu, struct input *in)
{
	uint8_t *memory = facet_loopback_memory(vgpu->transport);
	size_t at = (size_t)number(in) * 64 % (FACET_LOOPBACK_MEMORY - 256), size = byte(in);

	for (size_t i = 0; i < size; i++)
		memory[at + i] = byte(in);
}

static void touch_config(struct vgpu *vgpu, struct input *in)
{
	struct facet_device *device = facet_loopback_device(vgpu->transport);
	uint8_t buf[32];
	size_t offset = byte(in) % 40, size = byte(in) % sizeof(buf);

	facet_device_config_read(device, offset, buf, size);
	memset(buf, byte(in), sizeof(buf));
	facet_device_config_write(device, offset, buf, size);
}

static void want(struct vgpu *vgpu, struct input *in)
{
	struct facet_output output = { .connected = byte(in) & 1 };
	unsigned int index = byte(in);

	output.width = number(in);
	output.height = number(in);
	facet_display_want(vgpu->display, index, &output, NULL);
}

/* Until the engine has done all there is. */
static void drain(struct vgpu *vgpu)
{
	struct wire_gpu_ctrl_hdr hdr = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO),
					 .flags = le32_of(WIRE_GPU_FLAG_FENCE) };
	int ticket, r;

	ticket = facet_loopback_send(vgpu->transport, 0, &hdr, sizeof(hdr), 1, 408);
	if (ticket < 0)
		return;
	r = facet_loopback_wait(vgpu->transport, 0, ticket, &hdr, sizeof(hdr));
	if (r < 0 || !le32_get(hdr.type)) /* a queue that hangs, or an answer that is none */
		abort();
}

/* After a reset the guest owes nothing; only what belongs to the vGPU itself may remain. */
static void check_balance(struct vgpu *vgpu)
{
	struct facet_usage usage;

	facet_loopback_reset(vgpu->transport, UINT64_MAX);
	drain(vgpu);
	facet_sched_usage(vgpu->sched, &usage);
	if (usage.vram_bytes || usage.contexts)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct vgpu *vgpu = vgpu_of(byte(&in) & 1);
	bool broken = false;

	while (in.at < in.end) {
		uint8_t op = byte(&in);

		if (op < 0xa0)
			send_command(vgpu, &in);
		else if (op < 0xb0)
			send_raw(vgpu, &in);
		else if (op < 0xc0)
			scribble(vgpu, &in), broken = true;
		else if (op < 0xd0)
			touch_config(vgpu, &in);
		else if (op < 0xe0)
			want(vgpu, &in);
		else if (op < 0xe8)
			facet_loopback_reset(vgpu->transport, number(&in)), broken = false;
		else if (!broken)
			drain(vgpu);
		facet_transport_dispatch(vgpu->transport);
	}
	check_balance(vgpu);
	return 0;
}
