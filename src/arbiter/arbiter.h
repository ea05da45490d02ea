/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arbiter.h - the door to the policy: which vGPUs of one GPU may run now. Pure: no I/O, no clock.
 */
#ifndef FACET_ARBITER_ARBITER_H
#define FACET_ARBITER_ARBITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/*
 * DOC: Theory of Operation
 *
 * GPU time is counted in EU-nanoseconds: a GPU of @eus execution units has @eus of them to give a
 * nanosecond (soft0: cores; a render node: 1 engine). A member's virtual time is what it used
 * divided by its share. Of the members that want to run (are backlogged), those whose virtual time
 * is no more than a window ahead of the last one's may run, the others are closed until it catches
 * up: so a long draw is paid back, and nobody starves. Who was idle keeps a bounded credit.
 *
 * Who runs does not always keep every execution unit busy. Under BEST_EFFORT one of those who are
 * closed may use what the others leave, from one moment to the next: it is the spare. It pays for
 * that as for the rest, but not without end, for the others may be slow. When execution units idle
 * all the same, the slow are not waited for.
 *
 * A cap is a bucket that time fills. Under EQUAL and FIXED every member's entitlement is its cap.
 */

enum facet_policy {
	FACET_POLICY_BEST_EFFORT, /* by weight, work conserving */
	FACET_POLICY_EQUAL,       /* 1/n of the GPU each, used or not */
	FACET_POLICY_FIXED,       /* weight / 100 % of the GPU each, used or not */
	FACET_POLICIES,
};

enum {
	FACET_SHARE_ALL = 1000000, /* the whole GPU, in parts per million */
	FACET_WEIGHT_DEFAULT = 100,
	FACET_WEIGHT_MAX = 10000,
};

/* Whether a member may run. */
enum facet_turn {
	FACET_TURN_CLOSED,
	FACET_TURN_SPARE, /* only on execution units that nobody else wants at the moment */
	FACET_TURN_OPEN,
};

/* What a member is to get. */
struct facet_share {
	uint32_t weight;          /* 1 to FACET_WEIGHT_MAX */
	uint32_t cap_ppm;         /* of the GPU; FACET_SHARE_ALL: no cap */
	uint32_t reservation_ppm; /* at least; 0: none */
};

struct facet_arbiter;
struct facet_member;

int facet_arbiter_create(unsigned int eus, enum facet_policy policy, struct facet_arbiter **ret);
void facet_arbiter_destroy(struct facet_arbiter *arbiter); /* and its members; NULL is fine */

/* Takes effect with the next step. */
void facet_arbiter_set_policy(struct facet_arbiter *arbiter, enum facet_policy policy);
enum facet_policy facet_arbiter_policy(const struct facet_arbiter *arbiter);
const char *facet_policy_name(enum facet_policy policy); /* "best-effort", "equal", "fixed" */
int facet_policy_parse(const char *name, enum facet_policy *ret); /* 0 or -EINVAL */

/* Whether the engine can run a member on spare time. Not at first. With the next step. */
void facet_arbiter_set_spares(struct facet_arbiter *arbiter, bool spares);

/*
 * Admission: would @share fit beside the others (instead of @member's own, which may be NULL)?
 * 0; -ENOSPC and a sentence (reservations past the GPU; cap below reservation; under FIXED,
 * weights past 100); -EINVAL for what no member can have.
 */
int facet_arbiter_admit(const struct facet_arbiter *arbiter, const struct facet_member *member,
			const struct facet_share *share, struct facet_error *err);

/* O(n) each: shares of all are worked out anew. A new member is open and not backlogged. */
int facet_member_add(struct facet_arbiter *arbiter, const struct facet_share *share, void *owner,
		     struct facet_member **ret);
void facet_member_set(struct facet_member *member, const struct facet_share *share);
void facet_member_remove(struct facet_member *member);
const struct facet_share *facet_member_share(const struct facet_member *member);
void *facet_member_owner(const struct facet_member *member);

/*
 * What was seen of a member. @used_ns: EU-ns it used since it was added, never less than before.
 * @backlogged: it has work to do or under way. O(log n).
 *
 * Before a step, of every member that may have used something since the last one: a step takes
 * those as one moment. One that is closed may be left out, unless its work could not be stopped.
 */
void facet_member_observe(struct facet_member *member, uint64_t now_ns, uint64_t used_ns,
			  bool backlogged);

/* EU-ns in which execution units did nothing at all, ever growing. O(1). */
void facet_arbiter_observe_idle(struct facet_arbiter *arbiter, uint64_t now_ns, uint64_t idle_ns);

/*
 * Decides. Calls @change for each member whose turn is another one now; then at the latest
 * in *ret_next_ns (absolute; UINT64_MAX: not before something is observed) step again.
 * O(log n) for each change and each member observed. Who has no work is open, unless it has a debt
 * to pay first. @change must not call what changes the arbiter.
 */
void facet_arbiter_step(struct facet_arbiter *arbiter, uint64_t now_ns,
			void (*change)(struct facet_member *member, enum facet_turn turn),
			uint64_t *ret_next_ns);

enum facet_turn facet_member_turn(const struct facet_member *member);
bool facet_member_open(const struct facet_member *member);
/* Its part of the GPU when all members are busy, in ppm; what it self-paces to without us. */
uint32_t facet_member_entitled_ppm(const struct facet_member *member);
/* Its lead in the last step, in ppm of what closes it; 0 when it does not compete. */
int64_t facet_member_lead_ppm(const struct facet_member *member);
/* How long it was backlogged without being open. */
uint64_t facet_member_throttled_ns(const struct facet_member *member);

#endif
