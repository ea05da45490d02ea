// SPDX-License-Identifier: GPL-2.0-or-later
/* picture_test.c - what QEMU's console would show is what the guest shows. */
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm_fourcc.h>

#include "display/vhost_user_gpu/test_qemu.h"

static void test_handshake(void **state)
{
	struct facet_frame frame = frame_of(64, 48);

	facet_display_set_scanout(t.display, 0, &frame);
	commit(0, 0, 0, 64, 48);
	facet_display_query(t.display, 0);
	expect(WIRE_VUG_GET_PROTOCOL_FEATURES, NULL, 0);
	assert_true(nothing_comes()); /* all else waits */
	reply(WIRE_VUG_GET_PROTOCOL_FEATURES, &(uint64_t){ UINT64_MAX }, 8);
	assert_int_equal(dispatch(), 0);
	expect(WIRE_VUG_SET_PROTOCOL_FEATURES, &(uint64_t){ 0 }, 8);
	expect(WIRE_VUG_GET_DISPLAY_INFO, NULL, 0);
	expect_scanout(0, 64, 48);
	expect_update(0, 0, 0, 64, 48);
	expect_picture();
	assert_int_equal(facet_sink_frames(t.sink), 1);
}

static void test_modes(void **state)
{
	struct facet_frame a = frame_of(641, 479), b = frame_of(641, 479), c = frame_of(32, 16);

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 1, &a);
	commit(1, 600, 470, 41, 9); /* the first time, everything is new */
	expect_scanout(1, 641, 479);
	expect_update(1, 0, 0, 641, 479);
	expect_picture();

	paint(2);
	commit(1, 3, 5, 7, 11);
	expect_update(1, 3, 5, 7, 11);
	assert_int_equal(t.surface[15][9], t.pixels[15][9]);
	assert_int_not_equal(t.surface[16][9], t.pixels[16][9]);

	facet_display_set_scanout(t.display, 1, &b); /* a page flip: the surface stays */
	commit(1, 3, 5, 7, 11);
	expect_update(1, 0, 0, 641, 479);
	expect_picture();

	facet_display_set_scanout(t.display, 1, &c);
	commit(1, 0, 0, 32, 16);
	expect_scanout(1, 32, 16);
	expect_update(1, 0, 0, 32, 16);
	expect_picture();

	facet_display_set_scanout(t.display, 1, NULL);
	expect_scanout(1, 0, 0);
	commit(1, 0, 0, 32, 16);
	facet_display_set_scanout(t.display, 1, &c); /* QEMU's surface is gone */
	commit(1, 0, 0, 1, 1);
	expect_scanout(1, 32, 16);
	expect_update(1, 0, 0, 32, 16);
}

/* A mode that QEMU never heard of needs no end, and one that is over no picture. */
static void test_modes_coalesce(void **state)
{
	struct facet_frame a = frame_of(100, 100), b = frame_of(50, 60);

	expect(WIRE_VUG_GET_PROTOCOL_FEATURES, NULL, 0);
	facet_display_set_scanout(t.display, 0, &a);
	commit(0, 0, 0, 100, 100);
	facet_display_set_scanout(t.display, 0, NULL);
	facet_display_set_scanout(t.display, 0, &b);
	commit(0, 0, 0, 50, 60);
	facet_display_set_scanout(t.display, 1, &a);
	commit(1, 0, 0, 100, 100);
	facet_display_set_scanout(t.display, 1, NULL);
	reply(WIRE_VUG_GET_PROTOCOL_FEATURES, &(uint64_t){ 0 }, 8);
	assert_int_equal(dispatch(), 0);
	expect(WIRE_VUG_SET_PROTOCOL_FEATURES, &(uint64_t){ 0 }, 8);
	expect_scanout(0, 50, 60);
	expect_update(0, 0, 0, 50, 60);
	facet_display_set_scanout(t.display, 0, NULL);
	expect_scanout(0, 0, 0);
}

