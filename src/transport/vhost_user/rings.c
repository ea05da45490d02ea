// SPDX-License-Identifier: GPL-2.0-or-later
/* rings.c - the state of each vring, and its kicks. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/eventfd.h"
#include "transport/vhost_user/internal.h"

/* #syscalls fstat newfstatat fcntl read write close */

static void run_kicked(struct facet_errand *errand)
{
	struct vu_ring *ring = facet_container_of(errand, struct vu_ring, kicked);

	vu_ring_kicked(ring->vu, (unsigned int)(ring - ring->vu->rings));
}

/* By an idle engine thread first, if there is one. */
static int watch_kicks(struct vhost_user *vu, struct vu_ring *ring)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = VU_EVENT_KICK + (unsigned int)(ring - vu->rings),
	};

	if (facet_errands_offer(vu->errands, ring->kick_fd, &ring->kicked))
		event.events |= EPOLLEXCLUSIVE;
	if (epoll_ctl(vu->epoll_fd, EPOLL_CTL_ADD, ring->kick_fd, &event) == 0)
		return 0;
	facet_errands_withdraw(vu->errands, ring->kick_fd);
	return -errno;
}

static void unwatch_kicks(struct vhost_user *vu, struct vu_ring *ring)
{
	if (ring->kick_fd < 0)
		return;
	facet_errands_withdraw(vu->errands, ring->kick_fd);
	vu_unwatch(vu, ring->kick_fd);
}

int vu_rings_create(struct vhost_user *vu)
{
	const struct facet_virtio_info *virtio = facet_device_virtio(vu->device);
	int r;

	if (virtio->queue_count > VU_MAX_RINGS)
		return -E2BIG;
	for (; vu->ring_count < virtio->queue_count; vu->ring_count++) {
		vu->rings[vu->ring_count].kick_fd = -1;
		vu->rings[vu->ring_count].vu = vu;
		vu->rings[vu->ring_count].kicked.run = run_kicked;
		r = facet_queue_create(vu->memory, virtio->queue_size,
				       &vu->rings[vu->ring_count].queue);
		if (r < 0)
			return r;
		facet_queue_set_journal(vu->rings[vu->ring_count].queue,
					&vu->table->rings[vu->ring_count]);
	}
	return 0;
}

void vu_rings_destroy(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->ring_count; i++)
		facet_queue_destroy(vu->rings[i].queue);
	vu->ring_count = 0;
}

bool vu_rings_running(const struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->ring_count; i++) {
		if (facet_queue_running(vu->rings[i].queue))
			return true;
	}
	return false;
}

void vu_rings_set_features(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->ring_count; i++)
		facet_queue_set_features(vu->rings[i].queue, vu->features);
}

/* Come back to this ring in a later step. */
static void again(struct vhost_user *vu, struct vu_ring *ring)
{
	uint64_t one = 1;

	ring->again = true;
	/* Only fails when it is readable already. */
	if (write(vu->again_fd, &one, sizeof(one)) < 0)
		return;
}

void vu_rings_kick(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->ring_count; i++) {
		if (facet_queue_running(vu->rings[i].queue))
			again(vu, &vu->rings[i]);
	}
}

void vu_rings_refresh(struct vhost_user *vu)
{
	struct facet_queue *queue;
	bool was;

	for (unsigned int i = 0; i < vu->ring_count; i++) {
		queue = vu->rings[i].queue;
		was = facet_queue_reachable(queue);
		if (facet_queue_running(queue) && !facet_queue_refresh(queue) && !was)
			again(vu, &vu->rings[i]);
	}
}

static void serve(struct vhost_user *vu, unsigned int index)
{
	struct vu_ring *ring = &vu->rings[index];

	ring->again = false;
	if (!facet_queue_running(ring->queue))
		return;
	if (facet_device_kick(vu->device, index, ring->queue))
		again(vu, ring);
	if (!facet_queue_broken(ring->queue) || ring->counted)
		return;
	ring->counted = true;
	vu->drops++;
	vu_complain(vu, "the guest's driver broke queue %u; it is dead until the driver resets it",
		    index);
}

