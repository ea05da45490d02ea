// SPDX-License-Identifier: GPL-2.0-or-later
/* vhost_user_test.c - a front-end in miniature against the back-end with the null device. */
#include <dirent.h>
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
#include "transport/transport.h"
#include "wire/vhost_user.h"
#include "wire/virtio_ring.h"

enum {
	MEMORY = 1 << 20,
	SIZE = 16,
	DESC = 0x1000,
	AVAIL = 0x2000,
	USED = 0x3000,
	DATA = 0x4000,
	RINGS = 0x10000, /* from one ring's places to the next ring's */
};

#define BIT(n) (1ull << (n))

static const uint64_t USER = 0x7e0000000000;
static const uint64_t FEATURES = BIT(VHOST_USER_F_PROTOCOL_FEATURES) | BIT(VIRTIO_F_VERSION_1);
static const uint64_t PROTOCOL = BIT(0) | BIT(3) | BIT(5) | BIT(9) | BIT(13) | BIT(15) | BIT(16);

struct fixture {
	struct facet_transport *transport;
	int fd, back; /* our ends */
	int memory, kick[2], call[2];
	uint8_t *base;
	uint16_t next[2];
};

static void quiet(enum facet_log_level level, const char *area, const char *text)
{
}

static void dispatch(struct fixture *f)
{
	for (int i = 0; i < 4; i++)
		facet_transport_dispatch(f->transport);
}

static void send_raw(int to, const void *bytes, size_t size, const int *fds, unsigned int count)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(to, &msg, MSG_NOSIGNAL), size);
}

static void send_fds(struct fixture *f, uint32_t request, uint32_t flags, const void *payload,
		     uint32_t size, const int *fds, unsigned int count)
{
	struct vhost_user_header header = { request, VHOST_USER_VERSION | flags, size };
	uint8_t buf[512];

	memcpy(buf, &header, sizeof(header));
	if (size)
		memcpy(buf + sizeof(header), payload, size);
	send_raw(f->fd, buf, sizeof(header) + size, fds, count);
	dispatch(f);
}

static void receive(int from, uint32_t request, uint32_t flags, void *payload, uint32_t size)
{
	struct vhost_user_header header;

	assert_int_equal(recv(from, &header, sizeof(header), MSG_DONTWAIT), sizeof(header));
	assert_int_equal(header.request, request);
	assert_int_equal(header.flags, VHOST_USER_VERSION | flags);
	assert_int_equal(header.size, size);
	if (size)
		assert_int_equal(recv(from, payload, size, MSG_DONTWAIT), size);
}

/* A request that is acknowledged: 0 for success. */
static uint64_t acked(struct fixture *f, uint32_t request, const void *payload, uint32_t size,
		      const int *fds, unsigned int count)
{
	uint64_t ret;

	send_fds(f, request, VHOST_USER_NEED_REPLY, payload, size, fds, count);
	receive(f->fd, request, VHOST_USER_REPLY, &ret, sizeof(ret));
	return ret;
}

static uint64_t get_u64(struct fixture *f, uint32_t request)
{
	uint64_t ret;

	send_fds(f, request, 0, NULL, 0, NULL, 0);
	receive(f->fd, request, VHOST_USER_REPLY, &ret, sizeof(ret));
	return ret;
}

static void set_u64(struct fixture *f, uint32_t request, uint64_t value)
{
	send_fds(f, request, 0, &value, sizeof(value), NULL, 0);
}

static void set_state(struct fixture *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_vring_state s = { index, num };

	assert_int_equal(acked(f, request, &s, sizeof(s), NULL, 0), 0);
}

static uint32_t get_base(struct fixture *f, uint32_t index)
{
	struct vhost_user_vring_state s = { index, 0 };

	send_fds(f, VHOST_USER_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0);
	receive(f->fd, VHOST_USER_GET_VRING_BASE, VHOST_USER_REPLY, &s, sizeof(s));
	assert_int_equal(s.index, index);
	return s.num;
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void negotiate(struct fixture *f)
{
	int pair[2];

	assert_int_equal(get_u64(f, VHOST_USER_GET_PROTOCOL_FEATURES), PROTOCOL);
	set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, PROTOCOL);
	assert_int_equal(get_u64(f, VHOST_USER_GET_QUEUE_NUM), 2);
	assert_true(get_u64(f, VHOST_USER_GET_MAX_MEM_SLOTS) >= 32);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->back = pair[0];
	assert_int_equal(acked(f, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1), 0);
	close(pair[1]);
	assert_int_equal(acked(f, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0), 0);
	assert_int_equal(get_u64(f, VHOST_USER_GET_FEATURES) & FEATURES, FEATURES);
}

