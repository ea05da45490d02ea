// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_gpu_3d_test.c - the 3D commands of a guest: right, and wrong in each field. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "device/virtio_gpu/fixture.h"
#include "transport/loopback/loopback.h"

static void test_contexts(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_ctx_create req = { HDR(CTX_CREATE), .hdr.ctx_id = le32_of(2) };
	struct wire_gpu_ctx_destroy end = { HDR(CTX_DESTROY), .hdr.ctx_id = le32_of(1) };

	assert_int_equal(create_context(f, 0), BAD_CONTEXT);
	assert_int_equal(create_context(f, 1), OK);
	assert_string_equal(f->sched.last.context.name, "te?t");
	assert_int_equal(create_context(f, 1), BAD_CONTEXT);
	req.nlen = le32_of(65);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.nlen = le32_of(64);
	memset(req.debug_name, 'n', sizeof(req.debug_name));
	f->sched.max_contexts = 1;
	assert_int_equal(ASK(f, req), NO_MEMORY);
	f->sched.max_contexts = 0;
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(strlen(f->sched.last.context.name), 63);
	assert_int_equal(f->sched.contexts, 2);
	assert_int_equal(create_2d(f, 5, 4, 4), OK);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_CTX_ATTACH_RESOURCE, 1, 5), OK);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_CTX_ATTACH_RESOURCE, 3, 5), BAD_CONTEXT);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_CTX_ATTACH_RESOURCE, 1, 6), BAD_RESOURCE);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_CTX_DETACH_RESOURCE, 1, 5), OK);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_CTX_DETACH_RESOURCE, 0, 5), BAD_CONTEXT);
	assert_int_equal(ASK(f, end), OK);
	assert_int_equal(ASK(f, end), BAD_CONTEXT);
	assert_int_equal(f->sched.contexts, 1);
	f->sched.status[FACET_JOB_CONTEXT_CREATE] = -EIO;
	assert_int_equal(create_context(f, 1), UNSPEC);
	assert_int_equal(f->sched.contexts, 1);
	assert_int_equal(ASK(f, end), BAD_CONTEXT);
}

struct shape_case {
	size_t field; /* of wire_gpu_resource_create_3d */
	uint32_t value;
	uint32_t answer;
};

#define FIELD(name) offsetof(struct wire_gpu_resource_create_3d, name)

static void test_create_3d(void **state)
{
	static const struct shape_case cases[] = {
		{ FIELD(resource_id), 0, BAD_RESOURCE },
		{ FIELD(target), 9, BAD_PARAMETER },
		{ FIELD(width), 0, BAD_PARAMETER },
		{ FIELD(width), 16385, BAD_PARAMETER },
		{ FIELD(height), 16385, BAD_PARAMETER },
		{ FIELD(depth), 16385, BAD_PARAMETER },
		{ FIELD(array_size), ~0u, BAD_PARAMETER },
		{ FIELD(last_level), 15, BAD_PARAMETER },
		{ FIELD(nr_samples), 33, BAD_PARAMETER },
		{ FIELD(height), 0, OK },
		{ FIELD(format), 9999, OK }, /* the engine knows */
	};
	struct fixture *f = *state;
	struct wire_gpu_resource_create_3d req;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		req = texture(1, 256, 256);
		memcpy((char *)&req + cases[i].field, &(le32){ htole32(cases[i].value) }, 4);
		assert_int_equal(ASK(f, req), cases[i].answer);
		if (cases[i].answer == OK)
			assert_int_equal(unref(f, 1), OK);
	}
	req = texture(1, 256, 256); /* a whole pyramid is a third more */
	req.last_level = le32_of(8);
	assert_int_equal(ASK(f, req), OK);
	assert_in_range(f->sched.used, 349524, 349524 + 6000);
	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	f->sched.quota = 1 << 30;
	req = texture(2, 16384, 16384);
	req.depth = req.array_size = le32_of(16384);
	req.nr_samples = le32_of(32);
	assert_int_equal(ASK(f, req), NO_MEMORY); /* more than 64 bits of bytes */
	req = texture(2, 1 << 20, 0);             /* a buffer as Mesa makes its fences */
	req.target = le32_of(WIRE_GPU_TARGET_BUFFER);
	req.format = le32_of(64);
	req.array_size = le32_of(0);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.create.array_size, 0);
}

