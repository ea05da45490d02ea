// SPDX-License-Identifier: GPL-2.0-or-later
/* guest.c - the recording replayed on a vGPU: loopback, virtio-gpu, scheduler and virgl. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/device.h"
#include "display/display.h"
#include "engine/engine.h"
#include "recording.h"
#include "scene.h"
#include "sched/sched.h"
#include "transport/loopback/loopback.h"
#include "transport/transport.h"
#include "wire/virtio_gpu.h"

enum {
	MEMORY = FACET_LOOPBACK_MEMORY / 2 - (1 << 20), /* for resources; the rings need some */
	MAX_WAITING = 32,
};

struct guest {
	struct scene_side side;
	struct facet_transport *transport;
	uint8_t *memory;
	uint64_t fence;
	int tickets[MAX_WAITING]; /* of requests that may not have been answered yet */
	unsigned int waiting;
	struct recording recording;
	unsigned int take; /* that everything is ready for; SCENE_TAKES: none */
	uint32_t pixels[SCENE_WIDTH * SCENE_HEIGHT];
};

static void released(void *owner)
{
	/* Nobody watches, so nothing is ever shown again. */
}

static int post(struct guest *guest, void *data, size_t size, size_t room)
{
	struct wire_gpu_ctrl_hdr *hdr = data;
	int ticket;

	if (le32_get(hdr->flags) & WIRE_GPU_FLAG_FENCE)
		hdr->fence_id = le64_of(++guest->fence);
	ticket = facet_loopback_send(guest->transport, WIRE_GPU_QUEUE_CONTROL, data, size, 2, room);
	/* A real device works while its guest goes on: so let it look now. */
	return facet_transport_dispatch(guest->transport) ? -1 : ticket;
}

static int take_answer(struct guest *guest, int ticket, void *data, size_t room,
		       enum wire_gpu_type type)
{
	struct wire_gpu_ctrl_hdr *answer = data;

	if (ticket < 0 ||
	    facet_loopback_wait(guest->transport, WIRE_GPU_QUEUE_CONTROL, ticket, data, room) < 0)
		return -1;
	if (le32_get(answer->type) == type)
		return 0;
	fprintf(stderr, "virgl-replay: a request was answered with 0x%x\n", le32_get(answer->type));
	return -1;
}

/* As a guest's Mesa does: for the last one first, the others have been answered by then. */
static int await(struct guest *guest)
{
	struct wire_gpu_ctrl_hdr answer;

	while (guest->waiting)
		if (take_answer(guest, guest->tickets[--guest->waiting], &answer, sizeof(answer),
				WIRE_GPU_RESP_OK_NODATA))
			return -1;
	return 0;
}

static int play_step(struct guest *guest, struct step *step)
{
	switch (step->kind) {
	case STEP_WRITE:
		memcpy(guest->memory + step->address, step->data, step->size);
		return 0;
	case STEP_REQUEST:
		if (guest->waiting == MAX_WAITING && await(guest))
			return -1;
		guest->tickets[guest->waiting++] =
			post(guest, step->data, step->size, sizeof(struct wire_gpu_ctrl_hdr));
		return 0;
	default:
		return await(guest);
	}
}

static int play(struct guest *guest, size_t at, size_t end)
{
	while (at < end) {
		struct step *step = (void *)(guest->recording.steps + at);

		if (play_step(guest, step))
			return -1;
		at += recording_step_bytes(step->size);
	}
	return 0;
}

/* From the very beginning, as far as the frame that is to be repeated. */
static int play_until(struct guest *guest, unsigned int take)
{
	struct wire_gpu_ctx_create create = {
		.hdr = { .type = le32_of(WIRE_GPU_CMD_CTX_CREATE),
			 .ctx_id = le32_of(RECORDING_CONTEXT) },
		.nlen = le32_of(6),
		.debug_name = "replay",
	};

	if (guest->take == take)
		return 0;
	guest->take = SCENE_TAKES;
	facet_loopback_reset(guest->transport, UINT64_MAX);
	guest->tickets[guest->waiting++] = post(guest, &create, sizeof(create), sizeof(create.hdr));
	if (play(guest, 0, guest->recording.takes[take].start) || await(guest))
		return -1;
	guest->take = take;
	return 0;
}

