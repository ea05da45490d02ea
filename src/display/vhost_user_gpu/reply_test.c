// SPDX-License-Identifier: GPL-2.0-or-later
/* reply_test.c - what QEMU answers, refuses to answer or makes up; and how a display socket ends.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/vhost_user_gpu/test_qemu.h"

static void reply_info(uint32_t width0, uint32_t height0)
{
	struct wire_gpu_resp_display_info info = { 0 };

	info.hdr.type = le32_of(WIRE_GPU_RESP_OK_DISPLAY_INFO);
	info.pmodes[0].enabled = le32_of(1);
	info.pmodes[0].r.width = le32_of(width0);
	info.pmodes[0].r.height = le32_of(height0);
	reply(WIRE_VUG_GET_DISPLAY_INFO, &info, sizeof(info));
}

static void reply_edid(uint32_t size)
{
	struct wire_gpu_resp_edid edid = { 0 };

	edid.hdr.type = le32_of(WIRE_GPU_RESP_OK_EDID);
	edid.size = le32_of(size);
	memset(edid.edid, 0xed, sizeof(edid.edid));
	reply(WIRE_VUG_GET_EDID, &edid, sizeof(edid));
}

/* --- questions --- */

static void ask_info(unsigned int output, uint32_t width, uint32_t height)
{
	facet_display_query(t.display, output);
	expect(WIRE_VUG_GET_DISPLAY_INFO, NULL, 0);
	reply_info(width, height);
	assert_int_equal(dispatch(), 0);
}

static void ask_edid(uint32_t size)
{
	struct wire_vug_get_edid edid;

	expect(WIRE_VUG_GET_EDID, &edid, sizeof(edid));
	assert_int_equal(edid.output, 0);
	reply_edid(size);
	assert_int_equal(dispatch(), 0);
}

static void test_query(void **state)
{
	shake_hands(1, 1);
	ask_info(0, 1000, 700);
	ask_edid(256);
	assert_true(told(0));
	assert_true(t.state[0].connected);
	assert_int_equal(t.state[0].width, 1000);
	assert_int_equal(t.state[0].height, 700);
	assert_int_equal(t.state[0].edid_size, 256);
	assert_int_equal(t.state[0].edid[255], 0xed);

	ask_info(1, 1000, 700); /* QEMU does not have it */
	assert_true(told(1));
	assert_false(t.state[1].connected);
	assert_false(told(0));

	ask_info(1, 1200, 700); /* another one than the one asked about has changed */
	assert_true(told(1));
	ask_edid(2000); /* too long: none */
	assert_true(told(0));
	assert_int_equal(t.state[0].width, 1200);
	assert_int_equal(t.state[0].edid_size, 0);

	ask_info(0, 0x80000000, 0); /* which nothing can show */
	assert_true(told(0));
	assert_int_equal(t.state[0].width, 1200);
}

static void test_query_old_qemu(void **state)
{
	shake_hands(0, 0);
	ask_info(0, 1000, 700);
	assert_true(told(0));
	assert_int_equal(t.state[0].width, 1000);
	assert_int_equal(t.state[0].edid_size, 0);
}

/* The guest does not wait for a QEMU that says nothing, or half of it; late words count. */
static void test_query_silence(void **state)
{
	struct wire_vug_get_edid edid;

	shake_hands(3, 3);
	facet_display_query(t.display, 0);
	expect(WIRE_VUG_GET_DISPLAY_INFO, NULL, 0);
	facet_display_query(t.display, 1);
	assert_int_equal(dispatch(), 0); /* when the second is over */
	assert_true(told(0));
	assert_true(told(1));
	assert_int_equal(t.state[0].width, 1280);
	reply_info(1000, 700);
	assert_int_equal(dispatch(), 0);
	expect(WIRE_VUG_GET_DISPLAY_INFO, NULL, 0); /* the second question */
	expect(WIRE_VUG_GET_EDID, &edid, sizeof(edid));
	reply_info(1000, 700);
	assert_int_equal(dispatch(), 0);

	ask_info(0, 1000, 700); /* the EDID is still missing */
	while (!told(0))
		assert_int_equal(dispatch(), 0);
	assert_int_equal(t.state[0].width, 1280);
	do { /* no more EDIDs: at once, on a machine that is not too slow */
		ask_info(0, 1000, 700);
		assert_true(told(0));
	} while (t.state[0].width != 1000);
	assert_int_equal(t.state[0].edid_size, 0);
	reply_edid(128);
	assert_int_equal(dispatch(), 0);
	assert_true(told(0));
	assert_int_equal(t.state[0].edid_size, 128);
}

static void test_query_unplugged(void **state)
{
	shake_hands(3, 3);
	facet_display_query(t.display, 0);
	facet_display_query(t.display, 1);
	assert_false(told(0) || told(1));
	unplug();
	assert_true(told(0));
	assert_true(told(1));
}

/* --- ends --- */

static void test_drip(void **state)
{
	struct {
		struct wire_vug_header header;
		uint8_t features[8];
	} r = { { WIRE_VUG_GET_PROTOCOL_FEATURES, WIRE_VUG_FLAG_REPLY, 8 }, { 3 } };
	uint64_t features;

	expect(WIRE_VUG_GET_PROTOCOL_FEATURES, NULL, 0);
	for (size_t i = 0; i < sizeof(r); i++) {
		put((char *)&r + i, 1);
		assert_int_equal(dispatch(), 0);
	}
	expect(WIRE_VUG_SET_PROTOCOL_FEATURES, &features, sizeof(features));
	assert_int_equal(features, 3);
}

