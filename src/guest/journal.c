// SPDX-License-Identifier: GPL-2.0-or-later
/* journal.c - what a queue has under way, written so that a successor can go on. */
#include <string.h>

#include "guest/ring.h"

/* The compiler must keep the order too, and another process reads. */
static void store8(uint8_t *p, uint8_t v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

static uint16_t load16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void store16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

bool journal_take(struct facet_queue *queue, uint16_t head)
{
	if (queue->journal->taken[head])
		return false;
	store8(&queue->journal->taken[head], 1);
	return true;
}

void journal_answer(struct facet_queue *queue, uint16_t head)
{
	store16(&queue->journal->last, head);
}

void journal_answered(struct facet_queue *queue, uint16_t head)
{
	store8(&queue->journal->taken[head], 0);
	store16(&queue->journal->used, queue->next_used);
}

static void forget_lost(struct facet_queue *queue)
{
	memset(queue->lost, 0, sizeof(queue->lost));
	queue->lost_count = 0;
	queue->resuming = false;
}

void journal_clear(struct facet_queue *queue)
{
	forget_lost(queue);
	memset(queue->journal, 0, sizeof(*queue->journal));
}

static uint16_t count_taken(const struct facet_queue_journal *j)
{
	uint16_t count = 0;

	for (unsigned int i = 0; i < FACET_QUEUE_MAX_SIZE; i++)
		count += j->taken[i] != 0;
	return count;
}

/* It may have died between telling the guest and noting that it had. */
static bool settle_resumed(struct facet_queue *queue, uint16_t used)
{
	struct facet_queue_journal *j = queue->journal;
	uint16_t more = used - load16(&j->used), last = load16(&j->last);

	if (more == 1 && last < FACET_QUEUE_MAX_SIZE) {
		queue->lost_count -= queue->lost[last];
		queue->lost[last] = false;
		store8(&j->taken[last], 0);
	}
	queue->next_avail = (uint16_t)(used + queue->lost_count + load16(&j->gap));
	queue->resuming = false;
	return more <= 1;
}

bool journal_settle(struct facet_queue *queue)
{
	struct facet_queue_journal *j = queue->journal;
	uint16_t used = ring_load16(&queue->used->idx);
	bool sane = true;

	if (queue->resuming)
		sane = settle_resumed(queue, used);
	else
		store16(&j->gap, queue->next_avail - used - count_taken(j));
	queue->next_used = used;
	store16(&j->used, used);
	return sane;
}

int journal_lost(const struct facet_queue *queue)
{
	const bool *first;

	if (!queue->lost_count)
		return -1;
	first = memchr(queue->lost, true, sizeof(queue->lost));
	return first ? (int)(first - queue->lost) : -1;
}

void facet_queue_set_journal(struct facet_queue *queue, struct facet_queue_journal *journal)
{
	pthread_mutex_lock(&queue->lock);
	queue->journal = journal;
	journal_clear(queue);
	pthread_mutex_unlock(&queue->lock);
}

void facet_queue_resume(struct facet_queue *queue, struct facet_queue_journal *journal)
{
	pthread_mutex_lock(&queue->lock);
	queue->journal = journal;
	forget_lost(queue);
	for (unsigned int i = 0; i < FACET_QUEUE_MAX_SIZE; i++) {
		queue->lost[i] = i < queue->size && journal->taken[i];
		queue->lost_count += queue->lost[i];
		store8(&journal->taken[i], queue->lost[i]);
	}
	queue->next_avail =
		(uint16_t)(load16(&journal->used) + queue->lost_count + load16(&journal->gap));
	queue->resuming = true;
	pthread_mutex_unlock(&queue->lock);
}

void facet_queue_abandon(struct facet_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->epoch++;
	queue->journal = &queue->own;
	journal_clear(queue);
	pthread_mutex_unlock(&queue->lock);
}
