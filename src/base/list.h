/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list.h - an intrusive doubly linked list; a head is a link that points at itself. */
#ifndef FACET_BASE_LIST_H
#define FACET_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct facet_list {
	struct facet_list *prev, *next;
};

#define facet_container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void facet_list_init(struct facet_list *head)
{
	head->prev = head->next = head;
}

static inline bool facet_list_empty(const struct facet_list *head)
{
	return head->next == head;
}

static inline void facet_list_append(struct facet_list *head, struct facet_list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Leaves the link pointing at itself, so that removing twice is harmless. */
static inline void facet_list_remove(struct facet_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	facet_list_init(link);
}

/* Takes the first link off, or gives NULL. */
static inline struct facet_list *facet_list_pop(struct facet_list *head)
{
	struct facet_list *link = head->next;

	if (link == head)
		return NULL;
	facet_list_remove(link);
	return link;
}

/* Moves every link of @from, in order, to the end of @to. */
static inline void facet_list_splice(struct facet_list *to, struct facet_list *from)
{
	if (facet_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	facet_list_init(from);
}

#define facet_list_for_each(pos, head) for (pos = (head)->next; pos != (head); pos = pos->next)

/* The current link may be removed inside the body. */
#define facet_list_for_each_safe(pos, tmp, head) \
	for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

#endif
