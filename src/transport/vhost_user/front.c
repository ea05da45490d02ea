// SPDX-License-Identifier: GPL-2.0-or-later
/* front.c - a front-end in miniature: speaks vhost-user and drives two rings. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "transport/vhost_user/front.h"

static void quiet(enum facet_log_level level, const char *area, const char *text)
{
}

void front_dispatch(struct front *f)
{
	for (int i = 0; i < 4; i++)
		facet_transport_dispatch(f->transport);
}

void front_send_raw(int to, const void *bytes, size_t size, const int *fds, unsigned int count)
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

void front_send_fds(struct front *f, uint32_t request, uint32_t flags, const void *payload,
		    uint32_t size, const int *fds, unsigned int count)
{
	struct vhost_user_header header = { request, VHOST_USER_VERSION | flags, size };
	uint8_t buf[512];

	memcpy(buf, &header, sizeof(header));
	if (size)
		memcpy(buf + sizeof(header), payload, size);
	front_send_raw(f->fd, buf, sizeof(header) + size, fds, count);
	front_dispatch(f);
}

void front_receive(int from, uint32_t request, uint32_t flags, void *payload, uint32_t size)
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
uint64_t front_acked(struct front *f, uint32_t request, const void *payload, uint32_t size,
		     const int *fds, unsigned int count)
{
	uint64_t ret;

	front_send_fds(f, request, VHOST_USER_NEED_REPLY, payload, size, fds, count);
	front_receive(f->fd, request, VHOST_USER_REPLY, &ret, sizeof(ret));
	return ret;
}

uint64_t front_get_u64(struct front *f, uint32_t request)
{
	uint64_t ret;

	front_send_fds(f, request, 0, NULL, 0, NULL, 0);
	front_receive(f->fd, request, VHOST_USER_REPLY, &ret, sizeof(ret));
	return ret;
}

void front_set_u64(struct front *f, uint32_t request, uint64_t value)
{
	front_send_fds(f, request, 0, &value, sizeof(value), NULL, 0);
}

void front_set_state(struct front *f, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_vring_state s = { index, num };

	assert_int_equal(front_acked(f, request, &s, sizeof(s), NULL, 0), 0);
}

uint32_t front_get_base(struct front *f, uint32_t index)
{
	struct vhost_user_vring_state s = { index, 0 };

	front_send_fds(f, VHOST_USER_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0);
	front_receive(f->fd, VHOST_USER_GET_VRING_BASE, VHOST_USER_REPLY, &s, sizeof(s));
	assert_int_equal(s.index, index);
	return s.num;
}

unsigned int front_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void front_negotiate(struct front *f)
{
	int pair[2];

	assert_int_equal(front_get_u64(f, VHOST_USER_GET_PROTOCOL_FEATURES), FRONT_PROTOCOL);
	front_set_u64(f, VHOST_USER_SET_PROTOCOL_FEATURES, FRONT_PROTOCOL);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_QUEUE_NUM), 2);
	assert_true(front_get_u64(f, VHOST_USER_GET_MAX_MEM_SLOTS) >= 32);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->back = pair[0];
	assert_int_equal(front_acked(f, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1), 0);
	close(pair[1]);
	assert_int_equal(front_acked(f, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0), 0);
	assert_int_equal(front_get_u64(f, VHOST_USER_GET_FEATURES) & FRONT_FEATURES,
			 FRONT_FEATURES);
}

int front_set_up(void **state)
{
	struct facet_transport_config cfg = { .device = "null", .listen_fd = -1 };
	struct front *f = calloc(1, sizeof(*f));
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

int front_tear_down(void **state)
{
	struct front *f = *state;

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

void front_add_memory(struct front *f)
{
	const struct vhost_user_mem_reg reg = { 0, { 0, MEMORY, FRONT_USER, 0 } };

	assert_int_equal(front_acked(f, VHOST_USER_ADD_MEM_REG, &reg, sizeof(reg), &f->memory, 1),
			 0);
}

void front_start_ring(struct front *f, uint32_t i, uint16_t base, uint64_t origin)
{
	struct vhost_user_vring_addr addr = { .index = i,
					      .desc = origin + i * RINGS + DESC,
					      .avail = origin + i * RINGS + AVAIL,
					      .used = origin + i * RINGS + USED };
	uint64_t index = i;

	front_set_state(f, VHOST_USER_SET_VRING_NUM, i, SIZE);
	front_set_state(f, VHOST_USER_SET_VRING_BASE, i, base);
	assert_int_equal(front_acked(f, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0),
			 0);
	assert_int_equal(front_acked(f, VHOST_USER_SET_VRING_KICK, &index, 8, &f->kick[i], 1), 0);
	assert_int_equal(front_acked(f, VHOST_USER_SET_VRING_CALL, &index, 8, &f->call[i], 1), 0);
}

void front_start_driver(struct front *f, uint64_t features)
{
	front_set_u64(f, VHOST_USER_SET_FEATURES, features);
	memset(f->base, 0, MEMORY);
	f->next[0] = f->next[1] = 0;
	front_start_ring(f, 0, 0, FRONT_USER);
	front_start_ring(f, 1, 0, FRONT_USER);
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_set_state(f, VHOST_USER_SET_VRING_ENABLE, 1, 1);
}

void front_offer(struct front *f, uint32_t i, const char *text)
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
	front_dispatch(f);
}

bool front_answered(struct front *f, uint32_t i, const char *text)
{
	struct virtq_used *used = (void *)(f->base + i * RINGS + USED);
	uint64_t count;

	return le16_get(used->idx) == f->next[i] && read(f->call[i], &count, 8) == 8 &&
	       !memcmp(f->base + i * RINGS + DATA + 256, text, strlen(text));
}

/* Answer one question of the back-end as QEMU does: the update first, then "done". */
bool front_answer_miss(struct front *f, bool grant)
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
		msg = (struct vhost_user_iotlb){
			msg.iova & ~4095ull, 4096, FRONT_USER + (msg.iova & 0xff000), 3,
			VHOST_IOTLB_UPDATE,  { 0 }
		};
		assert_int_equal(front_acked(f, VHOST_USER_IOTLB_MSG, &msg, sizeof(msg), NULL, 0),
				 0);
	}
	header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	header.size = sizeof(failed);
	memcpy(reply, &header, sizeof(header));
	memcpy(reply + sizeof(header), &failed, sizeof(failed));
	front_send_raw(f->back, reply, sizeof(reply), NULL, 0);
	front_dispatch(f);
	return true;
}
