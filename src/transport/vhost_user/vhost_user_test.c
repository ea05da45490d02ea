// SPDX-License-Identifier: GPL-2.0-or-later
/* vhost_user_test.c - a front-end in miniature against the back-end with the null device. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/log.h"
#include "transport/vhost_user/front.h"

static void a_driver_is_served(void **state)
{
	struct front *f = *state;
	struct facet_transport_status status;

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	front_offer(f, 0, "hello");
	assert_true(front_answered(f, 0, "hello"));
	front_offer(f, 1, "other queue");
	assert_true(front_answered(f, 1, "other queue"));
	facet_transport_status(f->transport, &status);
	assert_true(status.connected && status.running);
	assert_int_equal(status.features, FRONT_FEATURES);
	assert_int_equal(status.regions, 1);
	assert_int_equal(status.drops, 0);
}

static void without_protocol_features_rings_start_enabled(void **state)
{
	struct front *f = *state;
	struct vhost_user_mem_table table = { .count = 1,
					      .regions = { { 0, MEMORY, FRONT_USER, 0 } } };

	front_set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, FRONT_PROTOCOL);
	front_set_u64(f, VHOST_USER_SET_FEATURES, BIT(VIRTIO_F_VERSION_1));
	front_send_fds(f, VHOST_USER_SET_MEM_TABLE, 0, &table, 8 + 32, &f->memory, 1);
	front_start_ring(f, 0, 0, FRONT_USER);
	front_offer(f, 0, "plain");
	assert_true(front_answered(f, 0, "plain"));
}

static void a_pause_is_not_a_reset(void **state)
{
	struct front *f = *state;
	struct vhost_user_config config = { 0, 4, 0, "abc" };

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 4, NULL, 0), 0);
	front_offer(f, 0, "before");
	assert_true(front_answered(f, 0, "before"));
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	front_offer(f, 0, "not yet");
	assert_false(front_answered(f, 0, "not yet"));
	assert_int_equal(front_get_base(f, 0), 1);
	front_set_u64(f, VHOST_USER_SET_STATUS, 0);
	front_set_u64(f, VHOST_USER_SET_FEATURES, FRONT_FEATURES);
	front_start_ring(f, 0, 1, FRONT_USER);
	assert_false(front_answered(f, 0, "not yet"));
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_dispatch(f);
	assert_true(front_answered(f, 0, "not yet"));
	/* The null device remembers until it is reset. */
	config.data[0] = 0;
	front_send_fds(f, VHOST_USER_GET_CONFIG, 0, &config, 12 + 4, NULL, 0);
	front_receive(f->fd, VHOST_USER_GET_CONFIG, VHOST_USER_REPLY, &config, 12 + 4);
	assert_int_equal(config.data[0], 'a');
}

static char config_byte(struct front *f)
{
	struct vhost_user_config config = { .size = 1 };

	front_send_fds(f, VHOST_USER_GET_CONFIG, 0, &config, 12 + 1, NULL, 0);
	front_receive(f->fd, VHOST_USER_GET_CONFIG, VHOST_USER_REPLY, &config, 12 + 1);
	return (char)config.data[0];
}

static void a_new_driver_is_noticed(void **state)
{
	struct front *f = *state;
	const struct vhost_user_config config = { 0, 1, 0, "x" };

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 1, NULL, 0), 0);
	front_offer(f, 1, "first life");
	assert_int_equal(front_get_base(f, 0), 0);
	assert_int_equal(front_get_base(f, 1), 1);
	assert_int_equal(config_byte(f), 'x');
	front_start_driver(f, FRONT_FEATURES);
	assert_int_equal(config_byte(f), 0);
	front_offer(f, 0, "second life");
	assert_true(front_answered(f, 0, "second life"));
	front_offer(f, 1, "of both");
	assert_true(front_answered(f, 1, "of both"));
}

