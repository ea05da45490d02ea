/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fixture.h - for this device's tests: a guest on the loopback transport, and its requests. */
#ifndef FACET_DEVICE_VIRTIO_GPU_FIXTURE_H
#define FACET_DEVICE_VIRTIO_GPU_FIXTURE_H

#include "device/virtio_gpu/testbed.h"

struct facet_transport;

enum {
	OK = WIRE_GPU_RESP_OK_NODATA,
	UNSPEC = WIRE_GPU_RESP_ERR_UNSPEC,
	NO_MEMORY = WIRE_GPU_RESP_ERR_OUT_OF_MEMORY,
	BAD_SCANOUT = WIRE_GPU_RESP_ERR_INVALID_SCANOUT_ID,
	BAD_RESOURCE = WIRE_GPU_RESP_ERR_INVALID_RESOURCE_ID,
	BAD_CONTEXT = WIRE_GPU_RESP_ERR_INVALID_CONTEXT_ID,
	BAD_PARAMETER = WIRE_GPU_RESP_ERR_INVALID_PARAMETER,
};

enum { CONTROL, CURSOR };

struct fixture {
	struct facet_sched sched;
	struct facet_display display;
	struct facet_transport *guest;
	unsigned int max_resources;
};

struct attach {
	struct wire_gpu_resource_attach_backing head;
	struct wire_gpu_mem_entry entries[3];
};

#define HDR(name)       .hdr.type = le32_of(WIRE_GPU_CMD_##name)
#define ASK(f, request) ask(f, &(request), sizeof(request))
#define JOBS(f, kind)   ((f)->sched.count[FACET_JOB_##kind])

int testbed_boot(struct fixture *f, bool has_3d, unsigned int outputs);
int testbed_set_up(void **state);
int testbed_tear_down(void **state);
int send_to(struct fixture *f, unsigned int queue, const void *request, size_t size, size_t room);
int answer_of(struct fixture *f, int ticket, void *response, size_t size);
uint32_t ask(struct fixture *f, const void *request, size_t size);
uint32_t create_2d(struct fixture *f, uint32_t id, uint32_t width, uint32_t height);
struct wire_gpu_resource_create_3d texture(uint32_t id, uint32_t width, uint32_t height);
uint32_t on_resource(struct fixture *f, uint32_t type, uint32_t context, uint32_t id);
uint32_t unref(struct fixture *f, uint32_t id);
struct attach pages(uint32_t id, uint32_t count);
uint32_t set_scanout(struct fixture *f, uint32_t output, uint32_t id, struct facet_rect r);
uint32_t create_context(struct fixture *f, uint32_t id);

#endif
