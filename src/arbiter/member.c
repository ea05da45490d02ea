// SPDX-License-Identifier: GPL-2.0-or-later
/* member.c - what a member used becomes its virtual time; who comes and goes keeps credit and debt.
 */
#include "arbiter/member.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * Virtual time runs in wall ns of being entitled: using 1 EU-ns takes 1 / (part * eus) of them.
 * With part >= 2^-30: an EU-ns <= 2^30 virtual ns, and a lead of DEBT_NS of the whole GPU is
 * 10^9 * 2^30 < 2^60. rate < 2^62. Products of the two are 128 bits wide.
 */
enum {
	RATE_BITS = 32,
	WINDOW_NS = 16000000, /* virtual: a lead that closes; half of it opens again */
	GRAIN_NS = 500000,    /* of the whole GPU: a lead that is not worth closing for */
	CREDIT_NS = 50000000, /* virtual: what who was idle may claim */
	DEBT_NS = 1000000000, /* of the whole GPU: more is not paid back */
	SPARE_NS = 200000000, /* virtual: what was spare, beyond that, is free until it is open */
};

/* The virtual time in which a member is entitled to @ns of the whole GPU. */
static int64_t entitled_in(const struct facet_member *member, uint64_t ns)
{
	return (int64_t)(((unsigned __int128)ns << FACET_PART_BITS) / member->part);
}

static facet_vtime gate_key(const struct facet_member *member)
{
	int64_t window = (int64_t)member->window;

	return member->open ? -(member->vtime - window) : member->vtime - window / 2;
}

static struct facet_heap *gate_heap(const struct facet_member *member)
{
	return member->open ? &member->arbiter->leaders : &member->arbiter->closed;
}

facet_vtime facet_arbiter_vtime(struct facet_arbiter *arbiter)
{
	const struct facet_heap_entry *top = facet_heap_top(&arbiter->slowest);

	if (top)
		arbiter->now = top->key > arbiter->least ? top->key : arbiter->least;
	if (arbiter->base < arbiter->now)
		arbiter->base = arbiter->now;
	if (arbiter->base > arbiter->now + CREDIT_NS)
		arbiter->base = arbiter->now + CREDIT_NS;
	return arbiter->now;
}

/*
 * Out of the competition, time pays debts and wears off claims; not that of a member which works
 * all the same, only is not seen to.
 */
static void rest(struct facet_member *member, uint64_t now_ns, bool works)
{
	const uint64_t most = 1ULL << 60;
	uint64_t passed = now_ns > member->left_ns ? now_ns - member->left_ns : 0;
	int64_t ns = (int64_t)(passed < most ? passed : most);

	member->left_ns += passed;
	if (works)
		return;
	member->rested = ns < (int64_t)most - member->rested ? member->rested + ns : (int64_t)most;
	if (member->ahead > 0)
		member->ahead -= member->ahead < ns ? member->ahead : ns;
	else
		member->ahead += -member->ahead < ns ? -member->ahead : ns;
}

/*
 * A debt was paid by others' use, too: what is left is the least of both, but the member is not
 * given more than what time makes.
 */
static void settle_debt(struct facet_member *member)
{
	struct facet_arbiter *arbiter = member->arbiter;
	int64_t debt = member->ahead > 0 ? member->ahead : 0;
	facet_vtime more;

	facet_arbiter_vtime(arbiter);
	more = member->vtime - arbiter->base - debt;
	if (more > 0)
		member->vtime -= more < member->rested ? more : member->rested;
	member->rested = 0;
}

/*
 * Back in the competition, with a claim of up to CREDIT_NS, or with what is left of a larger one:
 * it had to wait for somebody's long draw, and has not got its turn yet. Many that come back do not
 * push each other's claims back further: these count from the base.
 */
static void join(struct facet_member *member)
{
	struct facet_arbiter *arbiter = member->arbiter;
	facet_vtime waited = facet_arbiter_vtime(arbiter) + member->ahead;
	facet_vtime oldest = arbiter->base - CREDIT_NS;

	oldest = oldest < waited ? oldest : waited;
	if (member->vtime < oldest)
		member->vtime = oldest;
	member->competes = true;
	arbiter->competing += member->part;
	facet_heap_push(&arbiter->slowest, &member->slow, member->vtime);
	facet_heap_push(gate_heap(member), &member->gate, gate_key(member));
}

