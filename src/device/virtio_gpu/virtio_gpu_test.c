// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio_gpu_test.c - the 2D commands of a guest: right, and wrong in each field. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "device/virtio_gpu/fixture.h"
#include "transport/loopback/loopback.h"

static void test_info(void **state)
{
	struct fixture *f = *state;
	const struct facet_virtio_info *virtio =
		facet_device_virtio(facet_loopback_device(f->guest));
	struct facet_device *device = facet_loopback_device(f->guest);
	struct wire_gpu_config config;
	struct fixture flat = { 0 };

	assert_int_equal(virtio->device_id, 16);
	assert_int_equal(virtio->queue_count, 2);
	assert_int_equal(virtio->features, 31);
	facet_device_config_read(device, 0, &config, sizeof(config));
	assert_int_equal(le32_get(config.num_scanouts), 2);
	assert_int_equal(le32_get(config.num_capsets), 2);
	assert_int_equal(testbed_boot(&flat, false, 1), 0);
	assert_int_equal(facet_device_virtio(facet_loopback_device(flat.guest))->features, 14);
	assert_int_equal(create_context(&flat, 1), UNSPEC);
	facet_transport_destroy(flat.guest);
}

static uint32_t events(struct fixture *f)
{
	le32 v;

	facet_device_config_read(facet_loopback_device(f->guest), 0, &v, sizeof(v));
	return le32_get(v);
}

static void test_events(void **state)
{
	struct fixture *f = *state;
	struct facet_device *device = facet_loopback_device(f->guest);
	struct wire_gpu_ctrl_hdr ask_info = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO) };
	le32 one = le32_of(1);

	testbed_want(&f->display, 0);
	assert_int_equal(events(f), 0); /* nothing new */
	f->display.outputs[0].width = 1024;
	testbed_want(&f->display, 0);
	assert_int_equal(events(f), WIRE_GPU_EVENT_DISPLAY);
	assert_int_equal(facet_loopback_config_changes(f->guest), 1);
	facet_device_config_write(device, 0, &one, sizeof(one)); /* events_read cannot be written */
	assert_int_equal(events(f), 1);
	facet_device_config_write(device, 4, &one, sizeof(one));
	assert_int_equal(events(f), 0);
	facet_device_config_write(device, 5, "\xff", 1);
	facet_device_config_write(device, 12, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	/* What a guest asked for itself is no news. */
	f->display.outputs[1].connected = true;
	assert_int_equal(ASK(f, ask_info), WIRE_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(events(f), 0);
	assert_int_equal(facet_loopback_config_changes(f->guest), 1);
}

static void test_display_info(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_ctrl_hdr req = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO) };
	struct wire_gpu_resp_display_info info;
	int first, second;

	f->display.hold = true;
	first = send_to(f, CONTROL, &req, sizeof(req), sizeof(info));
	second = send_to(f, CONTROL, &req, sizeof(req), sizeof(info));
	assert_int_equal(f->display.queries, 2); /* one an output, for both */
	f->display.outputs[0].width = 641;
	testbed_want(&f->display, 0);
	testbed_want(&f->display, 1);
	assert_int_equal(answer_of(f, first, &info, sizeof(info)), sizeof(info));
	assert_int_equal(le32_get(info.hdr.type), WIRE_GPU_RESP_OK_DISPLAY_INFO);
	assert_int_equal(le32_get(info.pmodes[0].r.width), 641);
	assert_int_equal(le32_get(info.pmodes[0].enabled), 1);
	assert_int_equal(le32_get(info.pmodes[1].r.height), 601);
	assert_int_equal(le32_get(info.pmodes[1].enabled), 0);
	assert_int_equal(answer_of(f, second, &info, sizeof(info)), sizeof(info));
	/* One more is never answered: the guest goes away first. */
	send_to(f, CONTROL, &req, sizeof(req), sizeof(info));
}

static void test_display_info_bound(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_ctrl_hdr req = { .type = le32_of(WIRE_GPU_CMD_GET_DISPLAY_INFO) };
	int ticket = -1;

	f->display.hold = true;
	for (int i = 0; i <= GPU_MAX_QUERIES; i++)
		ticket = send_to(f, CONTROL, &req, sizeof(req), 408);
	assert_int_equal(answer_of(f, ticket, &req, sizeof(req)), 408);
}

