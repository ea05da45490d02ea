// SPDX-License-Identifier: GPL-2.0-or-later
/* picture_test.c - from a guest's command to a picture: every pixel compared, without a QEMU. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "guest.h"

/* The engine under test is the state of the group. */
static struct guest guest;

static int set_up(void **state)
{
	guest_boot(&guest, *state, 2);
	return 0;
}

static int tear_down(void **state)
{
	guest_halt(&guest);
	return 0;
}

/* Differs between neighbours, and between lines and columns that were mixed up. */
static uint32_t pattern(uint32_t x, uint32_t y)
{
	return (x * 7 + y * 3) % 256 << 16 | (x ^ y * 5) % 256 << 8 |
	       (x * 11 + 13 * (y / 16)) % 256;
}

/* Where each format keeps blue, green, red and alpha, from the lowest address up. */
static const struct layout {
	uint32_t format;
	unsigned int blue, green, red, alpha;
} layouts[] = {
	{ WIRE_GPU_FORMAT_B8G8R8A8, 0, 1, 2, 3 }, { WIRE_GPU_FORMAT_B8G8R8X8, 0, 1, 2, 3 },
	{ WIRE_GPU_FORMAT_A8R8G8B8, 3, 2, 1, 0 }, { WIRE_GPU_FORMAT_X8R8G8B8, 3, 2, 1, 0 },
	{ WIRE_GPU_FORMAT_R8G8B8A8, 2, 1, 0, 3 }, { WIRE_GPU_FORMAT_X8B8G8R8, 1, 2, 3, 0 },
	{ WIRE_GPU_FORMAT_A8B8G8R8, 1, 2, 3, 0 }, { WIRE_GPU_FORMAT_R8G8B8X8, 2, 1, 0, 3 },
};

/* One pixel of the pattern into the guest's pages. */
static void plot(uint32_t id, const struct layout *layout, size_t offset, uint32_t rgb)
{
	uint8_t bytes[4];

	bytes[layout->blue] = (uint8_t)rgb;
	bytes[layout->green] = (uint8_t)(rgb >> 8);
	bytes[layout->red] = (uint8_t)(rgb >> 16);
	bytes[layout->alpha] = 255;
	guest_write(&guest, id, offset, bytes, sizeof(bytes));
}

static void draw(uint32_t id, const struct layout *layout, uint32_t width, uint32_t height)
{
	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width; x++)
			plot(id, layout, ((size_t)y * width + x) * 4, pattern(x, y));
}

static void upload(uint32_t id, struct facet_rect rect, uint32_t width)
{
	struct wire_gpu_transfer_to_host_2d req = {
		.hdr.type = le32_of(WIRE_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = { le32_of(rect.x), le32_of(rect.y), le32_of(rect.width),
		       le32_of(rect.height) },
		.offset = le64_of(((uint64_t)rect.y * width + rect.x) * 4),
		.resource_id = le32_of(id),
	};

	GUEST_DO(&guest, req);
}

/* The output shows the pattern of @rect, and nothing else. */
static void expect_pattern(unsigned int output, struct facet_rect rect)
{
	uint32_t width, height, *pixels = guest_picture(&guest, output, true, &width, &height);

	assert_non_null(pixels);
	assert_int_equal(width, rect.width);
	assert_int_equal(height, rect.height);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++)
			assert_int_equal(pixels[(size_t)y * width + x],
					 pattern(rect.x + x, rect.y + y));
	}
	free(pixels);
}

static void expect_off(unsigned int output)
{
	uint32_t width, height;

	assert_null(guest_picture(&guest, output, true, &width, &height));
}

static void test_formats(void **state)
{
	const struct facet_rect all = { 0, 0, 67, 45 };

	for (size_t i = 0; i < FACET_ARRAY_SIZE(layouts); i++) {
		uint32_t id = (uint32_t)i + 1;

		guest_create_2d(&guest, id, layouts[i].format, all.width, all.height);
		draw(id, &layouts[i], all.width, all.height);
		upload(id, all, all.width);
		guest_show(&guest, 0, id, all);
		guest_flush(&guest, id, all);
		expect_pattern(0, all);
	}
}