void vu_rings_again(struct vhost_user *vu)
{
	uint64_t count;

	if (read(vu->again_fd, &count, sizeof(count)) < 0)
		return;
	for (unsigned int i = 0; i < vu->ring_count; i++) {
		if (vu->rings[i].again)
			serve(vu, i);
	}
}

void vu_ring_kicked(struct vhost_user *vu, unsigned int index)
{
	struct vu_ring *ring = &vu->rings[index];
	uint64_t count;

	if (ring->kick_fd < 0 || !facet_queue_running(ring->queue))
		return;
	if (read(ring->kick_fd, &count, sizeof(count)) < 0 && errno != EAGAIN) {
		/* Nothing that can be waited for: it would keep us busy for ever. */
		vu_complain(vu, "the kick descriptor of queue %u cannot be read: %m", index);
		unwatch_kicks(vu, ring);
		return;
	}
	serve(vu, index);
}

static void stop(struct vhost_user *vu, struct vu_ring *ring)
{
	if (!facet_queue_running(ring->queue))
		return;
	unwatch_kicks(vu, ring);
	facet_queue_stop(ring->queue);
	ring->again = false;
}

/* Start or stop as what we were told so far demands. */
static void update(struct vhost_user *vu, struct vu_ring *ring)
{
	bool negotiated = vu->features & VU_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	bool want = ring->kick_fd >= 0 && (ring->enabled || !negotiated);

	if (want == facet_queue_running(ring->queue))
		return;
	if (!want) {
		stop(vu, ring);
		return;
	}
	if (facet_queue_start(ring->queue) < 0)
		return; /* not described yet */
	if (watch_kicks(vu, ring) < 0) {
		vu_complain(vu, "the kick descriptor of queue %u cannot be waited for",
			    (unsigned int)(ring - vu->rings));
		facet_queue_stop(ring->queue);
		return;
	}
	vu->ran = true;
	/* Kicks of before the start may have been lost. */
	again(vu, ring);
}

void vu_rings_update(struct vhost_user *vu)
{
	for (unsigned int i = 0; i < vu->ring_count; i++)
		update(vu, &vu->rings[i]);
}

static void drop_kick(struct vhost_user *vu, struct vu_ring *ring)
{
	stop(vu, ring);
	if (ring->kick_fd >= 0)
		close(facet_steal_fd(&ring->kick_fd));
}

/* A new life for the device; the rings keep what the front-end said about them. */
static void reset_device(struct vhost_user *vu)
{
	struct vu_ring *ring;

	vu_changed(vu);
	for (unsigned int i = 0; i < vu->ring_count; i++) {
		ring = &vu->rings[i];
		stop(vu, ring);
		facet_queue_reset(ring->queue);
		ring->counted = false;
	}
	facet_device_reset(vu->device);
	vu->ran = vu->inherited = false;
}

void vu_reset(struct vhost_user *vu)
{
	reset_device(vu);
	for (unsigned int i = 0; i < vu->ring_count; i++) {
		drop_kick(vu, &vu->rings[i]);
		vu->rings[i].enabled = false;
	}
	vu->features = 0;
	vu->status = 0;
	vu_rings_set_features(vu);
	vu_back_set_iommu(vu, false);
}

void vu_rings_forget(struct vhost_user *vu)
{
	vu_changed(vu);
	for (unsigned int i = 0; i < vu->ring_count; i++) {
		facet_queue_set_call(vu->rings[i].queue, -1);
		facet_queue_set_err(vu->rings[i].queue, -1);
	}
}

static struct vu_ring *ring_at(struct vhost_user *vu, uint64_t index)
{
	return index < vu->ring_count ? &vu->rings[index] : NULL;
}

int vu_set_vring_num(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring = ring_at(vu, m->payload.state.index);
	int r;

	if (!ring)
		return -EPROTO;
	vu_changed(vu);
	r = facet_queue_set_size(ring->queue, m->payload.state.num);
	if (r < 0)
		vu_complain(vu, "queue %u cannot have %u entries", m->payload.state.index,
			    m->payload.state.num);
	else
		update(vu, ring);
	return r;
}