static void test_edid(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_get_edid req = { HDR(GET_EDID), .scanout = le32_of(1) };
	struct wire_gpu_resp_edid edid;
	int ticket = send_to(f, CONTROL, &req, sizeof(req), sizeof(edid));

	assert_int_equal(answer_of(f, ticket, &edid, sizeof(edid)), sizeof(edid));
	assert_int_equal(le32_get(edid.hdr.type), WIRE_GPU_RESP_OK_EDID);
	assert_int_equal(le32_get(edid.size), 128);
	assert_int_equal(edid.edid[54 + 2] | edid.edid[54 + 4] >> 4 << 8, 801);
	f->display.outputs[1].edid_size = 256;
	memset(f->display.outputs[1].edid, 7, 256);
	ticket = send_to(f, CONTROL, &req, sizeof(req), sizeof(edid));
	assert_int_equal(answer_of(f, ticket, &edid, sizeof(edid)), sizeof(edid));
	assert_int_equal(le32_get(edid.size), 256);
	assert_int_equal(edid.edid[255], 7);
	req.scanout = le32_of(2);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	facet_loopback_reset(f->guest, ~(1ULL << WIRE_GPU_F_EDID));
	req.scanout = le32_of(0);
	assert_int_equal(ASK(f, req), UNSPEC);
}

static void test_create_2d(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_create_2d req = { HDR(RESOURCE_CREATE_2D) };

	assert_int_equal(create_2d(f, 1, 640, 480), OK);
	assert_int_equal(f->sched.last.create.width, 640);
	assert_true(f->sched.last.create.is_2d);
	assert_in_range(f->sched.used, 640 * 480 * 4, 640 * 480 * 4 + 4096);
	assert_int_equal(create_2d(f, 1, 640, 480), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 0, 640, 480), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 2, 0, 480), BAD_PARAMETER);
	assert_int_equal(create_2d(f, 2, 640, 0), BAD_PARAMETER);
	assert_int_equal(create_2d(f, 2, 16385, 1), BAD_PARAMETER);
	assert_int_equal(create_2d(f, 2, UINT32_MAX, UINT32_MAX), BAD_PARAMETER);
	req.resource_id = req.width = req.height = le32_of(2);
	req.format = le32_of(5); /* a format, but not for this */
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	assert_int_equal(JOBS(f, RESOURCE_CREATE), 1);
	assert_int_equal(unref(f, 1), OK);
	assert_int_equal(unref(f, 1), BAD_RESOURCE);
	assert_int_equal(f->sched.used, 0);
	for (uint32_t id = 1; id <= 8; id++)
		assert_int_equal(create_2d(f, id, 1, 1), OK);
	assert_int_equal(create_2d(f, 9, 1, 1), NO_MEMORY); /* max_resources */
}

static void test_quota(void **state)
{
	struct fixture *f = *state;

	f->sched.quota = 10 << 20;
	assert_int_equal(create_2d(f, 1, 1024, 1024), OK);
	assert_int_equal(create_2d(f, 2, 1024, 1024), OK);
	assert_int_equal(create_2d(f, 3, 1024, 1024), NO_MEMORY);
	assert_int_equal(JOBS(f, RESOURCE_CREATE), 2);
	assert_int_equal(unref(f, 1), OK);
	/* The engine fails: paid back, and the id is free. */
	f->sched.status[FACET_JOB_RESOURCE_CREATE] = -ENOMEM;
	assert_int_equal(create_2d(f, 3, 1024, 1024), NO_MEMORY);
	f->sched.status[FACET_JOB_RESOURCE_CREATE] = 0;
	assert_int_equal(unref(f, 3), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 3, 1024, 1024), OK);
	/* A picture on a screen is paid for besides. */
	assert_int_equal(set_scanout(f, 0, 3, (struct facet_rect){ 0, 0, 1024, 1024 }), NO_MEMORY);
	assert_int_equal(set_scanout(f, 0, 3, (struct facet_rect){ 0, 0, 64, 64 }), OK);
	facet_loopback_reset(f->guest, UINT64_MAX);
	assert_int_equal(f->sched.used, 0);
	f->sched.full = true;
	assert_int_equal(create_2d(f, 1, 16, 16), NO_MEMORY);
	assert_int_equal(f->sched.used, 0);
	f->sched.full = false;
	assert_int_equal(create_2d(f, 1, 16, 16), OK);
}