static int set_up(void **state)
{
	struct facet_transport_config cfg = { .device = "null", .listen_fd = -1 };
	struct fixture *f = calloc(1, sizeof(*f));
	struct facet_error err;
	int pair[2];

	facet_log_set(quiet, FACET_LOG_WARNING);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->fd = pair[0];
	cfg.fd = pair[1];
	f->back = -1;
	assert_int_equal(facet_transport_create("vhost-user", &cfg, &f->transport, &err), 0);
	f->memory = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f->memory, MEMORY), 0);
	f->base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory, 0);
	for (int i = 0; i < 2; i++) {
		f->kick[i] = eventfd(0, EFD_NONBLOCK);
		f->call[i] = eventfd(0, EFD_NONBLOCK);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	facet_transport_destroy(f->transport);
	munmap(f->base, MEMORY);
	close(f->memory);
	close(f->fd);
	if (f->back >= 0)
		close(f->back);
	for (int i = 0; i < 2; i++) {
		close(f->kick[i]);
		close(f->call[i]);
	}
	free(f);
	return 0;
}

static void add_memory(struct fixture *f)
{
	const struct vhost_user_mem_reg reg = { 0, { 0, MEMORY, USER, 0 } };

	assert_int_equal(acked(f, VHOST_USER_ADD_MEM_REG, &reg, sizeof(reg), &f->memory, 1), 0);
}

static void start_ring(struct fixture *f, uint32_t i, uint16_t base, uint64_t origin)
{
	struct vhost_user_vring_addr addr = { .index = i,
					      .desc = origin + i * RINGS + DESC,
					      .avail = origin + i * RINGS + AVAIL,
					      .used = origin + i * RINGS + USED };
	uint64_t index = i;

	set_state(f, VHOST_USER_SET_VRING_NUM, i, SIZE);
	set_state(f, VHOST_USER_SET_VRING_BASE, i, base);
	assert_int_equal(acked(f, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0), 0);
	assert_int_equal(acked(f, VHOST_USER_SET_VRING_KICK, &index, 8, &f->kick[i], 1), 0);
	assert_int_equal(acked(f, VHOST_USER_SET_VRING_CALL, &index, 8, &f->call[i], 1), 0);
}

static void start_driver(struct fixture *f, uint64_t features)
{
	set_u64(f, VHOST_USER_SET_FEATURES, features);
	memset(f->base, 0, MEMORY);
	f->next[0] = f->next[1] = 0;
	start_ring(f, 0, 0, USER);
	start_ring(f, 1, 0, USER);
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1);
}

static void offer(struct fixture *f, uint32_t i, const char *text)
{
	uint8_t *ring = f->base + i * RINGS;
	struct virtq_desc *desc = (void *)(ring + DESC);
	struct virtq_avail *avail = (void *)(ring + AVAIL);
	uint32_t len = (uint32_t)strlen(text);
	uint64_t at = i * RINGS + DATA, one = 1;

	memcpy(ring + DATA, text, len);
	memset(ring + DATA + 256, 0, 256);
	desc[0] = (struct virtq_desc){ le64_of(at), le32_of(len), le16_of(VIRTQ_DESC_F_NEXT),
				       le16_of(1) };
	desc[1] =
		(struct virtq_desc){ le64_of(at + 256), le32_of(256), le16_of(VIRTQ_DESC_F_WRITE) };
	avail->ring[f->next[i] % SIZE] = le16_of(0);
	avail->idx = le16_of(++f->next[i]);
	assert_int_equal(write(f->kick[i], &one, 8), 8);
	dispatch(f);
}

static bool answered(struct fixture *f, uint32_t i, const char *text)
{
	struct virtq_used *used = (void *)(f->base + i * RINGS + USED);
	uint64_t count;

	return le16_get(used->idx) == f->next[i] && read(f->call[i], &count, 8) == 8 &&
	       !memcmp(f->base + i * RINGS + DATA + 256, text, strlen(text));
}

static void a_driver_is_served(void **state)
{
	struct fixture *f = *state;
	struct facet_transport_status status;

	negotiate(f);
	add_memory(f);
	start_driver(f, FEATURES);
	offer(f, 0, "hello");
	assert_true(answered(f, 0, "hello"));
	offer(f, 1, "other queue");
	assert_true(answered(f, 1, "other queue"));
	facet_transport_status(f->transport, &status);
	assert_true(status.connected && status.running);
	assert_int_equal(status.features, FEATURES);
	assert_int_equal(status.regions, 1);
	assert_int_equal(status.drops, 0);
}

