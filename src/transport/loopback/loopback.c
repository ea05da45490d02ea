// SPDX-License-Identifier: GPL-2.0-or-later
/* loopback.c - a guest without a guest: memory of our own and the device beside it. */
#include "transport/loopback/loopback.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/list.h"
#include "transport/loopback/driver.h"
#include "transport/ops.h"

enum {
	MAX_QUEUES = 8,
	RING_SIZE = 256,
	RING_BYTES = 16384, /* of guest memory for one ring of that size */
	WAIT_MS = 60000,
};

struct loop_queue {
	struct facet_queue *queue;
	struct loop_driver driver;
	int call_fd;
	bool kicked;
};

struct loopback {
	struct facet_transport transport;
	struct facet_port port;
	struct facet_guest_memory *memory;
	struct facet_device *device;
	uint8_t *base; /* the guest's memory, mapped once more */
	struct loop_heap heap;
	uint64_t bump;
	int epoll_fd, kick_fd;
	uint64_t features;
	unsigned int config_changes, queue_count;
	struct loop_queue queues[MAX_QUEUES];
};

static struct loopback *loopback(struct facet_transport *transport)
{
	return facet_container_of(transport, struct loopback, transport);
}

static void config_changed(struct facet_port *port)
{
	facet_container_of(port, struct loopback, port)->config_changes++;
}

static void loop_destroy(struct facet_transport *transport)
{
	struct loopback *loop = loopback(transport);

	for (unsigned int i = 0; i < loop->queue_count; i++) {
		facet_queue_destroy(loop->queues[i].queue);
		loop_driver_fini(&loop->queues[i].driver);
		if (loop->queues[i].call_fd >= 0)
			close(loop->queues[i].call_fd);
	}
	facet_device_destroy(loop->device);
	facet_guest_memory_destroy(loop->memory);
	loop_heap_fini(&loop->heap);
	if (loop->base)
		munmap(loop->base, FACET_LOOPBACK_MEMORY);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->kick_fd >= 0)
		close(loop->kick_fd);
	free(loop);
}

static int make_memory(struct loopback *loop, struct facet_error *err)
{
	const struct facet_guest_region region = { .size = FACET_LOOPBACK_MEMORY };
	facet_autoclose int fd = memfd_create("facet-loopback", MFD_CLOEXEC);
	void *base;
	int r;

	if (fd < 0 || ftruncate(fd, FACET_LOOPBACK_MEMORY) < 0)
		return facet_error_set(err, -errno, "loopback: cannot make guest memory: %m");
	base = mmap(NULL, FACET_LOOPBACK_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return facet_error_set(err, -errno, "loopback: cannot map guest memory: %m");
	loop->base = base;
	r = facet_guest_memory_create(&loop->memory);
	if (r < 0)
		return facet_error_set(err, r, "loopback: no memory to describe guest memory");
	return facet_guest_memory_add(loop->memory, &region, fd, err);
}

/* One eventfd stands for the kicks of all queues. */
static int make_events(struct loopback *loop, struct facet_error *err)
{
	struct epoll_event event = { .events = EPOLLIN };

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->kick_fd < 0 ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->kick_fd, &event) < 0)
		return facet_error_set(err, -errno, "loopback: cannot make descriptors: %m");
	return 0;
}

static int make_queue(struct loopback *loop, struct loop_queue *q, uint16_t max_size)
{
	uint16_t size = max_size < RING_SIZE ? max_size : RING_SIZE;
	int call_fd, r;

	q->call_fd = -1;
	r = facet_queue_create(loop->memory, max_size, &q->queue);
	if (!r)
		r = loop_driver_init(&q->driver, loop->base, &loop->heap, size);
	if (r < 0)
		return r;
	q->call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	call_fd = q->call_fd < 0 ? -1 : dup(q->call_fd);
	if (call_fd < 0)
		return -errno;
	facet_queue_set_call(q->queue, call_fd);
	return facet_queue_set_size(q->queue, size);
}

static int make_queues(struct loopback *loop, struct facet_error *err)
{
	const struct facet_virtio_info *virtio = facet_device_virtio(loop->device);
	int r;

	if (virtio->queue_count > MAX_QUEUES)
		return facet_error_set(err, -EINVAL,
				       "loopback: a device with %u queues is too much",
				       virtio->queue_count);
	for (unsigned int i = 0; i < virtio->queue_count; i++) {
		loop->queue_count++;
		r = make_queue(loop, &loop->queues[i], virtio->queue_size);
		if (r < 0)
			return facet_error_set(err, r, "loopback: cannot make queue %u", i);
	}
	return 0;
}

static int build(struct loopback *loop, const struct facet_transport_config *cfg,
		 struct facet_error *err)
{
	int r;

	r = make_events(loop, err);
	if (!r &&
	    loop_heap_init(&loop->heap, FACET_LOOPBACK_MEMORY / 2, FACET_LOOPBACK_MEMORY / 2) < 0)
		r = facet_error_set(err, -ENOMEM, "loopback: no memory for the driver's heap");
	if (!r)
		r = facet_device_create(cfg->device, &cfg->device_config, &loop->port,
					&loop->device, err);
	if (!r)
		r = make_queues(loop, err);
	return r;
}

static int loop_create(const struct facet_transport_config *cfg, struct facet_transport **ret,
		       struct facet_error *err)
{
	struct loopback *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return facet_error_set(err, -ENOMEM, "no memory for a loopback transport");
	loop->transport.ops = &facet_loopback_transport;
	loop->epoll_fd = loop->kick_fd = -1;
	r = make_memory(loop, err);
	if (r < 0) {
		loop_destroy(&loop->transport);
		return r;
	}
	loop->port = (struct facet_port){
		.memory = loop->memory,
		.config_changed = config_changed,
		.carries = UINT64_MAX,
	};
	r = build(loop, cfg, err);
	if (r < 0) {
		loop_destroy(&loop->transport);
		return r;
	}
	facet_loopback_reset(&loop->transport, UINT64_MAX);
	*ret = &loop->transport;
	return 0;
}

