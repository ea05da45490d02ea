// SPDX-License-Identifier: GPL-2.0-or-later
/* queue.c - LGMP's queues from the publisher's end; every number of a client's has to fit to ours.
 */
#include "display/kvmfr/publisher.h"

#include <errno.h>

enum { LOCK_TRIES = 64 }; /* some microseconds; a client holds it for less than one */

static uint32_t field(const struct kvmfr_publisher *p, const struct kvmfr_queue *q, uint32_t offset)
{
	return facet_shm_get32(&p->shm, q->at + offset);
}

static void set_field(const struct kvmfr_publisher *p, const struct kvmfr_queue *q, uint32_t offset,
		      uint32_t value)
{
	facet_shm_put32(&p->shm, q->at + offset, value);
}

static uint32_t slot_at(const struct kvmfr_publisher *p, const struct kvmfr_queue *q, uint32_t slot)
{
	return q->ring + slot * p->wire->message.bytes;
}

static int nonsense(struct kvmfr_publisher *p)
{
	p->nonsense = true;
	return -EBADMSG;
}

/*
 * Nobody can tell a dead owner from a slow one but by the time that it takes; *since remembers when
 * the lock was first found held.
 */
static int try_lock(struct kvmfr_publisher *p, uint32_t at, uint64_t *since, uint64_t now)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (facet_shm_try_lock(&p->shm, at)) {
			*since = 0;
			return 0;
		}
	}
	if (!*since)
		*since = now ? now : 1;
	else if (now - *since > KVMFR_LOCK_MS)
		return nonsense(p);
	return -EAGAIN;
}

static uint32_t subs_on(uint64_t subs)
{
	return (uint32_t)(subs >> 32);
}

static uint32_t subs_bad(uint64_t subs)
{
	return (uint32_t)subs;
}

static uint64_t read_subs(const struct kvmfr_publisher *p, const struct kvmfr_queue *q)
{
	return facet_shm_get64(&p->shm, q->at + p->wire->queue.subs);
}

uint32_t facet_kvmfr_queue_live(const struct kvmfr_publisher *p, const struct kvmfr_queue *q)
{
	const uint64_t subs = read_subs(p, q);

	return subs_on(subs) & ~subs_bad(subs);
}

uint32_t facet_kvmfr_queue_new(const struct kvmfr_publisher *p, const struct kvmfr_queue *q)
{
	return facet_shm_swap32(&p->shm, q->at + p->wire->queue.new_subs, 0);
}

/* --- with the lock --- */

/* The ring's oldest message and how many there are; false when that is not what we posted. */
static bool read_ring(const struct kvmfr_publisher *p, struct kvmfr_queue *q, uint64_t now,
		      uint32_t *ret_start, uint32_t *ret_count)
{
	const uint32_t start = field(p, q, p->wire->queue.start);
	const uint32_t count = field(p, q, p->wire->queue.count);

	if (count >= q->slots || start >= q->slots || count > q->posted ||
	    (start + count) % q->slots != q->position)
		return false;
	if (q->posted - count != q->oldest) {
		q->oldest = q->posted - count;
		q->since = now;
	}
	*ret_start = start;
	*ret_count = count;
	return true;
}

/* @pending have not finished the oldest message; @live is everybody. */
static bool is_too_late(const struct kvmfr_queue *q, uint32_t pending, uint32_t live, uint64_t now)
{
	uint64_t held_up;

	if (now - q->since > KVMFR_MAX_TIME_MS)
		return true;
	if (!q->full_since || !(live & ~pending))
		return false;
	held_up = q->since > q->full_since ? q->since : q->full_since;
	return now > held_up && now - held_up > KVMFR_HELD_UP_MS;
}

static void give_up(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint32_t late, uint64_t now)
{
	facet_shm_or64(&p->shm, q->at + p->wire->queue.subs, late);
	for (uint32_t bit = 0; bit < WIRE_LGMP_SUBSCRIBERS; bit++) {
		if (late >> bit & 1)
			facet_shm_put64(&p->shm, q->at + p->wire->queue.timeouts + bit * 8,
					now + KVMFR_MAX_TIME_MS);
	}
}

