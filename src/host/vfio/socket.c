// SPDX-License-Identifier: GPL-2.0-or-later
/* socket.c - a device that another process serves on a Unix socket, by the vfio-user protocol. */
#include "host/vfio/socket.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/vfio/caps.h"

enum {
	DEFAULT_TIMEOUT_MS = 5000,
	MAX_INFO = 4096, /* of a region, with its capabilities */
};

/* --- connecting --- */

static void socket_close(struct facet_vfio *vfio)
{
	struct facet_vfio_socket *sock = (void *)vfio;

	facet_vfio_channel_close(&sock->channel);
	facet_vfio_socket_forget_maps(sock);
	for (unsigned int i = 0; i < FACET_VFIO_MAX_INDEX; i++) {
		if (vfio->slots[i].fd >= 0)
			close(vfio->slots[i].fd);
	}
	free(sock);
}

static int look(struct facet_vfio_socket *sock, struct facet_error *err)
{
	struct vfio_user_device_info info = { .argsz = sizeof(info) };
	struct iovec part = { &info, sizeof(info) };
	int r = facet_vfio_socket_request(sock, VFIO_USER_DEVICE_GET_INFO, &part, 1, NULL, 0, err);

	if (r < 0)
		return r;
	if ((size_t)r < sizeof(info))
		return facet_vfio_socket_protest(sock, "its information is too short", err);
	memcpy(&info, sock->channel.payload, sizeof(info));
	facet_vfio_channel_done(&sock->channel);
	sock->base.info.pci = info.flags & VFIO_DEVICE_FLAGS_PCI;
	sock->base.info.resettable = info.flags & VFIO_DEVICE_FLAGS_RESET;
	sock->base.info.regions = info.num_regions;
	sock->base.info.irqs = info.num_irqs;
	return 0;
}

int facet_vfio_socket_attach(int fd, const char *name, unsigned int timeout_ms,
			     struct facet_vfio **ret, struct facet_error *err)
{
	struct facet_vfio_socket *sock =
		(void *)facet_vfio_new(&facet_vfio_socket, sizeof(*sock), name);
	int r;

	if (!sock) {
		close(fd);
		return facet_error_set(err, -ENOMEM, "%s: out of memory", name);
	}
	facet_list_init(&sock->maps);
	sock->timeout_ms = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
	r = facet_vfio_channel_open(&sock->channel, fd);
	if (r < 0)
		facet_error_set(err, r, "%s: out of memory", name);
	else
		r = facet_vfio_socket_greet(sock, err);
	if (r == 0)
		r = look(sock, err);
	if (r < 0)
		socket_close(&sock->base);
	else
		*ret = &sock->base;
	return r;
}