static void without_protocol_features_rings_start_enabled(void **state)
{
	struct fixture *f = *state;
	struct vhost_user_mem_table table = { .count = 1, .regions = { { 0, MEMORY, USER, 0 } } };

	set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, PROTOCOL);
	set_u64(f, VHOST_USER_SET_FEATURES, BIT(VIRTIO_F_VERSION_1));
	send_fds(f, VHOST_USER_SET_MEM_TABLE, 0, &table, 8 + 32, &f->memory, 1);
	start_ring(f, 0, 0, USER);
	offer(f, 0, "plain");
	assert_true(answered(f, 0, "plain"));
}

static void a_pause_is_not_a_reset(void **state)
{
	struct fixture *f = *state;
	struct vhost_user_config config = { 0, 4, 0, "abc" };

	negotiate(f);
	add_memory(f);
	start_driver(f, FEATURES);
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 4, NULL, 0), 0);
	offer(f, 0, "before");
	assert_true(answered(f, 0, "before"));
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	offer(f, 0, "not yet");
	assert_false(answered(f, 0, "not yet"));
	assert_int_equal(get_base(f, 0), 1);
	set_u64(f, VHOST_USER_SET_STATUS, 0);
	set_u64(f, VHOST_USER_SET_FEATURES, FEATURES);
	start_ring(f, 0, 1, USER);
	assert_false(answered(f, 0, "not yet"));
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	dispatch(f);
	assert_true(answered(f, 0, "not yet"));
	/* The null device remembers until it is reset. */
	config.data[0] = 0;
	send_fds(f, VHOST_USER_GET_CONFIG, 0, &config, 12 + 4, NULL, 0);
	receive(f->fd, VHOST_USER_GET_CONFIG, VHOST_USER_REPLY, &config, 12 + 4);
	assert_int_equal(config.data[0], 'a');
}

static char config_byte(struct fixture *f)
{
	struct vhost_user_config config = { .size = 1 };

	send_fds(f, VHOST_USER_GET_CONFIG, 0, &config, 12 + 1, NULL, 0);
	receive(f->fd, VHOST_USER_GET_CONFIG, VHOST_USER_REPLY, &config, 12 + 1);
	return (char)config.data[0];
}

static void a_new_driver_is_noticed(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_config config = { 0, 1, 0, "x" };

	negotiate(f);
	add_memory(f);
	start_driver(f, FEATURES);
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 1, NULL, 0), 0);
	offer(f, 1, "first life");
	assert_int_equal(get_base(f, 0), 0);
	assert_int_equal(get_base(f, 1), 1);
	assert_int_equal(config_byte(f), 'x');
	start_driver(f, FEATURES);
	assert_int_equal(config_byte(f), 0);
	offer(f, 0, "second life");
	assert_true(answered(f, 0, "second life"));
	offer(f, 1, "of both");
	assert_true(answered(f, 1, "of both"));
}

static void reset_device_resets(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_config config = { 0, 1, 0, "x" };

	negotiate(f);
	add_memory(f);
	start_driver(f, FEATURES);
	set_u64(f, VHOST_USER_SET_STATUS, 15);
	assert_int_equal(get_u64(f, VHOST_USER_GET_STATUS), 15);
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 1, NULL, 0), 0);
	offer(f, 0, "first life");
	assert_int_equal(acked(f, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	assert_int_equal(config_byte(f), 0);
	assert_int_equal(get_u64(f, VHOST_USER_GET_STATUS), 0);
	offer(f, 0, "dead");
	assert_false(answered(f, 0, "dead"));
	start_driver(f, FEATURES);
	offer(f, 0, "second life");
	assert_true(answered(f, 0, "second life"));
}

static void config_changes_are_told(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_config config = { 2, 3, 0, "xyz" }, past = { 1000, 3, 0, "xyz" };
	const struct vhost_user_config migration = { 2, 3, 1, "xyz" };

	negotiate(f);
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG, &config, 12 + 3, NULL, 0), 0);
	receive(f->back, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0, NULL, 0);
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG, &migration, 12 + 3, NULL, 0), 1);
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG, &past, 12 + 3, NULL, 0), 0);
}

