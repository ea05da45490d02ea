/* SPDX-License-Identifier: GPL-2.0-or-later */
/* member.h - inside the arbiter: its members, their virtual time, who competes. */
#ifndef FACET_ARBITER_MEMBER_H
#define FACET_ARBITER_MEMBER_H

#include "arbiter/arbiter.h"
#include "arbiter/bucket.h"
#include "arbiter/entitlement.h"
#include "arbiter/heap.h"
#include "arbiter/surplus.h"
#include "base/list.h"

struct facet_arbiter {
	unsigned int eus;
	enum facet_policy policy;
	bool spares;                 /* there may be a spare */
	struct facet_claim **claims; /* of the members, in no order */
	size_t count, space;
	bool stale;   /* claims are to be worked out */
	bool changed; /* members do not yet go by their claims */

	/*
	 * Those that compete: want to run and have not used up their caps. Every one is in @slowest
	 * and either in @leaders (open, by the virtual time that closes it) or in @closed (by the
	 * one that opens it).
	 */
	struct facet_heap slowest, leaders, closed;
	struct facet_heap timers;   /* of buckets: when they turn */
	struct facet_list observed; /* since the last step: to be placed */
	struct facet_list pending;  /* gates that are not as they should be for other reasons */
	struct facet_member *spare; /* one of @closed, or NULL */
	uint64_t competing;         /* sum of the parts of those that compete */
	size_t wanting;             /* of those that compete: are backlogged, and do not just owe */
	size_t watched;             /* were seen to work: backlogged, or having used something */
	facet_vtime now;            /* virtual: of the slowest; the last one when nobody competes */
	facet_vtime base;  /* claims are counted from here; as @now, but not set back by them */
	facet_vtime least; /* whoever is slower is taken to be here: surplus */
	struct facet_surplus surplus;
	uint64_t stepped_ns;
};

struct facet_member {
	struct facet_claim claim;
	struct facet_arbiter *arbiter;
	void *owner;
	size_t index; /* in arbiter->claims */

	/* What it goes by; follows the claim in the next step. */
	uint64_t part;
	uint64_t rate;   /* virtual ns an EU-ns, in 2^-32 */
	uint64_t window; /* it may be so far ahead, in virtual ns */
	struct facet_bucket bucket;

	facet_vtime vtime;
	int64_t ahead;    /* of the others when it left the competition, less what time paid */
	uint64_t left_ns; /* ahead is of this time */
	int64_t rested;   /* since the last step, ns */
	int64_t spared;   /* virtual ns used as the spare since it was open */
	uint64_t used_ns;
	uint64_t seen_ns, throttled_ns;
	bool backlogged, watched, used, owing, wants, competes, open;
	struct facet_heap_node slow, gate, timer;
	struct facet_list observed, pending;
};

/* Virtual time now; also sets arbiter->now. */
facet_vtime facet_arbiter_vtime(struct facet_arbiter *arbiter);
/* Brings members' parts up to date; nothing to do is quick. */
void facet_arbiter_settle(struct facet_arbiter *arbiter, uint64_t now_ns);

/* Sorts a member into where its state says; all that were observed since the last step. */
void facet_member_place(struct facet_member *member, uint64_t now_ns);
void facet_arbiter_place_observed(struct facet_arbiter *arbiter, uint64_t now_ns);
/* Then, once it is known who competes: virtual time does not wait for those without work. */
void facet_arbiter_acquit(struct facet_arbiter *arbiter, uint64_t now_ns);
/* Opens or closes; one that competes changes heaps. */
void facet_member_set_open(struct facet_member *member, bool open, uint64_t now_ns);

#endif
