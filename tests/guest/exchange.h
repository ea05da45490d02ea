/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange.h - what a guest and a host program write into the memory that they share. */
#ifndef FACET_GUEST_EXCHANGE_H
#define FACET_GUEST_EXCHANGE_H

#include <stdint.h>
#include <string.h>

/*
 * In each round the guest writes a block and rings the host's vector HOST_VECTOR; the host checks
 * it, writes one of its own, and rings the guest's GUEST_VECTOR. Blocks wander over the whole half
 * of the memory that belongs to their writer. Page 0 has the letters.
 */
enum {
	EXCHANGE_BLOCK = 1 << 20,
	HOST_VECTOR = 1,
	GUEST_VECTOR = 0,
};

struct letter {
	uint64_t round; /* written last */
	uint64_t sum;   /* of the block */
};

struct letters {
	struct letter guest, host;
};

/* Sums of all that was sent and received: both sides have to come to the same. */
struct totals {
	uint64_t sent, received;
};

/* Words that have no pattern which a lost or a repeated page could keep; their checksum. */
static inline uint64_t exchange_write(uint64_t *block, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1, a = 0, b = 0;

	for (unsigned int i = 0; i < EXCHANGE_BLOCK / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		block[i] = x;
		a += x;
		b += a; /* so that the order counts */
	}
	return a ^ b << 1;
}

static inline uint64_t exchange_sum(const volatile uint64_t *block)
{
	uint64_t a = 0, b = 0;

	for (unsigned int i = 0; i < EXCHANGE_BLOCK / 8; i++) {
		a += block[i];
		b += a;
	}
	return a ^ b << 1;
}

/* The first block of each half would have the letters. */
static inline uint64_t exchange_offset(uint64_t round, uint64_t size, int is_host)
{
	uint64_t blocks = size / 2 / EXCHANGE_BLOCK - 1;

	return (is_host ? size / 2 : 0) + (1 + round % blocks) * EXCHANGE_BLOCK;
}

static inline uint64_t exchange_add(uint64_t total, uint64_t sum)
{
	return (total << 7 | total >> 57) ^ sum;
}

#endif