static void reset_device_resets(void **state)
{
	struct front *f = *state;
	const struct vhost_user_config config = { 0, 1, 0, "x" };

	front_negotiate(f);
	front_add_memory(f);
	front_start_driver(f, FRONT_FEATURES);
	front_set_u64(f, VHOST_USER_SET_STATUS, 15);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_STATUS), 15);
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 1, NULL, 0), 0);
	front_offer(f, 0, "first life");
	assert_int_equal(front_acked(f, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_int_equal(config_byte(f), 0);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_STATUS), 0);
	front_offer(f, 0, "dead");
	assert_false(front_answered(f, 0, "dead"));
	front_start_driver(f, FRONT_FEATURES);
	front_offer(f, 0, "second life");
	assert_true(front_answered(f, 0, "second life"));
}

static void config_changes_are_told(void **state)
{
	struct front *f = *state;
	const struct vhost_user_config config = { 2, 3, 0, "xyz" }, past = { 1000, 3, 0, "xyz" };
	const struct vhost_user_config migration = { 2, 3, 1, "xyz" };

	front_negotiate(f);
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 3, NULL, 0), 0);
	front_receive(f->back, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0, NULL, 0);
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG, &migration, 12 + 3, NULL, 0), 1);
	assert_int_equal(front_acked(f, VHOST_USER_SET_CONFIG, &past, 12 + 3, NULL, 0), 0);
}

static void failures_are_told(void **state)
{
	struct front *f = *state;
	const struct vhost_user_mem_reg reg = { 0, { 0, MEMORY, FRONT_USER, 4096 } };
	const struct vhost_user_vring_state size = { 0, 17 };
	uint64_t features = FRONT_FEATURES | BIT(VIRTIO_F_RING_PACKED);

	front_negotiate(f);
	assert_int_equal(front_acked(f, VHOST_USER_ADD_MEM_REG, &reg, sizeof(reg), &f->memory, 1),
			 1);
	assert_int_equal(front_acked(f, VHOST_USER_REM_MEM_REG, &reg, sizeof(reg), NULL, 0), 1);
	assert_int_equal(front_acked(f, VHOST_USER_SET_VRING_NUM, &size, sizeof(size), NULL, 0), 1);
	assert_int_equal(front_acked(f, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0), 1);
	/* A bit that the driver took from QEMU's own offer does no harm. */
	features = FRONT_FEATURES | BIT(40);
	assert_int_equal(front_acked(f, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0), 0);
}

struct bad {
	uint32_t request, flags, size;
	unsigned int fds;
	uint32_t words[4]; /* the first bytes of the payload */
};

