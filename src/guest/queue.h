/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue.h - the device's end of a split virtqueue (virtio 1.3, section 2.7). */
#ifndef FACET_GUEST_QUEUE_H
#define FACET_GUEST_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "guest/memory.h"

struct facet_queue;

enum {
	FACET_QUEUE_MAX_SIZE = 1024, /* descriptors in a ring */
	FACET_QUEUE_MAX_CHAIN =
		16384, /* in an indirect table: Linux makes them longer than rings */
};

/* One request: what the guest wrote for us, and room for our answer. */
struct facet_chain {
	uint16_t head;
	unsigned int out_count, in_count;
	size_t out_size, in_size; /* bytes; sums were checked */
	struct iovec *out, *in;   /* into guest memory: copy, then check, then use */
	struct facet_queue *queue;
	uint64_t epoch; /* of the queue when it was popped; a push from before a reset is dropped */
	bool lost; /* a process that died had it: not to be executed, only answered, by an error */
};

/**
 * facet_queue_pop() - take the next request. Thread: loop.
 * @ret: owned by the caller until pushed or dropped
 *
 * Return: 1 with *ret; 0 when the ring is empty (notifications are on again); -EAGAIN when the
 * IOMMU has to be asked first; -EPROTO when the ring is broken: the queue is then dead until reset.
 */
int facet_queue_pop(struct facet_queue *queue, struct facet_chain **ret);

/* Give an answer of @written bytes and, when the guest wants one, an interrupt. Any thread. */
void facet_queue_push(struct facet_chain *chain, uint32_t written);

/* Free a chain without answering it. Any thread. */
void facet_chain_drop(struct facet_chain *chain);

/*
 * Bounded copies; each returns the bytes copied, which is less than @size past the end. A write
 * after a reset copies nothing: the guest uses that memory for something else by now. Any thread.
 */
size_t facet_chain_read(const struct facet_chain *chain, size_t offset, void *to, size_t size);
size_t facet_chain_write(const struct facet_chain *chain, size_t offset, const void *from,
			 size_t size);

/* --- for transports: loop thread --- */

/* Where the addresses of a ring are to be looked up. */
enum facet_queue_space {
	FACET_QUEUE_GUEST, /* guest-physical, or IOVAs behind an IOMMU */
	FACET_QUEUE_USER,  /* the front-end's own (vhost-user) */
};

struct facet_queue_rings {
	enum facet_queue_space space;
	uint64_t desc, avail, used;
};

/* @mem: borrowed by pops; a queue outlives its destroy until the last chain is given back. */
int facet_queue_create(struct facet_guest_memory *mem, uint16_t max_size, struct facet_queue **ret);
void facet_queue_destroy(struct facet_queue *queue);

/* While stopped: 0 or -EINVAL (no power of two, beyond @max_size; unaligned) or -EBUSY. */
int facet_queue_set_size(struct facet_queue *queue, uint32_t size);
int facet_queue_set_rings(struct facet_queue *queue, const struct facet_queue_rings *rings);
int facet_queue_set_base(struct facet_queue *queue, uint32_t next_avail);
/* What the driver accepted: INDIRECT_DESC and EVENT_IDX matter here. */
void facet_queue_set_features(struct facet_queue *queue, uint64_t features);

/* Eventfds, taken, non-blocking; -1: none. Any time. call: an interrupt; err: the ring broke. */
void facet_queue_set_call(struct facet_queue *queue, int fd);
void facet_queue_set_err(struct facet_queue *queue, int fd);
int facet_queue_call(const struct facet_queue *queue); /* borrowed */
int facet_queue_err(const struct facet_queue *queue);

/* What it was told, for telling another: false when it has no size or no rings yet. */
bool facet_queue_describe(const struct facet_queue *queue, uint32_t *ret_size,
			  struct facet_queue_rings *ret_rings);

/*
 * Start: 0, also when the rings cannot be reached yet (see refresh); -EINVAL without size or rings.
 * Stop: between it and the next start answers are kept, and given to the guest by that start,
 * unless a reset comes first.
 */
int facet_queue_start(struct facet_queue *queue);
void facet_queue_stop(struct facet_queue *queue);
bool facet_queue_running(const struct facet_queue *queue);
bool facet_queue_broken(const struct facet_queue *queue);
/* The next entry of the avail ring to take: what set_base wants. */
uint16_t facet_queue_base(const struct facet_queue *queue);

/*
 * Memory or the IOTLB changed: look the rings up again. While they are out of reach the queue
 * gives nothing and keeps answers. 0, -EAGAIN (asked the IOMMU), or -EFAULT.
 */
int facet_queue_refresh(struct facet_queue *queue);
bool facet_queue_reachable(const struct facet_queue *queue);

/* Stops; a new epoch begins at base 0; sizes, addresses and eventfds stay. */
void facet_queue_reset(struct facet_queue *queue);

/*
 * DOC: the journal
 * What a queue has taken and not answered, kept where it survives our death: in memory that another
 * process has mapped too. All that was taken is either in the used ring or marked here, so where
 * to go on in the avail ring is the sum of both. Each change is one store, in such an order that a
 * death between any two of them loses nothing and answers nothing twice:
 *
 *   pop:  taken[head] = 1
 *   push: last = head; used->idx (the guest's) = n + 1; taken[head] = 0; used = n + 1
 */
struct facet_queue_journal {
	uint16_t used; /* entries of the used ring */
	uint16_t last; /* head of the entry that may be there already */
	uint16_t gap;  /* entries before the base we were told that nobody will ever answer */
	uint8_t taken[FACET_QUEUE_MAX_SIZE]; /* by head */
};

/* Use @journal, which is borrowed, from now on; the queue has nothing under way. */
void facet_queue_set_journal(struct facet_queue *queue, struct facet_queue_journal *journal);

/*
 * The same, with the journal of a process that has died: nothing in it is believed. What it had
 * taken comes once more from pop, first, marked as lost. After set_size, before start.
 */
void facet_queue_resume(struct facet_queue *queue, struct facet_queue_journal *journal);

/* Leave the journal as it is, for somebody else; whatever is pushed from here on is dropped. */
void facet_queue_abandon(struct facet_queue *queue);

#endif
