/* SPDX-License-Identifier: GPL-2.0-or-later */
/* queue_bed.h - for tests of the queue: a ring in a guest's memory, driven by hand. */
#ifndef FACET_GUEST_QUEUE_BED_H
#define FACET_GUEST_QUEUE_BED_H

#include "guest/queue.h"
#include "wire/virtio_ring.h"

enum {
	MEMORY = 1 << 20,
	SIZE = 256,
	DESC = 0x1000,
	AVAIL = 0x3000,
	USED = 0x4000,
	TABLE = 0x6000, /* indirect */
	DATA = 0x10000,
};

#define INDIRECT  (1ull << VIRTIO_RING_F_INDIRECT_DESC)
#define EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)

struct fixture {
	struct facet_guest_memory *mem;
	struct facet_queue *queue;
	uint8_t *base;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	int call, err;
	uint16_t next; /* of the avail ring */
};

void bed_start(struct fixture *f, uint64_t features);
int bed_set_up(void **state);
int bed_tear_down(void **state);
struct virtq_desc bed_desc(uint64_t addr, uint32_t len, uint16_t flags, uint16_t next);
void bed_offer(struct fixture *f, uint16_t head);
/* Reads 8 bytes at @head's place, answers into 8 more. */
void bed_offer_pair(struct fixture *f, uint16_t head);
struct facet_chain *bed_pop(struct fixture *f);
uint64_t bed_signals(int fd);
/* The ring is broken now, says so, and stays so. */
void bed_assert_broken(struct fixture *f);

#endif
