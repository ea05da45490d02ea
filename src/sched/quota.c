// SPDX-License-Identifier: GPL-2.0-or-later
/* quota.c - how much a vGPU holds and how much it may. */
#include "sched/quota.h"

#include <assert.h>
#include <errno.h>

#include "base/checked.h"

int facet_quota_charge(struct facet_quota *quota, uint64_t amount)
{
	uint64_t sum;

	if (!facet_add(quota->used, amount, &sum) || (quota->max && sum > quota->max))
		return -EDQUOT;
	quota->used = sum;
	if (sum > quota->peak)
		quota->peak = sum;
	return 0;
}

void facet_quota_uncharge(struct facet_quota *quota, uint64_t amount)
{
	assert(amount <= quota->used);
	quota->used -= amount;
}