static void leave(struct facet_member *member, uint64_t now_ns)
{
	struct facet_arbiter *arbiter = member->arbiter;
	int64_t most = entitled_in(member, DEBT_NS);
	facet_vtime lead;

	facet_arbiter_vtime(arbiter);
	facet_heap_remove(&arbiter->slowest, &member->slow);
	facet_heap_remove(gate_heap(member), &member->gate);
	arbiter->competing -= member->part;
	member->competes = false;
	member->left_ns = now_ns;
	lead = member->vtime - facet_arbiter_vtime(arbiter);
	member->ahead = (int64_t)(lead > most ? most : lead < -most ? -most : lead);
}

void facet_member_place(struct facet_member *member, uint64_t now_ns)
{
	struct facet_arbiter *arbiter = member->arbiter;
	bool competes = (member->backlogged || member->owing) && !member->bucket.empty;
	bool timed = member->bucket.cap < FACET_PART_ALL &&
		     (member->bucket.empty || member->backlogged || member->owing);
	uint64_t turns_ns = facet_bucket_turns_ns(&member->bucket, now_ns);

	if (competes && !member->competes) {
		join(member);
	} else if (!competes && member->competes) {
		leave(member, now_ns);
	} else if (competes) {
		facet_heap_update(&arbiter->slowest, &member->slow, member->vtime);
		facet_heap_update(gate_heap(member), &member->gate, gate_key(member));
	}
	arbiter->wanting -= member->wants;
	member->wants = competes && member->backlogged;
	arbiter->wanting += member->wants;
	facet_list_remove(&member->pending);
	if (!competes && member->open == member->bucket.empty)
		facet_list_append(&arbiter->pending, &member->pending);
	if (!timed)
		facet_heap_remove(&arbiter->timers, &member->timer);
	else if (member->timer.place)
		facet_heap_update(&arbiter->timers, &member->timer, turns_ns);
	else
		facet_heap_push(&arbiter->timers, &member->timer, turns_ns);
}

/* Throttled time up to now. */
static void account(struct facet_member *member, uint64_t now_ns)
{
	if (now_ns <= member->seen_ns)
		return;
	if (member->backlogged && !member->open)
		member->throttled_ns += now_ns - member->seen_ns;
	member->seen_ns = now_ns;
}

void facet_member_set_open(struct facet_member *member, bool open, uint64_t now_ns)
{
	account(member, now_ns);
	if (member->competes)
		facet_heap_remove(gate_heap(member), &member->gate);
	member->open = open;
	member->spared = open ? 0 : member->spared;
	if (member->competes)
		facet_heap_push(gate_heap(member), &member->gate, gate_key(member));
}

/* Others who could use what is spare now would have caught up. */
static facet_vtime spare_price(struct facet_member *member, facet_vtime price)
{
	int64_t rest = SPARE_NS - member->spared;

	if (facet_member_turn(member) != FACET_TURN_SPARE)
		return price;
	price = price < rest ? price : rest;
	member->spared += (int64_t)price;
	return price;
}

/* Use makes virtual time; rounded up, for many small ones are not free. */
static void charge(struct facet_member *member, uint64_t used_ns)
{
	struct facet_arbiter *arbiter = member->arbiter;
	facet_vtime most = facet_arbiter_vtime(arbiter) + entitled_in(member, DEBT_NS);
	unsigned __int128 up = ((uint64_t)1 << RATE_BITS) - 1;
	facet_vtime price =
		(facet_vtime)(((unsigned __int128)used_ns * member->rate + up) >> RATE_BITS);
	facet_vtime vtime = member->vtime;

	if (member->competes && vtime < arbiter->least)
		vtime = arbiter->least;
	vtime += spare_price(member, price);
	vtime = vtime > most ? most : vtime;
	if (!member->competes && vtime > member->vtime)
		member->ahead += (int64_t)(vtime - member->vtime);
	member->vtime = vtime;
	if (member->competes)
		facet_heap_update(&arbiter->slowest, &member->slow, vtime);
}

/*
 * Has used something since the last look, and may be seen without work just now: tiny batches. It
 * competes, and if it leads, stays closed until that is paid back.
 */
static bool owes(const struct facet_member *member)
{
	facet_vtime lead = member->vtime - facet_arbiter_vtime(member->arbiter);
	int64_t window = (int64_t)member->window;

	return member->used || (member->owing && lead > window / 2);
}

