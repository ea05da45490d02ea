// SPDX-License-Identifier: GPL-2.0-or-later
/* driver.c - puts requests into a split ring and takes the answers, as a guest's driver does. */
#include "transport/loopback/driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = 4096,
	GAP = 64, /* between pieces, so that they stay pieces */
};

int loop_heap_init(struct loop_heap *heap, uint64_t start, uint64_t size)
{
	heap->start = start;
	heap->pages = (unsigned int)(size / PAGE);
	heap->used = calloc(heap->pages, sizeof(*heap->used));
	return heap->used ? 0 : -ENOMEM;
}

void loop_heap_fini(struct loop_heap *heap)
{
	free(heap->used);
}

void loop_heap_clear(struct loop_heap *heap)
{
	memset(heap->used, 0, heap->pages * sizeof(*heap->used));
}

/* The first of @count free pages, or -ENOSPC. */
static int heap_take(struct loop_heap *heap, unsigned int count)
{
	unsigned int run = 0;

	for (unsigned int i = 0; i < heap->pages; i++) {
		run = heap->used[i] ? 0 : run + 1;
		if (run < count)
			continue;
		memset(&heap->used[i + 1 - count], 1, count);
		return (int)(i + 1 - count);
	}
	return -ENOSPC;
}

static void heap_give(struct loop_heap *heap, unsigned int page, unsigned int count)
{
	memset(&heap->used[page], 0, count);
}

int loop_driver_init(struct loop_driver *driver, uint8_t *base, struct loop_heap *heap,
		     uint16_t size)
{
	*driver = (struct loop_driver){ .base = base, .heap = heap, .size = size };
	driver->desc_used = calloc(size, sizeof(*driver->desc_used));
	driver->slots = calloc(size, sizeof(*driver->slots));
	return driver->desc_used && driver->slots ? 0 : -ENOMEM;
}

void loop_driver_fini(struct loop_driver *driver)
{
	free(driver->desc_used);
	free(driver->slots);
}

void loop_driver_start(struct loop_driver *driver, uint64_t at, uint64_t features,
		       struct facet_queue_rings *ret)
{
	ret->space = FACET_QUEUE_GUEST;
	ret->desc = at;
	ret->avail = ret->desc + virtq_desc_bytes(driver->size);
	ret->used = (ret->avail + virtq_avail_bytes(driver->size) + 3) & ~3ull;
	driver->desc = (void *)(driver->base + ret->desc);
	driver->avail = (void *)(driver->base + ret->avail);
	driver->used = (void *)(driver->base + ret->used);
	driver->next_avail = driver->last_used = driver->kicked_avail = 0;
	driver->indirect = features & (1ull << VIRTIO_RING_F_INDIRECT_DESC);
	driver->event_idx = features & (1ull << VIRTIO_RING_F_EVENT_IDX);
	memset(driver->desc_used, 0, driver->size * sizeof(*driver->desc_used));
	memset(driver->slots, 0, driver->size * sizeof(*driver->slots));
}

static uint16_t load16(const le16 *p)
{
	return le16toh(__atomic_load_n(&p->raw, __ATOMIC_SEQ_CST));
}

static void store16(le16 *p, uint16_t v)
{
	__atomic_store_n(&p->raw, htole16(v), __ATOMIC_SEQ_CST);
}

static int free_desc(struct loop_driver *driver)
{
	for (unsigned int i = 0; i < driver->size; i++) {
		if (!driver->desc_used[i])
			return (int)i;
	}
	return -ENOSPC;
}

static unsigned int free_descs(const struct loop_driver *driver)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < driver->size; i++)
		count += !driver->desc_used[i];
	return count;
}

/* The descriptors of a request, in a list; @data is where its bytes begin. */
static void describe(struct loop_driver *driver, const struct loop_request *request, uint64_t data,
		     struct loop_slot *slot, struct virtq_desc *list)
{
	size_t each = request->out_size / request->out_pieces, n, done = 0;
	unsigned int i;

	for (i = 0; i < request->out_pieces; i++, list++) {
		n = i + 1 == request->out_pieces ? request->out_size - done : each;
		memcpy(driver->base + data, (const uint8_t *)request->out + done, n);
		*list = (struct virtq_desc){ le64_of(data), le32_of((uint32_t)n) };
		done += n;
		data = (data + n + GAP + 15) & ~15ull;
	}
	slot->in = data;
	slot->in_size = request->in_size;
	if (!request->in_size)
		return;
	memset(driver->base + data, 0, request->in_size);
	*list = (struct virtq_desc){ le64_of(data), le32_of((uint32_t)request->in_size),
				     le16_of(VIRTQ_DESC_F_WRITE) };
}

