// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_gpu_order_test.c - fences, resets, cut requests, the cursor queue, and an IOMMU. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "device/virtio_gpu/fixture.h"
#include "transport/loopback/loopback.h"

struct whole {
	uint32_t type;
	size_t size;
	uint32_t queue;
};

/* Every command, and the bytes it must bring. */
static const struct whole commands[] = {
	{ 0x100, 24, CONTROL }, { 0x101, 40, CONTROL }, { 0x102, 32, CONTROL },
	{ 0x103, 48, CONTROL }, { 0x104, 48, CONTROL }, { 0x105, 56, CONTROL },
	{ 0x106, 32, CONTROL }, { 0x107, 32, CONTROL }, { 0x108, 32, CONTROL },
	{ 0x109, 32, CONTROL }, { 0x10a, 32, CONTROL }, { 0x10b, 32, CONTROL },
	{ 0x200, 96, CONTROL }, { 0x201, 24, CONTROL }, { 0x202, 32, CONTROL },
	{ 0x203, 32, CONTROL }, { 0x204, 72, CONTROL }, { 0x205, 72, CONTROL },
	{ 0x206, 72, CONTROL }, { 0x207, 32, CONTROL }, { 0x300, 56, CURSOR },
	{ 0x301, 56, CURSOR },
};

static void cut_control(struct fixture *f, const union gpu_request *req, size_t whole)
{
	/* Of a type cut in half nobody knows what it would have been. */
	for (size_t size = 0; size < 4; size++)
		assert_in_range(ask(f, req, size), UNSPEC, BAD_PARAMETER);
	for (size_t size = 4; size < whole; size++)
		assert_int_equal(ask(f, req, size), BAD_PARAMETER);
}

static void cut_cursor(struct fixture *f, const union gpu_request *req, size_t whole)
{
	for (size_t size = 0; size < whole; size++) {
		int ticket = send_to(f, CURSOR, req, size, 0);

		assert_int_equal(facet_loopback_wait(f->guest, CURSOR, ticket, NULL, 0), 0);
	}
}

static void test_short_requests(void **state)
{
	struct fixture *f = *state;
	union gpu_request req;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(commands); i++) {
		memset(&req, 1, sizeof(req));
		req.hdr.type = le32_of(commands[i].type);
		req.hdr.flags = le32_of(0);
		if (commands[i].queue == CONTROL)
			cut_control(f, &req, commands[i].size);
		else
			cut_cursor(f, &req, commands[i].size);
	}
	assert_int_equal(f->sched.jobs, 0);
	assert_int_equal(f->display.moves, 0);
}

/* No room for an answer: no effect, and the chain comes back empty. */
static void test_short_answers(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_create_2d req = {
		HDR(RESOURCE_CREATE_2D), .resource_id = le32_of(1), .format = le32_of(1),
		.width = le32_of(4),     .height = le32_of(4),
	};
	struct wire_gpu_ctrl_hdr info = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO) };

	for (size_t room = 0; room < 24; room++)
		assert_int_equal(
			answer_of(f, send_to(f, CONTROL, &req, sizeof(req), room), NULL, 0), 0);
	assert_int_equal(f->sched.jobs, 0);
	assert_int_equal(answer_of(f, send_to(f, CONTROL, &info, 24, 407), &info, 24), 24);
	assert_int_equal(le32_get(info.type), BAD_PARAMETER);
}

static void test_unknown(void **state)
{
	struct fixture *f = *state;
	static const uint32_t unknown[] = { 0,     0xff,  0x10e, 0x1ff,  0x208,     0x209,
					    0x300, 0x301, 0x302, 0x1100, UINT32_MAX };
	union gpu_request req = { 0 };
	int ticket;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(unknown); i++) {
		req.hdr.type = le32_of(unknown[i]);
		assert_int_equal(ASK(f, req), UNSPEC);
	}
	req.hdr.type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO); /* not a cursor's */
	ticket = send_to(f, CURSOR, &req, sizeof(req), 408);
	assert_int_equal(facet_loopback_wait(f->guest, CURSOR, ticket, NULL, 0), 0);
	assert_int_equal(f->sched.jobs, 0);
}

