// SPDX-License-Identifier: GPL-2.0-or-later
/* client.c - a client for tests: no more than the protocol asks for. */
#include "transport/vfio_user/client.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void vfu_client_init(struct vfu_client *client, int fd)
{
	*client = (struct vfu_client){ .fd = fd, .payload = malloc(VFU_CLIENT_ROOM) };
	if (!client->payload)
		abort();
}

static void drop_fds(struct vfu_client *client)
{
	for (unsigned int i = 0; i < client->fd_count; i++)
		if (client->fds[i] >= 0)
			close(client->fds[i]);
	client->fd_count = 0;
}

void vfu_client_fini(struct vfu_client *client)
{
	drop_fds(client);
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	free(client->payload);
	client->payload = NULL;
}

bool vfu_client_send(struct vfu_client *client, const struct vfio_user_header *header,
		     const void *payload, size_t size, const int *fds, unsigned int fd_count)
{
	union {
		char buf[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov[2] = { { (void *)header, sizeof(*header) }, { (void *)payload, size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	size_t sent = 0;
	ssize_t n;

	if (fd_count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		control.align = (struct cmsghdr){ CMSG_LEN(fd_count * sizeof(int)), SOL_SOCKET,
						  SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), fds, fd_count * sizeof(int));
	}
	while (sent < sizeof(*header) + size) {
		n = sendmsg(client->fd, &msg, MSG_NOSIGNAL | (client->step ? MSG_DONTWAIT : 0));
		if (n < 0 && errno == EAGAIN) {
			client->step(client->owner);
			continue;
		}
		if (n < 0)
			return false;
		sent += (size_t)n;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		for (int i = 0; i < 2; i++) {
			size_t part = (size_t)n < iov[i].iov_len ? (size_t)n : iov[i].iov_len;

			iov[i].iov_base = (uint8_t *)iov[i].iov_base + part;
			iov[i].iov_len -= part;
			n -= (ssize_t)part;
		}
	}
	return true;
}

static bool read_all(struct vfu_client *client, int fd, void *to, size_t size)
{
	union {
		char buf[CMSG_SPACE(VFIO_USER_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		struct iovec iov = { (uint8_t *)to + have, size - have };
		struct msghdr msg = { .msg_iov = &iov,
				      .msg_iovlen = 1,
				      .msg_control = &control,
				      .msg_controllen = sizeof(control) };

		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | (client->step ? MSG_DONTWAIT : 0));
		if (n < 0 && errno == EAGAIN) {
			client->step(client->owner);
			continue;
		}
		if (n <= 0)
			return false;
		have += (size_t)n;
		if (msg.msg_controllen) {
			struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

			client->fd_count =
				(unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(client->fds, CMSG_DATA(c), client->fd_count * sizeof(int));
		}
	}
	return true;
}

bool vfu_client_receive_on(struct vfu_client *client, int fd)
{
	drop_fds(client);
	if (!read_all(client, fd, &client->header, sizeof(client->header)))
		return false;
	client->size = client->header.size - sizeof(client->header);
	if (client->header.size < sizeof(client->header) || client->size > VFU_CLIENT_ROOM)
		return false;
	return read_all(client, fd, client->payload, client->size);
}

bool vfu_client_receive(struct vfu_client *client)
{
	return vfu_client_receive_on(client, client->fd);
}

bool vfu_client_answer(struct vfu_client *client, const void *payload, size_t size, uint32_t error)
{
	struct vfio_user_header header = client->header;

	header.flags = VFIO_USER_TYPE_REPLY | (error ? VFIO_USER_ERROR : 0);
	header.error = error;
	header.size = (uint32_t)(sizeof(header) + size);
	return vfu_client_send(client, &header, payload, size, NULL, 0);
}

int vfu_client_call(struct vfu_client *client, enum vfio_user_command command, const void *payload,
		    size_t size, const int *fds, unsigned int fd_count)
{
	struct vfio_user_header header = { .id = ++client->id,
					   .command = (uint16_t)command,
					   .size = (uint32_t)(sizeof(header) + size) };

	if (!vfu_client_send(client, &header, payload, size, fds, fd_count) ||
	    !vfu_client_receive(client))
		return -1;
	if (client->header.id != header.id || client->header.command != command ||
	    (client->header.flags & VFIO_USER_TYPE_MASK) != VFIO_USER_TYPE_REPLY)
		return -1;
	return client->header.flags & VFIO_USER_ERROR ? (int)client->header.error : 0;
}

int vfu_client_version(struct vfu_client *client, const char *json)
{
	struct {
		struct vfio_user_version version;
		char json[512];
	} message = { { VFIO_USER_MAJOR, VFIO_USER_MINOR }, "" };
	size_t length = json ? strlen(json) + 1 : 0;

	if (length)
		memcpy(message.json, json, length);
	return vfu_client_call(client, VFIO_USER_VERSION, &message,
			       sizeof(message.version) + length, NULL, 0);
}

int vfu_client_map(struct vfu_client *client, uint64_t address, uint64_t size, int fd,
		   uint64_t offset)
{
	const struct vfio_user_dma_map map = { sizeof(map),
					       VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
					       offset, address, size };

	return vfu_client_call(client, VFIO_USER_DMA_MAP, &map, sizeof(map), &fd, fd >= 0);
}

int vfu_client_read(struct vfu_client *client, uint32_t region, uint64_t offset, void *to,
		    uint32_t size)
{
	const struct vfio_user_region_access access = { offset, region, size };
	int r = vfu_client_call(client, VFIO_USER_REGION_READ, &access, sizeof(access), NULL, 0);

	if (r)
		return r;
	if (client->size != sizeof(access) + size)
		return -1;
	memcpy(to, client->payload + sizeof(access), size);
	return 0;
}

int vfu_client_write(struct vfu_client *client, uint32_t region, uint64_t offset, const void *from,
		     uint32_t size, bool posted)
{
	uint8_t message[sizeof(struct vfio_user_region_access) + 4096];
	const struct vfio_user_region_access access = { offset, region, size };
	struct vfio_user_header header = { .id = client->id,
					   .command = VFIO_USER_REGION_WRITE,
					   .flags = VFIO_USER_NO_REPLY,
					   .size = (uint32_t)(sizeof(header) + sizeof(access) +
							      size) };

	memcpy(message, &access, sizeof(access));
	memcpy(message + sizeof(access), from, size);
	if (!posted)
		return vfu_client_call(client, VFIO_USER_REGION_WRITE, message,
				       sizeof(access) + size, NULL, 0);
	return vfu_client_send(client, &header, message, sizeof(access) + size, NULL, 0) ? 0 : -1;
}
