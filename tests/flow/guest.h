/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest.h - for flow tests: a whole vGPU with a guest on the loopback transport. */
#ifndef FACET_TESTS_FLOW_GUEST_H
#define FACET_TESTS_FLOW_GUEST_H

#include "transport/loopback/loopback.h"
#include "wire/virtio_gpu.h"

/* display, engine, sched and transport, in the order of their making. */
struct guest {
	struct facet_display *display;
	struct facet_engine *engine;
	struct facet_sched *sched;
	struct facet_transport *transport;
	uint64_t fence;
};

/* Fails the test when a part of the vGPU cannot be made. */
void guest_boot(struct guest *guest, const char *engine, unsigned int outputs);
void guest_halt(struct guest *guest);

/* Sends one control request as a fence, waits for its end. The type of the answer. */
uint32_t guest_ask(struct guest *guest, void *request, size_t size);
/* The same, and fails the test unless it is OK_NODATA. */
void guest_do(struct guest *guest, void *request, size_t size);
#define GUEST_DO(guest, request) guest_do(guest, &(request), sizeof(request))

/* A resource whose pages lie scattered, each below the one before it. */
void guest_create_2d(struct guest *guest, uint32_t id, uint32_t format, uint32_t width,
		     uint32_t height);
void guest_create_3d(struct guest *guest, uint32_t id, uint32_t format, uint32_t width,
		     uint32_t height);
void guest_attach(struct guest *guest, uint32_t id, size_t size);
/* Copies to and from those pages. */
void guest_write(struct guest *guest, uint32_t id, size_t offset, const void *from, size_t size);
void guest_read(struct guest *guest, uint32_t id, size_t offset, void *to, size_t size);

void guest_show(struct guest *guest, unsigned int output, uint32_t id, struct facet_rect rect);
void guest_flush(struct guest *guest, uint32_t id, struct facet_rect rect);
void guest_cursor(struct guest *guest, uint32_t type, unsigned int output, uint32_t id, int32_t x,
		  int32_t y);

/* What a person sees: 0xRRGGBB a pixel, to be freed; NULL when the output is off. */
uint32_t *guest_picture(struct guest *guest, unsigned int output, bool with_cursor,
			uint32_t *ret_width, uint32_t *ret_height);

#endif
