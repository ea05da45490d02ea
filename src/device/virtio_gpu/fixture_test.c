// SPDX-License-Identifier: GPL-2.0-or-later
/* fixture_test.c - a guest on the loopback transport, for the tests of this device. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "device/virtio_gpu/fixture.h"
#include "transport/loopback/loopback.h"

int testbed_boot(struct fixture *f, bool has_3d, unsigned int outputs)
{
	struct facet_transport_config config = { .device = "virtio-gpu",
						 .fd = -1,
						 .listen_fd = -1 };
	struct facet_error err;

	testbed_sched_init(&f->sched, has_3d);
	testbed_display_init(&f->display, outputs);
	config.device_config.sched = &f->sched;
	config.device_config.display = &f->display;
	config.device_config.max_resources = f->max_resources;
	return facet_transport_create("loopback", &config, &f->guest, &err);
}

int testbed_set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->max_resources = 8;
	return testbed_boot(f, true, 2);
}

/* Whatever a test did, nothing stays charged and no backing is kept. */
int testbed_tear_down(void **state)
{
	struct fixture *f = *state;
	int leaked;

	facet_transport_destroy(f->guest);
	f->sched.hold = false;
	testbed_release(&f->sched);
	leaked = f->sched.used || f->sched.contexts;
	for (int i = 0; i < TESTBED_BACKINGS; i++)
		leaked |= f->sched.backings[i].backing != NULL;
	free(f);
	return leaked;
}

int send_to(struct fixture *f, unsigned int queue, const void *request, size_t size, size_t room)
{
	int ticket = facet_loopback_send(f->guest, queue, request, size, 1, room);

	assert_true(ticket >= 0);
	facet_transport_dispatch(f->guest);
	return ticket;
}

int answer_of(struct fixture *f, int ticket, void *response, size_t size)
{
	return facet_loopback_wait(f->guest, CONTROL, ticket, response, size);
}

/* Sends a whole request with ample room; the type of the answer. */
uint32_t ask(struct fixture *f, const void *request, size_t size)
{
	struct wire_gpu_ctrl_hdr hdr = { 0 };
	int ticket = send_to(f, CONTROL, request, size, 4096);

	assert_true(answer_of(f, ticket, &hdr, sizeof(hdr)) >= (int)sizeof(hdr));
	return le32_get(hdr.type);
}

uint32_t create_2d(struct fixture *f, uint32_t id, uint32_t width, uint32_t height)
{
	struct wire_gpu_resource_create_2d req = {
		HDR(RESOURCE_CREATE_2D),
		.resource_id = le32_of(id),
		.format = le32_of(WIRE_GPU_FORMAT_B8G8R8X8),
		.width = le32_of(width),
		.height = le32_of(height),
	};

	return ASK(f, req);
}

struct wire_gpu_resource_create_3d texture(uint32_t id, uint32_t width, uint32_t height)
{
	return (struct wire_gpu_resource_create_3d){
		HDR(RESOURCE_CREATE_3D),
		.resource_id = le32_of(id),
		.target = le32_of(WIRE_GPU_TARGET_2D),
		.format = le32_of(WIRE_GPU_FORMAT_B8G8R8A8),
		.bind = le32_of(2),
		.width = le32_of(width),
		.height = le32_of(height),
		.depth = le32_of(1),
		.array_size = le32_of(1),
	};
}

/* A command that brings nothing but a resource, and maybe a context. */
uint32_t on_resource(struct fixture *f, uint32_t type, uint32_t context, uint32_t id)
{
	struct wire_gpu_resource req = {
		.hdr.type = le32_of(type),
		.hdr.ctx_id = le32_of(context),
		.resource_id = le32_of(id),
	};

	return ASK(f, req);
}

uint32_t unref(struct fixture *f, uint32_t id)
{
	return on_resource(f, WIRE_GPU_CMD_RESOURCE_UNREF, 0, id);
}

struct attach pages(uint32_t id, uint32_t count)
{
	struct attach req = {
		.head = { HDR(RESOURCE_ATTACH_BACKING), .resource_id = le32_of(id),
			  .nr_entries = le32_of(count) },
	};

	for (uint32_t i = 0; i < 3; i++) {
		req.entries[i].addr = le64_of((1 << 20) + i * 8192);
		req.entries[i].length = le32_of(4096);
	}
	return req;
}

uint32_t set_scanout(struct fixture *f, uint32_t output, uint32_t id, struct facet_rect r)
{
	struct wire_gpu_set_scanout req = {
		HDR(SET_SCANOUT),
		.scanout_id = le32_of(output),
		.resource_id = le32_of(id),
		.r = { le32_of(r.x), le32_of(r.y), le32_of(r.width), le32_of(r.height) },
	};

	return ASK(f, req);
}

uint32_t create_context(struct fixture *f, uint32_t id)
{
	struct wire_gpu_ctx_create req = { HDR(CTX_CREATE), .hdr.ctx_id = le32_of(id),
					   .nlen = le32_of(4), .debug_name = "te\nt" };

	return ASK(f, req);
}
