// SPDX-License-Identifier: GPL-2.0-or-later
/* front_end.c - the messages by which QEMU starts a vhost-user device. */
#include "front_end.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/queue.h"
#include "wire/vhost_user.h"
#include "wire/virtio_gpu.h"
#include "wire/virtio_ring.h"

enum {
	PATIENCE_S = 60,
	STATUS_RUNNING = 0xf, /* acknowledged, driver, its features, all ready */
};

#define BIT(n) (1ull << (n))

static int complain(enum vhost_user_request request, const char *what)
{
	fprintf(stderr, "vhost-user message %u: %s\n", request, what);
	return -EPROTO;
}

static int send_message(struct front_end *front, enum vhost_user_request request, uint32_t flags,
			const void *payload, uint32_t size, int fd)
{
	struct vhost_user_header head = { request, VHOST_USER_VERSION | flags, size };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec iov[2] = { { &head, sizeof(head) }, { (void *)payload, size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	if (sendmsg(front->fd, &msg, MSG_NOSIGNAL) == (ssize_t)(sizeof(head) + size))
		return 0;
	return complain(request, "cannot be sent");
}

static int receive_answer(struct front_end *front, enum vhost_user_request request, void *ret,
			  uint32_t size)
{
	struct vhost_user_header head;

	if (recv(front->fd, &head, sizeof(head), MSG_WAITALL) != sizeof(head))
		return complain(request, "there was no answer");
	if (head.request != request || !(head.flags & VHOST_USER_REPLY) || head.size != size ||
	    recv(front->fd, ret, size, MSG_WAITALL) != (ssize_t)size)
		return complain(request, "the answer is none");
	return 0;
}

/* Where the backend can say so, that it has been done. */
static int tell(struct front_end *front, enum vhost_user_request request, const void *payload,
		uint32_t size, int fd)
{
	bool acked = front->protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	uint64_t failed = 0;

	if (send_message(front, request, acked ? VHOST_USER_NEED_REPLY : 0, payload, size, fd) ||
	    (acked && receive_answer(front, request, &failed, sizeof(failed))))
		return -EPROTO;
	return failed ? complain(request, "the backend refused") : 0;
}

static int tell_u64(struct front_end *front, enum vhost_user_request request, uint64_t value)
{
	return tell(front, request, &value, sizeof(value), -1);
}

static int ask_u64(struct front_end *front, enum vhost_user_request request, uint64_t *ret)
{
	if (send_message(front, request, 0, NULL, 0, -1))
		return -EPROTO;
	return receive_answer(front, request, ret, sizeof(*ret));
}

int front_end_connect(struct front_end *front, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };

	*front = (struct front_end){ .kicks = { -1, -1 }, .calls = { -1, -1 } };
	front->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "%s: too long for a socket's name\n", path);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	if (front->fd >= 0 && !connect(front->fd, (void *)&address, sizeof(address)) &&
	    !setsockopt(front->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return 0;
	perror(path);
	return -ECONNREFUSED;
}

static int negotiate_protocol(struct front_end *front)
{
	const uint64_t wanted =
		BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_STATUS);
	uint64_t protocol;

	if (ask_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol))
		return -EPROTO;
	protocol &= wanted;
	if (tell_u64(front, VHOST_USER_SET_PROTOCOL_FEATURES, protocol))
		return -EPROTO;
	front->protocol = protocol;
	return 0;
}

int front_end_negotiate(struct front_end *front, uint64_t wanted)
{
	uint64_t offered;

	if (ask_u64(front, VHOST_USER_GET_FEATURES, &offered))
		return -EPROTO;
	if (offered & BIT(VHOST_USER_F_PROTOCOL_FEATURES) && negotiate_protocol(front))
		return -EPROTO;
	if (tell(front, VHOST_USER_SET_OWNER, NULL, 0, -1))
		return -EPROTO;
	front->features = offered & (wanted | BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	if (front->features & BIT(WIRE_GPU_F_VIRGL))
		return tell_u64(front, VHOST_USER_SET_FEATURES, front->features);
	fprintf(stderr, "the backend offers no OpenGL (virtio-gpu's VIRGL)\n");
	return -ENOTSUP;
}

int front_end_set_memory(struct front_end *front, int memory_fd, uint64_t size, void *base)
{
	const struct vhost_user_mem_table table = {
		.count = 1,
		.regions[0] = { .size = size, .user_addr = (uintptr_t)base },
	};

	return tell(front, VHOST_USER_SET_MEM_TABLE, &table,
		    offsetof(struct vhost_user_mem_table, regions[1]), memory_fd);
}

static int give_events(struct front_end *front, unsigned int index)
{
	const uint64_t number = index;

	front->kicks[index] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front->calls[index] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (front->kicks[index] < 0 || front->calls[index] < 0) {
		perror("no descriptors for a ring");
		return -EMFILE;
	}
	if (tell(front, VHOST_USER_SET_VRING_CALL, &number, sizeof(number), front->calls[index]))
		return -EPROTO;
	return tell(front, VHOST_USER_SET_VRING_KICK, &number, sizeof(number), front->kicks[index]);
}

int front_end_start_ring(struct front_end *front, unsigned int index, uint16_t size,
			 const struct facet_queue_rings *rings, const void *base)
{
	const struct vhost_user_vring_state count = { index, size }, from = { index, 0 },
					    on = { index, 1 };
	const struct vhost_user_vring_addr where = {
		.index = index,
		.desc = (uintptr_t)base + rings->desc,
		.avail = (uintptr_t)base + rings->avail,
		.used = (uintptr_t)base + rings->used,
	};

	if (tell(front, VHOST_USER_SET_VRING_NUM, &count, sizeof(count), -1) ||
	    tell(front, VHOST_USER_SET_VRING_BASE, &from, sizeof(from), -1) ||
	    tell(front, VHOST_USER_SET_VRING_ADDR, &where, sizeof(where), -1) ||
	    give_events(front, index))
		return -EPROTO;
	if (!(front->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		return 0;
	return tell(front, VHOST_USER_SET_VRING_ENABLE, &on, sizeof(on), -1);
}

int front_end_start_driver(struct front_end *front)
{
	if (!(front->protocol & BIT(VHOST_USER_PROTOCOL_F_STATUS)))
		return 0;
	return tell_u64(front, VHOST_USER_SET_STATUS, STATUS_RUNNING);
}

void front_end_stop(struct front_end *front)
{
	for (unsigned int i = 0; i < FRONT_END_RINGS; i++) {
		struct vhost_user_vring_state state = { .index = i };

		if (front->kicks[i] < 0)
			continue;
		if (!send_message(front, VHOST_USER_GET_VRING_BASE, 0, &state, sizeof(state), -1))
			receive_answer(front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
		close(front->kicks[i]);
		close(front->calls[i]);
	}
	if (front->fd >= 0)
		close(front->fd);
}