/* In pieces as small as a guest likes. */
static void test_pieces(void **state)
{
	struct fixture *f = *state;
	struct attach req = pages(1, 3);
	struct wire_gpu_ctrl_hdr hdr;
	int ticket;

	assert_int_equal(create_2d(f, 1, 4, 4), OK);
	ticket = facet_loopback_send(f->guest, CONTROL, &req, sizeof(req), sizeof(req), 24);
	assert_true(ticket >= 0);
	assert_int_equal(answer_of(f, ticket, &hdr, sizeof(hdr)), 24);
	assert_int_equal(le32_get(hdr.type), OK);
}

static bool answered(struct fixture *f, int ticket, struct wire_gpu_ctrl_hdr *hdr)
{
	return answer_of(f, ticket, hdr, sizeof(*hdr)) == (int)sizeof(*hdr);
}

static void test_fences(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_create_2d create = {
		HDR(RESOURCE_CREATE_2D),   .hdr.flags = le32_of(1), .hdr.fence_id = le64_of(77),
		.resource_id = le32_of(1), .format = le32_of(1),    .width = le32_of(4),
		.height = le32_of(4),
	};
	struct wire_gpu_resource wrong = {
		HDR(RESOURCE_UNREF),
		.hdr.flags = le32_of(3),
		.hdr.fence_id = le64_of(1ULL << 40),
		.hdr.ctx_id = le32_of(9),
		.hdr.ring_idx = 5,
		.resource_id = le32_of(99),
	};
	struct wire_gpu_ctrl_hdr info = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO),
					  .flags = le32_of(1),
					  .fence_id = le64_of(79) },
				 hdr;
	struct wire_gpu_resp_display_info modes;
	int tickets[4];

	f->sched.hold = true;
	tickets[0] = send_to(f, CONTROL, &create, sizeof(create), 24);
	assert_true(f->sched.last.fenced);
	tickets[1] = send_to(f, CONTROL, &wrong, sizeof(wrong), 24);
	tickets[2] = send_to(f, CONTROL, &info, sizeof(info), 408);
	info.flags = le32_of(0);
	tickets[3] = send_to(f, CONTROL, &info, sizeof(info), 408);
	/* What has no fence goes ahead; the error and the sizes with one wait for their turn. */
	assert_int_equal(answer_of(f, tickets[3], &modes, sizeof(modes)), 408);
	assert_int_equal(le64_get(modes.hdr.fence_id), 0);
	assert_int_equal(f->sched.count[FACET_JOB_FENCE], 2);
	f->sched.hold = false;
	testbed_release(&f->sched);
	assert_true(answered(f, tickets[0], &hdr));
	assert_int_equal(le32_get(hdr.type), OK);
	assert_int_equal(le32_get(hdr.flags), WIRE_GPU_FLAG_FENCE);
	assert_int_equal(le64_get(hdr.fence_id), 77);
	assert_true(answered(f, tickets[1], &hdr));
	assert_int_equal(le32_get(hdr.type), BAD_RESOURCE);
	assert_int_equal(le64_get(hdr.fence_id), 1ULL << 40);
	assert_int_equal(le32_get(hdr.ctx_id), 9);
	assert_int_equal(hdr.ring_idx, 5);
	assert_int_equal(answer_of(f, tickets[2], &modes, sizeof(modes)), 408);
	assert_int_equal(le32_get(modes.pmodes[0].r.width), 800);
	assert_int_equal(le64_get(modes.hdr.fence_id), 79);
}