static void gather_pixels(struct guest *guest, const struct backing *picture)
{
	uint8_t *to = (uint8_t *)guest->pixels;
	uint32_t size;

	if (picture->size != sizeof(guest->pixels))
		return;
	for (unsigned int i = 0; i < backing_pieces(picture); i++, to += size) {
		uint64_t from = backing_piece(picture, i, &size);

		memcpy(to, guest->memory + from, size);
	}
}

static int64_t run(struct scene_side *side, unsigned int take, unsigned int frames)
{
	struct guest *guest = (struct guest *)side;
	int64_t start, time;

	if (play_until(guest, take))
		return -1;
	start = scene_now();
	for (unsigned int i = 0; i < frames; i++)
		if (play(guest, guest->recording.takes[take].start,
			 guest->recording.takes[take].end))
			return -1;
	time = scene_now() - start;
	if (scene_takes[take].read_back)
		gather_pixels(guest, &guest->recording.takes[take].picture);
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

/* One of the two sets that virgl has. */
static int get_capset(struct guest *guest, unsigned int number, struct capsets *ret)
{
	struct wire_gpu_get_capset_info ask = {
		.hdr.type = le32_of(WIRE_GPU_CMD_GET_CAPSET_INFO),
		.capset_index = le32_of(number),
	};
	struct wire_gpu_resp_capset_info info;
	struct wire_gpu_get_capset get = { .hdr.type = le32_of(WIRE_GPU_CMD_GET_CAPSET) };
	struct {
		struct wire_gpu_resp_capset head;
		uint8_t data[sizeof(ret->data[0])];
	} set;
	size_t size;

	if (take_answer(guest, post(guest, &ask, sizeof(ask), sizeof(info)), &info, sizeof(info),
			WIRE_GPU_RESP_OK_CAPSET_INFO))
		return -1;
	size = le32_get(info.capset_max_size);
	get.capset_id = info.capset_id;
	get.capset_version = info.capset_max_version;
	if (le32_get(info.capset_id) != number + 1 || size > sizeof(set.data) ||
	    take_answer(guest, post(guest, &get, sizeof(get), sizeof(set.head) + size), &set,
			sizeof(set.head) + size, WIRE_GPU_RESP_OK_CAPSET))
		return -1;
	memcpy(ret->data[number], set.data, size);
	ret->sizes[number] = (uint32_t)size;
	return 0;
}

static int make_recording(struct guest *guest, int fd, pid_t pid)
{
	struct backing memory = { .address = facet_loopback_alloc(guest->transport, MEMORY),
				  .size = MEMORY };
	static struct capsets caps;
	int status, r;

	r = get_capset(guest, 0, &caps) || get_capset(guest, 1, &caps) ||
	    recorder_run(fd, &caps, &memory, &guest->recording);
	close(fd);
	if (r)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!r && !status)
		return 0;
	fprintf(stderr, "virgl-replay: Mesa's virpipe could not be recorded\n");
	return -1;
}

struct scene_side *scene_facet_side(void)
{
	static struct guest guest = { .side.run = run, .take = SCENE_TAKES };
	struct facet_error err = { .text = "?" };
	pid_t pid;
	int fd;

	guest.side.pixels = guest.pixels;
	/* Before there are threads. */
	if (recorder_start(&fd, &pid)) {
		perror("virgl-replay: no process to record");
		return NULL;
	}
	if (make_vgpu(&guest, &err)) {
		fprintf(stderr, "virgl-replay: %s\n", err.text);
		return NULL;
	}
	guest.memory = facet_loopback_memory(guest.transport);
	return make_recording(&guest, fd, pid) ? NULL : &guest.side;
}
