/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_guest.h - a picture to publish, a file to publish it in, and a client that looks. */
#ifndef FACET_DISPLAY_KVMFR_TEST_GUEST_H
#define FACET_DISPLAY_KVMFR_TEST_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "display/kvmfr/publisher.h"
#include "viewer/internal.h"

enum {
	TEST_SIDE = 512, /* pixels of the guest's memory */
	TEST_FILE_BYTES = 8 << 20,
};

struct test_guest {
	uint32_t pixels[TEST_SIDE][TEST_SIDE];
	unsigned int reads;
	uint64_t read_pixels;
	int read_error;
	void (*during_read)(void);
	int fd;
	uint32_t clients; /* so far */
	uint64_t now;     /* ms */
	struct kvmfr_publisher p;
};
extern struct test_guest g;

/* A frame of the guest's; @seed makes other pixels. */
struct facet_frame test_frame(uint32_t width, uint32_t height, uint32_t fourcc);
void test_paint(uint32_t seed);
void test_paint_rect(const struct facet_rect *rect, uint32_t value);

int test_file(uint64_t size);
void test_start(uint64_t size); /* g.fd, g.p */
void test_stop(void);

/* What the sink's show() does, without its thread. True: a picture was read. */
bool test_show(const struct facet_frame *frame, const struct facet_rect *damage);
/* @ms later; returns what the publisher wishes for in the end. */
enum kvmfr_wish test_pass(uint64_t ms);
/* Another file descriptor of the same file, and a client on it. */
struct facet_viewer *test_viewer(void);
int test_look(struct facet_viewer *v);
/* What the client has is the guest's top left part. */
void test_expect_picture(const struct facet_viewer *v, uint32_t width, uint32_t height);

#endif
