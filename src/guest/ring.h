/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring.h - a split ring inside and out. Only guest/ includes this. */
#ifndef FACET_GUEST_RING_H
#define FACET_GUEST_RING_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "guest/queue.h"
#include "wire/virtio_ring.h"

/*
 * DOC: who touches what
 * The loop thread configures, starts, stops and pops. Any thread pushes. @lock is held by pushes,
 * and by the loop thread when it changes what a push looks at: everything below "shared".
 * The three ring pointers are valid while @view is held, and NULL while out of reach.
 */
struct facet_queue {
	atomic_uint refs; /* the transport's one, and each chain's */
	struct facet_guest_memory *mem;
	uint16_t max_size;
	struct facet_queue_rings rings;
	bool has_rings;
	bool indirect;
	uint16_t next_avail;
	struct iovec *scratch; /* pieces of the chain being popped */
	unsigned int scratch_room;
	struct virtq_desc *table;        /* copy of an indirect table */
	bool lost[FACET_QUEUE_MAX_SIZE]; /* by head: a dead process had taken it */
	unsigned int lost_count;

	pthread_mutex_t lock;
	/* shared */
	uint64_t epoch;
	uint16_t size;
	bool running, broken, event_idx;
	struct facet_guest_view *view;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t next_used;
	struct facet_queue_journal *journal; /* somebody's, or our own */
	struct facet_queue_journal own;
	bool resuming;          /* the used ring was not compared with the journal yet */
	struct facet_list kept; /* answers while stopped */
	int call_fd, err_fd;
};

struct queue_chain {
	struct facet_chain chain;
	struct facet_list link;
	uint32_t written;
	struct facet_guest_view *view;
	struct iovec iov[];
};

/*
 * Guest memory changes under our hands: every load and store of a ring is one access. And each
 * side stores what it did before it looks at what the other wishes, so that one of them notices:
 * that order is what sequential consistency is needed for.
 */
static inline uint16_t ring_load16(const le16 *p)
{
	return le16toh(__atomic_load_n(&p->raw, __ATOMIC_SEQ_CST));
}
static inline void ring_store16(le16 *p, uint16_t v)
{
	__atomic_store_n(&p->raw, htole16(v), __ATOMIC_SEQ_CST);
}

static inline bool queue_reachable(const struct facet_queue *queue)
{
	return queue->desc;
}

/* The event words behind the rings. */
static inline le16 *queue_used_event(const struct facet_queue *queue)
{
	return &queue->avail->ring[queue->size];
}
static inline le16 *queue_avail_event(const struct facet_queue *queue)
{
	return (le16 *)&queue->used->ring[queue->size];
}

void queue_unref(struct facet_queue *queue);

/* --- journal.c; lock held --- */

/* False: it was taken before. */
bool journal_take(struct facet_queue *queue, uint16_t head);
/* Around the store of the used index that gives @head back. */
void journal_answer(struct facet_queue *queue, uint16_t head);
void journal_answered(struct facet_queue *queue, uint16_t head);
void journal_clear(struct facet_queue *queue);
/* The rings came into reach. False: used ring and journal cannot be of one life. */
bool journal_settle(struct facet_queue *queue);
/* A head that was lost and did not come from pop yet; -1: none. Loop thread; no lock needed. */
int journal_lost(const struct facet_queue *queue);
/* The driver broke the rules: nothing more until a reset. Thread: loop. Returns -EPROTO. */
int queue_break(struct facet_queue *queue, const char *why);

#endif