static int sweep_locked(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint64_t now)
{
	uint32_t start, count, live, pending;

	if (!read_ring(p, q, now, &start, &count))
		return nonsense(p);
	for (; count; count--, start = (start + 1) % q->slots) {
		live = facet_kvmfr_queue_live(p, q);
		pending = live &
			  facet_shm_get32(&p->shm, slot_at(p, q, start) + p->wire->message.pending);
		if (pending && is_too_late(q, pending, live, now)) {
			give_up(p, q, pending, now);
			pending = 0;
		}
		if (pending)
			break;
		facet_shm_put32(&p->shm, slot_at(p, q, start) + p->wire->message.pending, 0);
		q->oldest++;
		q->since = now;
	}
	set_field(p, q, p->wire->queue.start, start);
	set_field(p, q, p->wire->queue.count, count);
	facet_shm_put64(&p->shm, q->at + p->wire->queue.deadline, q->since + KVMFR_MAX_TIME_MS);
	return (int)count;
}

static void write_slot(const struct kvmfr_publisher *p, const struct kvmfr_queue *q, uint32_t user,
		       uint32_t offset, uint32_t size, uint32_t pending)
{
	const uint32_t at = slot_at(p, q, q->position);

	facet_shm_put32(&p->shm, at + p->wire->message.user, user);
	facet_shm_put32(&p->shm, at + p->wire->message.size, size);
	facet_shm_put32(&p->shm, at + p->wire->message.offset, offset);
	facet_shm_put32(&p->shm, at + p->wire->message.pending, pending);
}

static int post_locked(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint32_t user,
		       uint32_t offset, uint32_t size, uint64_t now)
{
	int count = sweep_locked(p, q, now);
	uint32_t live;

	if (count < 0)
		return count;
	live = facet_kvmfr_queue_live(p, q);
	if (!live)
		return 0;
	if ((uint32_t)count == q->slots - 1) {
		q->full_since = q->full_since ? q->full_since : now;
		return -ENOBUFS;
	}
	write_slot(p, q, user, offset, size, live);
	if (!count) {
		q->since = now;
		facet_shm_put64(&p->shm, q->at + p->wire->queue.deadline, now + KVMFR_MAX_TIME_MS);
	}
	q->posted++;
	q->position = (q->position + 1) % q->slots;
	set_field(p, q, p->wire->queue.count, (uint32_t)count + 1);
	set_field(p, q, p->wire->queue.position, q->position);
	q->full_since = 0;
	return 1;
}

/* --- take the lock, do it --- */

int facet_kvmfr_queue_sweep(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint64_t now)
{
	int r = try_lock(p, q->at + p->wire->queue.lock, &q->lock_since, now);

	if (r < 0)
		return r;
	r = sweep_locked(p, q, now);
	facet_shm_unlock(&p->shm, q->at + p->wire->queue.lock);
	return r;
}

int facet_kvmfr_queue_post(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint32_t user,
			   uint32_t offset, uint32_t size, uint64_t now)
{
	int r = try_lock(p, q->at + p->wire->queue.lock, &q->lock_since, now);

	if (r < 0)
		return r;
	r = post_locked(p, q, user, offset, size, now);
	facet_shm_unlock(&p->shm, q->at + p->wire->queue.lock);
	return r;
}

/*
 * What clients say: only that they want the pointer elsewhere, which no feature of ours invites
 * them to. But they wait for our having looked at it.
 */
void facet_kvmfr_queue_inbox(struct kvmfr_publisher *p, struct kvmfr_queue *q, uint64_t now)
{
	const uint32_t unread = p->wire->queue.client_free;
	uint32_t left = WIRE_LGMP_CLIENT_MESSAGES - field(p, q, unread);

	if (left > WIRE_LGMP_CLIENT_MESSAGES)
		nonsense(p);
	if (!left || left > WIRE_LGMP_CLIENT_MESSAGES ||
	    try_lock(p, q->at + p->wire->queue.client_lock, &q->inbox_since, now) < 0)
		return;
	left = WIRE_LGMP_CLIENT_MESSAGES - field(p, q, unread); /* now nobody adds to it */
	if (left <= WIRE_LGMP_CLIENT_MESSAGES) {
		q->inbox_next = (q->inbox_next + left) % WIRE_LGMP_CLIENT_MESSAGES;
		q->inbox_acted += left;
		set_field(p, q, unread, WIRE_LGMP_CLIENT_MESSAGES);
	}
	facet_shm_unlock(&p->shm, q->at + p->wire->queue.client_lock);
	set_field(p, q, p->wire->queue.client_acted, q->inbox_acted);
}