static void bad_messages_end_the_connection(void **state)
{
	static const struct bad cases[] = {
		{ 0, 1, 0, 0, { 0 } },
		{ 41, 1, 0, 0, { 0 } },
		{ UINT32_MAX, 1, 0, 0, { 0 } },
		{ 6, 1, 8, 0, { 0 } }, /* SET_LOG_BASE: not offered */
		{ VHOST_USER_GET_FEATURES, 2, 0, 0, { 0 } },
		{ VHOST_USER_GET_FEATURES, 5, 0, 0, { 0 } },
		{ VHOST_USER_GET_FEATURES, 1, 8, 0, { 0 } },
		{ VHOST_USER_GET_FEATURES, 1, 0, 1, { 0 } },
		{ VHOST_USER_SET_FEATURES, 1, 4, 0, { 0 } },
		{ VHOST_USER_SET_FEATURES, 1, 400, 0, { 0 } },
		{ VHOST_USER_SET_FEATURES, 1, UINT32_MAX, 0, { 0 } },
		{ VHOST_USER_SET_PROTOCOL_FEATURES, 1, 8, 0, { 2 } },
		{ VHOST_USER_SET_VRING_NUM, 1, 8, 0, { 2, 16 } },
		{ VHOST_USER_SET_VRING_NUM, 1, 8, 0, { UINT32_MAX, 16 } },
		{ VHOST_USER_SET_VRING_KICK, 1, 8, 0, { 0 } },
		{ VHOST_USER_SET_VRING_KICK, 1, 8, 1, { 256 } },
		{ VHOST_USER_SET_VRING_KICK, 1, 8, 2, { 0 } },
		{ VHOST_USER_SET_VRING_CALL, 1, 8, 1, { 2 } },
		{ VHOST_USER_SET_VRING_CALL, 1, 8, 1, { 0 } }, /* a socket */
		{ VHOST_USER_SET_VRING_ENABLE, 1, 8, 0, { 0, 2 } },
		{ VHOST_USER_SET_MEM_TABLE, 1, 8, 0, { 1 } },
		{ VHOST_USER_SET_MEM_TABLE, 1, 8, 0, { UINT32_MAX } },
		{ VHOST_USER_SET_MEM_TABLE, 1, 40, 9, { 1 } },
		{ VHOST_USER_ADD_MEM_REG, 1, 40, 0, { 0 } },
		{ VHOST_USER_ADD_MEM_REG, 1, 40, 8, { 0 } },
		{ VHOST_USER_SET_BACKEND_REQ_FD, 1, 0, 0, { 0 } },
		{ VHOST_USER_GPU_SET_SOCKET, 1, 0, 0, { 0 } },
		{ VHOST_USER_GET_CONFIG, 1, 16, 0, { 0, 3 } },
		{ VHOST_USER_GET_CONFIG, 1, 16, 0, { 0, UINT32_MAX } },
		{ VHOST_USER_IOTLB_MSG, 1, 32, 0, { 0 } },
	};
	struct front *f;
	struct facet_transport_status status;
	unsigned int before;
	int fds[16];
	uint8_t buf[12 + 512];
	void *s;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		front_set_up(&s);
		f = s;
		before = front_open_fds();
		for (int k = 0; k < 16; k++)
			fds[k] = f->fd;
		memset(buf, 0, sizeof(buf));
		memcpy(buf, &cases[i], 12);
		memcpy(buf + 12, cases[i].words, sizeof(cases[i].words));
		front_send_raw(f->fd, buf, 12 + (cases[i].size > 400 ? 400 : cases[i].size), fds,
			       cases[i].fds);
		front_dispatch(f);
		facet_transport_status(f->transport, &status);
		assert_false(status.connected);
		assert_int_equal(status.drops, 1);
		assert_int_equal(facet_transport_dispatch(f->transport), -ENOTCONN);
		assert_int_equal(front_open_fds(), before - 1);
		front_tear_down(&s);
	}
}

static void messages_may_come_in_pieces(void **state)
{
	struct front *f = *state;
	const struct vhost_user_header header = { VHOST_USER_SET_STATUS, 1, 8 };
	uint8_t buf[20] = { 0 };

	memcpy(buf, &header, sizeof(header));
	buf[12] = 77;
	for (int i = 0; i < 20; i++) {
		front_send_raw(f->fd, buf + i, 1, NULL, 0);
		front_dispatch(f);
	}
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_STATUS), 77);
}

static void nothing_stays_behind(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct facet_transport_config cfg = { .device = "null", .fd = -1 };
	struct facet_transport_status status;
	struct front f = { .back = -1 }, *old = *state;
	socklen_t size = sizeof(address);
	struct facet_error err;
	unsigned int before;
	char byte;
	int second;

	cfg.listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	/* An abstract address of the kernel's choice. */
	assert_int_equal(bind(cfg.listen_fd, (void *)&address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(cfg.listen_fd, 4), 0);
	assert_int_equal(getsockname(cfg.listen_fd, (void *)&address, &size), 0);
	assert_int_equal(facet_transport_create("vhost-user", &cfg, &f.transport, &err), 0);
	memcpy(&f.memory, &old->memory, sizeof(*old) - offsetof(struct front, memory));
	before = front_open_fds();
	for (int round = 0; round < 3; round++) {
		f.fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(f.fd, (void *)&address, size), 0);
		front_dispatch(&f);
		second = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(second, (void *)&address, size), 0);
		front_dispatch(&f);
		assert_int_equal(recv(second, &byte, 1, 0), 0);
		close(second);
		front_negotiate(&f);
		front_add_memory(&f);
		front_start_driver(&f, FRONT_FEATURES);
		front_offer(&f, 0, "one of many");
		assert_true(front_answered(&f, 0, "one of many"));
		close(f.fd);
		close(f.back);
		front_dispatch(&f);
		facet_transport_status(f.transport, &status);
		assert_false(status.connected || status.running || status.regions);
		assert_int_equal(status.features, 0);
		assert_int_equal(front_open_fds(), before);
	}
	facet_transport_destroy(f.transport);
}