static void test_reset(void **state)
{
	struct fixture *f = *state;
	struct attach back = pages(1, 3);
	struct wire_gpu_ctrl_hdr info = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO) };

	facet_loopback_reset(f->guest, UINT64_MAX);
	assert_int_equal(JOBS(f, RESET), 0); /* nothing to forget */
	assert_int_equal(create_2d(f, 1, 64, 64), OK);
	assert_int_equal(create_context(f, 1), OK);
	assert_int_equal(ASK(f, back), OK);
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 0, 0, 64, 64 }), OK);
	f->sched.hold = f->display.hold = true;
	send_to(f, CONTROL, &info, sizeof(info), 408);
	back = pages(2, 3);
	for (uint32_t id = 2; id < 5; id++) {
		struct wire_gpu_resource_create_3d req = texture(id, 8, 8);

		send_to(f, CONTROL, &req, sizeof(req), 24);
	}
	send_to(f, CONTROL, &back, sizeof(back), 24);
	/* The creations under way fail, some before and some after the guest is gone. */
	f->sched.status[FACET_JOB_RESOURCE_CREATE] = -ENOMEM;
	facet_loopback_reset(f->guest, UINT64_MAX);
	assert_int_equal(JOBS(f, RESET), 1);
	assert_int_equal(f->sched.contexts, 0);
	facet_loopback_reset(f->guest, UINT64_MAX);
	assert_int_equal(JOBS(f, RESET), 1); /* twice is once */
	f->sched.hold = f->display.hold = false;
	testbed_release(&f->sched);
	assert_int_equal(f->sched.used, 0);
	testbed_want(&f->display, 0); /* the query is forgotten too */
	f->sched.status[FACET_JOB_RESOURCE_CREATE] = 0;
	assert_int_equal(create_2d(f, 1, 64, 64), OK);
	assert_int_equal(create_context(f, 1), OK);
}

/* Reset after reset, faster than the engine: there is an end to what waits. */
static void test_reset_flood(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_flush req = { HDR(RESOURCE_FLUSH), .resource_id = le32_of(1) };
	struct wire_gpu_resource_create_3d tiny = texture(1, 4, 4);
	struct wire_gpu_ctrl_hdr hdr;
	int ticket = -1;

	f->sched.hold = true;
	for (int i = 0; i < 60; i++) {
		facet_loopback_reset(f->guest, UINT64_MAX);
		send_to(f, CONTROL, &tiny, sizeof(tiny), 24);
		for (int j = 0; j < 100; j++)
			ticket = send_to(f, CONTROL, &req, sizeof(req), 24);
	}
	assert_in_range(f->sched.jobs, 1, GPU_MAX_COMMANDS);
	assert_true(answered(f, ticket, &hdr));
	assert_int_equal(le32_get(hdr.type), NO_MEMORY);
	f->sched.hold = false;
	testbed_release(&f->sched);
	assert_int_equal(create_2d(f, 2, 4, 4), OK);
}

/* A refused job changes nothing. */
static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct attach back = pages(1, 3);
	struct wire_gpu_ctx_destroy end = { HDR(CTX_DESTROY), .hdr.ctx_id = le32_of(1) };
	uint64_t used;

	assert_int_equal(create_2d(f, 1, 64, 64), OK);
	assert_int_equal(create_context(f, 1), OK);
	used = f->sched.used;
	f->sched.full = true;
	assert_int_equal(ASK(f, back), NO_MEMORY);
	assert_int_equal(ASK(f, end), NO_MEMORY);
	assert_int_equal(create_context(f, 2), NO_MEMORY);
	assert_int_equal(unref(f, 1), NO_MEMORY);
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 0, 0, 64, 64 }), NO_MEMORY);
	assert_int_equal(f->sched.used, used);
	assert_int_equal(f->sched.contexts, 1);
	f->sched.full = false;
	assert_int_equal(ASK(f, back), OK);
	f->sched.full = true;
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 1), NO_MEMORY);
	f->sched.full = false;
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 1), OK);
	assert_int_equal(unref(f, 1), OK);
	assert_int_equal(ASK(f, end), OK);
}