static void test_formats(void **state)
{
	struct facet_frame frame = frame_of(33, 7);

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &frame);
	/* What cannot be read is not shown, does no harm, and is not forgotten. */
	frame.fourcc = DRM_FORMAT_RGB565;
	commit(0, 0, 0, 33, 7);
	frame.fourcc = DRM_FORMAT_BGRX8888;
	t.read_error = -EIO;
	commit(0, 0, 0, 33, 7);
	t.read_error = 0;
	commit(0, 1, 1, 2, 2);
	expect_scanout(0, 33, 7);
	expect_update(0, 0, 0, 33, 7);
	for (int x = 0; x < 33; x++)
		assert_int_equal(t.surface[6][x], __builtin_bswap32(t.pixels[6][x]));
	assert_int_equal(t.reads, 2);
}

/* A large frame comes in messages that QEMU reads at once; one larger than the buffer, in pieces.
 */
static void test_bands(void **state)
{
	const uint32_t rows = (16 << 20) / (SURFACE_SIDE * 4);
	struct facet_frame frame = frame_of(SURFACE_SIDE, SURFACE_SIDE);

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &frame);
	commit(0, 0, 0, SURFACE_SIDE, SURFACE_SIDE);
	expect_scanout(0, SURFACE_SIDE, SURFACE_SIDE);
	expect_update(0, 0, 0, SURFACE_SIDE, rows);
	expect_update(0, 0, rows, SURFACE_SIDE, SURFACE_SIDE - rows);
	expect_picture();
	assert_true(t.biggest <= (256 << 10) + sizeof(struct wire_vug_update));
	assert_int_equal(t.reads, 2);
}

/* Nobody reads: nobody waits, nothing piles up; then the present comes, not the past. */
static void test_stalled_reader(void **state)
{
	struct facet_frame frame = frame_of(1500, 1500);
	struct facet_cursor cursor = { .visible = true };

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &frame);
	commit(0, 0, 0, 1500, 1500);
	expect_scanout(0, 1500, 1500);
	for (uint32_t i = 0; i < 1000; i++) {
		commit(0, i, 100, 5, 5);
		commit(0, 700, 200 + i, 5, 5);
		cursor.x = (int32_t)i;
		facet_display_set_cursor(t.display, 0, &cursor);
		facet_display_query(t.display, 0);
	}
	assert_int_equal(t.reads, 1);
	paint(7);
	expect_update(0, 0, 0, 1500, 1500);
	/* One question, one cursor, one rectangle, in an order that is the writer's choice. */
	for (int i = 0; i < 3; i++) {
		struct wire_vug_cursor_update c;
		struct wire_vug_header header;

		assert_true(wait_for_bytes());
		assert_int_equal(recv(t.qemu, &header, sizeof(header), MSG_PEEK | MSG_WAITALL),
				 sizeof(header));
		if (header.request == WIRE_VUG_GET_DISPLAY_INFO) {
			expect(WIRE_VUG_GET_DISPLAY_INFO, NULL, 0);
		} else if (header.request == WIRE_VUG_CURSOR_UPDATE) {
			expect(WIRE_VUG_CURSOR_UPDATE, &c, sizeof(c));
			assert_int_equal(c.pos.x, 999);
		} else {
			expect_update(0, 0, 100, 1004, 1104);
		}
	}
	assert_memory_equal(t.surface[1203], t.pixels[1203], 1004 * 4);
	assert_int_equal(t.surface[99][0], ((99 * 977 + 31) & 0xffffff)); /* of the first frame */
	assert_int_equal(t.reads, 2);
	assert_int_equal(facet_sink_frames(t.sink), 2);
	assert_true(nothing_comes());
}

/* One busy output does not starve the other. */
static void test_two_outputs(void **state)
{
	struct facet_frame a = frame_of(800, 600), b = frame_of(300, 200);

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &a);
	commit(0, 0, 0, 800, 600);
	commit(0, 0, 0, 800, 600);
	facet_display_set_scanout(t.display, 1, &b);
	commit(1, 0, 0, 300, 200);
	expect_scanout(0, 800, 600);
	expect_update(0, 0, 0, 800, 600);
	expect_scanout(1, 300, 200);
	expect_update(1, 0, 0, 300, 200);
	t.width = 800;
	t.height = 600;
	expect_update(0, 0, 0, 800, 600);
}