static void an_iommu_is_asked(void **state)
{
	struct front *f = *state;
	struct vhost_user_iotlb all = { .size = 0, .type = VHOST_IOTLB_INVALIDATE };
	struct facet_transport_status status;
	unsigned int questions = 0;

	front_negotiate(f);
	front_add_memory(f);
	front_set_u64(f, VHOST_USER_SET_FEATURES, FRONT_FEATURES | BIT(VIRTIO_F_IOMMU_PLATFORM));
	front_start_ring(f, 0, 0, 0);
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_offer(f, 0, "through an IOMMU");
	assert_false(front_answered(f, 0, "through an IOMMU"));
	while (front_answer_miss(f, true))
		questions++;
	assert_int_equal(questions, 4);
	assert_true(front_answered(f, 0, "through an IOMMU"));
	front_offer(f, 0, "from memory");
	assert_true(front_answered(f, 0, "from memory"));
	assert_int_equal(front_acked(f, VHOST_USER_IOTLB_MSG, &all, sizeof(all), NULL, 0), 0);
	while (front_answer_miss(f, true))
		;
	front_offer(f, 0, "again");
	while (front_answer_miss(f, true))
		;
	assert_true(front_answered(f, 0, "again"));
	/* A buffer that the IOMMU denies breaks the ring. */
	((struct virtq_desc *)(void *)(f->base + DESC))[2] =
		(struct virtq_desc){ le64_of(0xffff0000), le32_of(8), le16_of(0), le16_of(0) };
	((struct virtq_avail *)(void *)(f->base + AVAIL))->ring[f->next[0] % SIZE] = le16_of(2);
	((struct virtq_avail *)(void *)(f->base + AVAIL))->idx = le16_of(++f->next[0]);
	assert_int_equal(write(f->kick[0], &(uint64_t){ 1 }, 8), 8);
	front_dispatch(f);
	assert_true(front_answer_miss(f, false));
	facet_transport_status(f->transport, &status);
	assert_int_equal(status.drops, 1);
}

static void an_iommu_that_has_gone_is_not_waited_for(void **state)
{
	struct front *f = *state;
	struct facet_transport_status status;

	front_negotiate(f);
	front_add_memory(f);
	front_set_u64(f, VHOST_USER_SET_FEATURES, FRONT_FEATURES | BIT(VIRTIO_F_IOMMU_PLATFORM));
	front_start_ring(f, 0, 0, 0);
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_offer(f, 0, "nobody there");
	close(f->back);
	f->back = -1;
	front_dispatch(f);
	facet_transport_status(f->transport, &status);
	assert_true(status.connected);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_QUEUE_NUM), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, front_set_up, front_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_driver_is_served),
		TEST(without_protocol_features_rings_start_enabled),
		TEST(a_pause_is_not_a_reset),
		TEST(a_new_driver_is_noticed),
		TEST(reset_device_resets),
		TEST(config_changes_are_told),
		TEST(failures_are_told),
		cmocka_unit_test(bad_messages_end_the_connection),
		TEST(messages_may_come_in_pieces),
		TEST(nothing_stays_behind),
		TEST(an_iommu_is_asked),
		TEST(an_iommu_that_has_gone_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