static int socket_open(const struct facet_vfio_config *cfg, int root_fd, struct facet_vfio **ret,
		       struct facet_error *err)
{
	const unsigned int ms = cfg->timeout_ms ? cfg->timeout_ms : DEFAULT_TIMEOUT_MS;
	const struct timeval limit = { ms / 1000, ms % 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	facet_autoclose int fd = -1;

	if (strlen(cfg->device) >= sizeof(address.sun_path))
		return facet_error_set(err, -ENAMETOOLONG,
				       "%.60s...: a socket's path has %zu bytes at most",
				       cfg->device, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, cfg->device);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return facet_error_set(err, -errno, "no socket can be made: %m");
	/* Bounds connect() where the server accepts nobody; everything later is polled for. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (void *)&address, sizeof(address)) < 0)
		return facet_error_set(err, errno == EAGAIN ? -ETIMEDOUT : -errno,
				       "%s: no vfio-user server can be reached: %s", cfg->device,
				       errno == EAGAIN         ? "it accepts nobody"
				       : errno == ECONNREFUSED ? "none listens there"
							       : strerror(errno));
	return facet_vfio_socket_attach(facet_steal_fd(&fd), cfg->device, ms, ret, err);
}

/* --- what it is --- */

static int socket_region(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_slot *ret,
			 struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	struct facet_vfio_channel *channel = &sock->channel;
	struct vfio_region_info info = { .argsz = MAX_INFO, .index = index };
	struct iovec part = { &info, sizeof(info) };
	int r = facet_vfio_socket_request(sock, VFIO_USER_DEVICE_GET_REGION_INFO, &part, 1, NULL, 0,
					  err);

	if (r < 0)
		return r;
	if ((size_t)r < sizeof(info) || r > MAX_INFO)
		return facet_vfio_socket_protest(sock, "the size of a region's information", err);
	memcpy(&info, channel->payload, sizeof(info));
	if (info.index != index || facet_vfio_caps_region(channel->payload, (size_t)r, ret) < 0)
		return facet_vfio_socket_protest(sock, "it contradicts itself about a region", err);
	ret->foreign = true;
	if (ret->region.area_count && channel->fd_count)
		ret->fd = facet_steal_fd(&channel->fds[0]);
	else
		ret->region.area_count = 0;
	facet_vfio_channel_done(channel);
	return 0;
}

static int socket_irq(struct facet_vfio *vfio, unsigned int index, struct facet_vfio_irq *ret,
		      struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	struct iovec part = { &info, sizeof(info) };
	int r = facet_vfio_socket_request(sock, VFIO_USER_DEVICE_GET_IRQ_INFO, &part, 1, NULL, 0,
					  err);

	if (r < 0)
		return r;
	if ((size_t)r < sizeof(info))
		return facet_vfio_socket_protest(sock, "the size of interrupts' information", err);
	memcpy(&info, sock->channel.payload, sizeof(info));
	facet_vfio_channel_done(&sock->channel);
	*ret = (struct facet_vfio_irq){
		.count = info.count,
		.eventfd = info.flags & VFIO_IRQ_INFO_EVENTFD,
		.maskable = info.flags & VFIO_IRQ_INFO_MASKABLE,
		.automasked = info.flags & VFIO_IRQ_INFO_AUTOMASKED,
		.fixed = info.flags & VFIO_IRQ_INFO_NORESIZE,
	};
	return 0;
}

/* --- registers --- */

/* The reply repeats the request; @data more bytes follow. */
static int check_access(struct facet_vfio_socket *sock, const struct vfio_user_region_access *asked,
			size_t size, size_t data, struct facet_error *err)
{
	if (size != sizeof(*asked) + data ||
	    memcmp(sock->channel.payload, asked, sizeof(*asked)) != 0)
		return facet_vfio_socket_protest(sock, "a reply to another access", err);
	return 0;
}

static int read_piece(struct facet_vfio_socket *sock, const struct vfio_user_region_access *access,
		      void *to, struct facet_error *err)
{
	struct iovec part = { (void *)access, sizeof(*access) };
	int r = facet_vfio_socket_request(sock, VFIO_USER_REGION_READ, &part, 1, NULL, 0, err);

	if (r >= 0)
		r = check_access(sock, access, (size_t)r, access->count, err);
	if (r < 0)
		return r;
	memcpy(to, sock->channel.payload + sizeof(*access), access->count);
	facet_vfio_channel_done(&sock->channel);
	return 0;
}

static int write_piece(struct facet_vfio_socket *sock, const struct vfio_user_region_access *access,
		       const void *from, struct facet_error *err)
{
	struct iovec parts[] = { { (void *)access, sizeof(*access) },
				 { (void *)from, access->count } };
	int r = facet_vfio_socket_request(sock, VFIO_USER_REGION_WRITE, parts, 2, NULL, 0, err);

	if (r >= 0)
		r = check_access(sock, access, (size_t)r, 0, err);
	if (r < 0)
		return r;
	facet_vfio_channel_done(&sock->channel);
	return 0;
}

static uint32_t piece(const struct facet_vfio_socket *sock, size_t left)
{
	return left < sock->max_xfer ? (uint32_t)left : sock->max_xfer;
}

static int socket_read(struct facet_vfio *vfio, unsigned int region, uint64_t offset, void *to,
		       size_t size, struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	struct vfio_user_region_access access = { .offset = offset, .region = region };
	uint8_t *bytes = to;
	int r = 0;

	for (; size && r == 0; size -= access.count) {
		access.count = piece(sock, size);
		r = read_piece(sock, &access, bytes, err);
		bytes += access.count;
		access.offset += access.count;
	}
	return r;
}

static int socket_write(struct facet_vfio *vfio, unsigned int region, uint64_t offset,
			const void *from, size_t size, struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	struct vfio_user_region_access access = { .offset = offset, .region = region };
	const uint8_t *bytes = from;
	int r = 0;

	for (; size && r == 0; size -= access.count) {
		access.count = piece(sock, size);
		r = write_piece(sock, &access, bytes, err);
		bytes += access.count;
		access.offset += access.count;
	}
	return r;
}

/* --- interrupts, reset --- */

static int set_run(struct facet_vfio_socket *sock, uint32_t flags, unsigned int index,
		   unsigned int start, unsigned int count, const int *fds, struct facet_error *err)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set), .flags = flags, .index = index, .start = start, .count = count
	};
	struct iovec part = { &set, sizeof(set) };
	int r = facet_vfio_socket_request(sock, VFIO_USER_DEVICE_SET_IRQS, &part, 1, fds,
					  fds ? count : 0, err);

	if (r < 0)
		return r;
	facet_vfio_channel_done(&sock->channel);
	return 0;
}

/* A message has as many descriptors as vectors, or none, and not more than the server takes. */
static int socket_set_irqs(struct facet_vfio *vfio, uint32_t flags, unsigned int index,
			   unsigned int start, unsigned int count, const int *fds,
			   struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	unsigned int at = 0, n;
	int r = 0;

	if (!fds)
		return set_run(sock, flags, index, start, count, NULL, err);
	while (at < count && r == 0) {
		const bool none = fds[at] < 0;

		for (n = 1; at + n < count && (fds[at + n] < 0) == none; n++) {
			if (!none && n == sock->max_fds)
				break;
		}
		r = set_run(sock, flags, index, start + at, n, none ? NULL : fds + at, err);
		at += n;
	}
	return r;
}

static int socket_reset(struct facet_vfio *vfio, struct facet_error *err)
{
	struct facet_vfio_socket *sock = (void *)vfio;
	int r = facet_vfio_socket_request(sock, VFIO_USER_DEVICE_RESET, NULL, 0, NULL, 0, err);

	if (r < 0)
		return r;
	facet_vfio_channel_done(&sock->channel);
	return 0;
}

static int socket_fd(const struct facet_vfio *vfio)
{
	return ((const struct facet_vfio_socket *)(const void *)vfio)->channel.fd;
}

const struct facet_vfio_ops facet_vfio_socket = {
	.name = "vfio-user",
	.open = socket_open,
	.close = socket_close,
	.region = socket_region,
	.irq = socket_irq,
	.read = socket_read,
	.write = socket_write,
	.dma_map = facet_vfio_socket_dma_map,
	.dma_unmap = facet_vfio_socket_dma_unmap,
	.set_irqs = socket_set_irqs,
	.reset = socket_reset,
	.fd = socket_fd,
	.dispatch = facet_vfio_socket_dispatch,
};