static int loop_fd(struct facet_transport *transport)
{
	return loopback(transport)->epoll_fd;
}

static void kick(struct loopback *loop, struct loop_queue *q)
{
	uint64_t one = 1;

	q->kicked = true;
	/* Only fails when a kick waits already. */
	if (write(loop->kick_fd, &one, sizeof(one)) < 0)
		return;
}

static int loop_dispatch(struct facet_transport *transport)
{
	struct loopback *loop = loopback(transport);
	struct loop_queue *q;
	uint64_t count;

	if (read(loop->kick_fd, &count, sizeof(count)) < 0)
		return 0;
	for (unsigned int i = 0; i < loop->queue_count; i++) {
		q = &loop->queues[i];
		if (!q->kicked)
			continue;
		q->kicked = false;
		if (facet_device_kick(loop->device, i, q->queue))
			kick(loop, q);
	}
	return 0;
}

static void loop_status(struct facet_transport *transport, struct facet_transport_status *ret)
{
	struct loopback *loop = loopback(transport);

	ret->connected = ret->running = true;
	ret->features = loop->features;
	ret->regions = facet_guest_memory_count(loop->memory);
	for (unsigned int i = 0; i < loop->queue_count; i++)
		ret->drops += facet_queue_broken(loop->queues[i].queue);
}

const struct facet_transport_ops facet_loopback_transport = {
	.name = "loopback",
	.create = loop_create,
	.destroy = loop_destroy,
	.fd = loop_fd,
	.dispatch = loop_dispatch,
	.status = loop_status,
};

void *facet_loopback_memory(struct facet_transport *transport)
{
	return loopback(transport)->base;
}

uint64_t facet_loopback_alloc(struct facet_transport *transport, size_t size)
{
	struct loopback *loop = loopback(transport);
	uint64_t at = loop->bump;

	size = (size + 4095) & ~(size_t)4095;
	/* A test that asks for more than there is has to be rewritten, not served. */
	if (!facet_inside(at, size, FACET_LOOPBACK_MEMORY / 2))
		abort();
	loop->bump += size;
	return at;
}

static void start_queue(struct loopback *loop, struct loop_queue *q)
{
	struct facet_queue_rings rings;
	uint64_t at = facet_loopback_alloc(&loop->transport, RING_BYTES);

	memset(loop->base + at, 0, RING_BYTES);
	loop_driver_start(&q->driver, at, loop->features, &rings);
	facet_queue_set_features(q->queue, loop->features);
	facet_queue_set_rings(q->queue, &rings);
	facet_queue_start(q->queue);
	q->kicked = false;
}

void facet_loopback_reset(struct facet_transport *transport, uint64_t features)
{
	struct loopback *loop = loopback(transport);

	for (unsigned int i = 0; i < loop->queue_count; i++)
		facet_queue_reset(loop->queues[i].queue);
	facet_device_reset(loop->device);
	loop_heap_clear(&loop->heap);
	loop->bump = 0;
	loop->features = features &
			 (facet_device_virtio(loop->device)->features | 1ull << VIRTIO_F_VERSION_1 |
			  1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX);
	facet_device_set_features(loop->device, loop->features);
	for (unsigned int i = 0; i < loop->queue_count; i++)
		start_queue(loop, &loop->queues[i]);
}

int facet_loopback_send(struct facet_transport *transport, unsigned int queue, const void *out,
			size_t out_size, unsigned int out_pieces, size_t in_size)
{
	struct loopback *loop = loopback(transport);
	const struct loop_request request = { out, out_size, out_pieces, in_size };
	struct loop_queue *q;
	int ticket;

	if (queue >= loop->queue_count)
		return -EINVAL;
	q = &loop->queues[queue];
	ticket = loop_driver_send(&q->driver, &request);
	if (ticket >= 0 && loop_driver_kick_wanted(&q->driver))
		kick(loop, q);
	return ticket;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Sleep until the device has interrupted, or has something to do. */
static void sleep_until_event(struct loopback *loop, struct loop_queue *q, int64_t end)
{
	struct pollfd fds[2] = { { .fd = q->call_fd, .events = POLLIN },
				 { .fd = loop->epoll_fd, .events = POLLIN } };
	int64_t left = end - now_ms();
	uint64_t count;

	poll(fds, 2, left > 0 ? (int)left : 0);
	if (fds[0].revents && read(q->call_fd, &count, sizeof(count)) < 0)
		return;
}

int facet_loopback_wait(struct facet_transport *transport, unsigned int queue, int ticket, void *in,
			size_t in_size)
{
	struct loopback *loop = loopback(transport);
	struct loop_queue *q;
	int64_t end;
	int r;

	if (queue >= loop->queue_count)
		return -EINVAL;
	q = &loop->queues[queue];
	for (end = now_ms() + WAIT_MS;;) {
		loop_dispatch(transport);
		r = loop_driver_take(&q->driver, ticket, in, in_size);
		if (r != -EAGAIN)
			return r;
		if (now_ms() >= end)
			return -ETIMEDOUT;
		sleep_until_event(loop, q, end);
	}
}

struct facet_device *facet_loopback_device(struct facet_transport *transport)
{
	return loopback(transport)->device;
}

unsigned int facet_loopback_config_changes(struct facet_transport *transport)
{
	return loopback(transport)->config_changes;
}
