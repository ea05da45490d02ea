// SPDX-License-Identifier: GPL-2.0-or-later
/* policy.c - the arbiter: who is opened, who is closed, when to look again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arbiter/arbiter.h"
#include "arbiter/member.h"

enum {
	EUS_MAX = 1024,
	TICK_NS = 4000000, /* between looks at those that work */
	PAUSE_NS =
		100000000, /* a step that comes later does not quicken virtual time for all of it */
};

/* Below any virtual time: no member is held to be here. */
#define VTIME_NONE (-((facet_vtime)1 << 120))

static const char *const policy_names[FACET_POLICIES] = {
	[FACET_POLICY_BEST_EFFORT] = "best-effort",
	[FACET_POLICY_EQUAL] = "equal",
	[FACET_POLICY_FIXED] = "fixed",
};

const char *facet_policy_name(enum facet_policy policy)
{
	return policy_names[policy];
}

int facet_policy_parse(const char *name, enum facet_policy *ret)
{
	for (int i = 0; i < FACET_POLICIES; i++)
		if (!strcmp(name, policy_names[i])) {
			*ret = (enum facet_policy)i;
			return 0;
		}
	return -EINVAL;
}

int facet_arbiter_create(unsigned int eus, enum facet_policy policy, struct facet_arbiter **ret)
{
	struct facet_arbiter *arbiter;

	if (eus < 1 || eus > EUS_MAX || policy >= FACET_POLICIES)
		return -EINVAL;
	arbiter = calloc(1, sizeof(*arbiter));
	if (!arbiter)
		return -ENOMEM;
	arbiter->eus = eus;
	arbiter->policy = policy;
	arbiter->least = VTIME_NONE;
	facet_list_init(&arbiter->pending);
	facet_list_init(&arbiter->observed);
	*ret = arbiter;
	return 0;
}

void facet_arbiter_destroy(struct facet_arbiter *arbiter)
{
	if (!arbiter)
		return;
	for (size_t i = 0; i < arbiter->count; i++)
		free(facet_container_of(arbiter->claims[i], struct facet_member, claim));
	facet_heap_fini(&arbiter->slowest);
	facet_heap_fini(&arbiter->leaders);
	facet_heap_fini(&arbiter->closed);
	facet_heap_fini(&arbiter->timers);
	free(arbiter->claims);
	free(arbiter);
}

void facet_arbiter_set_policy(struct facet_arbiter *arbiter, enum facet_policy policy)
{
	if (policy == arbiter->policy)
		return;
	arbiter->policy = policy;
	arbiter->stale = arbiter->changed = true;
}

void facet_arbiter_set_spares(struct facet_arbiter *arbiter, bool spares)
{
	arbiter->spares = spares;
}

enum facet_policy facet_arbiter_policy(const struct facet_arbiter *arbiter)
{
	return arbiter->policy;
}

int facet_arbiter_admit(const struct facet_arbiter *arbiter, const struct facet_member *member,
			const struct facet_share *share, struct facet_error *err)
{
	return facet_entitlement_admit(arbiter->policy, arbiter->claims, arbiter->count,
				       member ? &member->claim : NULL, share, err);
}

/* When all that compete get their parts and nobody else the rest. */
static uint64_t natural_pace(const struct facet_arbiter *arbiter)
{
	uint64_t competing = arbiter->competing ? arbiter->competing : FACET_PART_ALL;

	return (FACET_PART_ALL << FACET_PACE_BITS) / competing;
}

void facet_arbiter_observe_idle(struct facet_arbiter *arbiter, uint64_t now_ns, uint64_t idle_ns)
{
	facet_surplus_observe(&arbiter->surplus, now_ns, idle_ns, arbiter->eus,
			      natural_pace(arbiter));
}

/* Buckets that are full enough again; and of those nobody looked at, the ones to look at. */
static void expire(struct facet_arbiter *arbiter, uint64_t now_ns)
{
	const struct facet_heap_entry *top;

	while ((top = facet_heap_top(&arbiter->timers)) && top->key <= now_ns) {
		struct facet_member *member =
			facet_container_of(top->node, struct facet_member, timer);

		facet_bucket_fill(&member->bucket, now_ns);
		facet_member_place(member, now_ns);
	}
}

static void turn(struct facet_member *member, bool open, uint64_t now_ns,
		 void (*change)(struct facet_member *member, enum facet_turn turn))
{
	facet_member_set_open(member, open, now_ns);
	change(member, facet_member_turn(member));
}

/* Those that are idle are open, those with empty buckets are not. */
static void step_others(struct facet_arbiter *arbiter, uint64_t now_ns,
			void (*change)(struct facet_member *member, enum facet_turn turn))
{
	struct facet_list *link;

	while ((link = facet_list_pop(&arbiter->pending))) {
		struct facet_member *member =
			facet_container_of(link, struct facet_member, pending);

		turn(member, !member->bucket.empty, now_ns, change);
	}
}