/* Odd sizes, one after another on one screen, as in a change of mode. */
static void test_sizes(void **state)
{
	static const struct facet_rect sizes[] = {
		{ 0, 0, 641, 479 },
		{ 0, 0, 1, 1 },
		{ 0, 0, 683, 384 },
		{ 0, 0, 17, 500 },
	};

	for (size_t i = 0; i < FACET_ARRAY_SIZE(sizes); i++) {
		uint32_t id = (uint32_t)i + 1;

		guest_create_2d(&guest, id, layouts[1].format, sizes[i].width, sizes[i].height);
		draw(id, &layouts[1], sizes[i].width, sizes[i].height);
		upload(id, sizes[i], sizes[i].width);
		guest_show(&guest, 0, id, sizes[i]);
		guest_flush(&guest, id, sizes[i]);
		expect_pattern(0, sizes[i]);
	}
}

/* Only what was transferred is seen: the rest of the guest's pages is not looked at. */
static void test_damage(void **state)
{
	const struct facet_rect all = { 0, 0, 100, 80 }, part = { 13, 7, 31, 29 };
	uint32_t width, height, *pixels;

	guest_create_2d(&guest, 1, layouts[0].format, all.width, all.height);
	upload(1, all, all.width);
	guest_show(&guest, 0, 1, all);
	guest_flush(&guest, 1, all);
	draw(1, &layouts[0], all.width, all.height);
	upload(1, part, all.width);
	guest_flush(&guest, 1, part);
	pixels = guest_picture(&guest, 0, false, &width, &height);
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++) {
			bool in = x - part.x < part.width && y - part.y < part.height;

			assert_int_equal(pixels[(size_t)y * width + x], in ? pattern(x, y) : 0);
		}
	}
	free(pixels);
}

/* One wide resource on two screens, side by side, as desktops do it. */
static void test_outputs(void **state)
{
	const struct facet_rect all = { 0, 0, 200, 60 }, left = { 0, 0, 99, 60 },
				right = { 99, 3, 101, 55 };
	struct wire_gpu_resource end = {
		.hdr.type = le32_of(WIRE_GPU_CMD_RESOURCE_UNREF),
		.resource_id = le32_of(1),
	};

	expect_off(0);
	guest_create_2d(&guest, 1, layouts[4].format, all.width, all.height);
	draw(1, &layouts[4], all.width, all.height);
	upload(1, all, all.width);
	guest_show(&guest, 0, 1, left);
	guest_show(&guest, 1, 1, right);
	guest_flush(&guest, 1, all);
	expect_pattern(0, left);
	expect_pattern(1, right);
	guest_show(&guest, 0, 0, all);
	expect_off(0);
	expect_pattern(1, right);
	GUEST_DO(&guest, end); /* while shown */
	expect_off(1);
}

static void test_reset(void **state)
{
	const struct facet_rect all = { 0, 0, 32, 32 };

	for (int i = 0; i < 2; i++) {
		guest_create_2d(&guest, 1, layouts[1].format, 32, 32);
		draw(1, &layouts[1], 32, 32);
		upload(1, all, 32);
		guest_show(&guest, 1, 1, all);
		guest_flush(&guest, 1, all);
		expect_pattern(1, all);
		facet_loopback_reset(guest.transport, UINT64_MAX);
		expect_off(1);
	}
}

/* A square of one colour with its top left corner at (x, y); above the picture. */
static void expect_cursor(int32_t x, int32_t y, uint32_t rgb)
{
	uint32_t width, height, *pixels = guest_picture(&guest, 0, true, &width, &height);

	for (int32_t v = 0; v < (int32_t)height; v++) {
		for (int32_t u = 0; u < (int32_t)width; u++) {
			bool in = u >= x && v >= y && u < x + 64 && v < y + 64;

			assert_int_equal(pixels[(uint32_t)v * width + (uint32_t)u],
					 in ? rgb : pattern((uint32_t)u, (uint32_t)v));
		}
	}
	free(pixels);
	pixels = guest_picture(&guest, 0, false, &width, &height);
	assert_int_equal(pixels[0], pattern(0, 0));
	free(pixels);
}