static void failures_are_told(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_mem_reg reg = { 0, { 0, MEMORY, USER, 4096 } };
	const struct vhost_user_vring_state size = { 0, 17 };
	uint64_t features = FEATURES | BIT(VIRTIO_F_RING_PACKED);

	negotiate(f);
	assert_int_equal(acked(f, VHOST_USER_ADD_MEM_REG, &reg, sizeof(reg), &f->memory, 1), 1);
	assert_int_equal(acked(f, VHOST_USER_REM_MEM_REG, &reg, sizeof(reg), NULL, 0), 1);
	assert_int_equal(acked(f, VHOST_USER_SET_VRING_NUM, &size, sizeof(size), NULL, 0), 1);
	assert_int_equal(acked(f, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0), 1);
	/* A bit that the driver took from QEMU's own offer does no harm. */
	features = FEATURES | BIT(40);
	assert_int_equal(acked(f, VHOST_USER_SET_FEATURES, &features, 8, NULL, 0), 0);
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
	struct fixture *f;
	struct facet_transport_status status;
	unsigned int before;
	int fds[16];
	uint8_t buf[12 + 512];
	void *s;

	for (size_t i = 0; i < FACET_ARRAY_SIZE(cases); i++) {
		set_up(&s);
		f = s;
		before = open_fds();
		for (int k = 0; k < 16; k++)
			fds[k] = f->fd;
		memset(buf, 0, sizeof(buf));
		memcpy(buf, &cases[i], 12);
		memcpy(buf + 12, cases[i].words, sizeof(cases[i].words));
		send_raw(f->fd, buf, 12 + (cases[i].size > 400 ? 400 : cases[i].size), fds,
			 cases[i].fds);
		dispatch(f);
		facet_transport_status(f->transport, &status);
		assert_false(status.connected);
		assert_int_equal(status.drops, 1);
		assert_int_equal(facet_transport_dispatch(f->transport), -ENOTCONN);
		assert_int_equal(open_fds(), before - 1);
		tear_down(&s);
	}
}

static void messages_may_come_in_pieces(void **state)
{
	struct fixture *f = *state;
	const struct vhost_user_header header = { VHOST_USER_SET_STATUS, 1, 8 };
	uint8_t buf[20] = { 0 };

	memcpy(buf, &header, sizeof(header));
	buf[12] = 77;
	for (int i = 0; i < 20; i++) {
		send_raw(f->fd, buf + i, 1, NULL, 0);
		dispatch(f);
	}
	assert_int_equal(get_u64(f, VHOST_USER_GET_STATUS), 77);
}

static void nothing_stays_behind(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct facet_transport_config cfg = { .device = "null", .fd = -1 };
	struct facet_transport_status status;
	struct fixture f = { .back = -1 }, *old = *state;
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
	memcpy(&f.memory, &old->memory, sizeof(*old) - offsetof(struct fixture, memory));
	before = open_fds();
	for (int round = 0; round < 3; round++) {
		f.fd = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(f.fd, (void *)&address, size), 0);
		dispatch(&f);
		second = socket(AF_UNIX, SOCK_STREAM, 0);
		assert_int_equal(connect(second, (void *)&address, size), 0);
		dispatch(&f);
		assert_int_equal(recv(second, &byte, 1, 0), 0);
		close(second);
		negotiate(&f);
		add_memory(&f);
		start_driver(&f, FEATURES);
		offer(&f, 0, "one of many");
		assert_true(answered(&f, 0, "one of many"));
		close(f.fd);
		close(f.back);
		dispatch(&f);
		facet_transport_status(f.transport, &status);
		assert_false(status.connected || status.running || status.regions);
		assert_int_equal(status.features, 0);
		assert_int_equal(open_fds(), before);
	}
	facet_transport_destroy(f.transport);
}

/* Answer one question of the back-end as QEMU does: the update first, then "done". */
static bool answer_miss(struct fixture *f, bool grant)
{
	struct vhost_user_header header;
	struct vhost_user_iotlb msg;
	uint64_t failed = !grant;
	uint8_t reply[12 + 8];

	if (recv(f->back, &header, sizeof(header), MSG_DONTWAIT) != sizeof(header))
		return false;
	assert_int_equal(header.request, VHOST_USER_BACKEND_IOTLB_MSG);
	assert_int_equal(recv(f->back, &msg, sizeof(msg), MSG_DONTWAIT), sizeof(msg));
	assert_int_equal(msg.type, VHOST_IOTLB_MISS);
	if (grant) {
		msg = (struct vhost_user_iotlb){ msg.iova & ~4095ull,         4096,
						 USER + (msg.iova & 0xff000), 3,
						 VHOST_IOTLB_UPDATE,          { 0 } };
		assert_int_equal(acked(f, VHOST_USER_IOTLB_MSG, &msg, sizeof(msg), NULL, 0), 0);
	}
	header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	header.size = sizeof(failed);
	memcpy(reply, &header, sizeof(header));
	memcpy(reply + sizeof(header), &failed, sizeof(failed));
	send_raw(f->back, reply, sizeof(reply), NULL, 0);
	dispatch(f);
	return true;
}