/* As llvmpipe lays them out: at least these bytes, and not many more. */
static void test_true_sizes(void **state)
{
	enum { R8 = 64, RGBA8 = 1, RGBA32F = 31, DXT1 = 105 };
	static const struct {
		uint32_t format, width, height, depth, layers, level, samples;
		uint64_t bytes;
	} cases[] = {
		{ RGBA8, 1024, 1024, 1, 1, 0, 0, 4 << 20 },
		{ RGBA8, 1024, 1024, 1, 1, 0, 1, 4 << 20 },
		{ RGBA8, 1024, 1024, 1, 1, 0, 2, 16 << 20 }, /* no renderer has just two */
		{ RGBA8, 1024, 1024, 1, 1, 0, 4, 16 << 20 },
		{ RGBA8, 1024, 1024, 1, 1, 0, 5, 32 << 20 },
		{ RGBA8, 1024, 1024, 1, 6, 0, 0, 24 << 20 },
		{ RGBA8, 1024, 1024, 4, 1, 0, 0, 16 << 20 },
		{ RGBA32F, 1024, 1024, 1, 1, 0, 0, 16 << 20 },
		{ DXT1, 1024, 1024, 1, 1, 0, 0, 1 << 19 },
		{ R8, 1, 16384, 1, 1, 0, 0, 1 << 20 }, /* a cache line a pixel */
		{ R8, 1, 1, 1, 16384, 0, 0, 4 << 20 },
		{ R8, 65, 4096, 1, 1, 0, 0, 1 << 19 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		struct wire_gpu_resource_create_3d req =
			texture(1, cases[i].width, cases[i].height);

		req.format = le32_of(cases[i].format);
		req.depth = le32_of(cases[i].depth);
		req.array_size = le32_of(cases[i].layers);
		req.last_level = le32_of(cases[i].level);
		req.nr_samples = le32_of(cases[i].samples);
		assert_int_equal(ASK(f, req), OK);
		assert_in_range(f->sched.used, cases[i].bytes, cases[i].bytes + 8192);
		assert_int_equal(unref(f, 1), OK);
		assert_int_equal(f->sched.used, 0);
	}
}

/* The renderer makes a copy of a large box: there must be room for it, while it is there. */
static void test_large_transfers(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_create_3d large = texture(1, 4096, 2048);
	struct attach back = pages(1, 3);
	struct wire_gpu_transfer_host_3d req = {
		HDR(TRANSFER_FROM_HOST_3D),
		.resource_id = le32_of(1),
		.box = { .w = le32_of(4096), .h = le32_of(2048), .d = le32_of(1) },
	};
	uint64_t used;

	f->sched.quota = 40 << 20;
	assert_int_equal(ASK(f, large), OK);
	assert_int_equal(ASK(f, back), OK);
	used = f->sched.used;
	assert_int_equal(ASK(f, req), NO_MEMORY);
	assert_int_equal(f->sched.used, used);
	req.box.h = le32_of(1024); /* 16 MiB are free */
	assert_int_equal(ASK(f, req), OK);
	f->sched.quota = 80 << 20;
	req.box.h = le32_of(2048);
	f->sched.hold = true;
	send_to(f, CONTROL, &req, sizeof(req), sizeof(struct wire_gpu_ctrl_hdr));
	assert_int_equal(f->sched.used, used + (32 << 20));
	testbed_release(&f->sched);
	assert_int_equal(f->sched.used, used);
}

static void test_transfer_3d(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_create_3d volume = texture(1, 16, 8);
	struct attach back = pages(1, 3);
	struct wire_gpu_transfer_host_3d req = {
		HDR(TRANSFER_TO_HOST_3D), .hdr.ctx_id = le32_of(1), .resource_id = le32_of(1),
		.level = le32_of(1), .stride = le32_of(32),
		.box = { le32_of(0), le32_of(0), le32_of(1), le32_of(8), le32_of(4), le32_of(1) },
	}, bad;

	volume.target = le32_of(WIRE_GPU_TARGET_3D);
	volume.depth = le32_of(4);
	volume.last_level = le32_of(4);
	assert_int_equal(create_context(f, 1), OK);
	assert_int_equal(ASK(f, volume), OK);
	assert_int_equal(ASK(f, req), UNSPEC);
	assert_int_equal(ASK(f, back), OK);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.transfer.box.z, 1);
	assert_int_equal(f->sched.last.transfer.stride, 32);
	assert_int_equal(f->sched.last.context_id, 1);
	bad = req, bad.hdr.ctx_id = le32_of(2);
	assert_int_equal(ASK(f, bad), BAD_CONTEXT);
	bad = req, bad.resource_id = le32_of(2);
	assert_int_equal(ASK(f, bad), BAD_RESOURCE);
	bad = req, bad.level = le32_of(5);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.level = le32_of(UINT32_MAX);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.box.w = le32_of(9);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.box.y = le32_of(1);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.box.z = le32_of(2);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.box.d = le32_of(UINT32_MAX);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.offset = le64_of(3 * 4096 + 1);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	req.hdr.type = le32_of(WIRE_GPU_CMD_TRANSFER_FROM_HOST_3D);
	req.hdr.ctx_id = le32_of(0);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(JOBS(f, TRANSFER_TO_HOST), 1);
	assert_int_equal(JOBS(f, TRANSFER_FROM_HOST), 1);
}