void facet_member_observe(struct facet_member *member, uint64_t now_ns, uint64_t used_ns,
			  bool backlogged)
{
	struct facet_arbiter *arbiter = member->arbiter;
	uint64_t most = (uint64_t)DEBT_NS * arbiter->eus;
	uint64_t used = used_ns > member->used_ns ? used_ns - member->used_ns : 0;

	facet_arbiter_settle(arbiter, now_ns);
	account(member, now_ns);
	member->used_ns += used;
	used = used > most ? most : used;
	if (!member->competes)
		rest(member, now_ns, used && member->watched);
	facet_bucket_use(&member->bucket, now_ns, used);
	charge(member, used);
	member->backlogged = backlogged;
	member->used = used;
	arbiter->watched -= member->watched;
	member->watched = backlogged || used;
	arbiter->watched += member->watched;
	facet_list_remove(&member->observed);
	facet_list_append(&arbiter->observed, &member->observed);
}

/*
 * Not before all are observed: who comes now does not compete with what others used before. Those
 * that go go first.
 */
void facet_arbiter_place_observed(struct facet_arbiter *arbiter, uint64_t now_ns)
{
	struct facet_list come, *link;

	facet_list_init(&come);
	while ((link = facet_list_pop(&arbiter->observed))) {
		struct facet_member *member =
			facet_container_of(link, struct facet_member, observed);

		if (!member->competes)
			settle_debt(member);
		member->owing = owes(member);
		if (!member->competes && (member->backlogged || member->owing))
			facet_list_append(&come, link);
		else
			facet_member_place(member, now_ns);
	}
	while ((link = facet_list_pop(&come)))
		facet_member_place(facet_container_of(link, struct facet_member, observed), now_ns);
}

/* Without anybody who wants to run, those that owe are kept in proportion to each other. */
void facet_arbiter_acquit(struct facet_arbiter *arbiter, uint64_t now_ns)
{
	while (arbiter->wanting) {
		struct facet_member *member = facet_container_of(
			facet_heap_top(&arbiter->slowest)->node, struct facet_member, slow);

		if (member->backlogged)
			return;
		member->owing = false;
		facet_member_place(member, now_ns);
	}
}

/* The member's part is another one: leads are use, so they are other virtual times now. */
static void adopt(struct facet_member *member, facet_vtime now, uint64_t now_ns)
{
	const int64_t bound = (int64_t)1 << 60;
	facet_vtime lead = member->vtime - now;
	uint64_t part = member->claim.part, window;

	lead = lead > bound ? bound : lead < -bound ? -bound : lead;
	member->vtime = now + lead * (facet_vtime)member->part / (facet_vtime)part;
	lead = (facet_vtime)member->ahead * (facet_vtime)member->part / (facet_vtime)part;
	member->ahead = (int64_t)(lead > bound ? bound : lead < -bound ? -bound : lead);
	member->part = part;
	member->rate = (uint64_t)(((unsigned __int128)1 << (RATE_BITS + FACET_PART_BITS)) /
				  ((unsigned __int128)part * member->arbiter->eus));
	window = (uint64_t)entitled_in(member, GRAIN_NS);
	member->window = window > WINDOW_NS ? window : WINDOW_NS;
	facet_bucket_set_cap(&member->bucket, member->claim.cap, now_ns);
}

static struct facet_member *member_at(const struct facet_arbiter *arbiter, size_t i)
{
	return facet_container_of(arbiter->claims[i], struct facet_member, claim);
}

static void work_out(struct facet_arbiter *arbiter)
{
	if (!arbiter->stale)
		return;
	facet_entitlement_work_out(arbiter->policy, arbiter->claims, arbiter->count);
	arbiter->stale = false;
}

void facet_arbiter_settle(struct facet_arbiter *arbiter, uint64_t now_ns)
{
	facet_vtime now;

	if (!arbiter->changed)
		return;
	arbiter->changed = false;
	work_out(arbiter);
	now = facet_arbiter_vtime(arbiter);
	arbiter->competing = 0;
	for (size_t i = 0; i < arbiter->count; i++) {
		struct facet_member *member = member_at(arbiter, i);

		if (member->competes && member->vtime < arbiter->least)
			member->vtime = arbiter->least;
		adopt(member, now, now_ns);
		if (!member->competes)
			continue;
		arbiter->competing += member->part;
		facet_heap_rekey(&arbiter->slowest, &member->slow, member->vtime);
		facet_heap_rekey(gate_heap(member), &member->gate, gate_key(member));
	}
	facet_heap_order(&arbiter->slowest);
	facet_heap_order(&arbiter->leaders);
	facet_heap_order(&arbiter->closed);
	for (size_t i = 0; i < arbiter->count; i++)
		facet_member_place(member_at(arbiter, i), now_ns);
}

