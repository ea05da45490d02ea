// SPDX-License-Identifier: GPL-2.0-or-later
/* test_qemu.c - for tests: looks at every byte of a display socket, as QEMU would. */
#include "display/vhost_user_gpu/test_qemu.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <drm_fourcc.h>

struct test_qemu t;

/* --- the engine --- */

static int on_read(const struct facet_frame *frame, const struct facet_rect *rect, void *to,
		   size_t stride)
{
	uint32_t y;

	t.reads++;
	assert_true(rect->x + rect->width <= frame->width);
	assert_true(rect->y + rect->height <= frame->height);
	for (y = 0; y < rect->height; y++)
		memcpy((char *)to + y * stride, &t.pixels[rect->y + y][rect->x],
		       (size_t)rect->width * 4);
	return t.read_error;
}

struct facet_frame frame_of(uint32_t width, uint32_t height)
{
	return (struct facet_frame){ .width = width,
				     .height = height,
				     .fourcc = DRM_FORMAT_XRGB8888,
				     .dmabuf_fd = -1,
				     .read = on_read };
}

void paint(uint32_t seed)
{
	for (uint32_t y = 0; y < SURFACE_SIDE; y++) {
		for (uint32_t x = 0; x < SURFACE_SIDE; x++)
			t.pixels[y][x] = (x * 40503 + y * 977 + seed * 31) & 0xffffff;
	}
}

void commit(unsigned int output, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	const struct facet_rect damage = { x, y, width, height };

	facet_display_commit(t.display, output, &damage);
}

/* --- QEMU: reading --- */

/* While QEMU waits for bytes, the engine may be asked to refresh. */
bool wait_for_bytes(void)
{
	struct pollfd p = { .fd = t.qemu, .events = POLLIN };

	for (int waited = 0; waited < TOO_LONG_MS; waited += 5) {
		if (poll(&p, 1, 5))
			return true;
		if (sem_trywait(&t.released) == 0)
			facet_display_refresh(t.display);
	}
	return false;
}

/* False: the other end has gone. */
bool get(void *to, size_t size)
{
	ssize_t n;

	for (size_t have = 0; have < size; have += (size_t)n) {
		assert_true(wait_for_bytes());
		n = recv(t.qemu, (char *)to + have, size - have, 0);
		if (n <= 0)
			return false;
	}
	return true;
}

bool nothing_comes(void)
{
	struct pollfd p = { .fd = t.qemu, .events = POLLIN };

	return poll(&p, 1, 20) == 0;
}

void expect(uint32_t request, void *payload, size_t size)
{
	struct wire_vug_header header;

	assert_true(get(&header, sizeof(header)));
	assert_int_equal(header.request, request);
	assert_int_equal(header.flags, 0);
	assert_int_equal(header.size, size);
	if (size)
		assert_true(get(payload, size));
}

void expect_scanout(uint32_t output, uint32_t width, uint32_t height)
{
	struct wire_vug_scanout s;

	expect(WIRE_VUG_SCANOUT, &s, sizeof(s));
	assert_int_equal(s.output, output);
	assert_int_equal(s.width, width);
	assert_int_equal(s.height, height);
	t.width = width;
	t.height = height;
}

/* One UPDATE, drawn on the console as QEMU does. */
struct wire_vug_update take_update(uint32_t output)
{
	struct wire_vug_header header;
	struct wire_vug_update u;
	uint32_t y;

	assert_true(get(&header, sizeof(header)));
	assert_int_equal(header.request, WIRE_VUG_UPDATE);
	assert_true(get(&u, sizeof(u)));
	assert_int_equal(u.output, output);
	assert_int_equal(header.size, sizeof(u) + (size_t)u.width * u.height * 4);
	assert_true(u.width && u.height);
	assert_true(u.x + u.width <= t.width && u.y + u.height <= t.height);
	for (y = 0; y < u.height; y++)
		assert_true(get(&t.surface[u.y + y][u.x], (size_t)u.width * 4));
	if (header.size > t.biggest)
		t.biggest = header.size;
	return u;
}

/* The bands of one rectangle, from top to bottom without a gap. */
void expect_update(uint32_t output, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	struct wire_vug_update u;
	uint32_t done = 0;

	while (done < height) {
		u = take_update(output);
		assert_int_equal(u.x, x);
		assert_int_equal(u.width, width);
		assert_int_equal(u.y, y + done);
		done += u.height;
	}
	assert_int_equal(done, height);
}

void expect_picture(void)
{
	for (uint32_t y = 0; y < t.height; y++)
		assert_memory_equal(t.surface[y], t.pixels[y], (size_t)t.width * 4);
}

/* --- QEMU: answering --- */

void put(const void *data, size_t size)
{
	assert_int_equal(send(t.qemu, data, size, MSG_NOSIGNAL), size);
}

void reply(uint32_t request, const void *payload, uint32_t size)
{
	struct wire_vug_header header = { request, WIRE_VUG_FLAG_REPLY, size };

	put(&header, sizeof(header));
	if (size)
		put(payload, size);
}

/* Until the sink has something to say; a sink's descriptor is all the loop looks at. */
int dispatch(void)
{
	struct pollfd p = { .fd = facet_sink_fd(t.sink), .events = POLLIN };

	assert_int_equal(poll(&p, 1, TOO_LONG_MS), 1);
	return facet_sink_dispatch(t.sink);
}

void shake_hands(uint64_t offered, uint64_t accepted)
{
	uint64_t features = 99;

	expect(WIRE_VUG_GET_PROTOCOL_FEATURES, NULL, 0);
	reply(WIRE_VUG_GET_PROTOCOL_FEATURES, &offered, sizeof(offered));
	assert_int_equal(dispatch(), 0);
	expect(WIRE_VUG_SET_PROTOCOL_FEATURES, &features, sizeof(features));
	assert_int_equal(features, accepted);
}

/* --- both --- */

static void on_released(void *owner)
{
	sem_post(&t.released);
}

static void wait_released(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TOO_LONG_MS / 1000;
	assert_int_equal(sem_timedwait(&t.released, &until), 0);
}

static void on_wanted(void *owner, unsigned int output, const struct facet_output *state)
{
	t.wanted[output]++;
	t.state[output] = *state;
}

/*
 * Was the guest told since we looked last? On a machine that is so slow that the second of patience
 * ends in the middle, it may have been told twice: from memory, and then the truth.
 */
bool told(unsigned int output)
{
	bool was = t.wanted[output] > 0;

	t.wanted[output] = 0;
	return was;
}

void plug(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	t.qemu = fd[0];
	assert_int_equal(facet_display_add_sink(t.display,
						&(struct facet_sink_config){
							.type = "vhost-user-gpu", .fd = fd[1] },
						&t.sink, NULL),
			 0);
	wait_released();
}

void unplug(void)
{
	facet_display_remove_sink(t.display, t.sink);
	t.sink = NULL;
	close(t.qemu);
}

int gpu_test_setup(void **state)
{
	struct facet_display_config cfg = { .output_count = 2, .released = on_released };
	struct facet_display_listener listener = { .wanted = on_wanted };

	memset(&t, 0, sizeof(t));
	sem_init(&t.released, 0, 0);
	if (facet_display_create(&cfg, &t.display, NULL) < 0)
		return -1;
	facet_display_listen(t.display, &listener);
	paint(1);
	plug();
	return 0;
}

int gpu_test_teardown(void **state)
{
	if (t.sink)
		unplug();
	facet_display_destroy(t.display);
	return 0;
}