/* Link a list inside an indirect table of the guest; one descriptor of the ring stands for it. */
static int place_indirect(struct loop_driver *driver, const struct virtq_desc *list,
			  unsigned int count, uint64_t table)
{
	struct virtq_desc *to = (void *)(driver->base + table);
	int head = free_desc(driver);

	for (unsigned int i = 0; i < count; i++) {
		to[i] = list[i];
		if (i + 1 == count)
			break;
		to[i].flags = le16_of(le16_get(list[i].flags) | VIRTQ_DESC_F_NEXT);
		to[i].next = le16_of((uint16_t)(i + 1));
	}
	driver->desc_used[head] = true;
	driver->desc[head] =
		(struct virtq_desc){ le64_of(table), le32_of((uint32_t)(count * sizeof(*to))),
				     le16_of(VIRTQ_DESC_F_INDIRECT) };
	return head;
}

static int place_direct(struct loop_driver *driver, const struct virtq_desc *list,
			unsigned int count)
{
	int head = -1, previous = -1, at;

	for (unsigned int i = 0; i < count; i++, previous = at) {
		at = free_desc(driver);
		driver->desc_used[at] = true;
		driver->desc[at] = list[i];
		if (!i) {
			head = at;
			continue;
		}
		driver->desc[previous].flags =
			le16_of(le16_get(driver->desc[previous].flags) | VIRTQ_DESC_F_NEXT);
		driver->desc[previous].next = le16_of((uint16_t)at);
	}
	return head;
}

static void publish(struct loop_driver *driver, int head)
{
	le16 *entry = &driver->avail->ring[driver->next_avail & (driver->size - 1)];

	store16(entry, (uint16_t)head);
	store16(&driver->avail->idx, ++driver->next_avail);
}

int loop_driver_send(struct loop_driver *driver, const struct loop_request *request)
{
	unsigned int count = request->out_pieces + !!request->in_size;
	bool indirect = driver->indirect && count > 1;
	struct loop_slot slot = { .used = true };
	size_t table = count * sizeof(struct virtq_desc), bytes;
	struct virtq_desc *list;
	uint64_t at;
	int head;

	if (!request->out_pieces || (!indirect && count > driver->size))
		return -EINVAL;
	slot.desc_count = indirect ? 1 : count;
	bytes = table + request->out_size + request->in_size + (GAP + 16) * (size_t)count;
	slot.pages = (unsigned int)((bytes + PAGE - 1) / PAGE);
	if (free_descs(driver) < slot.desc_count)
		return -ENOSPC;
	head = heap_take(driver->heap, slot.pages);
	if (head < 0)
		return head;
	slot.page = (unsigned int)head;
	at = driver->heap->start + (uint64_t)slot.page * PAGE;
	list = calloc(count, sizeof(*list));
	if (!list) {
		heap_give(driver->heap, slot.page, slot.pages);
		return -ENOMEM;
	}
	describe(driver, request, at + table, &slot, list);
	head = indirect ? place_indirect(driver, list, count, at)
			: place_direct(driver, list, count);
	free(list);
	driver->slots[head] = slot;
	publish(driver, head);
	return head;
}

bool loop_driver_kick_wanted(struct loop_driver *driver)
{
	uint16_t old = driver->kicked_avail, event;

	driver->kicked_avail = driver->next_avail;
	if (!driver->event_idx)
		return true;
	event = load16((le16 *)&driver->used->ring[driver->size]);
	return (uint16_t)(driver->next_avail - event - 1) < (uint16_t)(driver->next_avail - old);
}

static void free_chain(struct loop_driver *driver, unsigned int head, unsigned int count)
{
	unsigned int at = head;

	while (count--) {
		driver->desc_used[at] = false;
		at = le16_get(driver->desc[at].next) & (driver->size - 1u);
	}
}

/* Note all answers that have come; then ask for an interrupt at the next one. */
static void collect(struct loop_driver *driver)
{
	struct virtq_used_elem *elem;
	struct loop_slot *slot;

	do {
		while (driver->last_used != load16(&driver->used->idx)) {
			elem = &driver->used->ring[driver->last_used++ & (driver->size - 1)];
			slot = &driver->slots[le32_get(elem->id) & (driver->size - 1u)];
			slot->done = true;
			slot->written = le32_get(elem->len);
		}
		store16(&driver->avail->ring[driver->size], driver->last_used);
	} while (driver->last_used != load16(&driver->used->idx));
}

int loop_driver_take(struct loop_driver *driver, int ticket, void *in, size_t in_size)
{
	struct loop_slot *slot;
	size_t n;

	if (ticket < 0 || ticket >= driver->size || !driver->slots[ticket].used)
		return -EINVAL;
	collect(driver);
	slot = &driver->slots[ticket];
	if (!slot->done)
		return -EAGAIN;
	n = slot->in_size < in_size ? slot->in_size : in_size;
	if (n)
		memcpy(in, driver->base + slot->in, n);
	free_chain(driver, (unsigned int)ticket, slot->desc_count);
	heap_give(driver->heap, slot->page, slot->pages);
	slot->used = false;
	slot->done = false;
	return (int)slot->written;
}
