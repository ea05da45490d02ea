// SPDX-License-Identifier: GPL-2.0-or-later
/* queue.c - LGMP's queues from the reader's end. */
#include <errno.h>

#include "viewer/internal.h"

enum { LOCK_TRIES = 1000 };

static uint64_t bit_on(const struct viewer_queue *q)
{
	return 1ULL << 32 << q->bit;
}

static uint64_t bit_bad(const struct viewer_queue *q)
{
	return 1ULL << q->bit;
}

static bool lock(struct facet_viewer *v, const struct viewer_queue *q)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (facet_shm_try_lock(&v->shm, q->at + v->wire->queue.lock))
			return true;
	}
	return false;
}

static void unlock(struct facet_viewer *v, const struct viewer_queue *q)
{
	facet_shm_unlock(&v->shm, q->at + v->wire->queue.lock);
}

/* Frees the places of those who were given up a while ago; the lowest free one, or -1. */
static int find_place(struct facet_viewer *v, const struct viewer_queue *q)
{
	const uint64_t now = facet_shm_get64(&v->shm, v->wire->lgmp.timestamp);
	const uint32_t at = q->at + v->wire->queue.subs;
	uint64_t subs = facet_shm_get64(&v->shm, at);
	uint32_t bit, taken;

	for (bit = 0; bit < WIRE_LGMP_SUBSCRIBERS; bit++) {
		if ((subs >> bit & 1) &&
		    facet_shm_get64(&v->shm, q->at + v->wire->queue.timeouts + bit * 8) < now)
			facet_shm_and64(&v->shm, at, ~(1ULL << bit | 1ULL << 32 << bit));
	}
	subs = facet_shm_get64(&v->shm, at);
	taken = (uint32_t)(subs >> 32) | (uint32_t)subs;
	return ~taken ? __builtin_ctz(~taken) : -1;
}

static int subscribe_locked(struct facet_viewer *v, struct viewer_queue *q)
{
	const struct wire_kvmfr_release *w = v->wire;

	q->position = facet_shm_get32(&v->shm, q->at + w->queue.position);
	if (q->position >= q->slots)
		return -EBADMSG;
	q->bit = find_place(v, q);
	if (q->bit < 0)
		return -EUSERS;
	facet_shm_put64(&v->shm, q->at + w->queue.timeouts + (uint32_t)q->bit * 8, 0);
	facet_shm_put32(&v->shm, q->at + w->queue.client_ids + (uint32_t)q->bit * 4, v->client_id);
	facet_shm_or64(&v->shm, q->at + w->queue.subs, bit_on(q));
	facet_shm_add32(&v->shm, q->at + w->queue.new_subs, 1);
	return 0;
}

int facet_viewer_subscribe(struct facet_viewer *v, struct viewer_queue *q)
{
	int r;

	if (!lock(v, q))
		return -EAGAIN;
	r = subscribe_locked(v, q);
	unlock(v, q);
	return r;
}

/* Somebody else may have got the place of one that was given up. */
static bool is_ours(const struct facet_viewer *v, const struct viewer_queue *q)
{
	return facet_shm_get32(&v->shm, q->at + v->wire->queue.client_ids + (uint32_t)q->bit * 4) ==
	       v->client_id;
}

/* A publisher takes no notice of messages that wait for somebody who is not there. */
void facet_viewer_unsubscribe(struct facet_viewer *v, struct viewer_queue *q)
{
	bool locked;

	if (q->bit < 0)
		return;
	locked = lock(v, q);
	if (is_ours(v, q))
		facet_shm_and64(&v->shm, q->at + v->wire->queue.subs, ~(bit_on(q) | bit_bad(q)));
	if (locked)
		unlock(v, q);
	q->bit = -1;
}

int facet_viewer_peek(struct facet_viewer *v, struct viewer_queue *q, struct viewer_message *ret)
{
	const struct wire_kvmfr_release *w = v->wire;
	const uint64_t subs = facet_shm_get64(&v->shm, q->at + w->queue.subs);
	const uint32_t position = facet_shm_get32(&v->shm, q->at + w->queue.position);
	const uint64_t slot = q->ring + (uint64_t)q->position * w->message.bytes;

	if ((subs & (bit_on(q) | bit_bad(q))) != bit_on(q) || !is_ours(v, q))
		return -ESTALE;
	if (position >= q->slots)
		return -EBADMSG;
	if (position == q->position)
		return 0;
	ret->user = facet_shm_get32(&v->shm, slot + w->message.user);
	ret->size = facet_shm_get32(&v->shm, slot + w->message.size);
	ret->offset = facet_shm_get32(&v->shm, slot + w->message.offset);
	return 1;
}

/* Everybody is done with the oldest message: out of the ring with it. */
static void drop_oldest(struct facet_viewer *v, const struct viewer_queue *q, uint32_t next)
{
	const struct wire_kvmfr_release *w = v->wire;
	uint32_t count;

	if (facet_shm_get32(&v->shm, q->at + w->queue.start) != q->position)
		return;
	count = facet_shm_get32(&v->shm, q->at + w->queue.count);
	if (!count)
		return;
	facet_shm_put32(&v->shm, q->at + w->queue.start, next);
	facet_shm_put32(&v->shm, q->at + w->queue.count, count - 1);
	facet_shm_put64(&v->shm, q->at + w->queue.deadline,
			facet_shm_get64(&v->shm, w->lgmp.timestamp) +
				facet_shm_get32(&v->shm, q->at + w->queue.max_time));
}

void facet_viewer_done(struct facet_viewer *v, struct viewer_queue *q)
{
	const uint64_t slot = q->ring + (uint64_t)q->position * v->wire->message.bytes;
	const uint32_t next = (q->position + 1) % q->slots, own = 1U << q->bit;
	const uint32_t others =
		facet_shm_and32(&v->shm, slot + v->wire->message.pending, ~own) & ~own;

	/* If somebody else has the lock, the publisher does this. */
	if (!others && facet_shm_try_lock(&v->shm, q->at + v->wire->queue.lock)) {
		drop_oldest(v, q, next);
		unlock(v, q);
	}
	q->position = next;
}