/* Requests in as many pieces as there may be, while the engine works on something long. */
static void test_pieces_flood(void **state)
{
	static uint8_t bytes[FACET_QUEUE_MAX_CHAIN - 1];
	struct fixture *f = *state;
	struct wire_gpu_ctrl_hdr hdr = { .flags = le32_of(WIRE_GPU_FLAG_FENCE) };
	int ticket = 0;

	memcpy(bytes, &hdr, sizeof(hdr));
	f->sched.hold = true;
	for (int i = 0; i <= GPU_MAX_PIECES / FACET_QUEUE_MAX_CHAIN; i++) {
		assert_int_equal(JOBS(f, FENCE), i);
		ticket = facet_loopback_send(f->guest, CONTROL, bytes, sizeof(bytes), sizeof(bytes),
					     24);
		assert_true(ticket >= 0);
		facet_transport_dispatch(f->guest);
	}
	assert_true(answered(f, ticket, &hdr));
	assert_int_equal(le32_get(hdr.type), NO_MEMORY);
	testbed_release(&f->sched);
	f->sched.hold = false;
	assert_int_equal(create_2d(f, 1, 4, 4), OK);
}

static void test_engine_errors(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int status;
		uint32_t answer;
	} cases[] = {
		{ -EINVAL, BAD_PARAMETER }, { -ENOENT, BAD_RESOURCE }, { -ENOMEM, NO_MEMORY },
		{ -EIO, UNSPEC },           { -ENOTSUP, UNSPEC },      { -ECANCELED, UNSPEC },
	};

	assert_int_equal(create_2d(f, 1, 4, 4), OK);
	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		f->sched.status[FACET_JOB_SET_SCANOUT] = cases[i].status;
		assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 0, 0, 4, 4 }),
				 cases[i].answer);
	}
}

static void cursor(struct fixture *f, uint32_t type, uint32_t output, uint32_t id, int32_t x)
{
	struct wire_gpu_update_cursor req = {
		.hdr.type = le32_of(type),
		.resource_id = le32_of(id),
		.pos = { le32_of(output), le32_of((uint32_t)x), le32_of(7) },
		.hot_x = le32_of(3),
		.hot_y = le32_of(1000),
	};
	int ticket = send_to(f, CURSOR, &req, sizeof(req), 0);

	if (!f->sched.hold)
		assert_int_equal(facet_loopback_wait(f->guest, CURSOR, ticket, NULL, 0), 0);
}

static void test_cursor(void **state)
{
	struct fixture *f = *state;
	const uint32_t update = WIRE_GPU_CMD_UPDATE_CURSOR, move = WIRE_GPU_CMD_MOVE_CURSOR;

	assert_int_equal(create_2d(f, 1, 64, 64), OK);
	assert_int_equal(create_2d(f, 2, 64, 63), OK);
	cursor(f, update, 1, 1, -5);
	assert_int_equal(JOBS(f, CURSOR), 1);
	assert_int_equal(f->sched.last.cursor.output, 1);
	assert_int_equal(f->sched.last.cursor.x, -5);
	assert_int_equal(f->sched.last.cursor.hot_x, 3);
	assert_int_equal(f->sched.last.cursor.hot_y, 63);
	cursor(f, update, 2, 1, 0); /* no such output */
	cursor(f, update, 0, 2, 0); /* no cursor's size */
	cursor(f, update, 0, 3, 0); /* no resource */
	assert_int_equal(JOBS(f, CURSOR), 1);
	cursor(f, update, 0, 0, 0);
	assert_int_equal(JOBS(f, CURSOR), 2);
	cursor(f, move, 2, 1, 9);
	assert_int_equal(f->display.moves, 0);
	cursor(f, move, 1, 1, -9);
	assert_int_equal(f->display.moves, 1);
	assert_int_equal(f->display.move_x, -9);
	assert_true(f->display.move_visible);
	cursor(f, move, 1, 0, 4);
	assert_false(f->display.move_visible);
	/* A move overtakes two updates, and is what counts after both. */
	f->sched.hold = true;
	cursor(f, update, 0, 1, 10);
	cursor(f, update, 0, 1, 11);
	cursor(f, move, 0, 1, 12);
	assert_int_equal(f->display.moves, 3);
	testbed_release(&f->sched);
	assert_int_equal(f->display.moves, 4);
	assert_int_equal(f->display.move_x, 12);
	/* An update after the move has the newer place. */
	cursor(f, update, 0, 1, 13);
	cursor(f, move, 0, 1, 14);
	cursor(f, update, 0, 1, 15);
	testbed_release(&f->sched);
	assert_int_equal(f->display.moves, 5);
}

