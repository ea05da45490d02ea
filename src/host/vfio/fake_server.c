// SPDX-License-Identifier: GPL-2.0-or-later
/* fake_server.c - serves a device of registers that do nothing, as vfio-user has it. */
#include "host/vfio/fake_server.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ROOM = 64 << 10,
};

struct message {
	struct vfio_user_header header;
	uint8_t payload[ROOM];
	int fds[VFIO_USER_MAX_FDS];
	unsigned int fd_count;
};

/* --- the socket --- */

void fake_server_send(struct fake_server *server, const void *bytes, size_t size, int fd,
		      unsigned int fd_count)
{
	union {
		char buf[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)bytes, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = &control.align;

	if (fd_count) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		for (unsigned int i = 0; i < fd_count; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	}
	/* The client may have had enough. */
	while (iov.iov_len) {
		ssize_t n = sendmsg(server->fd, &msg, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		iov.iov_base = (uint8_t *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
}

static bool receive(struct fake_server *server, struct message *m)
{
	union {
		char buf[CMSG_SPACE(VFIO_USER_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &m->header, sizeof(m->header) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	uint32_t size;

	m->fd_count = 0;
	if (recvmsg(server->fd, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(m->header))
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (c) {
		m->fd_count = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(m->fds, CMSG_DATA(c), m->fd_count * sizeof(int));
	}
	if (m->fd_count > server->most_fds)
		server->most_fds = m->fd_count;
	size = m->header.size - (uint32_t)sizeof(m->header);
	return size <= ROOM &&
	       (!size || recv(server->fd, m->payload, size, MSG_WAITALL) == (ssize_t)size);
}

int fake_server_ask(struct fake_server *server, uint16_t command, const void *payload,
		    uint32_t size, void *ret, uint32_t ret_size)
{
	struct message *m = malloc(sizeof(*m));
	int r = -ECONNRESET;

	m->header = (struct vfio_user_header){ 0xbeef, command, (uint32_t)sizeof(m->header) + size,
					       0, 0 };
	memcpy(m->payload, payload, size);
	fake_server_send(server, &m->header, m->header.size, -1, 0);
	if (receive(server, m) && m->header.id == 0xbeef && m->header.command == command &&
	    (m->header.flags & VFIO_USER_TYPE_MASK) == VFIO_USER_TYPE_REPLY) {
		r = m->header.flags & VFIO_USER_ERROR ? -(int)m->header.error : 0;
		if (r == 0 && m->header.size != sizeof(m->header) + ret_size)
			r = -EMSGSIZE;
		if (r == 0)
			memcpy(ret, m->payload, ret_size);
	}
	free(m);
	return r;
}

/* --- the device --- */

static uint32_t region_info(struct fake_server *server, uint8_t *payload)
{
	struct {
		struct vfio_region_info info;
		struct vfio_info_cap_header sparse;
		uint32_t nr_areas, reserved;
		struct vfio_region_sparse_mmap_area area;
	} full;

	memcpy(&full.info, payload, sizeof(full.info));
	full.info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	full.info.argsz = sizeof(full.info);
	if (full.info.index) {
		full.info.size = 256;
	} else {
		full.info.argsz = sizeof(full);
		full.info.flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
		full.info.cap_offset = offsetof(typeof(full), sparse);
		full.info.size = FAKE_REGION_SIZE;
		full.sparse.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		full.sparse.version = 1;
		full.sparse.next = 0;
		full.nr_areas = 1;
		full.reserved = 0;
		full.area = (struct vfio_region_sparse_mmap_area){ 0x1000, 0x2000 };
		server->fd_count = 1;
	}
	memcpy(payload, &full, full.info.argsz);
	return full.info.argsz;
}

static uint32_t irq_info(uint8_t *payload)
{
	struct vfio_irq_info info;

	memcpy(&info, payload, sizeof(info));
	info.flags = VFIO_IRQ_INFO_EVENTFD;
	info.count = info.index == VFIO_PCI_MSIX_IRQ_INDEX ? FAKE_VECTORS : 0;
	memcpy(payload, &info, sizeof(info));
	return sizeof(info);
}

static void set_irqs(struct fake_server *server, struct message *m)
{
	struct vfio_irq_set set;

	memcpy(&set, m->payload, sizeof(set));
	for (uint32_t i = 0; i < set.count; i++) {
		int *vector = &server->vectors[set.start + i];

		if (*vector >= 0)
			close(*vector);
		*vector = i < m->fd_count ? m->fds[i] : -1;
	}
	m->fd_count = 0;
}

static uint32_t access_region(struct fake_server *server, struct message *m, bool write)
{
	struct vfio_user_region_access access;
	uint8_t *data = m->payload + sizeof(access);

	memcpy(&access, m->payload, sizeof(access));
	if (write)
		memcpy(server->region + access.offset, data, access.count);
	else
		memcpy(data, server->region + access.offset, access.count);
	return (uint32_t)sizeof(access) + (write ? 0 : access.count);
}

static void map(struct fake_server *server, const struct message *m)
{
	struct vfio_user_dma_map map;

	memcpy(&map, m->payload, sizeof(map));
	server->map_address = map.address;
	server->map_size = map.size;
	server->map_flags = map.flags;
	server->map_has_fd = m->fd_count == 1;
}

/* The reply's payload over the request's; its size. */
static uint32_t perform(struct fake_server *server, struct message *m)
{
	const struct vfio_user_device_info info = { sizeof(info),
						    VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
						    VFIO_PCI_NUM_REGIONS, VFIO_PCI_NUM_IRQS };

	switch (m->header.command) {
	case VFIO_USER_VERSION:
		if (!server->capabilities)
			return sizeof(struct vfio_user_version);
		strcpy((char *)m->payload + sizeof(struct vfio_user_version), server->capabilities);
		return (uint32_t)(sizeof(struct vfio_user_version) + strlen(server->capabilities) +
				  1);
	case VFIO_USER_DEVICE_GET_INFO:
		memcpy(m->payload, &info, sizeof(info));
		return sizeof(info);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return region_info(server, m->payload);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return irq_info(m->payload);
	case VFIO_USER_DEVICE_SET_IRQS:
		set_irqs(server, m);
		return 0;
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		return access_region(server, m, m->header.command == VFIO_USER_REGION_WRITE);
	case VFIO_USER_DMA_MAP:
		map(server, m);
		return 0;
	case VFIO_USER_DMA_UNMAP:
		return sizeof(struct vfio_user_dma_unmap);
	default:
		return 0;
	}
}

static void *serve(void *arg)
{
	struct fake_server *server = arg;
	struct message *m = malloc(sizeof(*m));

	while (receive(server, m)) {
		server->commands[m->header.command % VFIO_USER_COMMANDS]++;
		server->fd_count = server->send_size = 0;
		m->header.size = (uint32_t)sizeof(m->header) + perform(server, m);
		m->header.flags = VFIO_USER_TYPE_REPLY;
		for (unsigned int i = 0; i < m->fd_count; i++)
			close(m->fds[i]);
		server->send_size = m->header.size;
		if (server->lie && server->lie->command == m->header.command)
			server->lie->tell(server, (uint8_t *)&m->header);
		if (!server->silent)
			fake_server_send(server, &m->header, server->send_size, server->region_fd,
					 server->fd_count);
	}
	free(m);
	return NULL;
}

int fake_server_start(struct fake_server *server, const struct fake_lie *lie,
		      const char *capabilities)
{
	int fd[2];

	*server = (struct fake_server){ .lie = lie, .capabilities = capabilities };
	memset(server->vectors, 0xff, sizeof(server->vectors));
	server->region_fd = memfd_create("region", MFD_CLOEXEC);
	if (server->region_fd < 0 || ftruncate(server->region_fd, FAKE_REGION_SIZE) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		abort();
	server->fd = fd[0];
	if (pthread_create(&server->thread, NULL, serve, server) != 0)
		abort();
	return fd[1];
}

void fake_server_stop(struct fake_server *server)
{
	pthread_join(server->thread, NULL);
	for (int i = 0; i < FAKE_VECTORS; i++) {
		if (server->vectors[i] >= 0)
			close(server->vectors[i]);
	}
	close(server->region_fd);
	close(server->fd);
}
