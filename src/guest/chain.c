// SPDX-License-Identifier: GPL-2.0-or-later
/* chain.c - takes requests out of a split ring, believing nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "guest/ring.h"

enum {
	MAX_PIECES = 65536, /* of one chain in our memory */
};

/* A chain while it is followed. Pieces lie in the queue's scratch: out first, then in. */
struct walk {
	struct facet_queue *queue;
	unsigned int out_count, in_count;
	uint64_t out_size, in_size;
};

static int more_room(struct facet_queue *queue)
{
	unsigned int room = queue->scratch_room ? queue->scratch_room * 2 : 64;
	struct iovec *bigger;

	if (room > MAX_PIECES)
		return queue_break(queue, "a chain lies in too many pieces");
	bigger = realloc(queue->scratch, room * sizeof(*bigger));
	if (!bigger)
		return queue_break(queue, "no memory to describe a chain");
	queue->scratch = bigger;
	queue->scratch_room = room;
	return 0;
}

/* Translate one buffer to the end of the scratch. Number of pieces, or negative. */
static int add_pieces(struct walk *w, const struct virtq_desc *d, enum facet_guest_access access)
{
	struct facet_queue *queue = w->queue;
	unsigned int used = w->out_count + w->in_count;
	int r;

	for (;;) {
		r = facet_guest_translate(
			queue->mem, (gpa_t){ le64_get(d->addr) }, le32_get(d->len), access,
			queue->scratch ? queue->scratch + used : NULL, queue->scratch_room - used);
		if (r == -EAGAIN || r >= 0)
			return r;
		if (r != -E2BIG)
			return queue_break(queue, "a buffer is not in guest memory");
		r = more_room(queue);
		if (r < 0)
			return r;
	}
}

static int add_buffer(struct walk *w, const struct virtq_desc *d)
{
	bool in = le16_get(d->flags) & VIRTQ_DESC_F_WRITE;
	int r;

	if (!in && w->in_size)
		return queue_break(w->queue, "a buffer to read comes after one to write");
	r = add_pieces(w, d, in ? FACET_GUEST_WRITE : FACET_GUEST_READ);
	if (r < 0)
		return r;
	if (in) {
		w->in_count += (unsigned int)r;
		w->in_size += le32_get(d->len);
	} else {
		w->out_count += (unsigned int)r;
		w->out_size += le32_get(d->len);
	}
	if (w->out_size > UINT32_MAX || w->in_size > UINT32_MAX)
		return queue_break(w->queue, "a chain is longer than 4 GiB");
	return 0;
}

/* Follow a table that is ours (a copy). */
static int walk_table(struct walk *w, const struct virtq_desc *table, unsigned int count)
{
	unsigned int i = 0;
	uint16_t flags;
	int r;

	for (unsigned int steps = 0; steps < count; steps++) {
		flags = le16_get(table[i].flags);
		if (flags & VIRTQ_DESC_F_INDIRECT)
			return queue_break(w->queue, "an indirect table inside an indirect table");
		r = add_buffer(w, &table[i]);
		if (r < 0)
			return r;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			return 0;
		i = le16_get(table[i].next);
		if (i >= count)
			return queue_break(w->queue, "a descriptor points outside its table");
	}
	return queue_break(w->queue, "descriptors form a loop");
}

static int walk_indirect(struct walk *w, const struct virtq_desc *d)
{
	struct facet_queue *queue = w->queue;
	uint32_t bytes = le32_get(d->len);
	size_t count = bytes / sizeof(*d);
	int r;

	if (!queue->indirect || (le16_get(d->flags) & (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE)))
		return queue_break(queue, "an indirect table where none may be");
	if (!count || bytes % sizeof(*d) || count > FACET_QUEUE_MAX_CHAIN)
		return queue_break(queue, "an indirect table has a size that cannot be");
	if (!queue->table)
		queue->table = malloc(FACET_QUEUE_MAX_CHAIN * sizeof(*d));
	if (!queue->table)
		return queue_break(queue, "no memory to copy an indirect table");
	r = facet_guest_read(queue->mem, (gpa_t){ le64_get(d->addr) }, queue->table, bytes);
	if (r == -EAGAIN)
		return r;
	if (r < 0)
		return queue_break(queue, "an indirect table is not in guest memory");
	return walk_table(w, queue->table, (unsigned int)count);
}

/* Copied by two loads, so that what is checked is what is used. */
static struct virtq_desc load_desc(const struct virtq_desc *d)
{
	const uint64_t *words = (const void *)d;
	uint64_t copy[2] = {
		__atomic_load_n(&words[0], __ATOMIC_RELAXED),
		__atomic_load_n(&words[1], __ATOMIC_RELAXED),
	};
	struct virtq_desc ret;

	memcpy(&ret, copy, sizeof(ret));
	return ret;
}

static int walk_ring(struct walk *w, uint16_t head)
{
	struct facet_queue *queue = w->queue;
	unsigned int i = head;
	struct virtq_desc d;
	int r;

	for (unsigned int steps = 0; steps < queue->size; steps++) {
		d = load_desc(&queue->desc[i]);
		if (le16_get(d.flags) & VIRTQ_DESC_F_INDIRECT) {
			if (steps)
				return queue_break(queue, "an indirect table amid a chain");
			return walk_indirect(w, &d);
		}
		r = add_buffer(w, &d);
		if (r < 0)
			return r;
		if (!(le16_get(d.flags) & VIRTQ_DESC_F_NEXT))
			return 0;
		i = le16_get(d.next);
		if (i >= queue->size)
			return queue_break(queue, "a descriptor points outside the ring");
	}
	return queue_break(queue, "descriptors form a loop");
}

