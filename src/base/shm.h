/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shm.h - a mapped file that others write as well, and may make shorter under us. */
#ifndef FACET_BASE_SHM_H
#define FACET_BASE_SHM_H

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/checked.h"

/*
 * DOC: Theory of Operation
 *
 * Whoever may write a file may truncate it, and then every access behind its new end raises SIGBUS.
 * Looking at fstat() first does not help: the file can change in between. So a handler puts empty
 * memory of our own over what the file lost and lets the access go on; the mapping is then "torn",
 * which its owner looks at when it suits him. A signal that is not about one of these mappings goes
 * to whoever handled it before.
 *
 * A blocked SIGBUS kills. Threads that block all signals call facet_shm_thread() before they touch
 * such memory, or have somebody else do so.
 */
struct facet_shm {
	uint8_t *base;
	uint64_t size;
	struct facet_shm_range *range;
};

/* Maps the first @size bytes for reading and writing. 0, -ENFILE (too many) or mmap's error. */
int facet_shm_map(int fd, uint64_t size, struct facet_shm *ret);
/* Nobody may be using it. Accepts what was never mapped (all zero). */
void facet_shm_unmap(struct facet_shm *shm);

/* Is some of it not the file any more? Any thread. */
bool facet_shm_torn(const struct facet_shm *shm);
/* The file is long enough again: maps it anew, at the same address. */
int facet_shm_mend(struct facet_shm *shm, int fd);

/* This thread will touch such memory: lets SIGBUS through. Cheap when called again. */
void facet_shm_thread(void);

/* --- little-endian fields, each read or written at once and in order --- */

static inline void *facet_shm_at(const struct facet_shm *shm, uint64_t at, uint64_t bytes)
{
	assert(facet_inside(at, bytes, shm->size));
	return shm->base + at;
}

static inline uint32_t facet_shm_get32(const struct facet_shm *shm, uint64_t at)
{
	return le32toh(__atomic_load_n((uint32_t *)facet_shm_at(shm, at, 4), __ATOMIC_SEQ_CST));
}

static inline void facet_shm_put32(const struct facet_shm *shm, uint64_t at, uint32_t value)
{
	__atomic_store_n((uint32_t *)facet_shm_at(shm, at, 4), htole32(value), __ATOMIC_SEQ_CST);
}

static inline uint64_t facet_shm_get64(const struct facet_shm *shm, uint64_t at)
{
	return le64toh(__atomic_load_n((uint64_t *)facet_shm_at(shm, at, 8), __ATOMIC_SEQ_CST));
}

static inline void facet_shm_put64(const struct facet_shm *shm, uint64_t at, uint64_t value)
{
	__atomic_store_n((uint64_t *)facet_shm_at(shm, at, 8), htole64(value), __ATOMIC_SEQ_CST);
}

static inline uint32_t facet_shm_swap32(const struct facet_shm *shm, uint64_t at, uint32_t value)
{
	return le32toh(__atomic_exchange_n((uint32_t *)facet_shm_at(shm, at, 4), htole32(value),
					   __ATOMIC_SEQ_CST));
}

static inline void facet_shm_add32(const struct facet_shm *shm, uint64_t at, uint32_t more)
{
	uint32_t *field = (uint32_t *)facet_shm_at(shm, at, 4);
	uint32_t old = __atomic_load_n(field, __ATOMIC_SEQ_CST);

	while (!__atomic_compare_exchange_n(field, &old, htole32(le32toh(old) + more), false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

/* Bits only: their order does not depend on the processor's. Both return what was before. */
static inline uint32_t facet_shm_and32(const struct facet_shm *shm, uint64_t at, uint32_t bits)
{
	return le32toh(__atomic_fetch_and((uint32_t *)facet_shm_at(shm, at, 4), htole32(bits),
					  __ATOMIC_SEQ_CST));
}

static inline uint64_t facet_shm_or64(const struct facet_shm *shm, uint64_t at, uint64_t bits)
{
	return le64toh(__atomic_fetch_or((uint64_t *)facet_shm_at(shm, at, 8), htole64(bits),
					 __ATOMIC_SEQ_CST));
}

static inline uint64_t facet_shm_and64(const struct facet_shm *shm, uint64_t at, uint64_t bits)
{
	return le64toh(__atomic_fetch_and((uint64_t *)facet_shm_at(shm, at, 8), htole64(bits),
					  __ATOMIC_SEQ_CST));
}

/* Takes a spinlock of 0 and 1 if it is free. */
static inline bool facet_shm_try_lock(const struct facet_shm *shm, uint64_t at)
{
	uint32_t unlocked = 0;

	return __atomic_compare_exchange_n((uint32_t *)facet_shm_at(shm, at, 4), &unlocked,
					   htole32(1), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void facet_shm_unlock(const struct facet_shm *shm, uint64_t at)
{
	facet_shm_put32(shm, at, 0);
}

#endif