static void test_scanout(void **state)
{
	struct fixture *f = *state;
	const struct facet_rect all = { 0, 0, 64, 48 };
	struct wire_gpu_resource_create_3d cube = texture(2, 64, 64);

	assert_int_equal(create_2d(f, 1, 64, 48), OK);
	assert_int_equal(set_scanout(f, 1, 1, all), OK);
	assert_int_equal(f->sched.last.scanout.output, 1);
	assert_int_equal(f->sched.last.scanout.rect.height, 48);
	assert_int_equal(set_scanout(f, 2, 1, all), BAD_SCANOUT);
	assert_int_equal(set_scanout(f, UINT32_MAX, 0, all), BAD_SCANOUT);
	assert_int_equal(set_scanout(f, 0, 9, all), BAD_RESOURCE);
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 1, 0, 64, 48 }), BAD_PARAMETER);
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 0, 1, 64, 48 }), BAD_PARAMETER);
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ 0, 0, 0, 48 }), BAD_PARAMETER);
	assert_int_equal(set_scanout(f, 0, 1, (struct facet_rect){ ~0u, 0, 2, 2 }), BAD_PARAMETER);
	cube.target = le32_of(WIRE_GPU_TARGET_CUBE);
	cube.array_size = le32_of(6);
	assert_int_equal(ASK(f, cube), OK);
	assert_int_equal(set_scanout(f, 0, 2, all), BAD_PARAMETER);
	assert_int_equal(JOBS(f, SET_SCANOUT), 1);
	assert_int_equal(set_scanout(f, 0, 0, (struct facet_rect){ 0 }), OK);
	assert_int_equal(f->sched.last.resource_id, 0);
	assert_int_equal(unref(f, 1), OK); /* while shown */
	assert_int_equal(unref(f, 2), OK);
	assert_int_equal(f->sched.used, 0);
}

static void test_flush(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource_flush req = {
		HDR(RESOURCE_FLUSH),
		.resource_id = le32_of(1),
		.r = { le32_of(60), le32_of(0), le32_of(4), le32_of(48) },
	};

	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 1, 64, 48), OK);
	assert_int_equal(ASK(f, req), OK);
	assert_int_equal(f->sched.last.flush.x, 60);
	req.r.width = le32_of(5);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.r.width = le32_of(UINT32_MAX);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.r.width = le32_of(0);
	assert_int_equal(ASK(f, req), OK); /* nothing to show */
	assert_int_equal(JOBS(f, FLUSH), 1);
}

static void test_backing(void **state)
{
	struct fixture *f = *state;
	struct attach req = pages(1, 3);
	struct facet_backing *backing;
	uint64_t before;

	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 1, 32, 32), OK);
	before = f->sched.used;
	req.entries[1].addr = le64_of((1 << 20) + 4096); /* next to the first */
	assert_int_equal(ASK(f, req), OK);
	backing = testbed_backing(&f->sched, 1);
	assert_non_null(backing);
	assert_int_equal(backing->size, 3 * 4096);
	assert_int_equal(backing->count, 2);
	assert_int_equal(backing->iov[0].iov_len, 8192);
	assert_int_equal(f->sched.used, before + 2 * sizeof(struct iovec));
	assert_int_equal(ASK(f, req), UNSPEC); /* has one */
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 1), OK);
	assert_int_equal(f->sched.used, before);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 1), UNSPEC);
	assert_int_equal(on_resource(f, WIRE_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 7), BAD_RESOURCE);
	f->sched.status[FACET_JOB_ATTACH_BACKING] = -ENOENT;
	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	assert_int_equal(f->sched.used, before);
}

static void test_bad_backing(void **state)
{
	struct fixture *f = *state;
	struct attach req = pages(1, 0), good = pages(1, 3);
	uint64_t before;

	assert_int_equal(create_2d(f, 1, 32, 32), OK);
	before = f->sched.used;
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.head.nr_entries = le32_of(4); /* one more than came */
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.head.nr_entries = le32_of(UINT32_MAX);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req = good;
	req.entries[2].length = le32_of(0);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req = good;
	req.entries[2].addr = le64_of(FACET_LOOPBACK_MEMORY - 4095); /* one byte too far */
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	req.entries[2].addr = le64_of(UINT64_MAX - 100);
	assert_int_equal(ASK(f, req), BAD_PARAMETER);
	assert_int_equal(JOBS(f, ATTACH_BACKING), 0);
	assert_int_equal(f->sched.used, before);
	f->sched.quota = before + 16;
	assert_int_equal(ASK(f, good), NO_MEMORY);
	f->sched.quota = 0;
	assert_int_equal(ASK(f, good), OK);
}

