/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_qemu.h - for tests: a made-up QEMU at the other end of a display socket, and an engine. */
#ifndef FACET_DISPLAY_VHOST_USER_GPU_TEST_QEMU_H
#define FACET_DISPLAY_VHOST_USER_GPU_TEST_QEMU_H

#include <errno.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "display/display.h"
#include "wire/vhost_user_gpu.h"
#include "wire/virtio_gpu.h"

/*
 * The test's thread is engine, loop and QEMU in turn. That works because none of the three ever
 * waits for another; a wait of ours that takes longer than this is a failure.
 */
enum { TOO_LONG_MS = 20000, SURFACE_SIDE = 2200 };

extern struct test_qemu {
	struct facet_display *display;
	struct facet_sink *sink;
	int qemu; /* its end */
	sem_t released;

	uint32_t pixels[SURFACE_SIDE][SURFACE_SIDE]; /* of the guest */
	unsigned int reads;
	int read_error;

	/* What QEMU's console would show: the pixels it was sent. */
	uint32_t width, height;
	uint32_t surface[SURFACE_SIDE][SURFACE_SIDE];
	size_t biggest; /* message */

	unsigned int wanted[2];
	struct facet_output state[2];
} t;

/* The engine. A frame shows the top left of t.pixels. */
struct facet_frame frame_of(uint32_t width, uint32_t height);
void paint(uint32_t seed);
void commit(unsigned int output, uint32_t x, uint32_t y, uint32_t width, uint32_t height);

/* QEMU reads: exactly what is expected, or the test fails. */
bool wait_for_bytes(void);
bool get(void *to, size_t size);
bool nothing_comes(void);
void expect(uint32_t request, void *payload, size_t size);
void expect_scanout(uint32_t output, uint32_t width, uint32_t height);
struct wire_vug_update take_update(uint32_t output);
void expect_update(uint32_t output, uint32_t x, uint32_t y, uint32_t width, uint32_t height);
void expect_picture(void);

/* QEMU answers. */
void put(const void *data, size_t size);
void reply(uint32_t request, const void *payload, uint32_t size);

/* The loop. */
int dispatch(void);
void shake_hands(uint64_t offered, uint64_t accepted);
bool told(unsigned int output);

/* A new display socket, and its end; setup does the first. */
void plug(void);
void unplug(void);
int gpu_test_setup(void **state);
int gpu_test_teardown(void **state);

#endif