struct iommu {
	unsigned int misses;
	uint64_t iova;
};

static int note_miss(void *owner, uint64_t iova, enum facet_guest_access access)
{
	struct iommu *iommu = owner;

	iommu->misses++;
	iommu->iova = iova;
	return 0;
}

static struct facet_guest_memory *memory_of(struct fixture *f)
{
	struct facet_device *device = facet_loopback_device(f->guest);

	return facet_container_of(device, struct gpu, device)->port->memory;
}

/* The backing's pages become known one after another; the queue waits meanwhile. */
static void test_iommu(void **state)
{
	const unsigned int both = FACET_GUEST_READ | FACET_GUEST_WRITE;
	struct fixture *f = *state;
	struct facet_guest_memory *memory = memory_of(f);
	struct iommu asked = { 0 };
	const struct facet_guest_iommu iommu = { note_miss, &asked };
	struct attach back = pages(1, 3);
	struct wire_gpu_ctrl_hdr hdr;
	int ticket;

	/* Without EVENT_IDX, so that every request is a kick. */
	facet_loopback_reset(f->guest, ~(1ULL << 29));
	assert_int_equal(create_2d(f, 1, 32, 32), OK);
	facet_guest_memory_set_iommu(memory, &iommu);
	facet_guest_iotlb_update(memory, 0, 1 << 20, 0, both);
	facet_guest_iotlb_update(memory, 2 << 20, FACET_LOOPBACK_MEMORY - (2 << 20), 2 << 20, both);
	ticket = send_to(f, CONTROL, &back, sizeof(back), 24);
	for (uint64_t page = 1 << 20; page < (1 << 20) + 3 * 8192; page += 8192) {
		assert_int_equal(asked.iova, page);
		assert_int_equal(f->sched.count[FACET_JOB_ATTACH_BACKING], 0);
		facet_guest_iotlb_update(memory, page, 4096, page, FACET_GUEST_READ);
		/* The transport kicks again after an update. */
		facet_loopback_send(f->guest, CONTROL, &back, 8, 1, 24);
		facet_transport_dispatch(f->guest);
	}
	assert_true(answered(f, ticket, &hdr));
	assert_int_equal(le32_get(hdr.type), OK);
	assert_int_equal(testbed_backing(&f->sched, 1)->size, 3 * 4096);
	/* Another one waits for ever: a reset forgets it. */
	assert_int_equal(create_2d(f, 2, 32, 32), OK);
	back = pages(2, 3);
	back.entries[0].addr = le64_of((1 << 20) + 65536);
	ticket = send_to(f, CONTROL, &back, sizeof(back), 24);
	facet_loopback_reset(f->guest, UINT64_MAX);
	assert_int_equal(create_2d(f, 2, 32, 32), OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_short_requests, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_short_answers, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_unknown, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_pieces, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_fences, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_reset, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_reset_flood, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_pieces_flood, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_refused, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_engine_errors, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_cursor, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_iommu, testbed_set_up, testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