static void test_submit(void **state)
{
	struct fixture *f = *state;
	struct {
		struct wire_gpu_submit_3d head;
		char stream[16];
	} req = { .head = { HDR(SUBMIT_3D), .hdr.ctx_id = le32_of(1), .size = le32_of(16) },
		  .stream = "draw something!" };

	assert_int_equal(ASK(f, req), BAD_CONTEXT);
	assert_int_equal(create_context(f, 1), OK);
	assert_int_equal(ASK(f, req), OK);
	assert_memory_equal(f->sched.stream, req.stream, 16);
	assert_int_equal(f->sched.last.submit.size, 16);
	req.head.size = le32_of(20); /* more than came */
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.head.size = le32_of(UINT32_MAX);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.head.size = le32_of(15);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.head.size = le32_of(0);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(JOBS(f, SUBMIT), 1);
	f->sched.status[FACET_JOB_SUBMIT] = -EIO;
	req.head.size = le32_of(16);
	assert_int_equal(ASK(f, req), UNSPEC);
}

static void test_capsets(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_get_capset_info info = { HDR(GET_CAPSET_INFO), .capset_index = le32_of(1) };
	struct wire_gpu_get_capset get = { HDR(GET_CAPSET), .capset_id = le32_of(2),
					   .capset_version = le32_of(2) };
	struct wire_gpu_resp_capset_info answer;
	uint8_t caps[24 + 1024];
	int ticket = send_to(f, CONTROL, &info, sizeof(info), sizeof(answer));

	assert_int_equal(answer_of(f, ticket, &answer, sizeof(answer)), 40);
	assert_int_equal(le32_get(answer.capset_id), 2);
	assert_int_equal(le32_get(answer.capset_max_size), 1024);
	info.capset_index = le32_of(2);
	assert_int_equal(ASK(f, info), BAD_PARAMETER);
	ticket = send_to(f, CONTROL, &get, sizeof(get), sizeof(caps));
	assert_int_equal(answer_of(f, ticket, caps, sizeof(caps)), sizeof(caps));
	assert_int_equal(caps[24 + 1023], 0x5a);
	ticket = send_to(f, CONTROL, &get, sizeof(get), sizeof(caps) - 1); /* no room */
	assert_int_equal(answer_of(f, ticket, caps, sizeof(caps)), 24);
	get.capset_version = le32_of(3);
	assert_int_equal(ASK(f, get), BAD_PARAMETER);
	get.capset_id = le32_of(3);
	assert_int_equal(ASK(f, get), BAD_PARAMETER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_contexts, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_create_3d, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_true_sizes, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_large_transfers, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_transfer_3d, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_submit, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_capsets, testbed_set_up, testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
