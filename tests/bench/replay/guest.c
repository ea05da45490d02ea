// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.c - the scene on a vGPU: streams through loopback, virtio-gpu, scheduler and virgl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "device/device.h"
#include "display/display.h"
#include "engine/engine.h"
#include "scene.h"
#include "sched/sched.h"
#include "stream.h"
#include "transport/loopback/loopback.h"
#include "transport/transport.h"
#include "wire/virtio_gpu.h"

enum {
	CONTEXT = 1,
	/* A guest's pages are all over its memory; so many of them follow each other at a time. */
	PIECE = 64 << 10,
	PIECES = (SCENE_BYTES + PIECE - 1) / PIECE,
};

struct guest {
	struct scene_side side;
	struct facet_transport *transport;
	uint8_t *memory;
	uint64_t pages[PIECES]; /* behind the colour buffer: guest-physical addresses */
	uint64_t vertices;
	uint64_t fence;
	struct stream stream; /* what post_stream() sends */
	uint32_t pixels[SCENE_WIDTH * SCENE_HEIGHT];
};

static void released(void *owner)
{
	/* Nobody watches, so nothing is ever shown again. */
}

/* Puts one request on the control queue; with a fence when there is something to wait for. */
static int post(struct guest *guest, struct wire_gpu_ctrl_hdr *hdr, size_t size,
		enum wire_gpu_type type, bool fenced)
{
	int ticket;

	hdr->type = le32_of(type);
	hdr->flags = le32_of(fenced ? WIRE_GPU_FLAG_FENCE : 0);
	hdr->fence_id = le64_of(fenced ? ++guest->fence : 0);
	hdr->ctx_id = le32_of(CONTEXT);
	ticket = facet_loopback_send(guest->transport, WIRE_GPU_QUEUE_CONTROL, hdr, size, 2,
				     sizeof(*hdr));
	/* A real device works while its guest goes on: so let it look now. */
	return facet_transport_dispatch(guest->transport) ? -1 : ticket;
}

static int await(struct guest *guest, int ticket)
{
	struct wire_gpu_ctrl_hdr answer = { 0 };

	if (ticket < 0 || facet_loopback_wait(guest->transport, WIRE_GPU_QUEUE_CONTROL, ticket,
					      &answer, sizeof(answer)) < 0)
		return -1;
	if (le32_get(answer.type) == WIRE_GPU_RESP_OK_NODATA)
		return 0;
	fprintf(stderr, "virgl-replay: a request was answered with 0x%x\n", le32_get(answer.type));
	return -1;
}

static int request(struct guest *guest, struct wire_gpu_ctrl_hdr *hdr, size_t size,
		   enum wire_gpu_type type)
{
	return await(guest, post(guest, hdr, size, type, false));
}

static int make_resource(struct guest *guest, uint32_t id, uint32_t target, uint32_t format,
			 uint32_t bind, uint32_t width, uint32_t height)
{
	struct wire_gpu_resource_create_3d create = {
		.resource_id = le32_of(id),
		.target = le32_of(target),
		.format = le32_of(format),
		.bind = le32_of(bind),
		.width = le32_of(width),
		.height = le32_of(height),
		.depth = le32_of(1),
		.array_size = le32_of(1),
	};
	struct wire_gpu_resource attach = { .resource_id = le32_of(id) };

	if (request(guest, &create.hdr, sizeof(create), WIRE_GPU_CMD_RESOURCE_CREATE_3D))
		return -1;
	return request(guest, &attach.hdr, sizeof(attach), WIRE_GPU_CMD_CTX_ATTACH_RESOURCE);
}

static int attach(struct guest *guest, uint32_t id, const uint64_t *pages, unsigned int count,
		  uint32_t piece)
{
	struct {
		struct wire_gpu_resource_attach_backing head;
		struct wire_gpu_mem_entry entries[PIECES];
	} backing = { .head = { .resource_id = le32_of(id), .nr_entries = le32_of(count) } };

	for (unsigned int i = 0; i < count; i++) {
		backing.entries[i].addr = le64_of(pages[i]);
		backing.entries[i].length = le32_of(piece);
	}
	return request(guest, &backing.head.hdr,
		       sizeof(backing.head) + count * sizeof(backing.entries[0]),
		       WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING);
}

static int post_transfer(struct guest *guest, enum wire_gpu_type type, uint32_t id, uint32_t width,
			 uint32_t height)
{
	struct wire_gpu_transfer_host_3d transfer = {
		.box = { .w = le32_of(width), .h = le32_of(height), .d = le32_of(1) },
		.resource_id = le32_of(id),
	};

	return post(guest, &transfer.hdr, sizeof(transfer), type, true);
}