static void test_cursor(void **state)
{
	const struct facet_rect all = { 0, 0, 160, 120 }, arrow = { 0, 0, 64, 64 };
	const uint32_t colour = 0x20c040;

	guest_create_2d(&guest, 1, layouts[1].format, all.width, all.height);
	draw(1, &layouts[1], all.width, all.height);
	upload(1, all, all.width);
	guest_create_2d(&guest, 2, layouts[0].format, 64, 64);
	for (size_t i = 0; i < 64 * 64; i++)
		plot(2, &layouts[0], i * 4, colour);
	upload(2, arrow, 64);
	guest_show(&guest, 0, 1, all);
	guest_flush(&guest, 1, all);
	expect_pattern(0, all);
	guest_cursor(&guest, WIRE_GPU_CMD_UPDATE_CURSOR, 0, 2, 20, 30);
	expect_cursor(20, 30, colour);
	guest_cursor(&guest, WIRE_GPU_CMD_MOVE_CURSOR, 0, 2, -11, 90);
	expect_cursor(-11, 90, colour);
	guest_cursor(&guest, WIRE_GPU_CMD_MOVE_CURSOR, 0, 2, 159, -63);
	expect_cursor(159, -63, colour);
	guest_cursor(&guest, WIRE_GPU_CMD_UPDATE_CURSOR, 0, 0, 0, 0);
	expect_pattern(0, all);
}

/* A person's wish reaches the guest, who then shows another size. */
static void test_resize(void **state)
{
	struct facet_device *device = facet_loopback_device(guest.transport);
	struct facet_output wish = { .connected = true, .width = 320, .height = 200 };
	struct wire_gpu_ctrl_hdr req = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO) };
	struct wire_gpu_resp_display_info info;
	struct facet_error err;
	le32 events;
	int ticket;

	assert_int_equal(facet_display_want(guest.display, 1, &wish, &err), 0);
	facet_device_config_read(device, 0, &events, sizeof(events));
	assert_int_equal(le32_get(events), WIRE_GPU_EVENT_DISPLAY);
	ticket = facet_loopback_send(guest.transport, 0, &req, sizeof(req), 1, sizeof(info));
	assert_int_equal(facet_loopback_wait(guest.transport, 0, ticket, &info, sizeof(info)),
			 sizeof(info));
	assert_int_equal(le32_get(info.pmodes[1].r.width), 320);
	assert_int_equal(le32_get(info.pmodes[1].enabled), 1);
	assert_int_equal(le32_get(info.pmodes[0].r.width), 640);
}

#if HAVE_VIRGL
/* A texture of the GPU: up from the guest's pages, on a screen, and down again. */
static void test_texture(void **state)
{
	const struct facet_rect all = { 0, 0, 129, 65 };
	struct wire_gpu_transfer_host_3d req = {
		.hdr.type = le32_of(WIRE_GPU_CMD_TRANSFER_TO_HOST_3D),
		.box = { .w = le32_of(129), .h = le32_of(65), .d = le32_of(1) },
		.resource_id = le32_of(1),
		.stride = le32_of(129 * 4),
	};
	uint32_t zero[129] = { 0 }, line[129];

	guest_create_3d(&guest, 1, WIRE_GPU_FORMAT_B8G8R8X8, all.width, all.height);
	draw(1, &layouts[1], all.width, all.height);
	GUEST_DO(&guest, req);
	guest_show(&guest, 0, 1, all);
	guest_flush(&guest, 1, all);
	expect_pattern(0, all);
	for (size_t y = 0; y < 65; y++)
		guest_write(&guest, 1, y * sizeof(zero), zero, sizeof(zero));
	req.hdr.type = le32_of(WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D);
	GUEST_DO(&guest, req);
	for (uint32_t y = 0; y < 65; y++) {
		guest_read(&guest, 1, y * sizeof(line), line, sizeof(line));
		for (uint32_t x = 0; x < 129; x++)
			assert_int_equal(line[x] & 0xffffff, pattern(x, y));
	}
}
#endif

#define FLOW(name, engine)                                                                \
	{                                                                                 \
#name " (" engine ")", name, set_up, tear_down, (void *)(uintptr_t)engine \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(test_formats, "2d"),
		FLOW(test_sizes, "2d"),
		FLOW(test_damage, "2d"),
		FLOW(test_outputs, "2d"),
		FLOW(test_reset, "2d"),
		FLOW(test_cursor, "2d"),
		FLOW(test_resize, "2d"),
#if HAVE_VIRGL
		FLOW(test_formats, "virgl"),
		FLOW(test_damage, "virgl"),
		FLOW(test_outputs, "virgl"),
		FLOW(test_reset, "virgl"),
		FLOW(test_texture, "virgl"),
#endif
	};

	return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
