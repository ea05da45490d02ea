// SPDX-License-Identifier: GPL-2.0-or-later
/* port_vhost_user.c - a vhost-user backend, started as QEMU does and driven as a guest does. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "front_end.h"
#include "port.h"
#include "transport/loopback/driver.h"
#include "wire/virtio_gpu.h"
#include "wire/virtio_ring.h"

enum {
	RING_SIZE = 256,
	RING_BYTES = 16384,
	PATIENCE_MS = 60000,
};

struct vhost_user_port {
	struct port port;
	struct front_end front;
	struct loop_heap heap;
	struct loop_driver drivers[FRONT_END_RINGS];
};

static struct loop_driver *control(struct vhost_user_port *port)
{
	return &port->drivers[WIRE_GPU_QUEUE_CONTROL];
}

static int send(struct port *base, const void *data, size_t size, size_t room)
{
	struct vhost_user_port *port = (struct vhost_user_port *)base;
	const struct loop_request request = { data, size, 2, room };
	int ticket = loop_driver_send(control(port), &request);
	uint64_t one = 1;

	/* Fails only when a kick waits already. */
	if (ticket >= 0 && loop_driver_kick_wanted(control(port)) &&
	    write(port->front.kicks[WIRE_GPU_QUEUE_CONTROL], &one, sizeof(one)) < 0)
		return ticket;
	return ticket;
}

static int take(struct port *base, int ticket, void *in, size_t room)
{
	return loop_driver_take(control((struct vhost_user_port *)base), ticket, in, room);
}

static int fd(struct port *base)
{
	return ((struct vhost_user_port *)base)->front.calls[WIRE_GPU_QUEUE_CONTROL];
}

static int gone_fd(struct port *base)
{
	return ((struct vhost_user_port *)base)->front.fd;
}

static int wait_for(struct port *base, int ticket, void *in, size_t room)
{
	struct pollfd interrupt = { .fd = fd(base), .events = POLLIN };
	uint64_t count;
	int r;

	for (;;) {
		r = take(base, ticket, in, room);
		if (r != -EAGAIN)
			return r;
		if (poll(&interrupt, 1, PATIENCE_MS) == 0)
			return -ETIMEDOUT;
		if (read(interrupt.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
			return -errno;
	}
}

/* Called once, on a device that is new already. */
static int reset(struct port *base)
{
	return 0;
}

static void destroy(struct port *base)
{
	struct vhost_user_port *port = (struct vhost_user_port *)base;

	front_end_stop(&port->front);
	for (unsigned int i = 0; i < FRONT_END_RINGS; i++)
		loop_driver_fini(&port->drivers[i]);
	loop_heap_fini(&port->heap);
	if (base->memory)
		munmap(base->memory, PORT_MEMORY);
	memset(port, 0, sizeof(*port));
}

static int make_memory(struct vhost_user_port *port)
{
	facet_autoclose int memory = memfd_create("guest-memory", MFD_CLOEXEC);
	void *base = MAP_FAILED;

	if (memory >= 0 && !ftruncate(memory, PORT_MEMORY))
		base = mmap(NULL, PORT_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (base == MAP_FAILED ||
	    loop_heap_init(&port->heap, PORT_REQUESTS, PORT_MEMORY - PORT_REQUESTS)) {
		perror("no memory for a guest");
		return -ENOMEM;
	}
	port->port.memory = base;
	return front_end_set_memory(&port->front, memory, PORT_MEMORY, base);
}

static int make_rings(struct vhost_user_port *port)
{
	struct facet_queue_rings rings;
	int r = 0;

	for (unsigned int i = 0; !r && i < FRONT_END_RINGS; i++) {
		r = loop_driver_init(&port->drivers[i], port->port.memory, &port->heap, RING_SIZE);
		if (r)
			break;
		loop_driver_start(&port->drivers[i], (uint64_t)i * RING_BYTES, port->front.features,
				  &rings);
		r = front_end_start_ring(&port->front, i, RING_SIZE, &rings, port->port.memory);
	}
	return r;
}

struct port *port_vhost_user(const char *path)
{
	static const struct port_ops ops = { send, wait_for, take, fd, gone_fd, reset, destroy };
	static struct vhost_user_port port;
	const uint64_t wanted = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
				1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << WIRE_GPU_F_VIRGL;

	port.port.ops = &ops;
	if (!front_end_connect(&port.front, path) && !front_end_negotiate(&port.front, wanted) &&
	    !make_memory(&port) && !make_rings(&port) && !front_end_start_driver(&port.front))
		return &port.port;
	destroy(&port.port);
	return NULL;
}