static struct queue_chain *make_chain(const struct walk *w, uint16_t head)
{
	struct facet_queue *queue = w->queue;
	unsigned int count = w->out_count + w->in_count;
	struct queue_chain *c = malloc(sizeof(*c) + count * sizeof(c->iov[0]));

	if (!c)
		return NULL;
	if (count)
		memcpy(c->iov, queue->scratch, count * sizeof(c->iov[0]));
	c->chain = (struct facet_chain){
		.head = head,
		.out_count = w->out_count,
		.in_count = w->in_count,
		.out_size = w->out_size,
		.in_size = w->in_size,
		.out = c->iov,
		.in = c->iov + w->out_count,
		.queue = queue,
		.epoch = queue->epoch,
	};
	c->written = 0;
	c->view = facet_guest_view_ref(queue->mem);
	atomic_fetch_add(&queue->refs, 1);
	return c;
}

/* Follow the chain at @head and check it. 1, or as pop. */
static int read_chain(struct facet_queue *queue, uint16_t head, struct queue_chain **ret)
{
	struct walk w = { .queue = queue };
	int r;

	if (head >= queue->size)
		return queue_break(queue, "the avail ring names a descriptor that is not there");
	r = walk_ring(&w, head);
	if (r < 0)
		return r;
	*ret = make_chain(&w, head);
	if (!*ret)
		return queue_break(queue, "no memory to describe a chain");
	return 1;
}

/* What a dead process had taken: in the ring and in the journal all is as if we had. */
static int take_lost(struct facet_queue *queue, uint16_t head, struct facet_chain **ret)
{
	struct queue_chain *c;
	int r = read_chain(queue, head, &c);

	if (r < 0)
		return r;
	queue->lost[head] = false;
	queue->lost_count--;
	c->chain.lost = true;
	*ret = &c->chain;
	return 1;
}

static int take(struct facet_queue *queue, uint16_t head, struct facet_chain **ret)
{
	struct queue_chain *c;
	bool first;
	int r = read_chain(queue, head, &c);

	if (r < 0)
		return r;
	pthread_mutex_lock(&queue->lock);
	first = journal_take(queue, head);
	pthread_mutex_unlock(&queue->lock);
	if (!first) {
		facet_chain_drop(&c->chain);
		return queue_break(queue, "a chain was given twice before it was answered");
	}
	queue->next_avail++;
	*ret = &c->chain;
	return 1;
}

/* How many entries wait; when none does, the driver is asked to kick for the next one. */
static uint16_t waiting(struct facet_queue *queue)
{
	uint16_t count = ring_load16(&queue->avail->idx) - queue->next_avail;

	if (count)
		return count;
	if (queue->event_idx)
		ring_store16(queue_avail_event(queue), queue->next_avail);
	else
		ring_store16(&queue->used->flags, 0);
	return ring_load16(&queue->avail->idx) - queue->next_avail;
}

int facet_queue_pop(struct facet_queue *queue, struct facet_chain **ret)
{
	uint16_t count;
	int lost, r;

	if (queue->broken)
		return -EPROTO;
	if (!queue->running)
		return 0;
	if (!queue_reachable(queue)) {
		r = facet_queue_refresh(queue);
		if (r < 0)
			return r == -EAGAIN ? r : 0;
		if (queue->broken)
			return -EPROTO;
	}
	lost = journal_lost(queue);
	if (lost >= 0)
		return take_lost(queue, (uint16_t)lost, ret);
	count = waiting(queue);
	if (!count)
		return 0;
	if (count > queue->size)
		return queue_break(queue, "the avail ring claims more entries than it has");
	return take(queue, ring_load16(&queue->avail->ring[queue->next_avail & (queue->size - 1)]),
		    ret);
}

size_t facet_chain_read(const struct facet_chain *chain, size_t offset, void *to, size_t size)
{
	uint8_t *out = to;
	size_t n;

	for (unsigned int i = 0; i < chain->out_count && size; i++) {
		if (offset >= chain->out[i].iov_len) {
			offset -= chain->out[i].iov_len;
			continue;
		}
		n = chain->out[i].iov_len - offset;
		if (n > size)
			n = size;
		memcpy(out, (const uint8_t *)chain->out[i].iov_base + offset, n);
		out += n;
		size -= n;
		offset = 0;
	}
	return (size_t)(out - (uint8_t *)to);
}

static size_t write_pieces(const struct facet_chain *chain, size_t offset, const void *from,
			   size_t size)
{
	const uint8_t *in = from;
	size_t n;

	for (unsigned int i = 0; i < chain->in_count && size; i++) {
		if (offset >= chain->in[i].iov_len) {
			offset -= chain->in[i].iov_len;
			continue;
		}
		n = chain->in[i].iov_len - offset;
		if (n > size)
			n = size;
		memcpy((uint8_t *)chain->in[i].iov_base + offset, in, n);
		in += n;
		size -= n;
		offset = 0;
	}
	return (size_t)(in - (const uint8_t *)from);
}

/* Under the lock, so that a reset cannot come between the check and the copy. */
size_t facet_chain_write(const struct facet_chain *chain, size_t offset, const void *from,
			 size_t size)
{
	struct facet_queue *queue = chain->queue;
	size_t n = 0;

	pthread_mutex_lock(&queue->lock);
	if (chain->epoch == queue->epoch)
		n = write_pieces(chain, offset, from, size);
	pthread_mutex_unlock(&queue->lock);
	return n;
}