static int post_stream(struct guest *guest)
{
	static _Alignas(8) uint8_t out[sizeof(struct wire_gpu_submit_3d) + sizeof(struct stream)];
	size_t bytes = guest->stream.count * 4;
	struct wire_gpu_submit_3d *head = (void *)out;

	*head = (struct wire_gpu_submit_3d){ .size = le32_of((uint32_t)bytes) };
	memcpy(out + sizeof(*head), guest->stream.words, bytes);
	return post(guest, &head->hdr, sizeof(*head) + bytes, WIRE_GPU_CMD_SUBMIT_3D, true);
}

static int make_vertices(struct guest *guest)
{
	static scene_mesh mesh;

	scene_make_mesh(mesh);
	guest->vertices = facet_loopback_alloc(guest->transport, sizeof(mesh));
	memcpy(guest->memory + guest->vertices, mesh, sizeof(mesh));
	if (make_resource(guest, STREAM_VERTICES, WIRE_GPU_TARGET_BUFFER, STREAM_FORMAT_BYTES,
			  STREAM_BIND_VERTICES, sizeof(mesh), 1) ||
	    attach(guest, STREAM_VERTICES, &guest->vertices, 1, sizeof(mesh)))
		return -1;
	return await(guest, post_transfer(guest, WIRE_GPU_CMD_TRANSFER_TO_HOST_3D, STREAM_VERTICES,
					  sizeof(mesh), 1));
}

static int make_scene(struct guest *guest)
{
	struct wire_gpu_ctx_create create = { .nlen = le32_of(6), .debug_name = "replay" };

	/* Every other piece, from the last to the first: none follows the one before. */
	for (unsigned int i = 0; i < PIECES; i++) {
		guest->pages[PIECES - 1 - i] = facet_loopback_alloc(guest->transport, PIECE);
		facet_loopback_alloc(guest->transport, PIECE);
	}
	if (request(guest, &create.hdr, sizeof(create), WIRE_GPU_CMD_CTX_CREATE) ||
	    make_resource(guest, STREAM_COLOUR, WIRE_GPU_TARGET_2D, STREAM_FORMAT_COLOUR,
			  STREAM_BIND_COLOUR, SCENE_WIDTH, SCENE_HEIGHT) ||
	    make_resource(guest, STREAM_DEPTH, WIRE_GPU_TARGET_2D, STREAM_FORMAT_DEPTH,
			  STREAM_BIND_DEPTH, SCENE_WIDTH, SCENE_HEIGHT) ||
	    attach(guest, STREAM_COLOUR, guest->pages, PIECES, PIECE) || make_vertices(guest))
		return -1;
	stream_make_setup(&guest->stream);
	return await(guest, post_stream(guest));
}

static void gather_pixels(struct guest *guest)
{
	uint8_t *to = (uint8_t *)guest->pixels;

	for (unsigned int i = 0; i < PIECES; i++) {
		size_t left = sizeof(guest->pixels) - (size_t)i * PIECE;

		memcpy(to + (size_t)i * PIECE, guest->memory + guest->pages[i],
		       left < PIECE ? left : PIECE);
	}
}

/* As a guest's Mesa does: it sends all, and waits for the last. */
static int run_frame(struct guest *guest, int read_back)
{
	int drawn = post_stream(guest), copied = -1;

	if (read_back)
		copied = post_transfer(guest, WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D, STREAM_COLOUR,
				       SCENE_WIDTH, SCENE_HEIGHT);
	if (read_back && await(guest, copied))
		return -1;
	return await(guest, drawn);
}

static int64_t run(struct scene_side *side, unsigned int draws, unsigned int frames, int read_back)
{
	struct guest *guest = (struct guest *)side;
	int64_t start, time;

	stream_make_frame(&guest->stream, draws);
	start = scene_now();
	for (unsigned int i = 0; i < frames; i++)
		if (run_frame(guest, read_back))
			return -1;
	time = scene_now() - start;
	if (read_back)
		gather_pixels(guest);
	return time;
}

static int make_vgpu(struct guest *guest, struct facet_error *err)
{
	static struct facet_display_config display = { .output_count = 1, .released = released };
	struct facet_engine_config engine = { .render_fd = -1 };
	struct facet_sched_config sched = { 0 };
	struct facet_transport_config transport = { .device = "virtio-gpu",
						    .listen_fd = -1,
						    .fd = -1 };
	int r;

	display.outputs[0].connected = true;
	r = facet_display_create(&display, &engine.display, err);
	if (!r)
		r = facet_engine_create("virgl", &engine, &sched.engine, err);
	if (!r)
		r = facet_sched_create(&sched, &transport.device_config.sched, err);
	if (r)
		return r;
	transport.device_config.display = engine.display;
	return facet_transport_create("loopback", &transport, &guest->transport, err);
}

struct scene_side *scene_facet_side(void)
{
	static struct guest guest = { .side.run = run };
	struct facet_error err = { .text = "?" };

	guest.side.pixels = guest.pixels;
	if (make_vgpu(&guest, &err)) {
		fprintf(stderr, "virgl-replay: %s\n", err.text);
		return NULL;
	}
	guest.memory = facet_loopback_memory(guest.transport);
	return make_scene(&guest) ? NULL : &guest.side;
}