int vu_set_vring_addr(struct vhost_user *vu, struct vu_channel *m)
{
	const struct vhost_user_vring_addr *addr = &m->payload.addr;
	struct vu_ring *ring = ring_at(vu, addr->index);
	bool iommu = vu->features & VU_BIT(VIRTIO_F_IOMMU_PLATFORM);
	const struct facet_queue_rings rings = {
		.space = iommu ? FACET_QUEUE_GUEST : FACET_QUEUE_USER,
		.desc = addr->desc,
		.avail = addr->avail,
		.used = addr->used,
	};
	int r;

	if (!ring)
		return -EPROTO;
	vu_changed(vu);
	r = facet_queue_set_rings(ring->queue, &rings);
	if (r < 0)
		vu_complain(vu, "queue %u cannot be put there", addr->index);
	else
		update(vu, ring);
	return r;
}

/*
 * Not every front-end says when the guest's driver starts over: QEMU 7.2 does not. But a driver
 * that goes on goes on where it was, and a new one begins at 0.
 */
static void notice_new_driver(struct vhost_user *vu, const struct vu_ring *ring, uint32_t base)
{
	if (!vu->ran || base == facet_queue_base(ring->queue))
		return;
	reset_device(vu);
	facet_device_set_features(vu->device, vu->features);
}

int vu_set_vring_base(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring = ring_at(vu, m->payload.state.index);
	int r;

	if (!ring)
		return -EPROTO;
	if (facet_queue_running(ring->queue))
		return -EBUSY;
	vu_changed(vu);
	notice_new_driver(vu, ring, m->payload.state.num);
	r = facet_queue_set_base(ring->queue, m->payload.state.num);
	if (!r)
		vu_rings_update(vu);
	return r;
}

int vu_get_vring_base(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring = ring_at(vu, m->payload.state.index);

	if (!ring)
		return -EPROTO;
	vu_changed(vu);
	drop_kick(vu, ring);
	m->payload.state.num = facet_queue_base(ring->queue);
	return 0;
}

/* The eventfd of a message about one ring; *ret is -1 when it comes without. */
static int ring_fd(struct vhost_user *vu, struct vu_channel *m, struct vu_ring **ret_ring, int *ret)
{
	bool none = m->payload.u64 & VHOST_USER_VRING_NO_FD;

	*ret_ring = ring_at(vu, m->payload.u64 & VHOST_USER_VRING_INDEX_MASK);
	if (!*ret_ring || m->fd_count != !none)
		return -EPROTO;
	*ret = -1;
	if (none)
		return 0;
	if (!facet_eventfd_check(m->fds[0])) {
		vu_complain(vu, "a vring message carries a descriptor that is no eventfd");
		return -EPROTO;
	}
	*ret = facet_steal_fd(&m->fds[0]);
	vu_changed(vu);
	return 0;
}

int vu_set_vring_kick(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring;
	int fd, r;

	r = ring_fd(vu, m, &ring, &fd);
	if (r < 0)
		return r;
	drop_kick(vu, ring);
	ring->kick_fd = fd;
	if (fd < 0) {
		vu_complain(vu, "a queue without a kick descriptor would have to be polled: "
				"give it an eventfd (QEMU: ioeventfd=on)");
		return -ENOTSUP;
	}
	update(vu, ring);
	return 0;
}

int vu_set_vring_call(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring;
	int fd, r;

	r = ring_fd(vu, m, &ring, &fd);
	if (!r)
		facet_queue_set_call(ring->queue, fd);
	return r;
}

int vu_set_vring_err(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring;
	int fd, r;

	r = ring_fd(vu, m, &ring, &fd);
	if (!r)
		facet_queue_set_err(ring->queue, fd);
	return r;
}

int vu_set_vring_enable(struct vhost_user *vu, struct vu_channel *m)
{
	struct vu_ring *ring = ring_at(vu, m->payload.state.index);

	if (!ring || m->payload.state.num > 1)
		return -EPROTO;
	vu_changed(vu);
	ring->enabled = m->payload.state.num;
	update(vu, ring);
	return 0;
}