static void close_leaders(struct facet_arbiter *arbiter, facet_vtime now, uint64_t now_ns,
			  void (*change)(struct facet_member *member, enum facet_turn turn))
{
	const struct facet_heap_entry *top;

	while ((top = facet_heap_top(&arbiter->leaders)) && -top->key > now)
		turn(facet_container_of(top->node, struct facet_member, gate), false, now_ns,
		     change);
}

static void open_followers(struct facet_arbiter *arbiter, facet_vtime now, uint64_t now_ns,
			   void (*change)(struct facet_member *member, enum facet_turn turn))
{
	const struct facet_heap_entry *top;

	while ((top = facet_heap_top(&arbiter->closed)) && top->key <= now)
		turn(facet_container_of(top->node, struct facet_member, gate), true, now_ns,
		     change);
}

/* The one that is opened next, as far as that can be told; it is not changed for a little. */
static struct facet_member *choose_spare(const struct facet_arbiter *arbiter)
{
	const struct facet_heap_entry *next = facet_heap_top(&arbiter->closed);
	struct facet_member *spare = arbiter->spare;

	if (!next || !arbiter->spares || arbiter->policy != FACET_POLICY_BEST_EFFORT)
		return NULL;
	if (spare && spare->competes && !spare->open &&
	    spare->vtime - (int64_t)spare->window < next->key)
		return spare;
	return facet_container_of(next->node, struct facet_member, gate);
}

static void pass_on_spare(struct facet_arbiter *arbiter,
			  void (*change)(struct facet_member *member, enum facet_turn turn))
{
	struct facet_member *before = arbiter->spare;

	arbiter->spare = choose_spare(arbiter);
	if (before == arbiter->spare)
		return;
	if (before && !before->open)
		change(before, FACET_TURN_CLOSED);
	if (arbiter->spare)
		change(arbiter->spare, FACET_TURN_SPARE);
}

/*
 * With a surplus virtual time goes on at a least pace, but not past what opens the next one or,
 * when all are open, what keeps the first one open. Returns virtual time.
 */
static facet_vtime quicken(struct facet_arbiter *arbiter, uint64_t now_ns)
{
	const struct facet_heap_entry *next = facet_heap_top(&arbiter->closed);
	const struct facet_heap_entry *first = facet_heap_top(&arbiter->leaders);
	const struct facet_heap_entry *slowest = facet_heap_top(&arbiter->slowest);
	uint64_t passed_ns = now_ns > arbiter->stepped_ns ? now_ns - arbiter->stepped_ns : 0;
	facet_vtime least = facet_arbiter_vtime(arbiter), bound;

	if (!arbiter->surplus.pace || !slowest) {
		arbiter->least = VTIME_NONE;
		return facet_arbiter_vtime(arbiter);
	}
	passed_ns = passed_ns < PAUSE_NS ? passed_ns : PAUSE_NS;
	bound = next ? next->key : -first->key;
	least += (facet_vtime)arbiter->surplus.pace * passed_ns >> FACET_PACE_BITS;
	least = least < bound ? least : bound;
	if (least > arbiter->least)
		arbiter->least = least;
	if (arbiter->least > slowest->key)
		facet_surplus_contended(&arbiter->surplus, now_ns);
	return facet_arbiter_vtime(arbiter);
}

static uint64_t next_look(const struct facet_arbiter *arbiter, uint64_t now_ns)
{
	const struct facet_heap_entry *timer = facet_heap_top(&arbiter->timers);
	uint64_t next_ns = arbiter->watched > 1 ? now_ns + TICK_NS : UINT64_MAX;

	if (timer && timer->key < next_ns)
		next_ns = (uint64_t)timer->key;
	return next_ns;
}

void facet_arbiter_step(struct facet_arbiter *arbiter, uint64_t now_ns,
			void (*change)(struct facet_member *member, enum facet_turn turn),
			uint64_t *ret_next_ns)
{
	facet_vtime now;

	facet_arbiter_settle(arbiter, now_ns);
	facet_arbiter_place_observed(arbiter, now_ns);
	expire(arbiter, now_ns);
	facet_arbiter_acquit(arbiter, now_ns);
	step_others(arbiter, now_ns, change);
	now = quicken(arbiter, now_ns);
	close_leaders(arbiter, now, now_ns, change);
	open_followers(arbiter, now, now_ns, change);
	pass_on_spare(arbiter, change);
	if (arbiter->closed.count)
		facet_surplus_contended(&arbiter->surplus, now_ns);
	if (now_ns > arbiter->stepped_ns)
		arbiter->stepped_ns = now_ns;
	*ret_next_ns = next_look(arbiter, now_ns);
}