static void test_cursor(void **state)
{
	struct facet_cursor cursor = { .x = -5, .y = 7, .hot_x = 1, .hot_y = 2, .visible = true };
	struct wire_vug_cursor_update u;
	struct wire_vug_cursor_pos pos;

	for (int i = 0; i < WIRE_VUG_CURSOR_PIXELS; i++)
		cursor.pixels[i] = 0x80000000u + (uint32_t)i;
	shake_hands(3, 3);
	facet_display_set_cursor(t.display, 1, &cursor);
	expect(WIRE_VUG_CURSOR_UPDATE, &u, sizeof(u));
	assert_int_equal(u.pos.output, 1);
	assert_int_equal((int32_t)u.pos.x, -5);
	assert_int_equal(u.pos.y, 7);
	assert_int_equal(u.hot_x, 1);
	assert_int_equal(u.hot_y, 2);
	assert_memory_equal(u.pixels, cursor.pixels, sizeof(u.pixels));

	facet_display_move_cursor(t.display, 1, 30, 40, true);
	expect(WIRE_VUG_CURSOR_POS, &pos, sizeof(pos));
	assert_int_equal(pos.x, 30);
	assert_int_equal(pos.y, 40);
	facet_display_move_cursor(t.display, 1, 31, 41, false);
	expect(WIRE_VUG_CURSOR_POS_HIDE, &pos, sizeof(pos));
	assert_int_equal(pos.output, 1);

	/* An image that nobody can see waits, for QEMU would show it. */
	cursor.visible = false;
	cursor.hot_x = 9;
	facet_display_set_cursor(t.display, 1, &cursor);
	expect(WIRE_VUG_CURSOR_POS_HIDE, &pos, sizeof(pos));
	facet_display_move_cursor(t.display, 1, 1, 1, true);
	expect(WIRE_VUG_CURSOR_UPDATE, &u, sizeof(u));
	assert_int_equal(u.hot_x, 9);
	assert_int_equal(u.pos.x, 1);
}

/* --- buffers that QEMU maps --- */

static int take_fd(uint32_t request, void *payload, size_t size)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct wire_vug_header header;
	struct iovec iov = { &header, sizeof(header) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd = -1;

	assert_int_equal(recvmsg(t.qemu, &msg, MSG_WAITALL), sizeof(header));
	assert_int_equal(header.request, request);
	assert_int_equal(header.size, size);
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	assert_true(get(payload, size));
	return fd;
}

static struct facet_frame dmabuf_of(uint32_t width, uint32_t height)
{
	struct facet_frame frame = frame_of(width, height);

	frame.dmabuf_fd = memfd_create("dmabuf", 0);
	frame.dmabuf_width = 4096;
	frame.dmabuf_height = 2048;
	frame.dmabuf_stride = 4096 * 4;
	frame.dmabuf_x = 8;
	frame.dmabuf_y = 16;
	frame.dmabuf_modifier = 0x0100000000000002;
	frame.y0_top = true;
	return frame;
}

static void check_dmabuf(const struct wire_vug_dmabuf_scanout *s, const struct facet_frame *frame,
			 int fd)
{
	struct stat ours, theirs;

	assert_int_equal(s->output, 0);
	assert_int_equal(s->x, 8);
	assert_int_equal(s->y, 16);
	assert_int_equal(s->width, frame->width);
	assert_int_equal(s->height, frame->height);
	assert_int_equal(s->fd_width, 4096);
	assert_int_equal(s->fd_height, 2048);
	assert_int_equal(s->fd_stride, 4096 * 4);
	assert_int_equal(s->fd_flags, WIRE_VUG_DMABUF_Y0_TOP);
	assert_int_equal(s->fourcc, DRM_FORMAT_XRGB8888);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &theirs), 0);
	assert_int_equal(fstat(frame->dmabuf_fd, &ours), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(fd);
}

static void expect_dmabuf_update(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	struct wire_vug_update u;

	expect(WIRE_VUG_DMABUF_UPDATE, &u, sizeof(u));
	assert_int_equal(u.x, x);
	assert_int_equal(u.y, y);
	assert_int_equal(u.width, width);
	assert_int_equal(u.height, height);
}