static void an_iommu_is_asked(void **state)
{
	struct fixture *f = *state;
	struct vhost_user_iotlb all = { .size = 0, .type = VHOST_IOTLB_INVALIDATE };
	struct facet_transport_status status;
	unsigned int questions = 0;

	negotiate(f);
	add_memory(f);
	set_u64(f, VHOST_USER_SET_FEATURES, FEATURES | BIT(VIRTIO_F_IOMMU_PLATFORM));
	start_ring(f, 0, 0, 0);
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	offer(f, 0, "through an IOMMU");
	assert_false(answered(f, 0, "through an IOMMU"));
	while (answer_miss(f, true))
		questions++;
	assert_int_equal(questions, 4);
	assert_true(answered(f, 0, "through an IOMMU"));
	offer(f, 0, "from memory");
	assert_true(answered(f, 0, "from memory"));
	assert_int_equal(acked(f, VHOST_USER_IOTLB_MSG, &all, sizeof(all), NULL, 0), 0);
	while (answer_miss(f, true))
		;
	offer(f, 0, "again");
	while (answer_miss(f, true))
		;
	assert_true(answered(f, 0, "again"));
	/* A buffer that the IOMMU denies breaks the ring. */
	((struct virtq_desc *)(void *)(f->base + DESC))[2] =
		(struct virtq_desc){ le64_of(0xffff0000), le32_of(8), le16_of(0), le16_of(0) };
	((struct virtq_avail *)(void *)(f->base + AVAIL))->ring[f->next[0] % SIZE] = le16_of(2);
	((struct virtq_avail *)(void *)(f->base + AVAIL))->idx = le16_of(++f->next[0]);
	assert_int_equal(write(f->kick[0], &(uint64_t){ 1 }, 8), 8);
	dispatch(f);
	assert_true(answer_miss(f, false));
	facet_transport_status(f->transport, &status);
	assert_int_equal(status.drops, 1);
}

static void an_iommu_that_has_gone_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	struct facet_transport_status status;

	negotiate(f);
	add_memory(f);
	set_u64(f, VHOST_USER_SET_FEATURES, FEATURES | BIT(VIRTIO_F_IOMMU_PLATFORM));
	start_ring(f, 0, 0, 0);
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	offer(f, 0, "nobody there");
	close(f->back);
	f->back = -1;
	dispatch(f);
	facet_transport_status(f->transport, &status);
	assert_true(status.connected);
	assert_int_equal(get_u64(f, VHOST_USER_GET_QUEUE_NUM), 2);
}

/* One process dies, the next goes on with its sockets. */
static void a_successor_is_served_too(void **state)
{
	struct fixture *f = *state;
	struct facet_transport_config cfg = { .device = "null", .listen_fd = -1, .fd = -1 };
	struct facet_transport_status status;
	struct facet_handover kept;
	struct facet_error err;

	negotiate(f);
	add_memory(f);
	start_driver(f, FEATURES);
	facet_transport_status(f->transport, &status);
	assert_true(status.handovers > 0);
	assert_int_equal(facet_transport_handover(f->transport, &kept), 0);
	assert_int_equal(kept.display_fd, -1);
	assert_int_equal(kept.protocol_features, PROTOCOL);
	kept.front_fd = dup(kept.front_fd);
	kept.back_fd = dup(kept.back_fd);
	assert_true(kept.region_count > 0);
	for (unsigned int i = 0; i < kept.region_count; i++)
		kept.regions[i].fd = dup(kept.regions[i].fd);
	facet_transport_destroy(f->transport);
	cfg.adopt = &kept;
	assert_int_equal(facet_transport_create("vhost-user", &cfg, &f->transport, &err), 0);
	/* The front-end stops the driver that it believes to be running, and starts it anew. */
	set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	assert_int_equal(get_base(f, 0), 0);
	assert_int_equal(acked(f, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), 0);
	/* As QEMU does: memory that was told once is not told again. */
	start_driver(f, FEATURES);
	offer(f, 0, "born again");
	assert_true(answered(f, 0, "born again"));
	assert_int_equal(acked(f, VHOST_USER_SET_CONFIG,
			       &(struct vhost_user_config){ 0, 1, 0, "x" }, 13, NULL, 0),
			 0);
	receive(f->back, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG, 0, NULL, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
		TEST(a_successor_is_served_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
