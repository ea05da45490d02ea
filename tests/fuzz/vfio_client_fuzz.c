// SPDX-License-Identifier: GPL-2.0-or-later
/* vfio_client_fuzz.c - a vfio-user server that answers the client of src/host/vfio with anything.
 */
#include <linux/vfio.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "host/vfio/socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FILE_SIZE = 1 << 16,
	MAX_FDS = 20, /* more than a message may carry */
	TIMEOUT_MS = 20,
};

/* A record is its kind, a byte that says how long it is in units of 2, and as many bytes. */
enum record {
	REPLY, /* command, flags, descriptors, then the payload: to the next request, by its id */
	ASK,   /* the same, as a command of the server's own */
	RAW,   /* bytes as they are */
	RECORDS,
};

/* All that the server will ever say; it waits in the socket. False: it is full. */
static bool say(int fd, const void *bytes, size_t size, int lent, unsigned int fd_count)
{
	union {
		char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
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
			memcpy(CMSG_DATA(c) + i * sizeof(int), &lent, sizeof(lent));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

static bool say_message(int fd, bool reply, uint16_t id, const uint8_t *record, size_t n, int lent)
{
	uint8_t buf[1024];
	struct vfio_user_header header = { .id = id,
					   .command = record[0],
					   .size = (uint32_t)(sizeof(header) + n - 3),
					   .flags = record[1] & ~0xfu,
					   .error = record[1] };

	header.flags |= reply ? VFIO_USER_TYPE_REPLY : VFIO_USER_TYPE_COMMAND;
	memcpy(buf, &header, sizeof(header));
	memcpy(buf + sizeof(header), record + 3, n - 3);
	return say(fd, buf, header.size, lent, record[2] % (MAX_FDS + 1));
}

static void say_all(int fd, const uint8_t *data, size_t size, int lent)
{
	bool room = true;
	uint16_t id = 0;
	size_t n;

	while (size >= 2 && room) {
		n = (size_t)data[1] * 2;
		n = n < size - 2 ? n : size - 2;
		if (data[0] % RECORDS == RAW)
			room = !n || say(fd, data + 2, n, -1, 0);
		else if (n >= 3)
			room = say_message(fd, data[0] % RECORDS == REPLY,
					   data[0] % RECORDS == REPLY ? id++ : 0x4242, data + 2, n,
					   lent);
		data += 2 + n;
		size -= 2 + n;
	}
	shutdown(fd, SHUT_WR);
}

/* What is offered for mapping has to be there. */
static void use_region(struct facet_vfio *vfio, unsigned int index)
{
	struct facet_vfio_region region;
	uint8_t bytes[300];
	void *p;

	if (facet_vfio_region_info(vfio, index, &region, NULL) < 0)
		return;
	for (unsigned int i = 0; i < region.area_count; i++) {
		if (i >= FACET_VFIO_MAX_AREAS ||
		    !facet_inside(region.areas[i].offset, region.areas[i].size, region.size))
			__builtin_trap();
		if (facet_vfio_region_map(vfio, index, region.areas[i].offset, 4096, &p, NULL) < 0)
			continue;
		if (region.readable)
			bytes[0] = ((volatile uint8_t *)p)[4095];
		munmap(p, 4096);
	}
	facet_vfio_read(vfio, index, 0, bytes, sizeof(bytes), NULL);
	facet_vfio_write(vfio, index, 4, bytes, 4, NULL);
}

static void use(struct facet_vfio *vfio)
{
	static uint8_t memory[FILE_SIZE];
	const struct facet_vfio_dma dma = { 0x1000, sizeof(memory), memory, -1, 0, true, true };
	int fds[] = { eventfd(0, EFD_CLOEXEC), -1, 0 };
	struct facet_vfio_irq irq;

	facet_vfio_dma_map(vfio, &dma, NULL);
	use_region(vfio, VFIO_PCI_BAR0_REGION_INDEX);
	use_region(vfio, VFIO_PCI_CONFIG_REGION_INDEX);
	facet_vfio_irq_info(vfio, VFIO_PCI_MSIX_IRQ_INDEX, &irq, NULL);
	facet_vfio_irq_set(vfio, VFIO_PCI_MSIX_IRQ_INDEX, 0, 3, fds, NULL);
	facet_vfio_reset(vfio, NULL);
	for (int i = 0; i < 4; i++)
		facet_vfio_dispatch(vfio, NULL);
	facet_vfio_dma_unmap(vfio, 0x1000, sizeof(memory), NULL);
	close(fds[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facet_vfio *vfio = NULL;
	static int file = -1;
	int fd[2];

	if (file < 0) {
		file = memfd_create("region", MFD_CLOEXEC);
		if (file < 0 || ftruncate(file, FILE_SIZE) < 0)
			__builtin_trap();
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		__builtin_trap();
	say_all(fd[0], data, size, file);
	if (facet_vfio_socket_attach(fd[1], "fuzz", TIMEOUT_MS, &vfio, NULL) == 0) {
		use(vfio);
		facet_vfio_close(vfio);
	}
	close(fd[0]);
	return 0;
}