static void test_dmabuf(void **state)
{
	struct facet_frame a = dmabuf_of(640, 480), b = dmabuf_of(640, 480);
	struct facet_frame copied = frame_of(640, 480);
	struct wire_vug_dmabuf_scanout2 s;

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &a);
	commit(0, 1, 2, 3, 4);
	check_dmabuf(&s.scanout, &a, take_fd(WIRE_VUG_DMABUF_SCANOUT2, &s, sizeof(s)));
	assert_true(s.modifier == a.dmabuf_modifier);
	expect_dmabuf_update(0, 0, 640, 480);

	/* The next one only after the reply, and all together. */
	commit(0, 10, 10, 1, 1);
	commit(0, 20, 30, 1, 1);
	assert_true(nothing_comes());
	reply(WIRE_VUG_DMABUF_UPDATE, NULL, 0);
	assert_int_equal(dispatch(), 0);
	expect_dmabuf_update(10, 10, 11, 21);

	/* Another buffer, even if it looks the same. Its answer never comes: a second is enough. */
	facet_display_set_scanout(t.display, 0, &b);
	commit(0, 0, 0, 1, 1);
	check_dmabuf(&s.scanout, &b, take_fd(WIRE_VUG_DMABUF_SCANOUT2, &s, sizeof(s)));
	expect_dmabuf_update(0, 0, 640, 480);

	/* To pixels and back: QEMU lets go of the buffer. */
	facet_display_set_scanout(t.display, 0, &copied);
	commit(0, 0, 0, 1, 1);
	assert_int_equal(take_fd(WIRE_VUG_DMABUF_SCANOUT, &s.scanout, sizeof(s.scanout)), -1);
	assert_int_equal(s.scanout.width, 0);
	expect_scanout(0, 640, 480);
	expect_update(0, 0, 0, 640, 480);
	facet_display_set_scanout(t.display, 0, &b);
	reply(WIRE_VUG_DMABUF_UPDATE, NULL, 0); /* late, for the second; the third is merged */
	assert_int_equal(dispatch(), 0);
	commit(0, 0, 0, 1, 1);
	check_dmabuf(&s.scanout, &b, take_fd(WIRE_VUG_DMABUF_SCANOUT2, &s, sizeof(s)));
	expect_dmabuf_update(0, 0, 640, 480);
	facet_display_set_scanout(t.display, 0, NULL);
	assert_int_equal(take_fd(WIRE_VUG_DMABUF_SCANOUT, &s.scanout, sizeof(s.scanout)), -1);
	assert_int_equal(t.reads, 1);
	close(a.dmabuf_fd);
	close(b.dmabuf_fd);
}

static void test_dmabuf_old_qemu(void **state)
{
	struct facet_frame a = dmabuf_of(640, 480);
	struct wire_vug_dmabuf_scanout s;

	shake_hands(0, 0);
	facet_display_set_scanout(t.display, 0, &a);
	commit(0, 0, 0, 640, 480);
	check_dmabuf(&s, &a, take_fd(WIRE_VUG_DMABUF_SCANOUT, &s, sizeof(s)));
	expect_dmabuf_update(0, 0, 640, 480);
	a.dmabuf_fd = (close(a.dmabuf_fd), 1000000); /* cannot be copied: pixels then */
	facet_display_set_scanout(t.display, 0, &a);
	commit(0, 0, 0, 640, 480);
	assert_int_equal(take_fd(WIRE_VUG_DMABUF_SCANOUT, &s, sizeof(s)), -1);
	expect_scanout(0, 640, 480);
	expect_update(0, 0, 0, 640, 480);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, gpu_test_setup, gpu_test_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_handshake),       TEST(test_modes),  TEST(test_modes_coalesce),
		TEST(test_formats),         TEST(test_bands),  TEST(test_stalled_reader),
		TEST(test_two_outputs),     TEST(test_cursor), TEST(test_dmabuf),
		TEST(test_dmabuf_old_qemu),
	};

	return cmocka_run_group_tests_name("vhost-user-gpu pictures", tests, NULL, NULL);
}
