// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_gpu_blob_test.c - blobs and typed contexts: right, and wrong in each field. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "device/virtio_gpu/fixture.h"
#include "transport/loopback/loopback.h"

struct create {
	struct wire_gpu_resource_create_blob head;
	struct wire_gpu_mem_entry entries[3];
};

static struct create blob(uint32_t id, uint64_t size)
{
	struct create req = {
		.head = { HDR(RESOURCE_CREATE_BLOB), .resource_id = le32_of(id),
			  .blob_mem = le32_of(WIRE_GPU_BLOB_MEM_GUEST), .nr_entries = le32_of(3),
			  .size = le64_of(size) },
	};

	memcpy(req.entries, pages(id, 3).entries, sizeof(req.entries));
	return req;
}

static struct wire_gpu_set_scanout_blob picture(uint32_t output, uint32_t id)
{
	return (struct wire_gpu_set_scanout_blob){
		HDR(SET_SCANOUT_BLOB),
		.r = { .width = le32_of(8), .height = le32_of(4) },
		.scanout_id = le32_of(output),
		.resource_id = le32_of(id),
		.width = le32_of(16),
		.height = le32_of(8),
		.format = le32_of(WIRE_GPU_FORMAT_B8G8R8X8),
		.strides = { le32_of(64) },
	};
}

static void test_create(void **state)
{
	static const struct {
		size_t field;
		uint32_t value, answer;
	} cases[] = {
		{ offsetof(struct create, head.resource_id), 0, BAD_RESOURCE },
		{ offsetof(struct create, head.blob_mem), 0, BAD_PARAMETER },
		{ offsetof(struct create, head.blob_mem), 2, BAD_PARAMETER }, /* of the host */
		{ offsetof(struct create, head.blob_mem), 3, BAD_PARAMETER },
		{ offsetof(struct create, head.blob_flags), 8, BAD_PARAMETER },
		{ offsetof(struct create, head.blob_flags), 7, OK },
		{ offsetof(struct create, head.nr_entries), 0, BAD_PARAMETER },
		{ offsetof(struct create, head.nr_entries), 2, BAD_PARAMETER }, /* too short */
		{ offsetof(struct create, head.nr_entries), 4, BAD_PARAMETER }, /* not sent */
		{ offsetof(struct create, head.nr_entries), UINT32_MAX, BAD_PARAMETER },
		{ offsetof(struct create, head.size), 0, BAD_PARAMETER },
		{ offsetof(struct create, head.size), 12289, BAD_PARAMETER },
		{ offsetof(struct create, head.size) + 4, 1, BAD_PARAMETER },
		{ offsetof(struct create, entries[1].addr) + 4, 1, BAD_PARAMETER },
		{ offsetof(struct create, entries[1].length), 0, BAD_PARAMETER },
	};
	struct fixture *f = *state;
	struct create req;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		req = blob(1, 12000);
		memcpy((char *)&req + cases[i].field, &(le32){ htole32(cases[i].value) }, 4);
		assert_int_equal(ASK(f, req), cases[i].answer);
		if (cases[i].answer == OK)
			assert_int_equal(unref(f, 1), OK);
		assert_null(testbed_backing(&f->sched, 1));
	}
	assert_int_equal(f->sched.used, 0);
	req = blob(1, 12000);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.blob_size, 12000);
	assert_int_equal(testbed_backing(&f->sched, 1)->size, 12288);
	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	/* Its bytes are the guest's; its book-keeping is not. */
	assert_in_range(f->sched.used, 4096, 4096 + 1024);
	f->sched.quota = f->sched.used + 4096;
	req = blob(2, 12000);
	assert_int_equal(ASK(f, req), NO_MEMORY);
	f->sched.quota = 0;
	f->sched.status[FACET_JOB_BLOB_CREATE] = -ENOMEM;
	assert_int_equal(ASK(f, req), NO_MEMORY);
	f->sched.status[FACET_JOB_BLOB_CREATE] = 0;
	f->sched.full = true;
	assert_int_equal(ASK(f, req), NO_MEMORY);
	f->sched.full = false;
	assert_int_equal(unref(f, 2), BAD_RESOURCE);
}