static void disturb(struct facet_arbiter *arbiter)
{
	arbiter->stale = arbiter->changed = true;
}

static int make_room(struct facet_arbiter *arbiter)
{
	struct facet_heap *heaps[] = { &arbiter->slowest, &arbiter->leaders, &arbiter->closed,
				       &arbiter->timers };
	size_t space = arbiter->space ? 2 * arbiter->space : 8;
	struct facet_claim **claims;

	if (arbiter->count < arbiter->space)
		return 0;
	for (size_t i = 0; i < sizeof(heaps) / sizeof(heaps[0]); i++)
		if (facet_heap_reserve(heaps[i], space))
			return -ENOMEM;
	claims = reallocarray(arbiter->claims, space, sizeof(struct facet_claim *));
	if (!claims)
		return -ENOMEM;
	arbiter->claims = claims;
	arbiter->space = space;
	return 0;
}

int facet_member_add(struct facet_arbiter *arbiter, const struct facet_share *share, void *owner,
		     struct facet_member **ret)
{
	struct facet_member *member;

	if (facet_entitlement_check(share, NULL))
		return -EINVAL;
	if (make_room(arbiter))
		return -ENOMEM;
	member = calloc(1, sizeof(*member));
	if (!member)
		return -ENOMEM;
	member->claim.want = *share;
	member->arbiter = arbiter;
	member->owner = owner;
	member->part = FACET_PART_ALL;
	member->vtime = facet_arbiter_vtime(arbiter);
	member->open = true;
	facet_bucket_init(&member->bucket, arbiter->eus);
	facet_list_init(&member->pending);
	facet_list_init(&member->observed);
	member->index = arbiter->count;
	arbiter->claims[arbiter->count++] = &member->claim;
	disturb(arbiter);
	*ret = member;
	return 0;
}

void facet_member_set(struct facet_member *member, const struct facet_share *share)
{
	assert(!facet_entitlement_check(share, NULL));
	member->claim.want = *share;
	disturb(member->arbiter);
}

void facet_member_remove(struct facet_member *member)
{
	struct facet_arbiter *arbiter = member->arbiter;
	struct facet_member *last = member_at(arbiter, arbiter->count - 1);

	if (member->competes)
		leave(member, member->seen_ns);
	if (arbiter->spare == member)
		arbiter->spare = NULL;
	arbiter->wanting -= member->wants;
	facet_heap_remove(&arbiter->timers, &member->timer);
	facet_list_remove(&member->pending);
	facet_list_remove(&member->observed);
	arbiter->watched -= member->watched;
	last->index = member->index;
	arbiter->claims[member->index] = &last->claim;
	arbiter->count--;
	disturb(arbiter);
	free(member);
}

const struct facet_share *facet_member_share(const struct facet_member *member)
{
	return &member->claim.want;
}

void *facet_member_owner(const struct facet_member *member)
{
	return member->owner;
}

bool facet_member_open(const struct facet_member *member)
{
	return member->open;
}

enum facet_turn facet_member_turn(const struct facet_member *member)
{
	if (member->open)
		return FACET_TURN_OPEN;
	return member == member->arbiter->spare ? FACET_TURN_SPARE : FACET_TURN_CLOSED;
}

uint32_t facet_member_entitled_ppm(const struct facet_member *member)
{
	work_out(member->arbiter);
	return (uint32_t)((member->claim.part * FACET_SHARE_ALL + FACET_PART_ALL / 2) >>
			  FACET_PART_BITS);
}

int64_t facet_member_lead_ppm(const struct facet_member *member)
{
	const int64_t most = (int64_t)1 << 40;
	facet_vtime lead = member->vtime - member->arbiter->now;

	if (!member->competes)
		return 0;
	lead = lead < most ? lead : most;
	return (int64_t)(lead * FACET_SHARE_ALL / (facet_vtime)member->window);
}

uint64_t facet_member_throttled_ns(const struct facet_member *member)
{
	return member->throttled_ns;
}
