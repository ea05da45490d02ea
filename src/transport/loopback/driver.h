/* SPDX-License-Identifier: GPL-2.0-or-later */
/* driver.h - the driver's end of a split ring. Only loopback/ includes this. */
#ifndef FACET_TRANSPORT_LOOPBACK_DRIVER_H
#define FACET_TRANSPORT_LOOPBACK_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/queue.h"
#include "wire/virtio_ring.h"

/* Pages of guest memory for requests: first fit, one bit of state each. */
struct loop_heap {
	uint64_t start;
	unsigned int pages;
	bool *used;
};

int loop_heap_init(struct loop_heap *heap, uint64_t start, uint64_t size);
void loop_heap_fini(struct loop_heap *heap);
void loop_heap_clear(struct loop_heap *heap);

struct loop_request {
	const void *out;
	size_t out_size;
	unsigned int out_pieces;
	size_t in_size;
};

/* A request under way, by its head descriptor. */
struct loop_slot {
	bool used, done;
	unsigned int page, pages; /* of the heap */
	unsigned int desc_count;  /* of the ring */
	uint64_t in;
	size_t in_size;
	uint32_t written;
};

struct loop_driver {
	uint8_t *base;
	struct loop_heap *heap;
	uint16_t size, next_avail, last_used, kicked_avail;
	bool indirect, event_idx;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	bool *desc_used;
	struct loop_slot *slots;
};

int loop_driver_init(struct loop_driver *driver, uint8_t *base, struct loop_heap *heap,
		     uint16_t size);
void loop_driver_fini(struct loop_driver *driver);
/* Puts the rings at @at, which is zeroed, and says where they are. */
void loop_driver_start(struct loop_driver *driver, uint64_t at, uint64_t features,
		       struct facet_queue_rings *ret);

/* A ticket, or -ENOSPC, or -EINVAL. */
int loop_driver_send(struct loop_driver *driver, const struct loop_request *request);
/* After sends: does the device want to hear of them? */
bool loop_driver_kick_wanted(struct loop_driver *driver);
/* Bytes written, or -EAGAIN (an interrupt will come), or -EINVAL for a ticket never sold. */
int loop_driver_take(struct loop_driver *driver, int ticket, void *in, size_t in_size);

#endif
