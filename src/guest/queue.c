// SPDX-License-Identifier: GPL-2.0-or-later
/* queue.c - the life of a split ring: set up, started, stopped, and answers pushed into it. */
#include "guest/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "guest/ring.h"

#define LOG_AREA "queue"

int facet_queue_create(struct facet_guest_memory *mem, uint16_t max_size, struct facet_queue **ret)
{
	struct facet_queue *queue;

	if (!max_size || max_size > FACET_QUEUE_MAX_SIZE)
		return -EINVAL;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	atomic_init(&queue->refs, 1);
	queue->mem = mem;
	queue->max_size = max_size;
	queue->call_fd = queue->err_fd = -1;
	queue->journal = &queue->own;
	facet_list_init(&queue->kept);
	pthread_mutex_init(&queue->lock, NULL);
	*ret = queue;
	return 0;
}

void queue_unref(struct facet_queue *queue)
{
	if (atomic_fetch_sub(&queue->refs, 1) != 1)
		return;
	facet_guest_view_unref(queue->view);
	free(queue->scratch);
	free(queue->table);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

void facet_queue_destroy(struct facet_queue *queue)
{
	if (!queue)
		return;
	facet_queue_abandon(queue);
	facet_queue_reset(queue);
	facet_queue_set_call(queue, -1);
	facet_queue_set_err(queue, -1);
	queue_unref(queue);
}

static void free_chain(struct queue_chain *c)
{
	struct facet_queue *queue = c->chain.queue;

	facet_guest_view_unref(c->view);
	free(c);
	queue_unref(queue);
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* A full counter means that the other side has a signal waiting already. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		log_guest("a queue's eventfd cannot be written: %m");
}

int queue_break(struct facet_queue *queue, const char *why)
{
	log_guest("queue is dead until the driver resets it: %s", why);
	pthread_mutex_lock(&queue->lock);
	queue->broken = true;
	signal_fd(queue->err_fd);
	pthread_mutex_unlock(&queue->lock);
	return -EPROTO;
}

int facet_queue_set_size(struct facet_queue *queue, uint32_t size)
{
	if (queue->running)
		return -EBUSY;
	if (!size || size > queue->max_size || (size & (size - 1)))
		return -EINVAL;
	pthread_mutex_lock(&queue->lock);
	queue->size = (uint16_t)size;
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

int facet_queue_set_rings(struct facet_queue *queue, const struct facet_queue_rings *rings)
{
	if (queue->running)
		return -EBUSY;
	if (rings->desc % 16 || rings->avail % 2 || rings->used % 4)
		return -EINVAL;
	queue->rings = *rings;
	queue->has_rings = true;
	return 0;
}

int facet_queue_set_base(struct facet_queue *queue, uint32_t next_avail)
{
	if (queue->running)
		return -EBUSY;
	if (next_avail > UINT16_MAX)
		return -EINVAL;
	queue->next_avail = (uint16_t)next_avail;
	return 0;
}

uint16_t facet_queue_base(const struct facet_queue *queue)
{
	return queue->next_avail;
}

void facet_queue_set_features(struct facet_queue *queue, uint64_t features)
{
	queue->indirect = features & (1ull << VIRTIO_RING_F_INDIRECT_DESC);
	pthread_mutex_lock(&queue->lock);
	queue->event_idx = features & (1ull << VIRTIO_RING_F_EVENT_IDX);
	pthread_mutex_unlock(&queue->lock);
}

static void replace_fd(struct facet_queue *queue, int *slot, int fd)
{
	int old;

	pthread_mutex_lock(&queue->lock);
	old = *slot;
	*slot = fd;
	pthread_mutex_unlock(&queue->lock);
	if (old >= 0)
		close(old);
}

void facet_queue_set_call(struct facet_queue *queue, int fd)
{
	replace_fd(queue, &queue->call_fd, fd);
}

void facet_queue_set_err(struct facet_queue *queue, int fd)
{
	replace_fd(queue, &queue->err_fd, fd);
}

int facet_queue_call(const struct facet_queue *queue)
{
	return queue->call_fd;
}

int facet_queue_err(const struct facet_queue *queue)
{
	return queue->err_fd;
}

bool facet_queue_describe(const struct facet_queue *queue, uint32_t *ret_size,
			  struct facet_queue_rings *ret_rings)
{
	if (!queue->size || !queue->has_rings)
		return false;
	*ret_size = queue->size;
	*ret_rings = queue->rings;
	return true;
}

/* A part of the ring has to lie in one piece here, as it does for QEMU. */
static int locate(struct facet_queue *queue, uint64_t addr, uint64_t size,
		  enum facet_guest_access access, void **ret)
{
	struct iovec iov;
	int r;

	if (queue->rings.space == FACET_QUEUE_USER) {
		*ret = facet_guest_user_pointer(queue->mem, addr, size);
		return *ret ? 0 : -EFAULT;
	}
	r = facet_guest_translate(queue->mem, (gpa_t){ addr }, size, access, &iov, 1);
	if (r < 0)
		return r == -EAGAIN ? r : -EFAULT;
	*ret = iov.iov_base;
	return 0;
}

struct places {
	void *desc, *avail, *used;
};

static int locate_all(struct facet_queue *queue, struct places *ret)
{
	const enum facet_guest_access both = FACET_GUEST_READ | FACET_GUEST_WRITE;
	int r;

	r = locate(queue, queue->rings.desc, virtq_desc_bytes(queue->size), FACET_GUEST_READ,
		   &ret->desc);
	if (!r)
		r = locate(queue, queue->rings.avail, virtq_avail_bytes(queue->size),
			   FACET_GUEST_READ, &ret->avail);
	if (!r)
		r = locate(queue, queue->rings.used, virtq_used_bytes(queue->size), both,
			   &ret->used);
	/* A file offset that is not aligned could undo what the addresses promised. */
	if (!r &&
	    ((uintptr_t)ret->desc % 16 || (uintptr_t)ret->avail % 2 || (uintptr_t)ret->used % 4))
		r = -EFAULT;
	return r;
}

/* The new event index lies in (old, new], counted modulo 2^16. */
static bool passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool wants_interrupt(const struct facet_queue *queue, uint16_t old)
{
	if (queue->event_idx)
		return passed(ring_load16(queue_used_event(queue)), queue->next_used, old);
	return !(ring_load16(&queue->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

/* Lock held, rings in reach. */
static void put_used(struct facet_queue *queue, const struct queue_chain *c)
{
	struct virtq_used_elem *elem = &queue->used->ring[queue->next_used & (queue->size - 1)];

	__atomic_store_n(&elem->id.raw, htole32(c->chain.head), __ATOMIC_RELAXED);
	__atomic_store_n(&elem->len.raw, htole32(c->written), __ATOMIC_RELAXED);
	queue->next_used++;
	journal_answer(queue, c->chain.head);
	ring_store16(&queue->used->idx, queue->next_used);
	journal_answered(queue, c->chain.head);
}

/* Lock held: rings came into reach of a running queue. Moves what was given to @done. */
static void push_kept(struct facet_queue *queue, struct facet_list *done)
{
	uint16_t old = queue->next_used;
	struct facet_list *link;

	if (facet_list_empty(&queue->kept))
		return;
	facet_list_for_each(link, &queue->kept)
		put_used(queue, facet_container_of(link, struct queue_chain, link));
	facet_list_splice(done, &queue->kept);
	if (wants_interrupt(queue, old))
		signal_fd(queue->call_fd);
}

static void free_chains(struct facet_list *list)
{
	struct facet_list *link;

	while ((link = facet_list_pop(list)))
		free_chain(facet_container_of(link, struct queue_chain, link));
}

/* @places NULL: out of reach. */
static void set_places(struct facet_queue *queue, const struct places *places)
{
	struct facet_guest_view *view = places ? facet_guest_view_ref(queue->mem) : NULL;
	struct facet_guest_view *old;
	struct facet_list done;
	bool was, sane = true;

	facet_list_init(&done);
	pthread_mutex_lock(&queue->lock);
	was = queue_reachable(queue);
	old = queue->view;
	queue->view = view;
	queue->desc = places ? places->desc : NULL;
	queue->avail = places ? places->avail : NULL;
	queue->used = places ? places->used : NULL;
	if (places && !was) {
		sane = journal_settle(queue);
		push_kept(queue, &done);
	}
	pthread_mutex_unlock(&queue->lock);
	if (!sane)
		queue_break(queue, "the used ring is not as a process that died left it");
	facet_guest_view_unref(old);
	free_chains(&done);
}

int facet_queue_refresh(struct facet_queue *queue)
{
	struct places places;
	int r;

	if (!queue->running)
		return 0;
	r = locate_all(queue, &places);
	set_places(queue, r < 0 ? NULL : &places);
	return r;
}

bool facet_queue_reachable(const struct facet_queue *queue)
{
	return queue_reachable(queue);
}

int facet_queue_start(struct facet_queue *queue)
{
	if (!queue->size || !queue->has_rings)
		return -EINVAL;
	pthread_mutex_lock(&queue->lock);
	queue->running = true;
	pthread_mutex_unlock(&queue->lock);
	facet_queue_refresh(queue);
	return 0;
}

void facet_queue_stop(struct facet_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->running = false;
	pthread_mutex_unlock(&queue->lock);
	set_places(queue, NULL);
}

bool facet_queue_running(const struct facet_queue *queue)
{
	return queue->running;
}

bool facet_queue_broken(const struct facet_queue *queue)
{
	return queue->broken;
}

void facet_queue_reset(struct facet_queue *queue)
{
	struct facet_list dropped;

	facet_queue_stop(queue);
	facet_list_init(&dropped);
	pthread_mutex_lock(&queue->lock);
	queue->epoch++;
	queue->broken = false;
	journal_clear(queue);
	facet_list_splice(&dropped, &queue->kept);
	pthread_mutex_unlock(&queue->lock);
	queue->next_avail = 0;
	free_chains(&dropped);
}

/* True when the chain stays with the queue, to be given to the guest later. */
static bool push_locked(struct facet_queue *queue, struct queue_chain *c)
{
	uint16_t old = queue->next_used;

	if (c->chain.epoch != queue->epoch)
		return false;
	if (!queue_reachable(queue)) {
		facet_list_append(&queue->kept, &c->link);
		return true;
	}
	put_used(queue, c);
	if (wants_interrupt(queue, old))
		signal_fd(queue->call_fd);
	return false;
}

void facet_queue_push(struct facet_chain *chain, uint32_t written)
{
	struct queue_chain *c = facet_container_of(chain, struct queue_chain, chain);
	struct facet_queue *queue = chain->queue;
	bool keep;

	c->written = written < chain->in_size ? written : (uint32_t)chain->in_size;
	pthread_mutex_lock(&queue->lock);
	keep = push_locked(queue, c);
	pthread_mutex_unlock(&queue->lock);
	if (!keep)
		free_chain(c);
}

void facet_chain_drop(struct facet_chain *chain)
{
	free_chain(facet_container_of(chain, struct queue_chain, chain));
}
