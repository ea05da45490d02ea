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
	FACET_QUEUE_MAX_SIZE = 1024, /* descriptors in a ring, and in a chain */
};

/* One request: what the guest wrote for us, and room for our answer. */
struct facet_chain {
	uint16_t head;
	unsigned int out_count, in_count;
	size_t out_size, in_size; /* bytes; sums were checked */
	struct iovec *out, *in;   /* into guest memory: copy, then check, then use */
	struct facet_queue *queue;
	uint64_t epoch; /* of the queue when it was popped; a push from before a reset is dropped */
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

/* Bounded copies; each returns the bytes copied, which is less than @size past the end. */
size_t facet_chain_read(const struct facet_chain *chain, size_t offset, void *to, size_t size);
size_t facet_chain_write(const struct facet_chain *chain, size_t offset, const void *from,
			 size_t size);

#endif
