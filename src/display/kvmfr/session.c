// SPDX-License-Identifier: GPL-2.0-or-later
/* session.c - where things stand in a KVMFR file, and writing it anew. */
#include <errno.h>
#include <string.h>

#include "display/kvmfr/publisher.h"

enum {
	ALIGN = 64,
	/* One line of the widest picture, in two buffers: with less, some mode shows nothing. */
	LEAST_FRAME_BYTES = WIRE_KVMFR_PAGE + FACET_MAX_SIDE * 4,
};

static uint32_t round_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

/* @size of the file; offsets are numbers of 32 bits. */
int facet_kvmfr_session_plan(struct kvmfr_publisher *p, struct facet_error *err)
{
	const struct wire_kvmfr_release *w = p->wire;
	const uint64_t size = p->shm.size < UINT32_MAX ? p->shm.size : UINT32_MAX;
	uint32_t at = round_up(w->lgmp.user + p->user_size, ALIGN);

	p->pointer_queue = (struct kvmfr_queue){ .id = WIRE_KVMFR_QUEUE_POINTER,
						 .slots = KVMFR_POINTER_SLOTS,
						 .at = w->lgmp.queues,
						 .ring = at };
	at = round_up(at + KVMFR_POINTER_SLOTS * w->message.bytes, ALIGN);
	p->frame_queue = (struct kvmfr_queue){ .id = WIRE_KVMFR_QUEUE_FRAME,
					       .slots = KVMFR_FRAME_SLOTS,
					       .at = w->lgmp.queues + w->queue.bytes,
					       .ring = at };
	at = round_up(at + KVMFR_FRAME_SLOTS * w->message.bytes, ALIGN);
	p->layout = at;
	p->pointers = at;
	p->pointer_bytes =
		round_up(w->pointer.bytes + FACET_CURSOR_SIZE * FACET_CURSOR_SIZE * 4, ALIGN);
	at = round_up(at + KVMFR_POINTER_SLOTS * p->pointer_bytes, WIRE_KVMFR_PAGE);
	if (size < at + (uint64_t)KVMFR_BUFFERS * LEAST_FRAME_BYTES)
		return facet_error_set(err, -EINVAL,
				       "kvmfr: %llu KiB are too small a file; make it two pictures "
				       "and 10 MiB long",
				       (unsigned long long)p->shm.size >> 10);
	p->frame_bytes = (uint32_t)((size - at) / KVMFR_BUFFERS) & ~(WIRE_KVMFR_PAGE - 1U);
	for (unsigned int i = 0; i < KVMFR_BUFFERS; i++)
		p->buffers[i].at = at + i * p->frame_bytes;
	return 0;
}

static void start_queue(struct kvmfr_publisher *p, struct kvmfr_queue *q)
{
	const struct wire_kvmfr_release *w = p->wire;

	*q = (struct kvmfr_queue){ .id = q->id, .slots = q->slots, .at = q->at, .ring = q->ring };
	facet_shm_put32(&p->shm, q->at + w->queue.id, q->id);
	facet_shm_put32(&p->shm, q->at + w->queue.slots, q->slots);
	facet_shm_put32(&p->shm, q->at + w->queue.max_time, KVMFR_MAX_TIME_MS);
	facet_shm_put32(&p->shm, q->at + w->queue.messages, q->ring);
	facet_shm_put32(&p->shm, q->at + w->queue.client_free, WIRE_LGMP_CLIENT_MESSAGES);
}

/* Another number than any that a client may have seen in this file. */
static uint32_t next_session(const struct kvmfr_publisher *p)
{
	const uint32_t found = facet_shm_get32(&p->shm, p->wire->lgmp.session);
	uint32_t session = p->session + 1;

	return session == found || session == 0 ? session + 1 : session;
}

void facet_kvmfr_session_start(struct kvmfr_publisher *p, uint64_t now)
{
	const struct wire_kvmfr_release *w = p->wire;

	p->session = next_session(p);
	p->session_since = now;
	p->nonsense = false;
	facet_shm_put32(&p->shm, w->lgmp.magic, 0);
	memset(facet_shm_at(&p->shm, 0, p->layout), 0, p->layout);
	facet_shm_put32(&p->shm, w->lgmp.version, w->lgmp_version);
	facet_shm_put32(&p->shm, w->lgmp.session, p->session);
	facet_shm_put64(&p->shm, w->lgmp.timestamp, now);
	start_queue(p, &p->pointer_queue);
	start_queue(p, &p->frame_queue);
	facet_shm_put32(&p->shm, w->lgmp.queue_count, 2);
	facet_shm_put32(&p->shm, w->lgmp.user_size, p->user_size);
	memcpy(facet_shm_at(&p->shm, w->lgmp.user, p->user_size), p->user, p->user_size);
	facet_shm_put32(&p->shm, w->lgmp.magic, WIRE_LGMP_MAGIC);
	p->post_due = p->repost_due = false;
	p->pointer.image_due = p->pointer.place_due = false;
	for (unsigned int i = 0; i < KVMFR_BUFFERS; i++)
		p->buffers[i].message = 0;
}

/*
 * What is written once and read by every client that comes. Somebody may have scribbled over it,
 * and then nobody new would find the way in.
 */
static bool is_ours(const struct kvmfr_publisher *p)
{
	const struct wire_kvmfr_release *w = p->wire;
	const struct kvmfr_queue *queues[] = { &p->pointer_queue, &p->frame_queue };

	if (facet_shm_get32(&p->shm, w->lgmp.magic) != WIRE_LGMP_MAGIC ||
	    facet_shm_get32(&p->shm, w->lgmp.version) != w->lgmp_version ||
	    facet_shm_get32(&p->shm, w->lgmp.session) != p->session ||
	    facet_shm_get32(&p->shm, w->lgmp.queue_count) != 2 ||
	    facet_shm_get32(&p->shm, w->lgmp.user_size) != p->user_size ||
	    memcmp(facet_shm_at(&p->shm, w->lgmp.user, p->user_size), p->user, p->user_size))
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		const uint32_t at = queues[i]->at;

		if (facet_shm_get32(&p->shm, at + w->queue.id) != queues[i]->id ||
		    facet_shm_get32(&p->shm, at + w->queue.slots) != queues[i]->slots ||
		    facet_shm_get32(&p->shm, at + w->queue.messages) != queues[i]->ring ||
		    facet_shm_get32(&p->shm, at + w->queue.position) != queues[i]->position)
			return false;
	}
	return true;
}

void facet_kvmfr_session_beat(struct kvmfr_publisher *p, uint64_t now)
{
	if (is_ours(p))
		facet_shm_put64(&p->shm, p->wire->lgmp.timestamp, now);
	else
		p->nonsense = true;
}