static void test_show(void **state)
{
	static const struct {
		size_t field;
		uint32_t value, answer;
	} cases[] = {
#define FIELD(name) offsetof(struct wire_gpu_set_scanout_blob, name)
		{ FIELD(scanout_id), 2, BAD_SCANOUT },
		{ FIELD(resource_id), 9, BAD_RESOURCE },
		{ FIELD(width), 0, BAD_PARAMETER },
		{ FIELD(width), 17, BAD_PARAMETER }, /* than the stride */
		{ FIELD(width), 7, BAD_PARAMETER },  /* than the rectangle */
		{ FIELD(height), 0, BAD_PARAMETER },
		{ FIELD(height), 1000, BAD_PARAMETER },
		{ FIELD(height), UINT32_MAX, BAD_PARAMETER },
		{ FIELD(format), 3, OK },
		{ FIELD(format), 31, BAD_PARAMETER },
		{ FIELD(strides), UINT32_MAX, BAD_PARAMETER },
		{ FIELD(strides), 65, OK },
		{ FIELD(offsets), 12000 - 512, OK },
		{ FIELD(offsets), 12000 - 511, BAD_PARAMETER },
		{ FIELD(r.width), 0, BAD_PARAMETER },
		{ FIELD(r.x), 9, BAD_PARAMETER },
		{ FIELD(r.y), UINT32_MAX, BAD_PARAMETER },
#undef FIELD
	};
	struct fixture *f = *state;
	struct create make = blob(1, 12000);
	struct wire_gpu_set_scanout_blob req = picture(0, 1);
	uint64_t before;

	assert_int_equal(ASK(f, make), OK);
	before = f->sched.used;
	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		req = picture(0, 1);
		memcpy((char *)&req + cases[i].field, &(le32){ htole32(cases[i].value) }, 4);
		assert_int_equal(ASK(f, req), cases[i].answer);
	}
	assert_int_equal(f->sched.used, before + 8 * 4 * 4); /* the copy of whoever watches */
	req = picture(1, 1);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.scanout.layout.stride, 64);
	req.resource_id = le32_of(0);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.resource_id, 0);
	/* What has a shape is shown by its shape, and what has none is not. */
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 0, 0, 8, 4 }), BAD_PARAMETER);
	assert_int_equal(create_2d(f, 2, 16, 16), OK);
	req = picture(1, 2);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
}

/* A transfer finds everything where it belongs; pages may go and come. */
static void test_pages(void **state)
{
	struct fixture *f = *state;
	struct create make = blob(1, 8192);
	struct attach attach = pages(1, 1);
	struct wire_gpu_transfer_to_host_2d move = {
		HDR(TRANSFER_TO_HOST_2D),
		.r = { .width = le32_of(64), .height = le32_of(64) },
		.resource_id = le32_of(1),
	};
	struct wire_gpu_resource_flush flush = {
		HDR(RESOURCE_FLUSH),
		.r = { .width = le32_of(UINT32_MAX), .height = le32_of(1) },
		.resource_id = le32_of(1),
	};

	assert_int_equal(ASK(f, make), OK);
	assert_int_equal(ASK(f, move), OK);
	assert_int_equal(JOBS(f, TRANSFER_TO_HOST), 0);
	assert_int_equal(ASK(f, flush), OK);
	assert_int_equal(JOBS(f, FLUSH), 1);
	assert_int_equal(ASK(f, attach), UNSPEC); /* it has some */
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 1), OK);
	assert_null(testbed_backing(&f->sched, 1));
	assert_int_equal(ASK(f, move), UNSPEC);
	assert_int_equal(ask(f, &attach, sizeof(attach.head) + sizeof(attach.entries[0])),
			 BAD_PARAMETER); /* fewer than it has bytes */
	attach = pages(1, 2);
	assert_int_equal(ASK(f, attach), OK);
	assert_int_equal(ASK(f, move), OK);
	assert_int_equal(unref(f, 1), OK);
	assert_int_equal(f->sched.used, 0);
}

static void test_cursor(void **state)
{
	struct fixture *f = *state;
	struct create make = blob(1, 12288);
	struct wire_gpu_update_cursor req = { HDR(UPDATE_CURSOR), .resource_id = le32_of(1) };

	assert_int_equal(ASK(f, make), OK);
	send_to(f, CURSOR, &req, sizeof(req), 0);
	assert_int_equal(JOBS(f, CURSOR), 0); /* 64 x 64 pixels are more */
	assert_int_equal(unref(f, 1), OK);
	make = blob(1, 3 * 8192);
	for (int i = 0; i < 3; i++)
		make.entries[i].length = le32_of(8192);
	assert_int_equal(ASK(f, make), OK);
	send_to(f, CURSOR, &req, sizeof(req), 0);
	assert_int_equal(JOBS(f, CURSOR), 1);
}

static void test_context_init(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_ctx_create req = { HDR(CTX_CREATE), .hdr.ctx_id = le32_of(1) };

	req.context_init = le32_of(3); /* there are 1 and 2 */
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.context_init = le32_of(0x102);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	assert_int_equal(f->sched.contexts, 0);
	req.context_init = le32_of(1);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.context.init, 1);
}

/* As over vhost-user: the driver has not been offered them. */
static void test_not_accepted(void **state)
{
	struct fixture *f = *state;
	struct create make = blob(1, 12000);
	struct wire_gpu_set_scanout_blob show = picture(0, 0);
	struct wire_gpu_ctx_create context = { HDR(CTX_CREATE), .hdr.ctx_id = le32_of(1),
					       .context_init = le32_of(77) };

	facet_loopback_reset(f->guest,
			     ~(1ULL << WIRE_GPU_F_RESOURCE_BLOB | 1ULL << WIRE_GPU_F_CONTEXT_INIT));
	assert_int_equal(ASK(f, make), UNSPEC);
	assert_int_equal(ASK(f, show), UNSPEC);
	assert_int_equal(ASK(f, context), OK);
	assert_int_equal(f->sched.last.context.init, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_create, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_show, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_pages, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_cursor, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_context_init, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_not_accepted, testbed_set_up,
						testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