/* Guests list the same page over and over: we keep no more than they pay for. */
static void test_huge_backing(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 4096 };
	size_t size = sizeof(struct wire_gpu_resource_attach_backing) +
		      COUNT * sizeof(struct wire_gpu_mem_entry);
	struct wire_gpu_resource_attach_backing *req = calloc(1, size);
	struct wire_gpu_mem_entry *entries = (void *)(req + 1);

	req->hdr.type = le32_of(WIRE_GPU_CMD_RESOURCE_ATTACH_BACKING);
	req->resource_id = le32_of(1);
	req->nr_entries = le32_of(COUNT);
	for (int i = 0; i < COUNT; i++)
		entries[i] = (struct wire_gpu_mem_entry){ le64_of(4096), le32_of(8) };
	assert_int_equal(create_2d(f, 1, 32, 32), OK);
	f->sched.quota = f->sched.used + COUNT * sizeof(struct iovec) - 1;
	assert_int_equal(ask(f, req, size), NO_MEMORY);
	f->sched.quota = 0;
	assert_int_equal(ask(f, req, size), OK);
	assert_int_equal(f->sched.last.backing->count, COUNT);
	assert_int_equal(unref(f, 1), OK);
	/* 64 MiB, more than sixty times: past the limit of one resource. */
	for (int i = 0; i < COUNT; i++)
		entries[i].length = le32_of(32 << 20);
	assert_int_equal(create_2d(f, 1, 32, 32), OK);
	assert_int_equal(ask(f, req, size), BAD_PARAMETER);
	free(req);
}

static void test_transfer_2d(void **state)
{
	struct fixture *f = *state;
	struct attach back = pages(1, 3); /* 12288 bytes: 96 lines of 32 pixels */
	struct wire_gpu_transfer_to_host_2d req = {
		HDR(TRANSFER_TO_HOST_2D), .resource_id = le32_of(1),
		.r = { le32_of(1), le32_of(2), le32_of(31), le32_of(30) }, .offset = le64_of(260),
	}, bad;

	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 1, 32, 32), OK);
	assert_int_equal(ASK(f, req), UNSPEC); /* nothing to take it from */
	assert_int_equal(ASK(f, back), OK);
	assert_int_equal(ASK(f, req), OK);
	assert_true(f->sched.last.transfer.is_2d);
	assert_int_equal(f->sched.last.transfer.offset, 260);
	assert_int_equal(f->sched.last.transfer.box.depth, 1);
	bad = req, bad.r.x = le32_of(2);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.r.height = le32_of(31);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.r.y = le32_of(UINT32_MAX);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad = req, bad.offset = le64_of(3 * 4096 - 29 * 128 - 31 * 4);
	assert_int_equal(ASK(f, bad), OK); /* to the last byte */
	bad.offset = le64_of(3 * 4096 - 29 * 128 - 31 * 4 + 1);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	bad.offset = le64_of(UINT64_MAX - 10);
	assert_int_equal(ASK(f, bad), BAD_PARAMETER);
	assert_int_equal(JOBS(f, TRANSFER_TO_HOST), 2);
}

static void test_uuid(void **state)
{
	struct fixture *f = *state;
	struct wire_gpu_resource req = { HDR(RESOURCE_ASSIGN_UUID), .resource_id = le32_of(1) };
	struct wire_gpu_resp_resource_uuid first, again, other;

	assert_int_equal(ASK(f, req), BAD_RESOURCE);
	assert_int_equal(create_2d(f, 1, 4, 4), OK);
	assert_int_equal(create_2d(f, 2, 4, 4), OK);
	assert_int_equal(answer_of(f, send_to(f, CONTROL, &req, sizeof(req), 40), &first, 40), 40);
	assert_int_equal(le32_get(first.hdr.type), WIRE_GPU_RESP_OK_RESOURCE_UUID);
	assert_int_equal(answer_of(f, send_to(f, CONTROL, &req, sizeof(req), 40), &again, 40), 40);
	assert_memory_equal(&first, &again, sizeof(first));
	req.resource_id = le32_of(2);
	assert_int_equal(answer_of(f, send_to(f, CONTROL, &req, sizeof(req), 40), &other, 40), 40);
	assert_memory_not_equal(first.uuid, other.uuid, 16);
	facet_loopback_reset(f->guest, ~(1ULL << WIRE_GPU_F_RESOURCE_UUID));
	assert_int_equal(ASK(f, req), UNSPEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_info, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_events, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_display_info, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_display_info_bound, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_edid, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_create_2d, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_quota, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_scanout, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_flush, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_backing, testbed_set_up, testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_bad_backing, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_huge_backing, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_transfer_2d, testbed_set_up,
						testbed_tear_down),
		cmocka_unit_test_setup_teardown(test_uuid, testbed_set_up, testbed_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