static void test_hostile(void **state)
{
	static const struct wire_vug_header bad[] = {
		{ WIRE_VUG_GET_PROTOCOL_FEATURES, WIRE_VUG_FLAG_REPLY, 8 }, /* once only */
		{ WIRE_VUG_GET_DISPLAY_INFO, WIRE_VUG_FLAG_REPLY, 407 },
		{ WIRE_VUG_GET_DISPLAY_INFO, WIRE_VUG_FLAG_REPLY, UINT32_MAX },
		{ WIRE_VUG_GET_DISPLAY_INFO, 0, 408 },
		{ WIRE_VUG_GET_EDID, WIRE_VUG_FLAG_REPLY, 1056 }, /* not asked */
		{ WIRE_VUG_DMABUF_UPDATE, WIRE_VUG_FLAG_REPLY, 0 },
		{ WIRE_VUG_SCANOUT, WIRE_VUG_FLAG_REPLY, 0 },
		{ 0, WIRE_VUG_FLAG_REPLY, 0 },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX },
	};
	struct facet_frame frame = frame_of(10, 10);

	facet_display_set_scanout(t.display, 0, &frame);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		shake_hands(3, 3);
		facet_display_query(t.display, 0);
		expect(WIRE_VUG_GET_DISPLAY_INFO, NULL, 0);
		put(&bad[i], sizeof(bad[i]));
		assert_int_equal(dispatch(), -ENOTCONN);
		facet_display_query(t.display, 1); /* a dead sink is not asked */
		assert_true(told(1));
		commit(0, 0, 0, 10, 10);
		unplug();
		assert_true(told(0));
		plug();
	}
}

/* QEMU dies while we send it a frame. */
static void test_death(void **state)
{
	struct facet_frame frame = frame_of(2000, 2000);
	struct wire_vug_header header;

	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &frame);
	commit(0, 0, 0, 2000, 2000);
	expect_scanout(0, 2000, 2000);
	assert_true(get(&header, 5));
	close(t.qemu);
	while (dispatch() == 0)
		;
	commit(0, 0, 0, 2000, 2000);
	facet_display_refresh(t.display);
	facet_display_remove_sink(t.display, t.sink);

	plug(); /* the next one sees everything */
	shake_hands(3, 3);
	facet_display_refresh(t.display);
	expect_scanout(0, 2000, 2000);
	expect_update(0, 0, 0, 2000, 2000);
	expect_picture();
}

/* Of what was sent, and no more. */
static bool take_rest(void *to, size_t size)
{
	return recv(t.qemu, to, size, MSG_DONTWAIT | MSG_WAITALL) == (ssize_t)size;
}

/* Leaving in the middle of a frame: no waiting, and whoever reads on finds whole messages. */
static void test_leave(void **state)
{
	struct facet_frame frame = frame_of(2000, 2000);
	struct wire_vug_header header;
	char *payload = malloc(1 << 20);
	int fd[2];

	unplug();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	t.qemu = fd[0];
	assert_int_equal(
		facet_display_add_sink(
			t.display,
			&(struct facet_sink_config){ .type = "vhost-user-gpu", .fd = dup(fd[1]) },
			&t.sink, NULL),
		0);
	shake_hands(3, 3);
	facet_display_set_scanout(t.display, 0, &frame);
	commit(0, 0, 0, 2000, 2000);
	expect_scanout(0, 2000, 2000);
	take_update(0);
	facet_display_remove_sink(t.display, t.sink);
	t.sink = NULL;
	while (take_rest(&header, sizeof(header))) {
		assert_int_equal(header.request, WIRE_VUG_UPDATE);
		assert_true(header.size <= 1 << 20);
		assert_true(take_rest(payload, header.size));
	}
	free(payload);
	close(fd[0]);
	close(fd[1]);
}

/* All threads at once, for the thread sanitizer. */
static atomic_bool stop;

static void *run_engine(void *arg)
{
	struct facet_frame a = frame_of(300, 200), b = frame_of(200, 300);
	struct facet_cursor cursor = { .visible = true };

	for (unsigned int i = 0; !atomic_load(&stop); i++) {
		facet_display_set_scanout(t.display, 0, i % 3 == 2 ? NULL : i % 3 ? &a : &b);
		commit(0, i % 100, 0, 100, 200);
		facet_display_set_cursor(t.display, 0, &cursor);
		facet_display_refresh(t.display);
	}
	facet_display_set_scanout(t.display, 0, NULL);
	return NULL;
}

static void *run_qemu(void *arg)
{
	char *junk = malloc(1 << 16);

	while (recv(t.qemu, junk, 1 << 16, 0) > 0)
		;
	free(junk);
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t engine, qemu;

	unplug();
	pthread_create(&engine, NULL, run_engine, NULL);
	for (int i = 0; i < 20; i++) {
		plug();
		shake_hands(3, 3);
		pthread_create(&qemu, NULL, run_qemu, NULL);
		for (int k = 0; k < 50; k++) {
			facet_display_move_cursor(t.display, 0, k, k, k % 2);
			facet_display_query(t.display, 0);
			facet_sink_dispatch(t.sink);
			sched_yield();
		}
		facet_display_remove_sink(t.display, t.sink);
		pthread_join(qemu, NULL);
		close(t.qemu);
	}
	t.sink = NULL;
	atomic_store(&stop, true);
	pthread_join(engine, NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, gpu_test_setup, gpu_test_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_query),           TEST(test_query_old_qemu), TEST(test_query_silence),
		TEST(test_query_unplugged), TEST(test_drip),           TEST(test_hostile),
		TEST(test_death),           TEST(test_leave),          TEST(test_threads),
	};

	return cmocka_run_group_tests_name("vhost-user-gpu replies", tests, NULL, NULL);
}
