// SPDX-License-Identifier: GPL-2.0-or-later
/* queue_fuzz.c - a split ring whose bytes, and whose IOMMU, are the input's. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/queue.h"
#include "wire/virtio_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	MEMORY = 1 << 16,
	HEADER = 8,
	STEPS = 64,  /* pops an input may cause */
	IN_HAND = 8, /* chains kept a while */
	COPY = 512,
};

/* Where rings of up to 64 entries lie; the input's bytes begin at 0. */
static const struct facet_queue_rings rings = { FACET_QUEUE_GUEST, 0, 0x400, 0x500 };

static struct facet_guest_memory *memory;
static uint8_t *base;

static void drop_log(enum facet_log_level level, const char *area, const char *text)
{
}

static void set_up(void)
{
	const struct facet_guest_region low = { 0, 0, MEMORY / 2, 0 };
	const struct facet_guest_region high = { MEMORY, 1 << 20, MEMORY / 2, MEMORY / 2 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	facet_log_set(drop_log, FACET_LOG_ERROR);
	if (fd < 0 || ftruncate(fd, MEMORY) < 0 || facet_guest_memory_create(&memory) < 0 ||
	    facet_guest_memory_add(memory, &low, fd, NULL) < 0 ||
	    facet_guest_memory_add(memory, &high, fd, NULL) < 0)
		__builtin_trap();
	base = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		__builtin_trap();
	close(fd);
}

/* Grants the first pages as they are, then some elsewhere, and nothing above 1 MiB. */
static int miss(void *owner, uint64_t iova, enum facet_guest_access access)
{
	const uint8_t *seed = owner;

	if (iova >= 1 << 20)
		facet_guest_iotlb_settle(memory, iova, access, *seed & 8);
	else if (iova < 0x2000)
		facet_guest_iotlb_update(memory, iova, 4096, iova, 3);
	else if (*seed & 1)
		facet_guest_iotlb_update(memory, iova, 4096, (iova ^ (*seed & 0x30u) << 8) % MEMORY,
					 1 + *seed % 3);
	return *seed & 2 && iova & 0x4000 ? -1 : 0;
}

static void copy_some(struct facet_chain *chain, uint8_t how)
{
	uint8_t buf[COPY];
	size_t at = how * 3u, n;

	n = facet_chain_read(chain, at, buf, sizeof(buf));
	if (n > sizeof(buf) || (n && at + n > chain->out_size))
		__builtin_trap();
	n = facet_chain_write(chain, at, buf, n);
	if (n && at + n > chain->in_size)
		__builtin_trap();
}

static void give_back(struct facet_chain *chain, uint8_t how)
{
	if (how % 5 == 4)
		facet_chain_drop(chain);
	else
		facet_queue_push(chain, how * 100u);
}

/* What a loop thread may do between two pops. */
static void disturb(struct facet_queue *queue, uint8_t how)
{
	switch (how) {
	case 250:
		facet_queue_stop(queue);
		facet_queue_start(queue);
		break;
	case 251:
		facet_queue_reset(queue);
		facet_queue_start(queue);
		break;
	case 252:
		facet_guest_iotlb_invalidate(memory, 0, 0);
		facet_queue_refresh(queue);
		break;
	default:
		break;
	}
}

static void run(struct facet_queue *queue, const uint8_t *script, size_t size)
{
	struct facet_chain *hand[IN_HAND] = { NULL }, *chain;
	uint8_t how;
	int r;

	for (unsigned int i = 0; i < STEPS && size; i++) {
		how = script[i % size];
		disturb(queue, how);
		r = facet_queue_pop(queue, &chain);
		if (r != 1)
			continue;
		copy_some(chain, how);
		if (hand[how % IN_HAND])
			give_back(hand[how % IN_HAND], how);
		hand[how % IN_HAND] = chain;
		/* The guest goes on writing while we work. */
		base[(how * 37u + i) % 0x800] ^= how;
	}
	for (unsigned int i = 0; i < IN_HAND; i++) {
		if (hand[i])
			give_back(hand[i], (uint8_t)i);
	}
}

/* Input: flags, log2 of the size, 2 bytes base, 4 more bytes of script; the rest is memory. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct facet_guest_iommu iommu = { miss, (void *)data };
	struct facet_queue *queue;

	if (!memory)
		set_up();
	if (size < HEADER)
		return 0;
	memset(base, 0, MEMORY);
	memcpy(base, data + HEADER, size - HEADER < MEMORY ? size - HEADER : MEMORY);
	facet_guest_memory_set_iommu(memory, data[0] & 4 ? &iommu : NULL);
	if (facet_queue_create(memory, 64, &queue) < 0)
		__builtin_trap();
	facet_queue_set_features(queue, (uint64_t)(data[0] >> 4) << VIRTIO_RING_F_INDIRECT_DESC);
	facet_queue_set_size(queue, 1u << data[1] % 7);
	facet_queue_set_base(queue, data[2] | (uint32_t)data[3] << 8);
	facet_queue_set_rings(queue, &rings);
	if (facet_queue_start(queue) < 0)
		__builtin_trap();
	run(queue, data, size);
	facet_queue_destroy(queue);
	return 0;
}
